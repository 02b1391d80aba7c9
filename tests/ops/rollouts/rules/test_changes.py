"""The changes of a stack that need approval."""

import pytest

from ops.rollouts.rules.changes import STATEFUL, ResourceChange, required_approvals

BUCKET, QUEUE = "AWS::S3::Bucket", "AWS::SNS::Topic"


@pytest.mark.parametrize(
    ("action", "replacement", "loses", "words"),
    [
        ("Remove", "", True, "removes B (AWS::S3::Bucket)"),
        ("Modify", "True", True, "replaces B (AWS::S3::Bucket)"),
        ("Modify", "Conditional", True, "may replace B (AWS::S3::Bucket)"),
        ("Modify", "False", False, "changes B (AWS::S3::Bucket)"),
        ("Modify", "", False, "changes B (AWS::S3::Bucket)"),
        ("Add", "", False, "adds B (AWS::S3::Bucket)"),
        ("Import", "", False, "imports B (AWS::S3::Bucket)"),
        ("Dynamic", "", False, "Dynamic B (AWS::S3::Bucket)"),
    ],
)
def test_a_removed_or_replaced_resource_with_data_needs_approval(
    action: str, replacement: str, loses: bool, words: str
) -> None:
    change = ResourceChange(action, "B", BUCKET, replacement)
    assert (change.loses_data, change.description) == (loses, words)
    assert required_approvals("t", [change], []) == ((f"t {words}",) if loses else ())


@pytest.mark.parametrize("resource_type", STATEFUL)
def test_every_type_with_data_needs_approval(resource_type: str) -> None:
    assert ResourceChange("Remove", "X", resource_type).loses_data


def test_a_resource_without_data_needs_none_and_drift_does() -> None:
    assert required_approvals("t", [ResourceChange("Remove", "Q", QUEUE)], ["B", "A"]) == (
        "t overwrites what was changed by hand: A",
        "t overwrites what was changed by hand: B",
    )
