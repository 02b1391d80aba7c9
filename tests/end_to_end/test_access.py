"""Slipway's IAM roles on the embedded cloud, with IAM enforcement."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops.audit import Actor, FileAudit
from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import deploy
from ops.aws.cloudformation.change_sets import read_preview
from ops.aws.cloudformation.deploy import Upload
from ops.aws.cloudformation.stacks import StackSpec
from ops.aws.logs import groups as log_groups
from ops.aws.rds import databases as rds
from ops.embedded.accounts import DEVELOPMENT, PRODUCTION
from ops.errors import AccessDenied, StackFailed
from ops.logs.export.deployment import stacks
from ops.plan import Plan, perform
from ops.rollouts import controller as controllers
from ops.snapshots.pipeline import catalog
from ops.snapshots.runs import control as runs
from ops.support_stacks import replication
from ops.support_stacks.inventory import read_inventory
from ops.templates.access import STACK_BOUNDARY
from ops.templates.policies import allow, document
from tests.end_to_end.workbench import eventually

SHOP = "shop-production"


def test_read_only_role_reads_everything_and_changes_nothing(reader: Cloud, tmp_path: Path) -> None:
    read_only = reader
    place = read_only.places[0]
    assert rds.list_databases(read_only, place)
    pipeline = catalog.find_pipeline(read_only, place, SHOP)
    catalog.list_sanitized(read_only, pipeline)
    runs.list_runs(read_only, pipeline)
    assert [
        r.error for r in read_only.read(lambda each: log_groups.list_groups(read_only, each)) if r.error
    ] == []
    inventory = read_inventory(read_only, datetime.now(UTC))
    assert [(gap.subject, str(gap.error)) for gap in inventory.gaps] == []
    with pytest.raises(AccessDenied):
        perform(
            runs.refresh_call(read_only, pipeline, datetime.now(UTC)),
            actor=Actor.local("test"),
            audit=FileAudit(tmp_path / "audit.jsonl"),
        )
    with pytest.raises(AccessDenied):
        log_groups.set_retention(read_only, Place(place.account, place.region), "/any", 30)


@pytest.mark.thorough
def test_working_role_refreshes_a_snapshot(user: Cloud, tmp_path: Path) -> None:
    working = user
    pipeline = catalog.find_pipeline(working, working.places[0], SHOP)
    eventually(lambda: not runs.running_refresh(runs.list_runs(working, pipeline)), 120)
    name = perform(
        runs.refresh_call(working, pipeline, datetime.now(UTC)),
        actor=Actor.local("test"),
        audit=FileAudit(tmp_path / "audit.jsonl"),
    )
    eventually(lambda: runs.read_run(working, pipeline, name).execution.status != "RUNNING", 120)
    assert runs.read_run(working, pipeline, name).execution.status == "SUCCEEDED"


def central(cloud: Cloud, place: Place) -> tuple[StackSpec, tuple[Upload, ...]]:
    return stacks.central_spec(place, {"DestinationName": "OfRole"}), ()


def member(cloud: Cloud, place: Place) -> tuple[StackSpec, tuple[Upload, ...]]:
    destination = f"arn:aws:logs:{place.region}:{PRODUCTION.id}:destination:BucketBackupLogDestination"
    return stacks.member_spec(place, {"LogDestination": destination}), ()


def controller(cloud: Cloud, place: Place) -> tuple[StackSpec, tuple[Upload, ...]]:
    spec, uploads = controllers.controller_spec(cloud, poll_seconds=15, settle_seconds=300)
    code = {"CodeBucket": deploy.staging_bucket(place.account.id, place.region)}
    spec = replace(
        spec, account=place.account.id, region=place.region, parameters={**spec.parameters, **code}
    )
    return spec, uploads


def shared_bucket(cloud: Cloud, place: Place) -> tuple[StackSpec, tuple[Upload, ...]]:
    return replication.stack_spec(place.account, place.region, [PRODUCTION.id], 30), ()


def directory(cloud: Cloud, place: Place) -> tuple[StackSpec, tuple[Upload, ...]]:
    key = f"arn:aws:kms:{place.region}:{place.account.id}:key/1"
    bucket = replication.SharedBucket(place.account.id, place.region, "a-bucket", key, (), 30)
    return replication.directory_spec(place.account, place.region, [bucket]), ()


# A stack of Slipway's, and a parameter to change.
OWN_STACKS = {
    "log export": (central, {"ExpireAfterDays": "400", "Retention": "48"}),
    "log export member": (member, {"LogGroupNamePrefix": "/app/"}),
    "rollouts": (controller, {"PollSeconds": "30"}),
    "shared bucket": (shared_bucket, {"ExpireDays": "60"}),
    "directory": (directory, {}),
}


@pytest.mark.parametrize("which", OWN_STACKS)
def test_the_working_role_deploys_changes_and_deletes_slipways_stacks(
    cloud: Cloud, user: Cloud, carry_out: Callable[[Plan], None], which: str
) -> None:
    make, changed = OWN_STACKS[which]
    working, place = user, Place(DEVELOPMENT, "us-east-1")
    spec, uploads = make(working, place)
    for parameters in [{}, changed] if changed else [{}]:
        spec = replace(spec, parameters={**spec.parameters, **parameters})
        carry_out(deploy.plan_preview(working, spec, uploads))
        carry_out(deploy.plan_deploy(working, read_preview(working, spec)))
    boundary = f"arn:aws:iam::{place.account.id}:policy/{STACK_BOUNDARY}"
    assert set(boundaries_of_roles(cloud, spec)) <= {boundary}
    delete(working, spec)


def delete(cloud: Cloud, spec: StackSpec) -> None:
    formation = cloud.client("cloudformation", spec.account, spec.region)
    id_ = formation.describe_stacks(StackName=spec.name)["Stacks"][0]["StackId"]
    formation.delete_stack(StackName=id_)

    def deleted() -> str | None:
        status = str(formation.describe_stacks(StackName=id_)["Stacks"][0]["StackStatus"])
        return None if status == "DELETE_IN_PROGRESS" else status

    status = eventually(deleted)
    events = formation.describe_stack_events(StackName=id_)["StackEvents"]
    reasons = [event["ResourceStatusReason"] for event in events if event.get("ResourceStatusReason")]
    assert status == "DELETE_COMPLETE", "\n".join(reasons)


def boundaries_of_roles(cloud: Cloud, spec: StackSpec) -> list[str | None]:
    formation = cloud.client("cloudformation", spec.account, spec.region)
    resources = formation.describe_stack_resources(StackName=spec.name)["StackResources"]
    roles = [each for each in resources if each["ResourceType"] == "AWS::IAM::Role"]
    names = [each["PhysicalResourceId"] for each in roles if each["ResourceStatus"] != "DELETE_COMPLETE"]
    iam = cloud.client("iam", spec.account)
    found = [iam.get_role(RoleName=name)["Role"] for name in names]
    return [role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn") for role in found]


def test_the_working_role_creates_no_role_without_the_boundary(
    cloud: Cloud, user: Cloud, carry_out: Callable[[Plan], None]
) -> None:
    working, place = user, Place(DEVELOPMENT, "us-east-1")
    unlimited = Cloud(replace(working.settings, permissions_boundary=""), cloud.endpoint)
    spec, uploads = member(unlimited, place)
    carry_out(deploy.plan_preview(unlimited, spec, uploads))
    with pytest.raises(StackFailed, match="iam:CreateRole"):
        carry_out(deploy.plan_deploy(unlimited, read_preview(unlimited, spec)))
    assert boundaries_of_roles(cloud, spec) == []


def test_a_deployed_boundary_remains_without_the_setting(
    cloud: Cloud, carry_out: Callable[[Plan], None]
) -> None:
    limited = Cloud(replace(cloud.settings, permissions_boundary="slipway-test-boundary"), cloud.endpoint)
    place = Place(DEVELOPMENT, "us-east-1")
    cloud.client("iam", place.account.id).create_policy(
        PolicyName="slipway-test-boundary",
        PolicyDocument=json.dumps(document(allow(["logs:*", "iam:*", "lambda:*"], "*"))),
    )
    spec, uploads = member(limited, place)
    spec = replace(spec, name="log-export-limited")
    for deployer, parameters in (limited, {}), (cloud, {"LogGroupNamePrefix": "/app/"}):
        spec = replace(spec, parameters={**spec.parameters, **parameters})
        carry_out(deploy.plan_preview(deployer, spec, uploads))
        carry_out(deploy.plan_deploy(deployer, read_preview(deployer, spec)))
        boundary = f"arn:aws:iam::{place.account.id}:policy/slipway-test-boundary"
        assert set(boundaries_of_roles(cloud, spec)) == {boundary}
    delete(cloud, spec)


def test_docs_describe_both_stacks() -> None:
    text = Path("docs/real-aws.md").read_text()
    assert "setup deploy roles" in text and "setup deploy app" in text
