"""Stacks deployed on the embedded cloud, and AWS's rarer answers: previews, failures, leftovers, deletion."""

import hashlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber
from moto import mock_aws

from ops.audit import Actor
from ops.aws.cloud import Cloud
from ops.aws.cloudformation import deploy
from ops.aws.cloudformation import operations as stack_operations
from ops.aws.cloudformation.deploy import Preview, Upload
from ops.aws.cloudformation.stacks import StackSpec, client_of, read_stack
from ops.aws.s3.staging import create_private_bucket
from ops.errors import Conflict, InputError, NotFound, PlanRefused, StackFailed
from ops.plan import Plan, Readiness, Status, Step, execute
from ops.settings import Account, Settings
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


def test_a_bucket_that_was_made_half_is_finished(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"half-{uuid.uuid4().hex[:8]}"
    client = workbench.cloud.client("s3", ACCOUNT, REGION)
    client.create_bucket(Bucket=name)
    monkeypatch.setattr(deploy, "staging_bucket", lambda account, region: name)
    preview(workbench, spec({"Group": log_group()}))
    assert all(client.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values())
    assert client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]


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


# What the embedded cloud does not do: AWS's own answers, in order.
ARN = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/shop/1"
CHANGE_SET = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/slipway-1/1"
AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SHOP = spec({"Group": log_group()}, name="shop")
UPDATE = Preview(SHOP, CHANGE_SET, creates=False, changes=())


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(stack_operations, "LOOK_S", 0.0)
    monkeypatch.setattr(deploy, "LOOK_S", 0.0)
    return Cloud(Settings(cloud="aws", accounts=(Account("one", ACCOUNT),)))


