"""What is read of each job. A place that could not be read is a `Reading` with its error."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ops.aws.cloud import Place
from ops.aws.rds.databases import Snapshot
from ops.aws.readings import Reading
from ops.aws.stepfunctions.executions import ExecutionSummary
from ops.errors import ExpiredCredentials, SlipwayError, Unreachable
from ops.logs.export.health import ExportPipeline
from ops.rollouts.runs import RunDetails, RunSummary
from ops.snapshots.pipeline.catalog import DeployedPipeline, Leftover
from ops.support_stacks.liveness import UsageGraph


@dataclass(frozen=True)
class PipelineFacts:
    """A snapshot pipeline: its last runs, newest first, without clean-up runs, and its newest snapshot.

    `proven` is the newest snapshot that a run shared after its verification passed.
    """

    pipeline: DeployedPipeline
    runs: tuple[ExecutionSummary, ...] = ()
    proven: Snapshot | None = None

    @property
    def last(self) -> ExecutionSummary | None:
        return self.runs[0] if self.runs else None


@dataclass(frozen=True)
class PlaceFacts:
    """The databases, pipelines, and leftover temporary resources of one account and region."""

    databases: int
    pipelines: tuple[PipelineFacts, ...]
    leftovers: tuple[Leftover, ...]


@dataclass(frozen=True)
class RolloutFacts:
    """The newest runs, and the details of those in progress. `frozen` is the reason of a freeze, or empty."""

    deployed: bool
    runs: tuple[RunSummary, ...] = ()
    running: tuple[RunDetails, ...] = ()
    frozen: str = ""


@dataclass(frozen=True)
class Status:
    """Everything that was read at `at`. A job whose facts are an error could not be read at all."""

    at: datetime
    places: tuple[Reading[PlaceFacts], ...]
    rollouts: Reading[RolloutFacts]
    exports: tuple[Reading[tuple[ExportPipeline, ...]], ...]
    support: UsageGraph | None = None  # None: not read
    support_error: SlipwayError | None = None  # why

    @property
    def pipelines(self) -> list[PipelineFacts]:
        return [facts for reading in self.places if reading.value for facts in reading.value.pipelines]

    @property
    def leftovers(self) -> list[tuple[Place, Leftover]]:
        return [(r.place, item) for r in self.places if r.value for item in r.value.leftovers]

    @property
    def export_pipelines(self) -> list[ExportPipeline]:
        return [pipeline for reading in self.exports for pipeline in reading.value or ()]

    @property
    def readings(self) -> tuple[Reading[Any], ...]:
        return (*self.places, self.rollouts, *self.exports)

    @property
    def outage(self) -> SlipwayError | None:
        """The error if nothing at all could be reached, which is one cause for everything; otherwise None."""
        errors = [reading.error for reading in self.readings]
        unreached = all(isinstance(error, Unreachable | ExpiredCredentials) for error in errors)
        return errors[0] if unreached else None

    @property
    def incomplete(self) -> bool:
        """Whether something could not be read, so that there can be more than what was found."""
        return (
            any(reading.error for reading in self.readings)
            or any(pipeline.notes for pipeline in self.export_pipelines)
            or self.support is None
            or bool(self.support.inventory.gaps)
        )
