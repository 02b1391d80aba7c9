"""A rollback of CloudFormation's own that failed: the embedded cloud cannot be brought into it."""

import json
from typing import Any

import pytest

from ops.functions.rollouts import rollback, stacks, store, targets
from ops.functions.rollouts.aws import NotReady, TargetFailed
from ops.functions.rollouts.stacks import RecordedStack
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


def test_a_rollback_that_went_on_well_is_compared_with_the_record(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, Any]
) -> None:
    stack(monkeypatch, "UPDATE_ROLLBACK_COMPLETE")
    monkeypatch.setattr(stacks, "record_stack", lambda target, found: BEFORE)
    assert rollback.roll_back(EVENT) == {}
    assert known["state"] == TargetState.ROLLED_BACK


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
