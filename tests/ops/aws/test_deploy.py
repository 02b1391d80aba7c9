"""Stacks deployed on the embedded cloud: previews, failures, leftovers, deletion."""

import json
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops.audit import Actor
from ops.aws import deploy
from ops.aws.cloud import Cloud
from ops.aws.cloudformation import Event, StackSpec, first_failure, read_stack
from ops.aws.deploy import Preview, Upload
from ops.errors import Conflict, InputError, NotFound, PlanRefused, StackFailed
from ops.plan import Plan, Status, execute
from tests.end_to_end.workbench import Workbench

ACTOR = Actor.local("test")
ACCOUNT, REGION = "333333333333", "us-east-1"


@pytest.fixture
def workbench(cloud: Cloud, data: Path) -> Workbench:
    return Workbench(cloud, data)


def spec(resources: dict[str, Any], name: str = "") -> StackSpec:
    body = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}
    return StackSpec(
        name=name or f"test-{uuid.uuid4().hex[:8]}",
        template_body=json.dumps(body),
        parameters={},
        tags={"team": "a"},
        capabilities=("CAPABILITY_IAM",),
        account=ACCOUNT,
        region=REGION,
    )


def log_group(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7, **properties}}


BROKEN = {
    "Type": "AWS::EC2::SecurityGroupIngress",
    "Properties": {"GroupId": "sg-nowhere", "IpProtocol": "tcp"},
}


def preview(workbench: Workbench, wanted: StackSpec, *uploads: Upload) -> Preview:
    workbench.must(deploy.plan_preview(workbench.cloud, wanted, uploads))
    return deploy.read_preview(workbench.cloud, wanted)


def deployed(workbench: Workbench, wanted: StackSpec) -> Preview:
    found = preview(workbench, wanted)
    workbench.must(deploy.plan_deploy(workbench.cloud, found))
    return found


def status(workbench: Workbench, wanted: StackSpec) -> str:
    stack = read_stack(workbench.cloud, ACCOUNT, REGION, wanted.name)
    return stack.status if stack else "none"


