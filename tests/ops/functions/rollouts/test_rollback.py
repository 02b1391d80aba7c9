"""A rollback of CloudFormation's own that failed: the embedded cloud cannot be brought into it."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.functions.rollouts import rollback, stacks, store, targets
from ops.functions.rollouts.aws import Denied, NotReady, TargetFailed
from ops.functions.rollouts.recorded import RecordedStack
from ops.rollouts.rules.decisions import TargetState
from ops.rollouts.rules.document import Document
from tests.ops.rollouts.samples import FILE, SHOP, A, B

EVENT = {"run": "shop-1", "target": f"{A}/eu-north-1/shop"}
DOCUMENT = Document("shop-1", FILE, SHOP, {"unit ou-ab12-11111111": [A, B]}, "new", "Ada")
BEFORE = RecordedStack(True, "arn:stack", "t0", "UPDATE_COMPLETE", "old", {"Size": "old"}, {}, [], "arn:role")
KNOWN = {
    "state": TargetState.ROLLING_BACK,
    "before": "key",
    "change_set": "arn",
    "stack_id": "arn:stack",
    "executed": "t",
}


class CloudFormation:
    """One stack, in whichever status; notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def continue_update_rollback(self, **asked: Any) -> None:
        self.asked.append(asked)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the controller remembers of the target; in place of table and bucket."""
    item: dict[str, Any] = dict(KNOWN)
    target = DOCUMENT.targets[EVENT["target"]][1]
    monkeypatch.setattr(targets, "load_target", lambda event: (DOCUMENT, target, dict(item)))
    monkeypatch.setattr(store, "read", lambda key: BEFORE.to_json())
    monkeypatch.setattr(store, "get", lambda run, name: dict(item))
    monkeypatch.setattr(store, "append_log", lambda *words, **more: None)
    monkeypatch.setattr(store, "update", lambda run, name, values: item.update(values))
    return item


def stack(monkeypatch: pytest.MonkeyPatch, status: str) -> CloudFormation:
    cfn = CloudFormation()
    found = {"StackId": "arn:stack", "StackStatus": status, "RoleARN": "arn:role", "CreationTime": "t0"}
    monkeypatch.setattr(stacks, "describe", lambda target, id_="": found)
    monkeypatch.setattr(stacks, "cloudformation", lambda target: cfn)
    monkeypatch.setattr(stacks, "first_failure", lambda target, id_: "Table: it is in use")
    monkeypatch.setattr(stacks, "failed_rollbacks", lambda target, id_: ["Table"])
    return cfn


def test_a_failed_rollback_goes_on_twice_and_is_then_named(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, Any]
) -> None:
    cfn = stack(monkeypatch, "UPDATE_ROLLBACK_FAILED")
    for _ in range(rollback.MAX_ATTEMPTS):
        with pytest.raises(NotReady):
            rollback.roll_back(EVENT)
    with pytest.raises(TargetFailed, match="UPDATE_ROLLBACK_FAILED: Table: it is in use"):
        rollback.roll_back(EVENT)
    assert cfn.asked == [{"StackName": "arn:stack", "RoleARN": "arn:role"}] * rollback.MAX_ATTEMPTS


def test_a_failed_rollback_names_what_can_be_skipped_and_never_claims_it(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, Any]
) -> None:
    known["continuations"] = str(rollback.MAX_ATTEMPTS)
    stack(monkeypatch, "UPDATE_ROLLBACK_FAILED")
    skip = "continue-update-rollback --stack-name arn:stack --resources-to-skip Table. Then retry"
    with pytest.raises(TargetFailed, match=skip):
        rollback.roll_back(EVENT)
    stack(monkeypatch, "UPDATE_ROLLBACK_COMPLETE")  # an operator did so
    monkeypatch.setattr(stacks, "record_stack", lambda target, found: BEFORE)
    assert rollback.roll_back(EVENT) == {}
    assert known["why"] == "equal to the record but for the resource Table, whose rollback failed"


def test_a_rollback_that_went_on_well_is_compared_with_the_record(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, Any]
) -> None:
    stack(monkeypatch, "UPDATE_ROLLBACK_COMPLETE")
    monkeypatch.setattr(stacks, "record_stack", lambda target, found: BEFORE)
    assert rollback.roll_back(EVENT) == {}
    assert known["state"] == TargetState.ROLLED_BACK and known["why"] == "verified equal to the record"


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"])
def test_a_stack_that_is_busy_is_awaited(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, Any], status: str
) -> None:
    stack(monkeypatch, status)
    with pytest.raises(NotReady, match=status):
        rollback.roll_back(EVENT)


def test_a_snapshot_comes_back_from_its_json() -> None:
    assert RecordedStack(**json.loads(BEFORE.to_json())) == BEFORE


def test_what_was_never_executed_has_nothing_to_go_back_from(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, Any]
) -> None:
    del known["executed"]
    forgotten: list[str] = []
    monkeypatch.setattr(targets, "delete_change_set", lambda target, name, existed: forgotten.append(name))
    assert rollback.roll_back(EVENT) == {}
    assert known["state"] == TargetState.ROLLED_BACK and known["why"] == "the stack had not been changed"
    assert forgotten == [targets.change_set_name(EVENT)]


def test_a_target_that_never_began_is_untouched_without_a_call_to_its_account(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, Any]
) -> None:
    del known["executed"], known["before"], known["change_set"]
    monkeypatch.setattr(stacks, "cloudformation", lambda target: pytest.fail("a call to the account"))
    assert rollback.roll_back(EVENT) == {}
    assert known["state"] == TargetState.ROLLED_BACK and known["why"] == "the stack had not been changed"


def test_a_target_that_was_only_prepared_is_untouched_though_its_account_denies_access(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, Any]
) -> None:
    del known["executed"]

    def denied(target: object, name: str, existed: bool) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no role"}}, "AssumeRole")

    monkeypatch.setattr(targets, "delete_change_set", denied)
    for _ in range(rollback.MAX_ATTEMPTS):  # the role may come back
        with pytest.raises(Denied):
            rollback.roll_back(EVENT)
    assert rollback.roll_back(EVENT) == {} and known["state"] == TargetState.ROLLED_BACK
    assert targets.change_set_name(EVENT) in known["why"] and "no role" in known["why"]


class Created(CloudFormation):
    """A stack that the rollout created, with the events of these resources, newest first."""

    def __init__(self, *events: tuple[str, str, str]) -> None:
        super().__init__()
        self.events = events

    def get_paginator(self, name: str) -> "Created":
        return self

    def paginate(self, **asked: str) -> list[dict[str, Any]]:
        own = {"LogicalResourceId": "shop", "ResourceType": "AWS::CloudFormation::Stack"}
        events = [{**own, "PhysicalResourceId": "arn:stack", "ResourceStatus": "CREATE_COMPLETE"}]
        events += [
            {"LogicalResourceId": name, "ResourceType": type_, "ResourceStatus": status}
            for name, type_, status in self.events
        ]
        return [{"StackEvents": [{"StackId": "arn:stack", **event} for event in events]}]

    def delete_stack(self, **asked: Any) -> None:
        self.asked.append(asked)


def created(monkeypatch: pytest.MonkeyPatch, status: str, *events: tuple[str, str, str]) -> Created:
    cfn = Created(*events)
    stack(monkeypatch, status)
    monkeypatch.setattr(stacks, "cloudformation", lambda target: cfn)
    monkeypatch.setattr(store, "read", lambda key: RecordedStack(existed=False).to_json())
    return cfn


@pytest.mark.parametrize("type_", ["AWS::DynamoDB::Table", "AWS::Next::Thing", "AWS::CloudFormation::Stack"])
def test_a_new_stack_that_may_hold_data_is_retained_and_named(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, Any], type_: str
) -> None:
    rule = ("Rule", "AWS::Events::Rule", "CREATE_COMPLETE")
    cfn = created(monkeypatch, "CREATE_COMPLETE", rule, ("Orders", type_, "CREATE_COMPLETE"))
    with pytest.raises(TargetFailed, match=f"is retained, because it may hold data: Orders .{type_}.. "):
        rollback.roll_back(EVENT)
    assert cfn.asked == []


@pytest.mark.parametrize(
    ("status", "event"),
    [
        ("CREATE_COMPLETE", ("Setting", "AWS::SSM::Parameter", "CREATE_COMPLETE")),
        ("CREATE_COMPLETE", ("Orders", "AWS::DynamoDB::Table", "DELETE_COMPLETE")),
        ("ROLLBACK_COMPLETE", ("Orders", "AWS::DynamoDB::Table", "CREATE_COMPLETE")),
    ],
    ids=["no data", "deleted", "never completed"],
)
def test_a_new_stack_without_data_is_deleted(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, Any], status: str, event: tuple[str, str, str]
) -> None:
    cfn = created(monkeypatch, status, event)
    with pytest.raises(NotReady, match="is being deleted"):
        rollback.roll_back(EVENT)
    assert cfn.asked == [{"StackName": "arn:stack"}]
