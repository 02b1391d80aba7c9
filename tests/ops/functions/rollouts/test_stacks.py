"""The changes of a change set, and of those of its nested stacks: the embedded cloud has none of these."""

from collections.abc import Iterator
from typing import Any

import pytest

from ops.functions.rollouts import stacks
from ops.rollouts.rules.changes import STACK, ResourceChange, required_approvals
from ops.rollouts.rules.model import RolloutTarget

TARGET = RolloutTarget("111111111111", "eu-west-1", "parent", {}, (), None, 0)
TABLE = "AWS::DynamoDB::Table"


def change(action: str, name: str, type_: str, **more: str) -> dict[str, Any]:
    return {"ResourceChange": {"Action": action, "LogicalResourceId": name, "ResourceType": type_, **more}}


def change_set(*changes: dict[str, Any], status: str = "CREATE_COMPLETE", why: str = "") -> dict[str, Any]:
    return {"Status": status, "StatusReason": why, "Changes": list(changes)}


class CloudFormation:
    """Change sets by name, each in one page for every change."""

    def __init__(self, sets: dict[str, dict[str, Any]]) -> None:
        self.sets = sets

    def get_paginator(self, name: str) -> "CloudFormation":
        assert name == "describe_change_set"
        return self

    def paginate(self, **asked: str) -> Iterator[dict[str, Any]]:
        found = self.sets[asked["ChangeSetName"]]
        assert ("StackName" in asked) == (asked["ChangeSetName"] == "root")
        for item in found["Changes"] or [None]:
            yield {**found, "Changes": [item] if item else []}


def changes(monkeypatch: pytest.MonkeyPatch, **sets: dict[str, Any]) -> list[ResourceChange]:
    monkeypatch.setattr(stacks, "cloudformation", lambda target: CloudFormation(sets))
    return stacks.list_changes(TARGET, "root")


def nested(change_set: str) -> dict[str, Any]:
    return change("Modify", "Storage", STACK, Replacement="False", ChangeSetId=change_set)


def test_a_change_inside_a_nested_stack_needs_approval_by_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    found = changes(
        monkeypatch,
        root=change_set(change("Add", "Rule", "AWS::Events::Rule"), nested("one")),
        one=change_set(nested("two"), change("Modify", "Bucket", "AWS::S3::Bucket", Replacement="False")),
        two=change_set(change("Modify", "Table", TABLE, Replacement="True")),
    )
    assert [each.logical_id for each in found] == [
        *("Rule", "Storage/Storage/Table", "Storage/Storage", "Storage/Bucket", "Storage"),
    ]
    assert required_approvals("t", found, ()) == (f"t replaces Storage/Storage/Table ({TABLE})",)


def test_a_nested_stack_that_does_not_change_needs_no_approval(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = change_set(status="FAILED", why="The submitted information didn't contain changes.")
    found = changes(monkeypatch, root=change_set(nested("one")), one=empty)
    assert required_approvals("t", found, ()) == ()


@pytest.mark.parametrize(
    "nested_item", [nested("one"), change("Modify", "Storage", STACK)], ids=["failed", "none"]
)
def test_a_nested_stack_that_was_not_read_needs_approval(
    monkeypatch: pytest.MonkeyPatch, nested_item: dict[str, Any]
) -> None:
    failed = change_set(status="FAILED", why="Access denied")
    found = changes(monkeypatch, root=change_set(nested_item), one=failed)
    reason = "a nested stack, whose changes were not read"
    assert required_approvals("t", found, ()) == (f"t changes Storage ({STACK}): {reason}",)


def test_a_removed_nested_stack_needs_approval(monkeypatch: pytest.MonkeyPatch) -> None:
    removed = change("Remove", "Storage", STACK, ChangeSetId="one")
    found = changes(monkeypatch, root=change_set(removed), one=change_set())
    assert [each.may_lose_data for each in found] == [True]
