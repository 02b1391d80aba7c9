"""The changes of a stack that need approval."""

import pytest

from ops.rollouts.rules.changes import STACK, STATEFUL, ResourceChange, required_approvals
from ops.rollouts.rules.stateless import STATELESS

BUCKET, RULE = "AWS::S3::Bucket", "AWS::Events::Rule"
UNKNOWN = "not known to be stateless"


@pytest.mark.parametrize(
    ("action", "replacement", "loses", "words"),
    [
        ("Remove", "", True, "removes B (AWS::S3::Bucket)"),
        ("Modify", "True", True, "replaces B (AWS::S3::Bucket)"),
        ("Modify", "Conditional", True, "may replace B (AWS::S3::Bucket)"),
        ("Modify", "Perhaps", True, "may replace B (AWS::S3::Bucket)"),
        ("Modify", "False", False, "changes B (AWS::S3::Bucket)"),
        ("Modify", "", False, "changes B (AWS::S3::Bucket)"),
        ("Add", "", False, "adds B (AWS::S3::Bucket)"),
        ("Import", "", False, "imports B (AWS::S3::Bucket)"),
        ("Dynamic", "", True, "may replace or remove B (AWS::S3::Bucket)"),
    ],
)
def test_a_removed_or_replaced_resource_with_data_needs_approval(
    action: str, replacement: str, loses: bool, words: str
) -> None:
    change = ResourceChange(action, "B", BUCKET, replacement)
    assert (change.may_lose_data, change.description) == (loses, words)
    assert required_approvals("t", [change], []) == ((f"t {words}",) if loses else ())


# Types that store data and that no list of such types had; and some that do not exist, or not yet.
UNLISTED = (
    *("AWS::MemoryDB::Cluster", "AWS::RDS::GlobalCluster", "AWS::OpenSearchServerless::Collection"),
    *("AWS::DSQL::Cluster", "AWS::Cassandra::Table", "AWS::RedshiftServerless::Namespace"),
    *("AWS::AmazonMQ::Broker", "AWS::S3Tables::Table", "AWS::DocDBElastic::Cluster", "AWS::FSx::Volume"),
    *("AWS::Cognito::IdentityPool", "AWS::EC2::EIP", "AWS::SSM::Parameter", "AWS::SNS::Topic"),
    *("AWS::StepFunctions::StateMachine", "AWS::Lambda::EventSourceMapping", "AWS::ApiGateway::RestApi"),
    *("AWS::Next::Thing", "MongoDB::Atlas::Cluster", "Alexa::ASK::Skill", "Company::Data::Store::MODULE"),
)


@pytest.mark.parametrize("resource_type", UNLISTED)
@pytest.mark.parametrize(
    ("action", "replacement"), [("Remove", ""), ("Modify", "True")], ids=["Remove", "Modify"]
)
def test_what_is_not_known_to_be_stateless_needs_approval(
    resource_type: str, action: str, replacement: str
) -> None:
    (line,) = required_approvals("t", [ResourceChange(action, "X", resource_type, replacement)], [])
    assert line.endswith(f"X ({resource_type}): {UNKNOWN}")


@pytest.mark.parametrize("resource_type", STATEFUL)
def test_a_type_with_data_needs_approval_without_an_explanation(resource_type: str) -> None:
    lines = required_approvals("t", [ResourceChange("Remove", "X", resource_type)], [])
    assert lines == (f"t removes X ({resource_type})",)


def test_no_type_is_in_both_lists_and_none_is_a_family() -> None:
    assert not STATELESS & set(STATEFUL)
    assert all(name.startswith("AWS::") and name.count("::") == 2 for name in STATELESS)


@pytest.mark.parametrize("resource_type", ["Custom::Database", "AWS::CloudFormation::CustomResource"])
def test_any_change_of_a_custom_resource_needs_approval_but_its_creation(resource_type: str) -> None:
    for action in ("Modify", "Remove"):
        (line,) = required_approvals("t", [ResourceChange(action, "X", resource_type, "False")], [])
        assert line.endswith(": a custom resource, whose provider decides what is deleted")
    assert not ResourceChange("Add", "X", resource_type).may_lose_data


def test_a_nested_stack_needs_approval_unless_its_changes_were_read() -> None:
    unread = ResourceChange("Modify", "N", STACK, "False")
    reason = "a nested stack, whose changes were not read"
    assert required_approvals("t", [unread], []) == (f"t changes N ({STACK}): {reason}",)
    assert not ResourceChange("Modify", "N", STACK, "False", read=True).may_lose_data
    assert ResourceChange("Modify", "N", STACK, "True", read=True).may_lose_data
    assert not ResourceChange("Add", "N", STACK).may_lose_data


def test_a_resource_without_data_needs_none_and_drift_does() -> None:
    assert required_approvals("t", [ResourceChange("Remove", "Q", RULE)], ["B", "A"]) == (
        "t overwrites what was changed by hand: A",
        "t overwrites what was changed by hand: B",
    )
