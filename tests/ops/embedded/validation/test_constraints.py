"""Constraints of service models: what is violated, and how AWS words it."""

from typing import Any

import pytest
from botocore.model import StructureShape
from botocore.session import get_session

from ops.embedded.validation.constraints import violations
from ops.embedded.validation.refusals import message_of
from tests.conformance.test_models import FIRST, operations
from tests.conformance.variants import NoExample, valid


def input_of(name: str, operation: str) -> StructureShape:
    found = get_session().get_service_model(name).operation_model(operation).input_shape
    assert isinstance(found, StructureShape)
    return found


@pytest.mark.parametrize(
    ("parameters", "given", "member", "constraint"),
    [
        ({"RoleName": "r" * 65}, f"'{'r' * 65}'", "roleName", "have length less than or equal to 64"),
        ({"MaxSessionDuration": 1}, "'1'", "maxSessionDuration", "have value greater than or equal to 3600"),
        (
            {"RoleName": "a b"},
            "'a b'",
            "roleName",
            r"satisfy regular expression pattern: [\w+=,.@-]+",
        ),
        ({"RoleName": None}, "null", "roleName", "not be null"),
    ],
)
def test_a_violation_is_worded_as_aws_words_it(
    parameters: dict[str, Any], given: str, member: str, constraint: str
) -> None:
    request = {"RoleName": "r", "AssumeRolePolicyDocument": "{}", **parameters}
    assert list(violations(input_of("iam", "CreateRole"), request)) == [
        f"Value {given} at '{member}' failed to satisfy constraint: Member must {constraint}"
    ]


def test_members_of_lists_are_named_by_number() -> None:
    tags = [{"TagKey": "k", "TagValue": "v"}, {"TagKey": "", "TagValue": "v"}]
    (violation,) = violations(input_of("kms", "CreateKey"), {"Tags": tags})
    assert violation.startswith("Value '' at 'tags.2.member.tagKey' failed")


def test_java_classes_in_a_pattern_are_read() -> None:
    tag = {"Tags": [{"Key": "Größe", "Value": "1 m²"}], "RoleName": "r"}
    assert list(violations(input_of("iam", "TagRole"), tag)) == []
    snowman = {"Tags": [{"Key": "\N{SNOWMAN}", "Value": ""}], "RoleName": "r"}
    assert len(list(violations(input_of("iam", "TagRole"), snowman))) == 1


def test_several_violations_are_counted() -> None:
    assert message_of(["a", "b"]) == "2 validation errors detected: a; b"


@pytest.mark.parametrize("service", FIRST)
def test_a_valid_request_violates_nothing(service: str) -> None:
    for operation in operations(service):
        if operation.input_shape:
            try:
                assert not list(violations(operation.input_shape, valid(operation.input_shape))), (
                    operation.name
                )
            except NoExample:
                continue
