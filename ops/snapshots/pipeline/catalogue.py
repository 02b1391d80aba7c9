"""What there is: databases, their pipelines, sanitized snapshots, and what was left behind."""

from dataclasses import dataclass
from datetime import datetime

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import stacks as cloudformation
from ops.aws.cloudformation.stacks import Stack
from ops.aws.rds import databases as rds
from ops.aws.rds.databases import Database, Snapshot
from ops.aws.s3 import staging as s3
from ops.errors import NotFound
from ops.snapshots.pipeline.model import POLICY_FILE
from ops.snapshots.report import Report, from_json
from ops.templates.snapshots import DESCRIPTION

PIPELINE_TAG = "slipway:pipeline"
RUN_TAG = "slipway:run"
TEMPORARY_TAG = "slipway:temporary"
SANITIZED_TAG = "slipway:sanitized"
REPORT_TAG = "slipway:report"

# By kind, as CloudFormation names them.
DATABASES = {rds.INSTANCE: "AWS::RDS::DBInstance", rds.CLUSTER: "AWS::RDS::DBCluster"}
SNAPSHOTS = {rds.INSTANCE: "AWS::RDS::DBSnapshot", rds.CLUSTER: "AWS::RDS::DBClusterSnapshot"}


@dataclass(frozen=True)
class Deployed:
    """A pipeline as its stack tells: `ready` once the stack has been made."""

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
        """ARN of the state machine; empty before the stack is made."""
        return self.stack.outputs.get("StateMachineArn", "")

    @property
    def shares(self) -> tuple[str, ...]:
        return tuple(filter(None, self.stack.parameters.get("ShareWith", "").split(",")))


@dataclass(frozen=True)
class Sanitized:
    """A sanitized snapshot of a pipeline, and who may restore it."""

    snapshot: Snapshot
    shared_with: tuple[str, ...]

    @property
    def run(self) -> str:
        return self.snapshot.tags.get(RUN_TAG, "")


@dataclass(frozen=True)
class Leftover:
    """A temporary resource of a run: `kind` as CloudFormation names it."""

    kind: str
    id: str
    pipeline: str
    run: str
    created: datetime | None


def list_pipelines(cloud: Cloud, place: Place) -> list[Deployed]:
    """Every pipeline of the place, by name: deployed from here or in the console."""
    stacks = cloudformation.list_stacks(cloud, place.account.id, place.region)
    return [Deployed(place, stack) for stack in stacks if stack.description == DESCRIPTION]


def find_pipeline(cloud: Cloud, place: Place, database: str) -> Deployed:
    """The pipeline of that database. Raises NotFound."""
    for pipeline in list_pipelines(cloud, place):
        if pipeline.database == database:
            return pipeline
    raise NotFound(
        f"{database} has no snapshot pipeline in {place.account.name}, {place.region}.",
        hint="Set one up on the page Snapshots, or with `python -m ops snapshots deploy`.",
    )


def find_database(cloud: Cloud, place: Place, database: str) -> Database | None:
    """The database of that id, if it is there."""
    return next((found for found in rds.list_databases(cloud, place) if found.id == database), None)


def read_policy(cloud: Cloud, pipeline: Deployed) -> str:
    """The policy's text as the pipeline was deployed with it. Raises NotFound."""
    asked = pipeline.stack.parameters
    if not {"ScriptBucket", "ScriptPrefix"} <= asked.keys():
        raise NotFound(f"{pipeline.stack.name} was deployed without a policy.")
    client = s3.client_of(cloud, pipeline.place.account.id, pipeline.place.region)
    return s3.read_text(client, asked["ScriptBucket"], f"{asked['ScriptPrefix']}/{POLICY_FILE}")


def read_report(cloud: Cloud, pipeline: Deployed, sanitized: Sanitized) -> Report:
    """The proof that was kept for the snapshot. Raises NotFound."""
    bucket, _, key = sanitized.snapshot.tags.get(REPORT_TAG, "").removeprefix("s3://").partition("/")
    client = s3.client_of(cloud, pipeline.place.account.id, pipeline.place.region)
    return from_json(s3.read_text(client, bucket, key))


def list_sanitized(cloud: Cloud, pipeline: Deployed) -> list[Sanitized]:
    """The pipeline's finished snapshots, newest first."""
    return [
        Sanitized(snapshot, rds.shared_with(cloud, pipeline.place, snapshot))
        for snapshot in rds.list_snapshots(cloud, pipeline.place)
        if snapshot.tags.get(PIPELINE_TAG) == pipeline.name and SANITIZED_TAG in snapshot.tags
    ]


def list_temporary(cloud: Cloud, place: Place) -> list[Leftover]:
    """Everything temporary that any pipeline's run has made in the place, whether the run goes on or not."""
    databases = [
        Leftover(DATABASES[item.kind], item.id, item.tags[PIPELINE_TAG], item.tags[RUN_TAG], None)
        for item in rds.list_databases(cloud, place)
        if TEMPORARY_TAG in item.tags and PIPELINE_TAG in item.tags
    ]
    snapshots = [
        Leftover(SNAPSHOTS[item.kind], item.id, item.tags[PIPELINE_TAG], item.tags[RUN_TAG], item.created)
        for item in rds.list_snapshots(cloud, place)
        if TEMPORARY_TAG in item.tags and PIPELINE_TAG in item.tags
    ]
    return databases + snapshots
