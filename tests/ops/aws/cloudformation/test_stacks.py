"""Reading CloudFormation: stacks and changes over pages, events in order, and the first failure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber

from ops.aws.cloud import Cloud
from ops.aws.cloudformation import stacks as cfn
from ops.aws.cloudformation.stacks import Change, Stack, StackEvent
from ops.errors import AccessDenied, AwsError
from ops.settings import Account, Settings

ACCOUNT, REGION = "123456789012", "eu-west-1"
STACK = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/shop/1"
CHANGE_SET = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/slipway-1/1"
AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return Cloud(Settings(cloud="aws", accounts=(Account("one", ACCOUNT),)))


@pytest.fixture
def stub(aws: Cloud) -> Iterator[Stubber]:
    """A stub that returns the prepared responses in order and requires that all are used."""
    with Stubber(cfn.client_of(aws, ACCOUNT, REGION)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def described(name: str, status: str = "CREATE_COMPLETE", **more: Any) -> dict[str, Any]:
    return {"StackName": name, "StackId": STACK, "StackStatus": status, "CreationTime": AT, **more}


def test_a_stack_is_read_with_its_parameters_and_outputs(aws: Cloud, stub: Stubber) -> None:
    item = described(
        "shop",
        "UPDATE_COMPLETE",
        StackStatusReason="because",
        Description="About it",
        Parameters=[{"ParameterKey": "Size", "ParameterValue": "big"}, {"ParameterKey": "Secret"}],
        Outputs=[{"OutputKey": "Asked", "OutputValue": "big"}],
        Tags=[{"Key": "team", "Value": "a"}],
    )
    stub.add_response("describe_stacks", {"Stacks": [item]}, {"StackName": "shop"})
    assert cfn.read_stack(aws, ACCOUNT, REGION, "shop") == Stack(
        name="shop",
        id=STACK,
        status="UPDATE_COMPLETE",
        status_reason="because",
        description="About it",
        outputs={"Asked": "big"},
        parameters={"Size": "big", "Secret": ""},
        tags={"team": "a"},
        created=AT,
        updated=None,
    )


def test_stacks_are_listed_over_pages_by_name(aws: Cloud, stub: Stubber) -> None:
    first = {"Stacks": [described("b"), described("c", LastUpdatedTime=AT)], "NextToken": "more"}
    stub.add_response("describe_stacks", first, {})
    stub.add_response("describe_stacks", {"Stacks": [described("a")]}, {"NextToken": "more"})
    stacks = cfn.list_stacks(aws, ACCOUNT, REGION)
    assert [(stack.name, stack.updated) for stack in stacks] == [("a", None), ("b", None), ("c", AT)]


def refuse(stub: Stubber, code: str, message: str) -> None:
    stub.add_client_error("describe_stacks", code, message, expected_params={"StackName": "shop"})


def test_a_stack_that_does_not_exist_is_none(aws: Cloud, stub: Stubber) -> None:
    refuse(stub, "ValidationError", "Stack with id shop does not exist")
    assert cfn.read_stack(aws, ACCOUNT, REGION, "shop") is None


@pytest.mark.parametrize(
    ("code", "message", "error"),
    [
        ("ValidationError", "1 validation error detected", AwsError),
        ("AccessDenied", "User is not authorized; it does not exist", AccessDenied),
    ],
)
def test_other_errors_do_not_mean_that_the_stack_is_missing(
    aws: Cloud, stub: Stubber, code: str, message: str, error: type[AwsError]
) -> None:
    refuse(stub, code, message)
    with pytest.raises(error, match="Reading the stack shop") as caught:
        cfn.read_stack(aws, ACCOUNT, REGION, "shop")
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("status", "busy", "failed"),
    [
        ("CREATE_COMPLETE", False, False),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", True, False),
        ("REVIEW_IN_PROGRESS", False, False),
        ("ROLLBACK_IN_PROGRESS", True, True),
        ("ROLLBACK_COMPLETE", False, True),
        ("UPDATE_ROLLBACK_FAILED", False, True),
        ("DELETE_FAILED", False, True),
    ],
)
def test_a_status_shows_whether_a_stack_is_busy_or_failed(
    aws: Cloud, stub: Stubber, status: str, busy: bool, failed: bool
) -> None:
    stub.add_response("describe_stacks", {"Stacks": [described("shop", status)]}, {"StackName": "shop"})
    stack = cfn.read_stack(aws, ACCOUNT, REGION, "shop")
    assert stack and (stack.busy, stack.failed) == (busy, failed)


def changed(action: str, logical_id: str, **more: Any) -> dict[str, Any]:
    change = {"Action": action, "LogicalResourceId": logical_id, "ResourceType": "AWS::SQS::Queue", **more}
    return {"Type": "Resource", "ResourceChange": change}


def test_changes_are_read_over_pages_with_their_properties(aws: Cloud, stub: Stubber) -> None:
    details = [
        {"Target": {"Attribute": "Properties", "Name": "QueueName"}},
        {"Target": {"Attribute": "Properties", "Name": "DelaySeconds"}},
        {"Target": {"Attribute": "Properties", "Name": "QueueName"}},
        {"Target": {"Attribute": "Tags"}},
    ]
    modified = changed("Modify", "B", PhysicalResourceId="b-1", Replacement="Conditional", Details=details)
    first = {"Changes": [changed("Add", "A"), modified], "NextToken": "more"}
    second = {"Changes": [changed("Remove", "C", PhysicalResourceId="c-1"), changed("Modify", "D")]}
    stub.add_response("describe_change_set", first, {"ChangeSetName": CHANGE_SET})
    stub.add_response("describe_change_set", second, {"ChangeSetName": CHANGE_SET, "NextToken": "more"})
    changes = cfn.read_changes(cfn.client_of(aws, ACCOUNT, REGION), CHANGE_SET)
    queue, properties = "AWS::SQS::Queue", ("DelaySeconds", "QueueName")
    assert changes == (
        Change("Add", "A", queue, "", "", ()),
        Change("Modify", "B", queue, "b-1", "Conditional", properties),
        Change("Remove", "C", queue, "c-1", "", ()),
        Change("Modify", "D", queue, "", "", ()),
    )
    assert [change.is_destructive for change in changes] == [False, True, True, False]


def happened(number: int, physical_id: str = "q-1", kind: str = "AWS::SQS::Queue") -> dict[str, Any]:
    return {
        "StackId": STACK,
        "StackName": "shop",
        "EventId": str(number),
        "Timestamp": AT + timedelta(seconds=number),
        "LogicalResourceId": f"R{number}",
        "PhysicalResourceId": physical_id,
        "ResourceType": kind,
        "ResourceStatus": "CREATE_FAILED",
        "ResourceStatusReason": "no",
    }


def test_events_are_returned_oldest_first_up_to_the_last_known_one(aws: Cloud, stub: Stubber) -> None:
    newest = {"StackEvents": [happened(5), happened(4)], "NextToken": "more"}
    stub.add_response("describe_stack_events", newest, {"StackName": STACK})
    older = {"StackEvents": [happened(3), happened(2)], "NextToken": "never requested"}
    stub.add_response("describe_stack_events", older, {"StackName": STACK, "NextToken": "more"})
    events = cfn.events_after(cfn.client_of(aws, ACCOUNT, REGION), STACK, "2")
    assert [event.id for event in events] == ["3", "4", "5"]
    assert events[0].line == "12:00:03 R3 CREATE_FAILED no"


def test_only_events_of_the_stack_itself_are_own_events(aws: Cloud, stub: Stubber) -> None:
    stack, nested = "AWS::CloudFormation::Stack", f"{STACK}-nested"
    answer = {"StackEvents": [happened(3), happened(2, nested, stack), happened(1, STACK, stack)]}
    stub.add_response("describe_stack_events", answer, {"StackName": STACK})
    events = cfn.events_after(cfn.client_of(aws, ACCOUNT, REGION), STACK, "")
    assert [event.own for event in events] == [True, False, False]
    first = cfn.first_failure(events)
    assert first and (first.logical_id, first.kind) == ("R2", stack)


def event(logical_id: str, status: str, reason: str = "", own: bool = False) -> StackEvent:
    return StackEvent(logical_id, AT, logical_id, "AWS::SQS::Queue", status, reason, own)


@pytest.mark.parametrize("cancelled", ["Resource creation cancelled", "Resource update cancelled"])
def test_the_first_failure_is_not_a_canceled_resource(cancelled: str) -> None:
    events = [
        event("A", "CREATE_IN_PROGRESS"),
        event("B", "CREATE_FAILED", cancelled),
        event("shop", "CREATE_FAILED", "The following resource(s) failed", own=True),
        event("C", "CREATE_FAILED", "Access denied"),
        event("D", "DELETE_FAILED", "later"),
    ]
    found = cfn.first_failure(events)
    assert found and found.logical_id == "C"
    assert cfn.first_failure(events[:3]) is None