@pytest.fixture
def stub(aws: Cloud) -> Iterator[Stubber]:
    """Answers in order; every answer that was prepared must have been asked for."""
    with Stubber(client_of(aws, ACCOUNT, REGION)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def has_status(stub: Stubber, status: str, name: str = ARN) -> None:
    stack = {"StackName": "shop", "StackId": ARN, "StackStatus": status, "CreationTime": AT}
    stub.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": name})


def has_events(stub: Stubber, *newest_first: tuple[str, str, str]) -> None:
    """Each by its id, the resource (the stack itself by its name) and its status."""
    items = [
        {
            "StackId": ARN,
            "StackName": "shop",
            "EventId": id_,
            "Timestamp": AT,
            "LogicalResourceId": logical_id,
            "PhysicalResourceId": ARN if logical_id == "shop" else logical_id.lower(),
            "ResourceType": "AWS::CloudFormation::Stack" if logical_id == "shop" else "AWS::SQS::Queue",
            "ResourceStatus": status,
            "ResourceStatusReason": "because" if status.endswith("_FAILED") else "",
        }
        for id_, logical_id, status in newest_first
    ]
    stub.add_response("describe_stack_events", {"StackEvents": items}, {"StackName": ARN})


def step(plan: Plan, id_: str) -> Step:
    return next(step for step in plan.steps if step.id == id_)


BEFORE = ("1", "shop", "UPDATE_ROLLBACK_COMPLETE")
BEGUN = ("2", "shop", "UPDATE_IN_PROGRESS")
CHANGED = ("3", "Group", "UPDATE_COMPLETE")
ENDED = ("4", "shop", "UPDATE_COMPLETE")


def executes(stub: Stubber) -> None:
    has_status(stub, "UPDATE_ROLLBACK_COMPLETE", "shop")
    has_events(stub, BEFORE)
    stub.add_response("execute_change_set", {}, {"ChangeSetName": CHANGE_SET})


def test_the_status_of_before_an_update_is_not_its_end(aws: Cloud, stub: Stubber) -> None:
    executes(stub)
    has_events(stub, BEFORE)
    has_status(stub, "UPDATE_ROLLBACK_COMPLETE")
    has_events(stub, BEGUN, BEFORE)
    has_status(stub, "UPDATE_IN_PROGRESS")
    has_events(stub, BEGUN, BEFORE)
    has_status(stub, "UPDATE_COMPLETE")
    has_events(stub, ENDED, CHANGED, BEGUN, BEFORE)
    said: list[str] = []
    step(deploy.plan_deploy(aws, UPDATE), "execute").act(said.append)
    assert said == [
        "12:00:00 shop UPDATE_IN_PROGRESS",
        "12:00:00 Group UPDATE_COMPLETE",
        "12:00:00 shop UPDATE_COMPLETE",
    ]


def test_a_stack_that_needs_help_is_not_said_to_have_gone_back(aws: Cloud, stub: Stubber) -> None:
    executes(stub)
    failed = ("5", "Group", "UPDATE_FAILED")
    has_events(stub, failed, BEGUN, BEFORE)
    has_status(stub, "UPDATE_ROLLBACK_FAILED")
    has_events(stub, failed, BEGUN, BEFORE)
    with pytest.raises(StackFailed, match=r"First to fail: Group \(AWS::SQS::Queue\): because") as caught:
        step(deploy.plan_deploy(aws, UPDATE), "execute").act(print)
    assert caught.value.resource == "Group"
    assert "needs you" in caught.value.hint


def test_a_stack_that_never_comes_to_rest_is_left_alone(
    aws: Cloud, stub: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack_operations, "STACK_S", -1.0)
    executes(stub)
    has_events(stub, BEGUN, BEFORE)
    has_status(stub, "UPDATE_IN_PROGRESS")
    with pytest.raises(Conflict, match="is still UPDATE_IN_PROGRESS"):
        step(deploy.plan_deploy(aws, UPDATE), "execute").act(print)


@pytest.mark.parametrize(
    ("answer", "ready", "reason"),
    [
        ("AVAILABLE", Readiness.READY, ""),
        ("EXECUTE_COMPLETE", Readiness.DONE, "has been executed"),
        ("OBSOLETE", Readiness.CHANGED, "OBSOLETE: make the preview again"),
    ],
)
def test_only_a_change_set_that_is_available_is_executed(
    aws: Cloud, stub: Stubber, answer: str, ready: Readiness, reason: str
) -> None:
    stub.add_response("describe_change_set", {"ExecutionStatus": answer}, {"ChangeSetName": CHANGE_SET})
    found = step(deploy.plan_deploy(aws, UPDATE), "execute").check()
    assert found.readiness is ready
    assert found.reason.endswith(reason) and bool(found.reason) == bool(reason)


def test_a_busy_stack_is_not_prepared(aws: Cloud, stub: Stubber) -> None:
    has_status(stub, "UPDATE_IN_PROGRESS", "shop")
    with pytest.raises(Conflict, match="shop is being changed: UPDATE_IN_PROGRESS"):
        step(deploy.plan_preview(aws, SHOP, ()), "leftover").check()


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        ("ROLLBACK_COMPLETE", Readiness.READY),
        ("ROLLBACK_FAILED", Readiness.READY),
        ("UPDATE_ROLLBACK_COMPLETE", Readiness.DONE),
        ("CREATE_COMPLETE", Readiness.DONE),
    ],
)
def test_only_a_failed_creation_is_a_leftover(
    aws: Cloud, stub: Stubber, status: str, ready: Readiness
) -> None:
    has_status(stub, status, "shop")
    assert step(deploy.plan_preview(aws, SHOP, ()), "leftover").check().readiness is ready


