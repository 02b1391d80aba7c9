"""A workbench for end-to-end tests: databases, pipelines, and runs."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from ops.audit import Actor, FileAudit
from ops.aws import network
from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation.change_sets import read_preview
from ops.aws.cloudformation.deploy import plan_deploy
from ops.aws.cloudformation.stacks import StackSpec
from ops.aws.stepfunctions.history import Execution
from ops.embedded.accounts import HOME
from ops.plan import AuditedCall, Outcome, Plan, execute, perform
from ops.snapshots.pipeline import catalog
from ops.snapshots.pipeline.catalog import DeployedPipeline
from ops.snapshots.pipeline.model import PipelineSettings
from ops.snapshots.pipeline.setup import prepare_pipeline
from ops.snapshots.runs import control as runs

PATIENCE_S = 180.0  # many times what it takes, for a busy machine
PASSWORD = "correct-horse-1"
PEOPLE = """
    CREATE TABLE people (id int PRIMARY KEY, email text);
    INSERT INTO people SELECT n, 'person' || n || '@real.test' FROM generate_series(1, 50) n"""
PEOPLE_POLICY = """
[tables.people]
id = "keep"
email = "fake email"
"""

T = TypeVar("T")


def eventually(read: Callable[[], T | None], within_s: float = PATIENCE_S) -> T:
    """Call `read` until it returns a truthy value, and return that. Fails after `within_s`."""
    deadline = time.monotonic() + within_s
    while not (value := read()):
        assert time.monotonic() < deadline, f"still {value!r} after {within_s} s"
        time.sleep(0.1)
    return value


@dataclass(frozen=True)
class Workbench:
    """The embedded cloud through the same functions that the pages call.

    `administrator` creates what Slipway does not: databases, keys, queues. Default: `cloud`.
    """

    cloud: Cloud
    data: Path
    administrator: Cloud | None = None

    def client(self, service: str, place: Place) -> Any:
        """Return a client of the administrator."""
        return (self.administrator or self.cloud).client(service, place.account.id, place.region)

    @cached_property
    def production(self) -> Place:
        return Place(self.cloud.account("production"), HOME)

    @cached_property
    def qa(self) -> Place:
        return Place(self.cloud.account("qa"), HOME)

    @property
    def audit(self) -> FileAudit:
        return FileAudit(self.data / "audit.jsonl")

    def rds(self, place: Place) -> Any:
        return self.client("rds", place)

    def carry_out(self, plan: Plan) -> Outcome:
        return execute(plan, actor=Actor.local("test"), audit=self.audit, confirmed=plan.confirm)

    def must(self, plan: Plan) -> None:
        if error := self.carry_out(plan).error:
            raise error

    def perform(self, call: AuditedCall[T]) -> T:
        return perform(call, actor=Actor.local("test"), audit=self.audit)

    def make_database(self, name: str, sql: str = "", **more: Any) -> None:
        """Create a DB instance in production, and run `sql` in it."""
        self.rds(self.production).create_db_instance(
            **{
                "DBInstanceIdentifier": name,
                "Engine": "postgres",
                "DBInstanceClass": "db.t4g.micro",
                "AllocatedStorage": 20,
                "DBName": "app",
                "MasterUsername": "master",
                "MasterUserPassword": PASSWORD,
                **more,
            }
        )
        self.available(self.production, name)
        if sql:
            with self.connect(self.production, name, "master", PASSWORD, "app") as connection:
                connection.execute(sql.encode())

    @contextmanager
    def people(self, sql: str) -> Iterator[str]:
        """A production database with the tables that `sql` creates, deleted afterward. Yields its name."""
        name = f"people-{uuid.uuid4().hex[:6]}"
        self.make_database(name, sql)
        yield name
        self.rds(self.production).delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)

    def make_cluster(self, name: str, sql: str = "", **more: Any) -> None:
        """Create an Aurora cluster with one instance in production, and run `sql` in it."""
        rds = self.rds(self.production)
        request = {
            "DBClusterIdentifier": name,
            "Engine": "aurora-postgresql",
            "DatabaseName": "app",
            "MasterUsername": "master",
            "MasterUserPassword": PASSWORD,
            **more,
        }
        rds.create_db_cluster(**request)
        self.available_cluster(self.production, name)
        self.add_instance(self.production, name, request["Engine"])
        if sql:
            with self.connect_cluster(self.production, name, PASSWORD) as connection:
                connection.execute(sql.encode())

    def add_instance(self, place: Place, cluster: str, engine: str = "aurora-postgresql") -> None:
        self.rds(place).create_db_instance(
            DBInstanceIdentifier=f"{cluster}-one",
            DBClusterIdentifier=cluster,
            Engine=engine,
            DBInstanceClass="db.t4g.medium",
        )
        self.available(place, f"{cluster}-one")

    def available_cluster(self, place: Place, name: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self.rds(place).describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
            ready = found["Status"] == "available" and not found.get("PendingModifiedValues")
            return found if ready else None

        return eventually(look)

    def connect_cluster(self, place: Place, name: str, password: str) -> psycopg.Connection[Any]:
        found = self.available_cluster(place, name)
        address = {"host": found["Endpoint"], "port": found["Port"]}
        return psycopg.connect(**address, user="master", password=password, dbname="app", autocommit=True)

    def delete_cluster(self, place: Place, name: str) -> None:
        rds = self.rds(place)
        rds.delete_db_instance(DBInstanceIdentifier=f"{name}-one", SkipFinalSnapshot=True)
        eventually(lambda: not self.available_cluster(place, name)["DBClusterMembers"])
        rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)

    def available(self, place: Place, name: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self.rds(place).describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
            ready = found["DBInstanceStatus"] == "available" and not found["PendingModifiedValues"]
            return found if ready else None

        return eventually(look)

    def connect(
        self, place: Place, name: str, user: str, password: str, database: str
    ) -> psycopg.Connection[Any]:
        endpoint = self.available(place, name)["Endpoint"]
        address = {"host": endpoint["Address"], "port": endpoint["Port"]}
        return psycopg.connect(**address, user=user, password=password, dbname=database, autocommit=True)

    def connect_inside(self, place: Place, name: str, database: str) -> psycopg.Connection[Any]:
        """Connect as the superuser of the embedded cloud, whose password users do not have."""
        password = (self.data / "embedded/postgres/rdsadmin").read_text()
        return self.connect(place, name, "rdsadmin", password, database)

    def pipeline(self, database: str, policy: str, **more: Any) -> PipelineSettings:
        first, second = network.list_subnets(self.cloud, self.production)[:2]
        return PipelineSettings(
            **{
                "database": database,
                "policy": policy,
                "vpc": first.vpc,
                "subnets": (first.id, second.id),
                "share_with": (self.qa.account.id,),
                "poll_seconds": 1,
                "assign_public_ip": True,
                **more,
            }
        )

    def deploy(self, pipeline: PipelineSettings) -> DeployedPipeline:
        prepared = prepare_pipeline(self.cloud, self.production, pipeline, datetime.now(UTC))
        self.deploy_stack(prepared.spec, prepared.plan)
        return self.deployed(pipeline.database)

    def deploy_stack(self, spec: StackSpec, preparation: Plan) -> None:
        self.must(preparation)
        self.must(plan_deploy(self.cloud, read_preview(self.cloud, spec)))

    def deployed(self, database: str) -> DeployedPipeline:
        return catalog.find_pipeline(self.cloud, self.production, database)

    def refresh(self, pipeline: DeployedPipeline) -> str:
        return self.perform(runs.refresh_call(self.cloud, pipeline, datetime.now(UTC)))

    def watch(self, pipeline: DeployedPipeline, name: str) -> runs.RunDetails:
        return runs.read_run(self.cloud, pipeline, name)

    def ended(self, pipeline: DeployedPipeline, name: str, within_s: float = PATIENCE_S) -> runs.RunDetails:
        def look() -> runs.RunDetails | None:
            watched = self.watch(pipeline, name)
            return None if watched.execution.status == "RUNNING" else watched

        return eventually(look, within_s)

    def run(self, pipeline: DeployedPipeline, within_s: float = PATIENCE_S) -> runs.RunDetails:
        return self.ended(pipeline, self.refresh(pipeline), within_s)

    def log(self, pipeline: DeployedPipeline, watched: runs.RunDetails) -> list[str]:
        return [line.message for line in runs.task_log(self.cloud, pipeline, watched.task)]

    def left(self, pipeline: DeployedPipeline) -> list[str]:
        """Return the IDs of the pipeline's temporary resources."""
        found = catalog.list_temporary(self.cloud, self.production)
        return [item.id for item in found if item.pipeline == pipeline.name]

    def sanitized(self, pipeline: DeployedPipeline) -> list[catalog.SanitizedSnapshot]:
        return catalog.list_sanitized(self.cloud, pipeline)


def statuses(execution: Execution) -> dict[str, str]:
    return {step.name: step.status for step in execution.steps}
