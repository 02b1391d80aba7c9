"""The values outside a stack that a template refers to without a fixed version."""

import json
from typing import Any

import pytest

from ops.functions.rollouts.references import JOINED, outside_values

SECRET = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:shop-AbCdEf"


@pytest.mark.parametrize(
    ("reference", "moves"),
    [
        ("{{resolve:ssm:/shop/size}}", True),
        ("{{resolve:ssm:/shop/size:3}}", False),
        ("{{resolve:ssm-secure:/shop/key}}", True),
        ("{{resolve:ssm-secure:/shop/key:12}}", False),
        ("{{resolve:secretsmanager:shop}}", True),
        ("{{resolve:secretsmanager:shop:SecretString:password}}", True),
        ("{{resolve:secretsmanager:shop:SecretString:password:AWSCURRENT}}", True),
        ("{{resolve:secretsmanager:shop:SecretString:password::}}", True),
        ("{{resolve:secretsmanager:shop:SecretString:password::5a1b}}", False),
        (f"{{{{resolve:secretsmanager:{SECRET}}}}}", True),
        (f"{{{{resolve:secretsmanager:{SECRET}:SecretString:password::5a1b}}}}", False),
        ("{{resolve:ssm:/shop/${Stage}/size}}", True),
        ("{{resolve:ssm:/shop/${Stage}/size:${Version}}}", True),
        ("{{resolve:ssm:/shop/${Stage}/size:4}}", False),
    ],
)
def test_a_reference_without_a_version_moves(reference: str, moves: bool) -> None:
    expected = (reference,) if moves else ()
    assert outside_values(json.dumps({"Value": {"Fn::Sub": reference}}), {}, {}) == expected
    assert outside_values(f"Value: '{reference}'", {}, {}) == expected
    assert outside_values("{}", {"Size": reference}, {}) == expected


def test_a_reference_that_is_joined_from_parts_is_named_as_such() -> None:
    joined = {"Fn::Join": ["", ["{{resolve:ssm:", {"Ref": "Name"}, "}}"]]}
    assert outside_values(json.dumps(joined), {}, {}) == (JOINED,)


def test_parameters_with_values_of_their_own_are_named() -> None:
    declared: dict[str, dict[str, Any]] = {
        "Version": {"ParameterType": "AWS::SSM::Parameter::Value<String>", "DefaultValue": "/cdk/version"},
        "Image": {"ParameterType": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "DefaultValue": "/a"},
        "Password": {"ParameterType": "String", "NoEcho": True},
        "Size": {"ParameterType": "String", "NoEcho": False},
    }
    assert outside_values("{}", {"Image": "/b", "Size": "1"}, declared) == (
        "Version (the SSM parameter /cdk/version)",
        "Image (the SSM parameter /b)",
        "Password (NoEcho)",
    )


def test_nothing_outside_is_nothing_to_name() -> None:
    assert outside_values('{"Value": "resolve:ssm:x"}', {"Size": "1"}, {}) == ()
