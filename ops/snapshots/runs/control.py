"""Starts, reads, stops, and cleans up the runs of a pipeline."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from ops.aws.cloud import Cloud
from ops.aws.logs import streams as logs
from ops.aws.logs.streams import Line
from ops.aws.stepfunctions import executions as stepfunctions
from ops.aws.stepfunctions.history import Execution, read_execution
from ops.aws.stepfunctions.visits import Visit, read_visits
from ops.errors import Conflict
from ops.operations import Operation
from ops.plan import AuditedCall, Check, Plan, Readiness, ReportProgress, Resource, Step
from ops.snapshots.pipeline.catalog import DeployedPipeline
from ops.snapshots.report import SanitizingReport, report_from_log

CLEAN_UP_PREFIX = "clean-up-"
CONTAINERS = ("fetch", "sanitize")
# Exit codes of the sanitizing program.
_EXIT_CODES = {"3": "the database client stopped at a SQL error", "9": "verification failed"}
RECENT = 5  # runs that the typical duration is calculated from


@dataclass(frozen=True)
class RunDetails:
    """A run: the definition of its state machine, the state of every step, and the task ID (may be empty).

    `visits` has the steps that were entered.
    """

    definition: dict[str, Any]
    execution: Execution
    task: str
    visits: Mapping[str, Visit]


def list_runs(
    cloud: Cloud, pipeline: DeployedPipeline, limit: int = 50
) -> list[stepfunctions.ExecutionSummary]:
    """Return the newest runs, newest first, including clean-up runs."""
    return stepfunctions.list_executions(_client(cloud, pipeline), pipeline.machine, limit=limit)


def running_refresh(summaries: list[stepfunctions.ExecutionSummary]) -> stepfunctions.ExecutionSummary | None:
    """Return the refresh in progress, or None."""
    return next((s for s in summaries if s.status == "RUNNING" and not is_clean_up(s.name)), None)


def typical_duration(summaries: list[stepfunctions.ExecutionSummary]) -> timedelta | None:
    """Return the median duration of the last successful runs; None before the first."""
    seconds = [
        (summary.stopped - summary.started).total_seconds()
        for summary in summaries
        if summary.status == "SUCCEEDED" and summary.stopped and not is_clean_up(summary.name)
    ]
    return timedelta(seconds=median(seconds[:RECENT])) if seconds else None


def is_clean_up(name: str) -> bool:
    """Return whether the run only cleans up after another run."""
    return name.startswith(CLEAN_UP_PREFIX)


def read_run(cloud: Cloud, pipeline: DeployedPipeline, name: str) -> RunDetails:
    """Return a run and the state of each of its steps. Raises NotFound."""
    client = _client(cloud, pipeline)
    arn = execution_arn(pipeline, name)
    description = stepfunctions.describe_execution(client, arn)
    definition = stepfunctions.read_definition(client, arn)
    events = stepfunctions.read_history(client, arn)
    execution = read_execution(definition, events, description)
    return RunDetails(definition, execution, _task_of(events), read_visits(events))


def failure_reason(execution: Execution) -> str:
    """Return why the run failed: the cause of the failed step, and the meaning of an exit code."""
    failed = execution.failed_step
    reason = (failed.cause or failed.error) if failed else (execution.cause or execution.error)
    code = re.search(r"exit code (\d+)$", reason.rstrip(". "))
    meaning = _EXIT_CODES.get(code[1], "") if code else ""
    return f"{reason}: {meaning}" if meaning else reason


def execution_arn(pipeline: DeployedPipeline, name: str) -> str:
    """Return the ARN of a run."""
    return pipeline.machine.replace(":stateMachine:", ":execution:") + f":{name}"


def _task_of(events: list[Any]) -> str:
    """Return the ID of the last ECS task in the history. Its place in an event differs between services."""
    tasks = re.findall(r":task/[^\"/\\]+/([0-9a-f-]{32,36})", json.dumps(events, default=str))
    return tasks[-1] if tasks else ""


def task_log(cloud: Cloud, pipeline: DeployedPipeline, task: str) -> list[Line]:
    """Return the log lines of both containers of the task, oldest first."""
    group = pipeline.stack.outputs["LogGroup"]
    lines = [
        line
        for container in CONTAINERS
        for line in logs.read_stream(cloud, pipeline.place, group, f"run/{container}/{task}")
    ]
    return sorted(lines, key=lambda line: line.at)


def report_from_lines(lines: list[Line]) -> SanitizingReport:
    """Return the sanitizing report, as far as the task has logged it."""
    return report_from_log(line.message.rstrip() for line in lines)


def refresh_call(cloud: Cloud, pipeline: DeployedPipeline, now: datetime) -> AuditedCall[str]:
    """Start a run and return its name. Fails while another run is in progress: a second click is harmless."""
    name = f"refresh-{now:%Y%m%d-%H%M%S}"

    def act(say: ReportProgress) -> str:
        if other := running_refresh(list_runs(cloud, pipeline)):
            raise Conflict(
                f"A run of {pipeline.name} is already in progress: {other.name}.",
                hint="Wait until it finishes, or stop it.",
            )
        stepfunctions.start_execution(_client(cloud, pipeline), pipeline.machine, name, {})
        return name

    step = Step(
        id="refresh",
        does=f"Start the run {name}: copy and sanitize {pipeline.database}, create and share a snapshot",
        resource=_machine(pipeline),
        act=act,
        parameters={"name": name, "database": pipeline.database, "share_with": ",".join(pipeline.shares)},
        evidence=f"{pipeline.database} itself is not changed",
        actions=("states:ListExecutions", "states:StartExecution"),
    )
    return AuditedCall(step, Operation.REFRESH_SNAPSHOT)


def plan_stop(cloud: Cloud, pipeline: DeployedPipeline, name: str) -> Plan:
    """Plan to stop a run, then start a clean-up run that deletes its temporary resources."""
    client, arn, cause = _client(cloud, pipeline), execution_arn(pipeline, name), "Stopped by a user"

    def still_running() -> Check:
        status = stepfunctions.describe_execution(client, arn)["status"]
        return Check(
            Readiness.READY if status == "RUNNING" else Readiness.DONE, f"the run is {status.lower()}"
        )

    stop = Step(
        id="stop",
        does=f"Stop the run {name}",
        resource=_machine(pipeline),
        act=lambda say: stepfunctions.stop_execution(client, arn, cause),
        parameters={"execution": arn, "cause": cause},
        check=still_running,
        actions=("states:DescribeExecution", "states:StopExecution"),
    )
    return Plan(f"Stop run {name}", (stop, _clean_up_step(cloud, pipeline, name)), Operation.STOP_REFRESH)


def plan_clean_up(cloud: Cloud, pipeline: DeployedPipeline, name: str, now: datetime) -> Plan:
    """Plan to start a clean-up run that deletes the leftovers of a finished run."""
    step = _clean_up_step(cloud, pipeline, name, f"-{now:%H%M%S}")
    return Plan(f"Clean up after {name}", (step,), Operation.CLEAN_UP_REFRESH)


def _clean_up_step(cloud: Cloud, pipeline: DeployedPipeline, name: str, suffix: str = "") -> Step[None]:
    client = _client(cloud, pipeline)
    clean_up = f"{CLEAN_UP_PREFIX}{name}"[: 80 - len(suffix)] + suffix

    def act(say: ReportProgress) -> None:
        stepfunctions.start_execution(client, pipeline.machine, clean_up, {"clean_up": name})
        say(clean_up)

    return Step(
        id="clean-up",
        does=f"Delete the temporary database and snapshots of {name}, found by their tags",
        resource=_machine(pipeline),
        act=act,
        parameters={"name": clean_up, "clean_up": name},
        needs=() if suffix else ("stop",),
        actions=("states:StartExecution",),
        destructive=True,
    )


def _client(cloud: Cloud, pipeline: DeployedPipeline) -> Any:
    return cloud.client("stepfunctions", pipeline.place.account.id, pipeline.place.region)


def _machine(pipeline: DeployedPipeline) -> Resource:
    where = (pipeline.place.account.id, pipeline.place.region)
    return Resource("AWS::StepFunctions::StateMachine", pipeline.name, *where)
