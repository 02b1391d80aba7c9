"""Runs of a pipeline: start, watch, read what the task says, stop and clean up."""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from ops.aws.cloud import Cloud
from ops.aws.logs import streams as logs
from ops.aws.logs.streams import Line
from ops.aws.stepfunctions import executions as stepfunctions
from ops.aws.stepfunctions.history import Execution, read_execution
from ops.errors import Conflict
from ops.operations import Operation
from ops.plan import Check, Plan, Readiness, ReportProgress, Resource, Step
from ops.snapshots.pipeline.catalogue import Deployed
from ops.snapshots.report import Report, from_log

CLEAN_UP_PREFIX = "clean-up-"
CONTAINERS = ("fetch", "sanitize")
# Of the sanitizing program.
_EXIT_CODES = {"3": "the client stopped at an SQL error", "9": "the proof failed"}
RECENT = 5  # runs that the forecast looks at


@dataclass(frozen=True)
class Watched:
    """A run as it stands: its machine's definition, the state of every step, the task's id (may be empty)."""

    definition: dict[str, Any]
    execution: Execution
    task: str


def list_runs(cloud: Cloud, pipeline: Deployed, limit: int = 50) -> list[stepfunctions.Summary]:
    """The newest runs, newest first; clean-ups of stopped runs are among them."""
    return stepfunctions.list_executions(_client(cloud, pipeline), pipeline.machine, limit=limit)


def running(summaries: list[stepfunctions.Summary]) -> stepfunctions.Summary | None:
    """The run under way that makes a snapshot, if there is one."""
    return next((s for s in summaries if s.status == "RUNNING" and not is_clean_up(s.name)), None)


def usual_duration(summaries: list[stepfunctions.Summary]) -> timedelta | None:
    """How long the last runs that succeeded took, as their median; None before the first."""
    took = [
        (summary.stopped - summary.started).total_seconds()
        for summary in summaries
        if summary.status == "SUCCEEDED" and summary.stopped and not is_clean_up(summary.name)
    ]
    return timedelta(seconds=median(took[:RECENT])) if took else None


def is_clean_up(name: str) -> bool:
    """Whether the run only cleans up after another."""
    return name.startswith(CLEAN_UP_PREFIX)


def watch(cloud: Cloud, pipeline: Deployed, name: str) -> Watched:
    """The run and the state of each of its steps. Raises NotFound."""
    client = _client(cloud, pipeline)
    arn = execution_arn(pipeline, name)
    description = stepfunctions.describe_execution(client, arn)
    definition = stepfunctions.definition_of(client, arn)
    events = stepfunctions.history(client, arn)
    execution = read_execution(definition, events, description)
    return Watched(definition, execution, _task_of(events))


def why(execution: Execution) -> str:
    """Why the run has failed: its failing step's own words, and what an exit code of the task means."""
    failed = execution.failed_step
    reason = (failed.cause or failed.error) if failed else (execution.cause or execution.error)
    code = re.search(r"exit code (\d+)$", reason.rstrip(". "))
    means = _EXIT_CODES.get(code[1], "") if code else ""
    return f"{reason}: {means}" if means else reason


def execution_arn(pipeline: Deployed, name: str) -> str:
    """The ARN of the run of that name."""
    return pipeline.machine.replace(":stateMachine:", ":execution:") + f":{name}"


def _task_of(events: list[Any]) -> str:
    """The id of the last ECS task that the history names; where it stands differs between histories."""
    found = re.findall(r":task/[^\"/\\]+/([0-9a-f-]{32,36})", json.dumps(events, default=str))
    return found[-1] if found else ""


def task_log(cloud: Cloud, pipeline: Deployed, task: str) -> list[Line]:
    """What both containers of the task said, oldest first."""
    group = pipeline.stack.outputs["LogGroup"]
    lines = [
        line
        for container in CONTAINERS
        for line in logs.read_stream(cloud, pipeline.place, group, f"run/{container}/{task}")
    ]
    return sorted(lines, key=lambda line: line.at)


