"""The content of a new embedded cloud: roles, logs, a shop's database with its pipeline, and a rollout.

The log export is deployed after the cloud is ready, so that its start does not wait for it.
"""

import json
import logging
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import boto3
from ministack.core.responses import request_scope

from ops.audit import Actor
from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation.change_sets import read_preview
from ops.aws.cloudformation.deploy import plan_deploy
from ops.aws.logs.audit_trail import open_audit
from ops.aws.network import list_subnets
from ops.embedded.accounts import (
    ACCOUNTS,
    DEVELOPMENT,
    EXPORTED_BUCKET,
    HOME,
    PRODUCTION,
    QA,
    ROLE,
    WORKBENCH,
    cloud,
    endpoint,
)
from ops.embedded.context import OverlayContext
from ops.embedded.rds.service import Databases
from ops.embedded.sample import SampleDatabase, production_databases, seed_pipelines
from ops.embedded.sample.live_logs import keep_writing
from ops.embedded.sample.pipelines import sample_stacks
from ops.embedded.sample.rollout import deploy_controller, start_rollout
from ops.embedded.sample.seed_exported import seed_exported
from ops.embedded.sample.seed_logs import backdate_subscriptions, seed_logs
from ops.errors import EmbeddedError
from ops.logs.export.deployment import plan as export
from ops.logs.export.deployment.deployed import read_deployments
from ops.logs.export.deployment.plan import DeploymentRequest
from ops.plan import Outcome, Plan, execute
from ops.settings import Account, Settings
from ops.snapshots.pipeline.model import PipelineSettings
from ops.snapshots.pipeline.setup import prepare_pipeline

SEED = Actor("embedded cloud", "start")
PATIENCE_S = 60.0
EXPORTED = "exported"
EXPORT = {
    "BucketName": f"arn:aws:s3:::{EXPORTED_BUCKET}",
    "BucketPrefix": "",
    "BufferIntervalHint": "900",  # long, so that there are few small objects
    "ProcessorBufferIntervalHint": "300",
    "NotifyEmail": "oncall@example.com",
    "ProcessorPackage": "",  # the package is built for Lambda's platform
}

log = logging.getLogger(__name__)


def seed(context: OverlayContext, databases: Databases) -> None:
    """Seed the cloud through its own API, except for the databases' rows."""
    for account in ACCOUNTS:
        _create_role(context, account)
    now = datetime.now(UTC)
    seed_logs(now)
    seed_exported(lambda service: _client(context, service, PRODUCTION), now)
    for database in production_databases():
        _create_database(context, databases, database)
        _deploy_pipeline(context, database)
    workbench = cloud(Settings(data=context.data.parent), context.endpoint)
    deploy_controller(workbench, partial(_carry_out, workbench))
    for stack in sample_stacks(PRODUCTION.id, DEVELOPMENT.id):
        seed_pipelines.deploy(partial(_client_of, context), _wait_until, stack)


def begin(context: OverlayContext) -> None:
    """Start the sample's rollout."""
    workbench = cloud(Settings(data=context.data.parent), context.endpoint)
    start_rollout(workbench, SEED, partial(_carry_out, workbench))


def live(context: OverlayContext) -> None:
    """Deploy the sample's log export to a new cloud, then write new log events for a while."""
    try:
        if not (context.data / EXPORTED).exists():
            _deploy_export(context)
            (context.data / EXPORTED).touch()
        keep_writing(partial(_client_of, context))
    except Exception:
        log.exception("Cannot deploy the sample's log export")


def _deploy_export(context: OverlayContext) -> None:
    """Export all accounts and regions to the bucket of the sample logs, as if since their creation."""
    workbench = cloud(Settings(data=context.data.parent), context.endpoint)
    request = DeploymentRequest(Place(PRODUCTION, HOME), workbench.places, EXPORT)
    plan = export.plan_deploy(workbench, read_deployments(workbench, workbench.places), request)
    _checked(execute(plan, actor=SEED, audit=open_audit(workbench), confirmed=plan.confirm))
    backdate_subscriptions()


def _client_of(context: OverlayContext, service: str, account: str, region: str) -> Any:
    return _client(context, service, next(a for a in ACCOUNTS if a.id == account), region)


def _client(context: OverlayContext, service: str, account: Account, region: str = HOME) -> Any:
    root = endpoint(context.endpoint, account.id)
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name=region,
        endpoint_url=root.url,
        aws_access_key_id=root.access_key_id,
        aws_secret_access_key=root.secret_access_key,
    )


def _create_role(context: OverlayContext, account: Account) -> None:
    """Create the role that the workbench assumes in the account."""
    iam = _client(context, "iam", account)
    trust = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Principal": {"AWS": WORKBENCH}, "Action": "sts:AssumeRole"},
    }
    everything = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName=ROLE, PolicyName="administer", PolicyDocument=json.dumps(everything))


def _create_database(context: OverlayContext, databases: Databases, database: SampleDatabase) -> None:
    rds = _client(context, "rds", PRODUCTION)
    password = secrets.token_urlsafe(20)
    rds.create_db_instance(
        DBInstanceIdentifier=database.identifier,
        Engine=database.engine,
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20,
        DBName=database.db_name,
        MasterUsername=database.master_user,
        MasterUserPassword=password,
    )

    def is_available() -> bool:
        instance = rds.describe_db_instances(DBInstanceIdentifier=database.identifier)["DBInstances"][0]
        return bool(instance["DBInstanceStatus"] == "available")

    _wait_until(is_available)
    with request_scope(PRODUCTION.id, HOME):
        databases.load(database.identifier, password, database.sql())


def _deploy_pipeline(context: OverlayContext, database: SampleDatabase) -> None:
    """Deploy the pipeline as a user does, with audit records like the user's own changes."""
    workbench = cloud(Settings(data=context.data.parent), context.endpoint)
    place = Place(PRODUCTION, HOME)
    first, second = list_subnets(workbench, place)[:2]
    pipeline = PipelineSettings(
        database=database.identifier,
        policy=database.policy,
        vpc=first.vpc,
        subnets=(first.id, second.id),
        share_with=(QA.id,),
        assign_public_ip=True,
        poll_seconds=workbench.settings.poll_seconds,
    )
    prepared = prepare_pipeline(workbench, place, pipeline, datetime.now(UTC))
    run = partial(execute, actor=SEED, audit=open_audit(workbench))
    _checked(run(prepared.plan))
    _checked(run(plan_deploy(workbench, read_preview(workbench, prepared.spec))))


def _carry_out(workbench: Cloud, plan: Plan) -> None:
    _checked(execute(plan, actor=SEED, audit=open_audit(workbench), confirmed=plan.confirm))


def _checked(outcome: Outcome) -> None:
    if outcome.error:
        raise outcome.error


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise EmbeddedError("Timed out while seeding the embedded cloud.", hint="See its server.log.")
        time.sleep(0.05)
