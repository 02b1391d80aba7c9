"""Deployment of stacks: on the embedded cloud, and with AWS's rarer responses in a stub."""

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
from ops.aws.cloudformation import change_sets, deploy
from ops.aws.cloudformation import operations as stack_operations
from ops.aws.cloudformation.change_sets import Preview, change_set_name, read_preview
from ops.aws.cloudformation.deploy import Upload
from ops.aws.cloudformation.stacks import StackSpec, client_of, read_stack
from ops.aws.s3.staging import create_private_bucket
from ops.errors import Conflict, InputError, NotFound, PlanRefused, StackFailed
from ops.operations import Operation
from ops.plan import Plan, Progress, Readiness, Running, Status, Step, execute, nest
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
    return read_preview(workbench.cloud, wanted)


def deployed(workbench: Workbench, wanted: StackSpec) -> Preview:
    prepared = preview(workbench, wanted)
    workbench.must(deploy.plan_deploy(workbench.cloud, prepared))
    return prepared


def status(workbench: Workbench, wanted: StackSpec) -> str:
    stack = read_stack(workbench.cloud, ACCOUNT, REGION, wanted.name)
    return stack.status if stack else "none"


def test_a_preview_shows_the_changes_and_changes_nothing(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    prepared = preview(workbench, wanted)
    assert prepared.creates and not prepared.destructive_changes
    assert [(c.action, c.logical_id, c.kind) for c in prepared.changes] == [
        ("Add", "Group", "AWS::Logs::LogGroup")
    ]
    assert status(workbench, wanted) == "REVIEW_IN_PROGRESS"
    assert preview(workbench, wanted).changes == prepared.changes  # a second preview creates no second stack
    workbench.perform(deploy.discard_call(workbench.cloud, prepared))
    assert status(workbench, wanted) == "none"


def test_a_temporary_preview_returns_the_changes_and_leaves_nothing(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    plan, look = deploy.plan_temporary_preview(workbench.cloud, wanted)
    found = workbench.carry_out(plan).value(look)
    assert found.creates and [change.line for change in found.changes] == ["Add Group (AWS::Logs::LogGroup)"]
    assert status(workbench, wanted) == "none"
    deployed(workbench, wanted)
    changed = replace(wanted, template_body=spec({"Group": log_group(RetentionInDays=14)}).template_body)
    plan, look = deploy.plan_temporary_preview(workbench.cloud, changed)
    assert [change.action for change in workbench.carry_out(plan).value(look).changes] == ["Modify"]
    assert status(workbench, wanted) == "CREATE_COMPLETE"


def test_a_rejected_change_set_leaves_no_empty_stack(workbench: Workbench) -> None:
    wanted = spec({"Thing": {"Type": "AWS::No::Such", "Properties": {}}})
    for plan in (
        deploy.plan_preview(workbench.cloud, wanted, ()),
        deploy.plan_temporary_preview(workbench.cloud, wanted)[0],
    ):
        assert workbench.carry_out(plan).error
        assert status(workbench, wanted) == "none"


def test_all_steps_of_a_deployment_are_steps_of_the_larger_plan(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    part = deploy.plan_stack(
        workbench.cloud, wanted, title="Create it", may_remove=lambda change: False, evidence="1 resource"
    )
    plan = Plan("Deploy one", nest(part, "here"), Operation.DEPLOY_EXPORT)
    progress: list[Progress] = []
    assert execute(plan, actor=ACTOR, audit=workbench.audit, report=progress.append).ok
    assert {step.part for step in plan.steps} == {"Create it"}
    assert [p.message for p in progress if p.message.startswith("Add")] == ["Add Group (AWS::Logs::LogGroup)"]
    recorded = [r.step for r in reversed(workbench.audit.read(20)) if r.result == "done"]
    assert recorded[-3:] == ["here: upload", "here: change-set", "here: execute"]
    again = workbench.carry_out(plan)
    assert again.results[-1].status is Status.ALREADY and again.results[-1].reason == "up to date"


def test_a_deployment_that_is_stopped_before_its_execution_changes_nothing(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    part = deploy.plan_stack(workbench.cloud, wanted, title="Create it", may_remove=lambda change: False)
    progress: list[Progress] = []
    outcome = execute(
        Plan("Deploy one", nest(part, "here"), Operation.DEPLOY_EXPORT),
        actor=ACTOR,
        audit=workbench.audit,
        report=progress.append,
        stopped=lambda: any(p.step == "here: change-set" and p.status is Status.DONE for p in progress),
    )
    assert outcome.results[-1].status is Status.NOT_RUN
    assert status(workbench, wanted) == "REVIEW_IN_PROGRESS"


def test_a_removal_that_is_not_allowed_is_refused(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group(), "Old": queue()})
    deployed(workbench, wanted)
    less = replace(spec({"Group": log_group()}), name=wanted.name)
    part = deploy.plan_stack(workbench.cloud, less, title="Update it", may_remove=lambda change: False)
    outcome = workbench.carry_out(Plan("Deploy one", nest(part, "here"), Operation.DEPLOY_EXPORT))
    assert isinstance(outcome.error, Conflict) and "delete or replace Old" in str(outcome.error)


def test_a_deployment_reports_its_events(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    plan = deploy.plan_deploy(workbench.cloud, preview(workbench, wanted))
    messages: list[str] = []
    outcome = execute(
        plan,
        actor=ACTOR,
        audit=workbench.audit,
        report=lambda progress: messages.append(progress.message),
    )
    assert outcome.ok
    assert plan.steps[0].evidence == "1 added"
    assert any("Group CREATE_COMPLETE" in line for line in messages)
    assert status(workbench, wanted) == "CREATE_COMPLETE"


def test_an_empty_change_set_is_up_to_date(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    deployed(workbench, wanted)
    again = preview(workbench, wanted)
    assert again.up_to_date
    assert deploy.plan_deploy(workbench.cloud, again).steps == ()


def queue(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def test_replacements_and_removals_are_destructive(workbench: Workbench) -> None:
    wanted = spec({"Renamed": queue(QueueName="a"), "Old": queue(), "Kept": queue(VisibilityTimeout=30)})
    deployed(workbench, wanted)
    body = {"Renamed": queue(QueueName="b"), "Kept": queue(VisibilityTimeout=60)}
    changed = preview(workbench, replace(spec(body), name=wanted.name))
    assert {change.logical_id for change in changed.destructive_changes} == {"Renamed", "Old"}
    (step,) = deploy.plan_deploy(workbench.cloud, changed).steps
    assert step.destructive
    assert step.evidence == "1 modified, 1 replaced, 1 removed"


def test_a_failed_creation_names_the_first_resource_and_can_be_retried(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group(), "Rule": BROKEN})
    with pytest.raises(StackFailed, match="sg-nowhere") as caught:
        deployed(workbench, wanted)
    assert caught.value.resource == "Rule"
    assert "next deployment" in caught.value.hint
    assert status(workbench, wanted) == "ROLLBACK_COMPLETE"
    deployed(workbench, replace(spec({"Group": log_group()}), name=wanted.name))
    assert status(workbench, wanted) == "CREATE_COMPLETE"


def test_a_failed_update_is_rolled_back(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    deployed(workbench, wanted)
    with pytest.raises(StackFailed, match="Rule") as caught:
        deployed(workbench, replace(spec({"Group": log_group(), "Rule": BROKEN}), name=wanted.name))
    assert "rolled the stack back" in caught.value.hint
    assert status(workbench, wanted) == "UPDATE_ROLLBACK_COMPLETE"


def test_an_invalid_template_creates_no_change_set(workbench: Workbench) -> None:
    wanted = spec({"Thing": {"Type": "AWS::No::Such", "Properties": {}}})
    with pytest.raises(Exception, match="AWS::No::Such"):
        preview(workbench, wanted)


def test_a_deleted_change_set_is_not_executed(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    prepared = preview(workbench, wanted)
    plan = deploy.plan_deploy(workbench.cloud, prepared)
    workbench.perform(deploy.discard_call(workbench.cloud, prepared))
    outcome = workbench.carry_out(plan)
    assert [result.status for result in outcome.results] == [Status.SKIPPED]
    assert "create the preview again" in outcome.results[0].reason


def test_an_executed_plan_is_already_done(workbench: Workbench) -> None:
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


def test_a_partly_configured_bucket_is_completed(
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
    wanted = replace(spec({}), template_body=" " * (deploy.MAX_TEMPLATE_BYTES + 1))
    with pytest.raises(InputError, match="1,048,577 bytes"):
        deploy.plan_preview(workbench.cloud, wanted, ())


def test_a_new_stack_without_a_change_set_has_no_preview(workbench: Workbench) -> None:
    with pytest.raises(NotFound, match="has no change set"):
        read_preview(workbench.cloud, spec({"Group": log_group()}))


def test_a_deletion_needs_the_name_as_confirmation(workbench: Workbench) -> None:
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


def test_the_error_names_a_bucket_that_is_not_empty(workbench: Workbench) -> None:
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


# What the embedded cloud cannot do, with stubbed responses of AWS.
ARN = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/shop/1"
CHANGE_SET = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/slipway-1/1"
AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SHOP = spec({"Group": log_group()}, name="shop")
UPDATE = Preview(SHOP, CHANGE_SET, creates=False, changes=())


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(stack_operations, "POLL_INTERVAL_S", 0.0)
    monkeypatch.setattr(change_sets, "POLL_INTERVAL_S", 0.0)
    return Cloud(Settings(cloud="aws", accounts=(Account("one", ACCOUNT),)))


@pytest.fixture
def stub(aws: Cloud) -> Iterator[Stubber]:
    """A stub that returns the prepared responses in order and requires that all are used."""
    with Stubber(client_of(aws, ACCOUNT, REGION)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def has_status(stub: Stubber, status: str, name: str = ARN) -> None:
    stack = {"StackName": "shop", "StackId": ARN, "StackStatus": status, "CreationTime": AT}
    stub.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": name})


def has_events(stub: Stubber, *newest_first: tuple[str, str, str]) -> None:
    """Prepare events, given as id, resource (the stack itself by its name) and status."""
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


def step(plan: Plan, id_: str) -> Step[object]:
    return next(step for step in plan.steps if step.id == id_)


BEFORE = ("1", "shop", "UPDATE_ROLLBACK_COMPLETE")
BEGUN = ("2", "shop", "UPDATE_IN_PROGRESS")
CHANGED = ("3", "Group", "UPDATE_COMPLETE")
ENDED = ("4", "shop", "UPDATE_COMPLETE")


def executes(stub: Stubber) -> None:
    has_status(stub, "UPDATE_ROLLBACK_COMPLETE", "shop")
    has_events(stub, BEFORE)
    stub.add_response("execute_change_set", {}, {"ChangeSetName": CHANGE_SET})


def test_the_status_before_an_update_is_not_its_result(aws: Cloud, stub: Stubber) -> None:
    executes(stub)
    has_events(stub, BEFORE)
    has_status(stub, "UPDATE_ROLLBACK_COMPLETE")
    has_events(stub, BEGUN, BEFORE)
    has_status(stub, "UPDATE_IN_PROGRESS")
    has_events(stub, BEGUN, BEFORE)
    has_status(stub, "UPDATE_COMPLETE")
    has_events(stub, ENDED, CHANGED, BEGUN, BEFORE)
    messages: list[str] = []
    step(deploy.plan_deploy(aws, UPDATE), "execute").act(Running(messages.append, {}))
    assert messages == [
        "12:00:00 shop UPDATE_IN_PROGRESS",
        "12:00:00 Group UPDATE_COMPLETE",
        "12:00:00 shop UPDATE_COMPLETE",
    ]


def test_a_failed_rollback_needs_attention(aws: Cloud, stub: Stubber) -> None:
    executes(stub)
    failed = ("5", "Group", "UPDATE_FAILED")
    has_events(stub, failed, BEGUN, BEFORE)
    has_status(stub, "UPDATE_ROLLBACK_FAILED")
    has_events(stub, failed, BEGUN, BEFORE)
    with pytest.raises(StackFailed, match=r"First failure: Group \(AWS::SQS::Queue\): because") as caught:
        step(deploy.plan_deploy(aws, UPDATE), "execute").act(Running(print, {}))
    assert caught.value.resource == "Group"
    assert "needs attention" in caught.value.hint


def test_an_operation_that_does_not_complete_times_out(
    aws: Cloud, stub: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack_operations, "STACK_TIMEOUT_S", -1.0)
    executes(stub)
    has_events(stub, BEGUN, BEFORE)
    has_status(stub, "UPDATE_IN_PROGRESS")
    with pytest.raises(Conflict, match="is still UPDATE_IN_PROGRESS"):
        step(deploy.plan_deploy(aws, UPDATE), "execute").act(Running(print, {}))


@pytest.mark.parametrize(
    ("answer", "ready", "reason"),
    [
        ("AVAILABLE", Readiness.READY, ""),
        ("EXECUTE_COMPLETE", Readiness.DONE, "already executed"),
        ("OBSOLETE", Readiness.CHANGED, "OBSOLETE: create the preview again"),
    ],
)
def test_only_an_available_change_set_is_executed(
    aws: Cloud, stub: Stubber, answer: str, ready: Readiness, reason: str
) -> None:
    stub.add_response("describe_change_set", {"ExecutionStatus": answer}, {"ChangeSetName": CHANGE_SET})
    check = step(deploy.plan_deploy(aws, UPDATE), "execute").check()
    assert check.readiness is ready
    assert check.reason.endswith(reason) and bool(check.reason) == bool(reason)


def test_a_busy_stack_gets_no_change_set(aws: Cloud, stub: Stubber) -> None:
    has_status(stub, "UPDATE_IN_PROGRESS", "shop")
    with pytest.raises(Conflict, match=r"shop: an operation is in progress \(UPDATE_IN_PROGRESS\)"):
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
def test_only_a_stack_whose_creation_failed_is_deleted_first(
    aws: Cloud, stub: Stubber, status: str, ready: Readiness
) -> None:
    has_status(stub, status, "shop")
    assert step(deploy.plan_preview(aws, SHOP, ()), "leftover").check().readiness is ready


def makes_change_set(stub: Stubber, status: str, reason: str) -> None:
    """Prepare the change set of an existing stack, after the deletion of an earlier one with its name."""
    has_status(stub, "CREATE_COMPLETE", "shop")
    named = {"StackName": "shop", "ChangeSetName": change_set_name(SHOP)}
    stub.add_client_error("delete_change_set", "ChangeSetNotFound", "none", expected_params=named)
    template = f"templates/{hashlib.sha256(SHOP.template_body.encode()).hexdigest()[:16]}.json"
    request = named | {
        "ChangeSetType": "UPDATE",
        "TemplateURL": f"https://s3.{REGION}.amazonaws.com/slipway-staging-{ACCOUNT}-{REGION}/{template}",
        "Parameters": [],
        "Tags": [{"Key": "team", "Value": "a"}],
        "Capabilities": ["CAPABILITY_IAM"],
    }
    stub.add_response("create_change_set", {"Id": CHANGE_SET}, request)
    for current in ("CREATE_PENDING", status):
        answer = {"Status": current, "StatusReason": reason}
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
    step(deploy.plan_preview(aws, SHOP, ()), "change-set").act(Running(print, {}))


def test_the_error_of_a_failed_change_set_has_its_reason(aws: Cloud, stub: Stubber) -> None:
    makes_change_set(stub, "FAILED", "Transform AWS::Nothing failed")
    named = {"StackName": "shop", "ChangeSetName": change_set_name(SHOP)}
    stub.add_response("delete_change_set", {}, named)
    with pytest.raises(StackFailed, match="change set for shop: Transform AWS::Nothing failed") as caught:
        step(deploy.plan_preview(aws, SHOP, ()), "change-set").act(Running(print, {}))
    assert "Nothing was changed" in caught.value.hint


def test_a_stack_in_review_without_its_change_set_is_not_up_to_date(aws: Cloud, stub: Stubber) -> None:
    has_status(stub, "REVIEW_IN_PROGRESS", "shop")
    stub.add_client_error("describe_change_set", "ChangeSetNotFound", "none")
    with pytest.raises(NotFound, match="shop has no change set"):
        read_preview(aws, SHOP)


def test_the_error_says_how_to_disable_termination_protection(aws: Cloud, stub: Stubber) -> None:
    has_status(stub, "CREATE_COMPLETE", "shop")
    stack = read_stack(aws, ACCOUNT, REGION, "shop")
    assert stack
    has_events(stub, BEFORE)
    message = f"Stack [{ARN}] cannot be deleted while TerminationProtection is enabled"
    stub.add_client_error("delete_stack", "ValidationError", message, expected_params={"StackName": ARN})
    with pytest.raises(Conflict, match="shop: termination protection is enabled") as caught:
        step(deploy.plan_delete(aws, stack, ACCOUNT, REGION), "delete").act(Running(print, {}))
    assert "--no-enable-termination-protection --stack-name shop" in caught.value.hint


def test_planning_makes_no_calls(aws: Cloud, stub: Stubber) -> None:
    # The stub has no responses, so any call would fail.
    plan = deploy.plan_preview(aws, SHOP, (Upload("a.sql", b"SELECT 1"),))
    assert [step.id for step in plan.steps] == ["bucket", "upload", "leftover", "change-set"]
    assert deploy.discard_call(aws, UPDATE).step.actions == (
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
        calls: list[str] = []
        s3.meta.events.register("before-call.s3", lambda model, **_: calls.append(model.name))
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
    assert "PutBucketEncryption" in calls  # the emulator may return AWS's default without it
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