def report_of(lines: list[Line]) -> Report:
    """The proof as far as the task's log tells it."""
    return from_log(line.message.rstrip() for line in lines)


def plan_refresh(cloud: Cloud, pipeline: Deployed, now: datetime) -> Plan:
    """Starts a run. One that is under way already makes the step refuse: the second click starts nothing."""
    name = f"refresh-{now:%Y%m%d-%H%M%S}"

    def act(say: ReportProgress) -> None:
        if other := running(list_runs(cloud, pipeline)):
            raise Conflict(
                f"A run of {pipeline.name} is under way: {other.name}.",
                hint="Wait until it has ended, or stop it.",
            )
        stepfunctions.start_execution(_client(cloud, pipeline), pipeline.machine, name, {})
        say(name)

    step = Step(
        id=name,
        does=f"Start the run {name}: copy {pipeline.database}, sanitize the copy, snapshot and share it",
        resource=_machine(pipeline),
        act=act,
        parameters={"name": name, "database": pipeline.database, "share_with": ",".join(pipeline.shares)},
        evidence=f"{pipeline.database} itself is only read",
        actions=("states:ListExecutions", "states:StartExecution"),
    )
    return Plan(f"Refresh the sanitized snapshot of {pipeline.database}", (step,), Operation.REFRESH_SNAPSHOT)


def plan_stop(cloud: Cloud, pipeline: Deployed, name: str) -> Plan:
    """Stops a run and starts another that deletes what it had made."""
    client, arn, cause = _client(cloud, pipeline), execution_arn(pipeline, name), "Stopped by hand"

    def still_running() -> Check:
        status = stepfunctions.describe_execution(client, arn)["status"]
        return Check(Readiness.READY if status == "RUNNING" else Readiness.DONE, f"it is {status.lower()}")

    stop = Step(
        id="stop",
        does=f"Stop the run {name}",
        resource=_machine(pipeline),
        act=lambda say: stepfunctions.stop_execution(client, arn, cause),
        parameters={"execution": arn, "cause": cause},
        check=still_running,
        actions=("states:DescribeExecution", "states:StopExecution"),
    )
    return Plan(f"Stop {name}", (stop, _clean_up_step(cloud, pipeline, name)), Operation.STOP_REFRESH)


def plan_clean_up(cloud: Cloud, pipeline: Deployed, name: str, now: datetime) -> Plan:
    """Starts a run that deletes what is left of a run that has ended."""
    step = _clean_up_step(cloud, pipeline, name, f"-{now:%H%M%S}")
    return Plan(f"Clean up after {name}", (step,), Operation.CLEAN_UP_REFRESH)


def _clean_up_step(cloud: Cloud, pipeline: Deployed, name: str, again: str = "") -> Step:
    client = _client(cloud, pipeline)
    clean_up = f"{CLEAN_UP_PREFIX}{name}"[: 80 - len(again)] + again

    def act(say: ReportProgress) -> None:
        stepfunctions.start_execution(client, pipeline.machine, clean_up, {"clean_up": name})
        say(clean_up)

    return Step(
        id="clean-up",
        does=f"Delete what {name} has made: temporary database and snapshots, by their tags",
        resource=_machine(pipeline),
        act=act,
        parameters={"name": clean_up, "clean_up": name},
        needs=() if again else ("stop",),
        actions=("states:StartExecution",),
        destructive=True,
    )


def _client(cloud: Cloud, pipeline: Deployed) -> Any:
    return cloud.client("stepfunctions", pipeline.place.account.id, pipeline.place.region)


def _machine(pipeline: Deployed) -> Resource:
    where = (pipeline.place.account.id, pipeline.place.region)
    return Resource("AWS::StepFunctions::StateMachine", pipeline.name, *where)
