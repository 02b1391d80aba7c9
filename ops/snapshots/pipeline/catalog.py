"""Lists databases, their pipelines, sanitized snapshots, and leftover resources of runs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import stacks as cloudformation
from ops.aws.cloudformation.stacks import Stack
from ops.aws.rds import databases as rds
from ops.aws.rds.databases import Database, Snapshot
from ops.aws.s3 import staging as s3
from ops.errors import NotFound
from ops.snapshots.report import SanitizingReport, report_from_json
from ops.snapshots.script_files import POLICY_FILE
from ops.templates.snapshots import DESCRIPTION

PIPELINE_TAG = "slipway:pipeline"
RUN_TAG = "slipway:run"
TEMPORARY_TAG = "slipway:temporary"
SANITIZED_TAG = "slipway:sanitized"
REPORT_TAG = "slipway:report"

# CloudFormation resource types by kind.
DATABASES = {rds.INSTANCE: "AWS::RDS::DBInstance", rds.CLUSTER: "AWS::RDS::DBCluster"}
SNAPSHOTS = {rds.INSTANCE: "AWS::RDS::DBSnapshot", rds.CLUSTER: "AWS::RDS::DBClusterSnapshot"}


@dataclass(frozen=True)
class DeployedPipeline:
    """A deployed pipeline: its stack, account, and region."""

    place: Place
    stack: Stack

    @property
    def name(self) -> str:
        return self.stack.name

    @property
    def database(self) -> str:
        return self.stack.parameters.get("SourceDatabase", "")

    @property
    def machine(self) -> str:
        """The ARN of the state machine; empty until the stack is created."""
        return self.stack.outputs.get("StateMachineArn", "")

    @property
    def scripts(self) -> tuple[str, str]:
        """The bucket and the prefix of the scripts; empty for a stack without a policy.

        They are parameters, or outputs of the template that compiles the policy itself.
        """
        values = {**self.stack.outputs, **self.stack.parameters}
        return values.get("ScriptBucket", ""), values.get("ScriptPrefix", "")

    @property
    def shares(self) -> tuple[str, ...]:
        return tuple(filter(None, self.stack.parameters.get("ShareWith", "").split(",")))


@dataclass(frozen=True)
class SanitizedSnapshot:
    """A sanitized snapshot of a pipeline, and the accounts it is shared with."""

    snapshot: Snapshot
    shared_with: tuple[str, ...]

    @property
    def run(self) -> str:
        return self.snapshot.tags.get(RUN_TAG, "")


@dataclass(frozen=True)
class Leftover:
    """A temporary resource of a run. `kind` is its CloudFormation resource type."""

    kind: str
    id: str
    pipeline: str
    run: str
    created: datetime | None


def list_pipelines(cloud: Cloud, place: Place) -> list[DeployedPipeline]:
    """Return every pipeline of an account and region, by name, however it was deployed."""
    stacks = cloudformation.list_stacks(cloud, place.account.id, place.region)
    return [DeployedPipeline(place, stack) for stack in stacks if stack.description == DESCRIPTION]


def find_pipeline(cloud: Cloud, place: Place, database: str) -> DeployedPipeline:
    """Return the pipeline of a database. Raises NotFound."""
    for pipeline in list_pipelines(cloud, place):
        if pipeline.database == database:
            return pipeline
    raise NotFound(
        f"The database {database} has no snapshot pipeline in {place.account.name}, {place.region}.",
        hint="Set one up on the page Snapshots, or with `slipway snapshots deploy`.",
    )


def find_database(cloud: Cloud, place: Place, database: str) -> Database | None:
    """Return the database with an identifier, or None."""
    return next((item for item in rds.list_databases(cloud, place) if item.id == database), None)


def read_policy(cloud: Cloud, pipeline: DeployedPipeline) -> str:
    """Return the text of the policy that the pipeline was deployed with. Raises NotFound."""
    bucket, prefix = pipeline.scripts
    if not prefix:
        raise NotFound(f"The stack {pipeline.stack.name} was deployed without a policy.")
    client = s3.client_of(cloud, pipeline.place.account.id, pipeline.place.region)
    return s3.read_text(client, bucket, f"{prefix}/{POLICY_FILE}")


def read_report(cloud: Cloud, pipeline: DeployedPipeline, sanitized: SanitizedSnapshot) -> SanitizingReport:
    """Return the sanitizing report of a snapshot. Raises NotFound."""
    bucket, _, key = sanitized.snapshot.tags.get(REPORT_TAG, "").removeprefix("s3://").partition("/")
    client = s3.client_of(cloud, pipeline.place.account.id, pipeline.place.region)
    return report_from_json(s3.read_text(client, bucket, key))


def list_sanitized(cloud: Cloud, pipeline: DeployedPipeline) -> list[SanitizedSnapshot]:
    """Return the sanitized snapshots of a pipeline, newest first."""
    return [
        SanitizedSnapshot(snapshot, rds.shared_with(cloud, pipeline.place, snapshot))
        for snapshot in rds.list_snapshots(cloud, pipeline.place)
        if snapshot.tags.get(PIPELINE_TAG) == pipeline.name and SANITIZED_TAG in snapshot.tags
    ]


def list_temporary(cloud: Cloud, place: Place) -> list[Leftover]:
    """Return the temporary resources of all runs in an account and region, including runs in progress."""
    return temporary_of(rds.list_databases(cloud, place), rds.list_snapshots(cloud, place))


def temporary_of(databases: Iterable[Database], snapshots: Iterable[Snapshot]) -> list[Leftover]:
    """Return the temporary resources among databases and snapshots."""
    return [
        Leftover(DATABASES[item.kind], item.id, item.tags[PIPELINE_TAG], item.tags[RUN_TAG], None)
        for item in databases
        if TEMPORARY_TAG in item.tags and PIPELINE_TAG in item.tags
    ] + [
        Leftover(SNAPSHOTS[item.kind], item.id, item.tags[PIPELINE_TAG], item.tags[RUN_TAG], item.created)
        for item in snapshots
        if TEMPORARY_TAG in item.tags and PIPELINE_TAG in item.tags
    ]