def test_a_preview_shows_what_would_be_made_and_makes_nothing(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    found = preview(workbench, wanted)
    assert found.creates and not found.lost
    assert [(c.action, c.logical_id, c.kind) for c in found.changes] == [
        ("Add", "Group", "AWS::Logs::LogGroup")
    ]
    assert status(workbench, wanted) == "REVIEW_IN_PROGRESS"
    assert preview(workbench, wanted).changes == found.changes  # a second look makes no second stack
    workbench.must(deploy.plan_discard(workbench.cloud, found))
    assert status(workbench, wanted) == "none"


def test_executing_tells_the_events_as_they_come(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    plan = deploy.plan_deploy(workbench.cloud, preview(workbench, wanted))
    said: list[str] = []
    outcome = execute(
        plan,
        actor=ACTOR,
        audit=workbench.audit,
        report=lambda progress: said.append(progress.message),
    )
    assert outcome.ok
    assert plan.steps[0].evidence == "1 added"
    assert any("Group CREATE_COMPLETE" in line for line in said)
    assert status(workbench, wanted) == "CREATE_COMPLETE"


def test_an_empty_change_set_is_up_to_date(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    deployed(workbench, wanted)
    again = preview(workbench, wanted)
    assert again.up_to_date
    assert deploy.plan_deploy(workbench.cloud, again).steps == ()


def queue(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def test_what_is_replaced_or_removed_is_flagged(workbench: Workbench) -> None:
    wanted = spec({"Renamed": queue(QueueName="a"), "Old": queue(), "Kept": queue(VisibilityTimeout=30)})
    deployed(workbench, wanted)
    body = {"Renamed": queue(QueueName="b"), "Kept": queue(VisibilityTimeout=60)}
    changed = preview(workbench, replace(spec(body), name=wanted.name))
    assert {change.logical_id for change in changed.lost} == {"Renamed", "Old"}
    (step,) = deploy.plan_deploy(workbench.cloud, changed).steps
    assert step.destructive
    assert step.evidence == "1 changed, 1 replaced, 1 removed"


def test_a_failure_names_the_first_resource_and_the_next_try_begins_afresh(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group(), "Rule": BROKEN})
    with pytest.raises(StackFailed, match="sg-nowhere") as caught:
        deployed(workbench, wanted)
    assert caught.value.resource == "Rule"
    assert "next try" in caught.value.hint
    assert status(workbench, wanted) == "ROLLBACK_COMPLETE"
    deployed(workbench, replace(spec({"Group": log_group()}), name=wanted.name))
    assert status(workbench, wanted) == "CREATE_COMPLETE"


def test_a_failed_update_goes_back(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    deployed(workbench, wanted)
    with pytest.raises(StackFailed, match="Rule") as caught:
        deployed(workbench, replace(spec({"Group": log_group(), "Rule": BROKEN}), name=wanted.name))
    assert "went back" in caught.value.hint
    assert status(workbench, wanted) == "UPDATE_ROLLBACK_COMPLETE"


def test_a_template_that_makes_no_change_set_changes_nothing(workbench: Workbench) -> None:
    wanted = spec({"Thing": {"Type": "AWS::No::Such", "Properties": {}}})
    with pytest.raises(Exception, match="AWS::No::Such"):
        preview(workbench, wanted)


def test_a_change_set_that_is_gone_is_not_executed(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    found = preview(workbench, wanted)
    plan = deploy.plan_deploy(workbench.cloud, found)
    workbench.must(deploy.plan_discard(workbench.cloud, found))
    outcome = workbench.carry_out(plan)
    assert [result.status for result in outcome.results] == [Status.SKIPPED]
    assert "make the preview again" in outcome.results[0].reason


def test_a_plan_that_was_executed_is_done(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    plan = deploy.plan_deploy(workbench.cloud, preview(workbench, wanted))
    workbench.must(plan)
    assert [result.status for result in workbench.carry_out(plan).results] == [Status.ALREADY]


def test_uploads_are_written_once(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    upload = Upload(f"{wanted.name}/a.sql", b"SELECT 1")
    preview(workbench, wanted, upload)
    s3 = workbench.cloud.client("s3", ACCOUNT, REGION)
    bucket = deploy.staging_bucket(ACCOUNT, REGION)
    preview(workbench, wanted, upload)
    versions = s3.list_object_versions(Bucket=bucket, Prefix=upload.key)["Versions"]
    assert len(versions) == 1
    assert s3.get_object(Bucket=bucket, Key=upload.key)["Body"].read() == b"SELECT 1"
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert all(block.values())
    assert "aws:SecureTransport" in s3.get_bucket_policy(Bucket=bucket)["Policy"]


def test_a_template_over_the_limit_is_refused(workbench: Workbench) -> None:
    wanted = replace(spec({}), template_body=" " * (deploy.MAXIMUM_TEMPLATE + 1))
    with pytest.raises(InputError, match="1,048,577 bytes"):
        deploy.plan_preview(workbench.cloud, wanted, ())


def test_a_preview_that_was_not_made_is_told(workbench: Workbench) -> None:
    with pytest.raises(NotFound, match="has not been prepared"):
        deploy.read_preview(workbench.cloud, spec({"Group": log_group()}))


def test_deleting_asks_for_the_name(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    deployed(workbench, wanted)
    plan = delete_plan(workbench, wanted)
    with pytest.raises(PlanRefused, match="not confirmed"):
        execute(plan, actor=ACTOR, audit=workbench.audit, confirmed="something else")
    assert status(workbench, wanted) == "CREATE_COMPLETE"
    workbench.must(plan)
    assert status(workbench, wanted) == "none"
    assert [result.status for result in workbench.carry_out(plan).results] == [Status.ALREADY]


def delete_plan(workbench: Workbench, wanted: StackSpec) -> Plan:
    stack = read_stack(workbench.cloud, ACCOUNT, REGION, wanted.name)
    assert stack
    return deploy.plan_delete(workbench.cloud, stack, ACCOUNT, REGION)


def test_another_stack_of_the_same_name_is_not_deleted(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    deployed(workbench, wanted)
    plan = delete_plan(workbench, wanted)
    workbench.must(plan)
    deployed(workbench, wanted)
    outcome = workbench.carry_out(plan)
    assert [result.status for result in outcome.results] == [Status.SKIPPED]
    assert status(workbench, wanted) == "CREATE_COMPLETE"


def test_a_bucket_with_objects_stays_and_is_named(workbench: Workbench) -> None:
    wanted = spec({"Data": {"Type": "AWS::S3::Bucket", "Properties": {}}})
    deployed(workbench, wanted)
    cloudformation = workbench.cloud.client("cloudformation", ACCOUNT, REGION)
    described = cloudformation.describe_stack_resource(StackName=wanted.name, LogicalResourceId="Data")
    bucket = described["StackResourceDetail"]["PhysicalResourceId"]
    workbench.cloud.client("s3", ACCOUNT, REGION).put_object(Bucket=bucket, Key="a", Body=b"kept")
    with pytest.raises(StackFailed, match="not empty") as caught:
        workbench.must(delete_plan(workbench, wanted))
    assert caught.value.resource == "Data"


def test_a_bucket_of_another_account_is_not_used(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"taken-{uuid.uuid4().hex[:8]}"
    workbench.cloud.client("s3", "222222222222", REGION).create_bucket(Bucket=name)
    monkeypatch.setattr(deploy, "staging_bucket", lambda account, region: name)
    with pytest.raises(Conflict):
        preview(workbench, spec({"Group": log_group()}))


def event(logical_id: str, status: str, reason: str = "", kind: str = "AWS::SQS::Queue") -> Event:
    return Event(logical_id, None, logical_id, kind, status, reason)  # type: ignore[arg-type]


def test_the_first_failure_is_not_one_that_was_cancelled_with_it() -> None:
    stack = "AWS::CloudFormation::Stack"
    events = [
        event("A", "CREATE_IN_PROGRESS"),
        event("B", "CREATE_FAILED", "Resource creation cancelled"),
        event("C", "CREATE_FAILED", "Access denied"),
        event("s", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed", stack),
        event("D", "DELETE_FAILED", "later"),
    ]
    found = first_failure(events)
    assert found and found.logical_id == "C"
    assert first_failure(events[:2]) is None
