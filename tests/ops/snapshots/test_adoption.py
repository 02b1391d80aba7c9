"""What a snapshot pipeline keeps of an adopted one."""

import pytest

from ops.aws.cloudformation.resources import StackResource
from ops.snapshots import adoption
from ops.snapshots.pipeline.model import NAME_FORMAT
from ops.snapshots.policy.model import parse_policy


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{database_identifier:.42}-sanitized-{date:%Y-%m-%d}", "{database}-sanitized-{date}-{time}"),
        ("qa-{date:%Y}", "qa-{date}-{time}"),
        ("{database_identifier}-{date:%H}", "{database}-{date}-{time}"),
        ("always-the-same", NAME_FORMAT),
        ("{date}_x", NAME_FORMAT),
    ],
)
def test_a_name_has_the_time_of_the_run(before: str, after: str) -> None:
    assert adoption.new_name_format(before) == after


@pytest.mark.parametrize("sql", ["DELETE FROM \"a\\b\" WHERE x = 'é';\nSELECT 1", "SELECT '''"])
def test_the_sql_is_kept_as_it_is(sql: str) -> None:
    policy = parse_policy(adoption.default_policy("postgres", sql))
    assert (policy.before, policy.unlisted, policy.tables) == (sql, "fail", ())


def test_a_stack_with_more_than_the_construct_is_not_deleted() -> None:
    director = StackResource("QaDirector0123ABCD", "AWS::StepFunctions::StateMachine", "arn")
    construct = [director, StackResource("QaSG12", "AWS::EC2::SecurityGroup", "sg")]
    metadata = StackResource("CDKMetadata", "AWS::CDK::Metadata", "")
    assert adoption._others(director, [*construct, metadata]) == ""
    assert "AppQueue" in adoption._others(
        director, [*construct, StackResource("AppQueue", "AWS::SQS::Queue", "q")]
    )
