"""How long a run and each of its steps usually take, and how long a run in progress probably still takes.

The usual is the median of the last successful runs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

from ops.aws.cloud import Cloud
from ops.aws.stepfunctions.executions import ExecutionSummary
from ops.aws.stepfunctions.history import RUNNING, WAITING, Execution
from ops.snapshots.pipeline.catalog import DeployedPipeline
from ops.snapshots.runs import control

READ_RUNS = 3  # whose histories are read: one call each


@dataclass(frozen=True)
class Usual:
    """The usual duration of each step that successful runs entered. Empty if no such run is known."""

    runs: int = 0
    steps: Mapping[str, timedelta] = field(default_factory=dict)

    def left(self, execution: Execution, now: datetime) -> timedelta | None:
        """Return the probable time until a run ends; None if no successful run is known.

        A step that takes longer than usual is expected to end now. Steps that are unknown are not counted.
        """
        if not self.steps or execution.status != "RUNNING":
            return None
        left = timedelta(0)
        for step in execution.steps:
            usual = self.steps.get(step.name, timedelta(0))
            if step.status in (RUNNING, WAITING) and step.started:
                left += max(usual - (now - step.started), timedelta(0))
            elif step.status == "pending":
                left += usual
        return left


def usual_of(executions: Sequence[Execution]) -> Usual:
    """Return the usual durations of successful runs."""
    seconds: dict[str, list[float]] = {}
    for execution in executions:
        for step in execution.steps:
            if step.started and step.ended:
                seconds.setdefault(step.name, []).append((step.ended - step.started).total_seconds())
    return Usual(
        len(executions), {name: timedelta(seconds=median(values)) for name, values in seconds.items()}
    )


def last_successful(summaries: Sequence[ExecutionSummary]) -> list[str]:
    """Return the names of the last successful refreshes, newest first."""
    successful = [s.name for s in summaries if s.status == "SUCCEEDED" and not control.is_clean_up(s.name)]
    return successful[:READ_RUNS]


def read_usual(cloud: Cloud, pipeline: DeployedPipeline, names: Sequence[str]) -> Usual:
    """Return the usual durations of these runs. Raises NotFound, Denied."""
    return usual_of([control.read_run(cloud, pipeline, name).execution for name in names])
