"""What needs attention in all four jobs, the most urgent first. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, IntEnum, auto
from typing import Any

from ops.aws.cloud import Place
from ops.aws.readings import Reading, total
from ops.errors import SlipwayError
from ops.logs.export.canary import CanaryState
from ops.logs.export.health import ExportHealth, ExportPipeline
from ops.status.facts import PipelineFacts, RolloutFacts, Status
from ops.support_stacks.liveness import UsageState


class Job(Enum):
    SNAPSHOTS = "Snapshots"
    ROLLOUTS = "Rollouts"
    LOG_EXPORT = "Log export"
    SUPPORT_STACKS = "Support stacks"


class Urgency(IntEnum):
    """How urgent a note is. What could not be read can hide anything, so it comes before what costs money."""

    FAILURE = auto()
    WAITING = auto()
    UNREAD = auto()
    COST = auto()


@dataclass(frozen=True)
class Note:
    """One thing that needs attention; `job` is None if it concerns all jobs.

    `action` is what to do, and `link` the parameters of the job's page that show it.
    """

    urgency: Urgency
    job: Job | None
    text: str
    action: str
    link: dict[str, str] = field(default_factory=dict)


def attention(status: Status) -> list[Note]:
    """Return what needs attention, the most urgent first, in the order of the jobs."""
    notes = [*_unread(status), *_snapshots(status), *_rollouts(status), *_exports(status), *_support(status)]
    jobs = list(Job)
    return sorted(notes, key=lambda note: (note.urgency, jobs.index(note.job) if note.job else -1))


def _unread(status: Status) -> Iterator[Note]:
    """Return one note for each cause: many regions can be unreachable for the same reason."""
    causes: dict[tuple[Job | None, str, str], dict[Place, None]] = {}
    for job, reading in _readings(status):
        if error := reading.error:
            cause = (None, *_words(status.outage)) if status.outage else (job, *_words(error))
            causes.setdefault(cause, {})[reading.place] = None
    for (concerned, message, hint), places in causes.items():
        where = _where(next(iter(places))) if len(places) == 1 else f"{len(places)} regions"
        yield Note(Urgency.UNREAD, concerned, f"Cannot read {where}: {message}", hint)
    yield from _unread_parts(status)


def _readings(status: Status) -> Iterator[tuple[Job, Reading[Any]]]:
    yield from ((Job.SNAPSHOTS, reading) for reading in status.places)
    yield (Job.ROLLOUTS, status.rollouts)
    yield from ((Job.LOG_EXPORT, reading) for reading in status.exports)


def _words(error: SlipwayError) -> tuple[str, str]:
    return str(error), error.hint


def _unread_parts(status: Status) -> Iterator[Note]:
    if (error := status.support_error) and not status.outage:
        text = f"Cannot read pipelines, stacks, and buckets: {error}"
        yield Note(Urgency.UNREAD, Job.SUPPORT_STACKS, text, error.hint)
    if status.support and (gaps := status.support.inventory.gaps):
        text = f"{_count(len(gaps), 'read')} of pipelines, stacks, and buckets failed."
        yield Note(Urgency.UNREAD, Job.SUPPORT_STACKS, text, "Open Support stacks to see the errors.")
    for pipeline in status.export_pipelines:
        for text in pipeline.notes:
            where = f"{pipeline.export.stack.name} in {_where(pipeline.export.place)}"
            yield Note(Urgency.UNREAD, Job.LOG_EXPORT, f"{where}: {text}", "Open Log export.")


def _snapshots(status: Status) -> Iterator[Note]:
    for facts in status.pipelines:
        yield from _pipeline(facts)
    for place, item in status.leftovers:
        yield Note(
            Urgency.FAILURE,
            Job.SNAPSHOTS,
            f"The run {item.run} left {item.id} behind in {_where(place)}. It can contain production data.",
            "Open Snapshots to clean up.",
            _link(place),
        )


def _pipeline(facts: PipelineFacts) -> Iterator[Note]:
    pipeline, last = facts.pipeline, facts.last
    database = f"{pipeline.database} in {_where(pipeline.place)}"
    link = _link(pipeline.place) | {"database": pipeline.database}
    if pipeline.stack.failed:
        yield Note(
            Urgency.FAILURE,
            Job.SNAPSHOTS,
            f"The pipeline stack of {database} has the status {pipeline.stack.status}.",
            "Open Snapshots to repair the pipeline.",
            link,
        )
    if last and last.status in ("FAILED", "TIMED_OUT"):
        yield Note(
            Urgency.FAILURE,
            Job.SNAPSHOTS,
            f"The last run of {database} failed: {last.name}.",
            "Open Snapshots to see the error.",
            link | {"run": last.name},
        )


def _rollouts(status: Status) -> Iterator[Note]:
    facts = status.rollouts.value
    if facts is None:
        return
    seen: set[str] = set()
    for run in facts.runs:
        link = {"run": run.run}
        if run.status == "STUCK":
            text = f"The rollout {run.run} could not roll back all targets."
            yield Note(
                Urgency.FAILURE, Job.ROLLOUTS, text, "Open Rollouts to see which targets failed.", link
            )
        elif run.status == "ROLLED_BACK" and run.rollout not in seen:
            text = f"The last rollout of {run.rollout} was rolled back: {run.run}."
            yield Note(Urgency.WAITING, Job.ROLLOUTS, text, "Open Rollouts to see why.", link)
        seen.add(run.rollout)
    yield from _held(facts)


def _held(facts: RolloutFacts) -> Iterator[Note]:
    if facts.frozen:
        text = f"All rollouts are frozen: {facts.frozen}."
        yield Note(Urgency.WAITING, Job.ROLLOUTS, text, "Open Rollouts to end the freeze.")
    for details in facts.running:
        if details.paused:
            text = f"The rollout {details.summary.run} is paused: {details.paused}."
            yield Note(
                Urgency.WAITING,
                Job.ROLLOUTS,
                text,
                "Open Rollouts to resume it.",
                {"run": details.summary.run},
            )


def _exports(status: Status) -> Iterator[Note]:
    for pipeline in status.export_pipelines:
        yield from _export(pipeline)


def _export(pipeline: ExportPipeline) -> Iterator[Note]:
    stack = pipeline.export.stack
    where = f"{stack.name} in {_where(pipeline.export.place)}"
    if stack.failed:
        text = f"The stack of the log export {where} has the status {stack.status}."
        yield Note(Urgency.FAILURE, Job.LOG_EXPORT, text, "Open Log export to repair it.")
    for alarm in pipeline.active_alarms:
        text = f"Log export {where}: {alarm.description or alarm.name}"
        yield Note(Urgency.FAILURE, Job.LOG_EXPORT, text, "Open Log export to see the stages.")
    stopped = pipeline.canaries.in_state(CanaryState.STOPPED, pipeline.at) if pipeline.canaries else []
    if stopped:
        places = ", ".join(f"{canary.account} {canary.region}" for canary in stopped[:3])
        places += f" and {len(stopped) - 3} more" if len(stopped) > 3 else ""
        text = f"Log export {where}: no canary arrives from {places}"
        yield Note(Urgency.FAILURE, Job.LOG_EXPORT, text, "Open Log export to see the coverage.")
    for stage in pipeline.stages:
        if stage.health is ExportHealth.FAILING and not pipeline.active_alarms:
            text = f"Log export {where}: {stage.title}: {stage.message}"
            yield Note(Urgency.FAILURE, Job.LOG_EXPORT, text, "Open Log export to see the stages.")


def _support(status: Status) -> Iterator[Note]:
    graph = status.support
    if graph and (orphaned := graph.with_state(UsageState.ORPHANED)):
        number = total([1] * len(orphaned), graph.inventory.gaps)
        resources = number.text(lambda count: _count(int(count), "orphaned resource"))
        cost = graph.orphaned_monthly.text(lambda dollars: f"${dollars:.2f}")
        text = f"{resources[0].upper()}{resources[1:]} of deleted pipelines: {cost}/month."
        yield Note(
            Urgency.COST,
            Job.SUPPORT_STACKS,
            text,
            "Open Support stacks to review the cleanup.",
            {"view": "Cleanup"},
        )


def _where(place: Place) -> str:
    return f"{place.account.name}, {place.region}"


def _link(place: Place) -> dict[str, str]:
    return {"account": place.account.name, "region": place.region}


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
