"""Constraints of service models: what is violated, and how AWS words it."""

from typing import Any

import pytest
from botocore.model import StructureShape
from botocore.session import get_session

from ops.embedded.validation.constraints import violations
from ops.embedded.validation.refusals import message_of
from tests.conformance.test_models import FIRST, operations
from tests.conformance.variants import NoExample, valid


def shape(name: str, operation: str) -> StructureShape:
    found = get_session().get_service_model(name).operation_model(operation).input_shape
    assert isinstance(found, StructureShape)
    return found


@pytest.mark.parametrize(
    ("parameters", "violated"),
    [
        (
            {"RoleName": "r" * 65},
            f"Value '{'r' * 65}' at 'roleName' failed to satisfy constraint: Member must have "
            "length less than or equal to 64",
        ),
        (
            {"RoleName": "r", "MaxSessionDuration": 1},
            "Value '1' at 'maxSessionDuration' failed to satisfy "
            "constraint: Member must have value greater than or equal to 3600",
        ),
        (
            {"RoleName": "a b"},
            "Value 'a b' at 'roleName' failed to satisfy constraint: Member must satisfy regular "
            "expression pattern: [\\w+=,.@-]+",
        ),
        ({}, "Value null at 'roleName' failed to satisfy constraint: Member must not be null"),
    ],
)
def test_a_violation_is_worded_as_aws_words_it(parameters: dict[str, Any], violated: str) -> None:
    given = {"AssumeRolePolicyDocument": "{}", **parameters}
    assert list(violations(shape("iam", "CreateRole"), given)) == [violated]


def test_members_of_lists_and_maps_are_named_by_place() -> None:
    tags = [{"Key": "k", "Value": "v"}, {"Key": "", "Value": "v"}]
    found = list(
        violations(shape("kms", "CreateKey"), {"Tags": [{"TagKey": t["Key"], "TagValue": "v"} for t in tags]})
    )
    assert [text.partition("' failed")[0] for text in found] == ["Value '' at 'tags.2.member.tagKey"]


def test_java_classes_in_a_pattern_are_read() -> None:
    tag = {"Tags": [{"Key": "Größe", "Value": "1 m²"}], "RoleName": "r"}
    assert list(violations(shape("iam", "TagRole"), tag)) == []
    snowman = {"Tags": [{"Key": "\N{SNOWMAN}", "Value": ""}], "RoleName": "r"}
    assert len(list(violations(shape("iam", "TagRole"), snowman))) == 1


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
