"""Deployments with responses of CloudFormation that the embedded cloud does not give: they are stubbed."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from botocore.stub import Stubber
from moto import mock_aws

from ops.aws.cloud import Cloud
from ops.aws.cloudformation import change_sets, deploy
from ops.aws.cloudformation import operations as stack_operations
from ops.aws.cloudformation.change_sets import Preview, change_set_name, read_preview
from ops.aws.cloudformation.deploy import Upload
from ops.aws.cloudformation.stacks import StackSpec, client_of, read_stack
from ops.aws.s3.staging import create_private_bucket
from ops.errors import Conflict, NotFound, StackFailed
from ops.plan import Plan, Readiness, Running, Step
from ops.settings import Account, Settings

ACCOUNT, REGION = "333333333333", "us-east-1"
ARN = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/shop/1"
CHANGE_SET = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/slipway-1/1"
AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SHOP = StackSpec(
    name="shop",
    template_body=json.dumps({"Resources": {"Group": {"Type": "AWS::Logs::LogGroup"}}}),
    parameters={},
    tags={"team": "a"},
    capabilities=("CAPABILITY_IAM",),
    account=ACCOUNT,
    region=REGION,
)
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
    has_status(stub, "CREATE_COMPLETE", "shop")
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
        "cloudformation:ListChangeSets",
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
