"""Reads the facts of each job. An error of one place or job does not hide the others."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from ops.aws.cloud import Cloud, Place
from ops.aws.rds import databases as rds
from ops.aws.readings import Reading
from ops.aws.stepfunctions.executions import ExecutionSummary
from ops.errors import SlipwayError
from ops.logs.export.health import ExportPipeline, read_pipeline
from ops.logs.export.installed import find_exports
from ops.rollouts import controller as controllers
from ops.rollouts import runs as rollout_runs
from ops.snapshots.pipeline import catalog
from ops.snapshots.pipeline.catalog import Leftover
from ops.snapshots.runs import control
from ops.status.facts import PipelineFacts, PlaceFacts, RolloutFacts, Status

NEWEST_RUNS = 20  # of each pipeline, clean-up runs included
NEWEST_ROLLOUTS = 5
RUNNING = "RUNNING"


def read_status(cloud: Cloud, now: datetime) -> Status:
    """Read everything except the inventory of support stacks, which takes much longer."""
    with ThreadPoolExecutor(3) as pool:
        places = pool.submit(_read_places, cloud)
        rollouts = pool.submit(_read_rollouts, cloud)
        exports = pool.submit(_read_exports, cloud, now)
        return Status(now, places.result(), rollouts.result(), exports.result())


def _read_places(cloud: Cloud) -> tuple[Reading[PlaceFacts], ...]:
    return tuple(cloud.read(lambda place: _read_place(cloud, place)))


def _read_place(cloud: Cloud, place: Place) -> PlaceFacts:
    databases, snapshots = rds.list_databases(cloud, place), rds.list_snapshots(cloud, place)
    deployed = catalog.list_pipelines(cloud, place)
    pipelines, executions = [], []
    for pipeline in deployed:
        runs = control.list_runs(cloud, pipeline, NEWEST_RUNS) if pipeline.machine else []
        executions += [(pipeline.name, run) for run in runs]
        proven = [
            snapshot
            for snapshot in snapshots
            if snapshot.tags.get(catalog.PIPELINE_TAG) == pipeline.name
            and catalog.SANITIZED_TAG in snapshot.tags
        ]
        refreshes = tuple(run for run in runs if not control.is_clean_up(run.name))
        pipelines.append(PipelineFacts(pipeline, refreshes, proven[0] if proven else None))
    permanent = [item for item in databases if catalog.TEMPORARY_TAG not in item.tags and not item.cluster]
    return PlaceFacts(
        len(permanent), tuple(pipelines), _leftovers(catalog.temporary_of(databases, snapshots), executions)
    )


def _leftovers(
    temporary: list[Leftover], executions: list[tuple[str, ExecutionSummary]]
) -> tuple[Leftover, ...]:
    """Return the temporary resources that belong to no run in progress and that no run is deleting."""
    running = {(pipeline, run.name) for pipeline, run in executions if run.status == RUNNING}
    cleaned = {
        (pipeline, name.removeprefix(control.CLEAN_UP_PREFIX))
        for pipeline, name in running
        if control.is_clean_up(name)
    }
    return tuple(item for item in temporary if (item.pipeline, item.run) not in running | cleaned)


def _read_rollouts(cloud: Cloud) -> Reading[RolloutFacts]:
    """Read the controller's newest runs. Without a controller there are none, which is not an error."""
    place = controllers.controller_place(cloud)
    try:
        controller = controllers.read_controller(cloud)
        if controller is None:
            return Reading(place, RolloutFacts(deployed=False))
        runs = rollout_runs.list_runs(cloud, controller)
        running = tuple(
            rollout_runs.describe_run(cloud, controller, run.run) for run in runs if run.status == RUNNING
        )
        frozen = rollout_runs.freeze_reason(cloud, controller)
        return Reading(place, RolloutFacts(True, tuple(runs[:NEWEST_ROLLOUTS]), running, frozen))
    except SlipwayError as error:
        return Reading(place, error=error)


def _read_exports(cloud: Cloud, now: datetime) -> tuple[Reading[tuple[ExportPipeline, ...]], ...]:
    """Read the health of the central stack of each log export."""

    def read_place(place: Place) -> tuple[ExportPipeline, ...]:
        exports = find_exports(cloud, place)
        return tuple(read_pipeline(cloud, export, now) for export in exports if export.central)

    return tuple(cloud.read(read_place))