def makes_change_set(stub: Stubber, status: str, reason: str) -> None:
    """One of an existing stack, after the earlier one of that name was looked for."""
    has_status(stub, "CREATE_COMPLETE", "shop")
    named = {"StackName": "shop", "ChangeSetName": deploy.change_set_name(SHOP)}
    stub.add_client_error("delete_change_set", "ChangeSetNotFound", "none", expected_params=named)
    template = f"templates/{hashlib.sha256(SHOP.template_body.encode()).hexdigest()[:16]}.json"
    asked = named | {
        "ChangeSetType": "UPDATE",
        "TemplateURL": f"https://s3.{REGION}.amazonaws.com/slipway-staging-{ACCOUNT}-{REGION}/{template}",
        "Parameters": [],
        "Tags": [{"Key": "team", "Value": "a"}],
        "Capabilities": ["CAPABILITY_IAM"],
    }
    stub.add_response("create_change_set", {"Id": CHANGE_SET}, asked)
    for found in ("CREATE_PENDING", status):
        answer = {"Status": found, "StatusReason": reason}
        stub.add_response("describe_change_set", answer, {"ChangeSetName": CHANGE_SET})


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information to create one.",
        "No updates are to be performed.",
    ],
)
def test_a_change_set_without_changes_is_deleted(aws: Cloud, stub: Stubber, reason: str) -> None:
    makes_change_set(stub, "FAILED", reason)
    stub.add_response("delete_change_set", {}, {"ChangeSetName": CHANGE_SET})
    step(deploy.plan_preview(aws, SHOP, ()), "change-set").act(print)


def test_a_change_set_that_failed_is_told_in_its_own_words(aws: Cloud, stub: Stubber) -> None:
    makes_change_set(stub, "FAILED", "Transform AWS::Nothing failed")
    with pytest.raises(StackFailed, match="for shop: Transform AWS::Nothing failed") as caught:
        step(deploy.plan_preview(aws, SHOP, ()), "change-set").act(print)
    assert "Nothing was changed" in caught.value.hint


def test_a_stack_in_review_without_its_change_set_is_not_up_to_date(aws: Cloud, stub: Stubber) -> None:
    has_status(stub, "REVIEW_IN_PROGRESS", "shop")
    stub.add_client_error("describe_change_set", "ChangeSetNotFound", "none")
    with pytest.raises(NotFound, match="shop has not been prepared"):
        deploy.read_preview(aws, SHOP)


def test_a_protected_stack_stays_and_the_error_tells_how_to_unprotect_it(aws: Cloud, stub: Stubber) -> None:
    has_status(stub, "CREATE_COMPLETE", "shop")
    stack = read_stack(aws, ACCOUNT, REGION, "shop")
    assert stack
    has_events(stub, BEFORE)
    said = f"Stack [{ARN}] cannot be deleted while TerminationProtection is enabled"
    stub.add_client_error("delete_stack", "ValidationError", said, expected_params={"StackName": ARN})
    with pytest.raises(Conflict, match="shop is protected against deletion") as caught:
        step(deploy.plan_delete(aws, stack, ACCOUNT, REGION), "delete").act(print)
    assert "--no-enable-termination-protection --stack-name shop" in caught.value.hint


def test_planning_asks_nothing_of_aws(aws: Cloud, stub: Stubber) -> None:
    # The stub has no answer to give: any call would fail.
    plan = deploy.plan_preview(aws, SHOP, (Upload("a.sql", b"SELECT 1"),))
    assert [step.id for step in plan.steps] == ["bucket", "upload", "leftover", "change-set"]
    assert deploy.plan_discard(aws, UPDATE).actions == (
        "cloudformation:DeleteChangeSet",
        "cloudformation:DeleteStack",
        "cloudformation:DescribeStackEvents",
        "cloudformation:DescribeStacks",
    )


@pytest.mark.parametrize(("region", "partition"), [("us-east-1", "aws"), ("cn-north-1", "aws-cn")])
def test_the_staging_bucket_is_private_encrypted_and_versioned(
    aws: Cloud, region: str, partition: str
) -> None:
    bucket = deploy.staging_bucket(ACCOUNT, region)
    with mock_aws():
        s3 = Cloud(aws.settings).client("s3", ACCOUNT, region)
        asked: list[str] = []
        s3.meta.events.register("before-call.s3", lambda model, **_: asked.append(model.name))
        create_private_bucket(s3, bucket, region, keep_old_versions_days=30)
        (statement,) = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
        (encryption,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
        assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    arn = f"arn:{partition}:s3:::{bucket}"
    assert statement["Effect"] == "Deny" and statement["Resource"] == [arn, f"{arn}/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert encryption["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert "PutBucketEncryption" in asked  # without it, a fake may claim AWS's default
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
