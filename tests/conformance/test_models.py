"""The embedded cloud refuses what botocore's models refuse, in every call that Slipway makes.

Requests are sent without botocore's own validation. An operation whose required texts have a pattern for
which no example is found is left out; NOT_TRIED names them.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import OperationModel
from botocore.session import get_session

from tests.conformance.callers import Account
from tests.conformance.variants import NoExample, Variant, variants

ROOT = Path(__file__).parents[2]
# One service of each protocol in every run.
FIRST = ("ec2", "iam", "lambda", "logs")
SERVICES = (  # Amazon S3 is missing: the embedded cloud does not read its XML bodies against the model
    "account athena cloudformation cloudwatch codepipeline dynamodb ecs glue kinesis kms organizations rds "
    "resourcegroupstaggingapi secretsmanager sns stepfunctions sts"
).split()
CASES = [*FIRST, *(pytest.param(service, marks=pytest.mark.thorough) for service in SERVICES)]
# Names in the code that are not those of a client method.
NOT_CALLED = ("CopySnapshot", "CreateFunction")  # the second is DuckDB's
# The emulator reads the ARN before the operation, and words its refusal itself.
READ_BEFORE = ("ListTagsForResource", "TagResource", "UntagResource")


@cache
def names_in_code() -> frozenset[str]:
    """Return every attribute and text in the code, among them the names of client methods and paginators."""
    nodes = (
        node
        for path in sorted((ROOT / "ops").rglob("*.py"))
        if "embedded" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
    )
    return frozenset(
        node.attr if isinstance(node, ast.Attribute) else str(node.value)
        for node in nodes
        if isinstance(node, ast.Attribute | ast.Constant)
    )


def operations(service: str) -> Iterator[OperationModel]:
    model = get_session().get_service_model(service)
    for name in model.operation_names:
        if xform_name(name) in names_in_code() and name not in NOT_CALLED:
            yield model.operation_model(name)


def in_address(operation: OperationModel, variant: Variant) -> bool:
    """Whether the variant lacks a part of the URL, without which botocore cannot send the request."""
    members = operation.input_shape.members if operation.input_shape else {}
    path = variant.path[:1].upper() + variant.path[1:]
    return (
        variant.kind == "required"
        and path in members
        and members[path].serialization.get("location") == "uri"
    )


def tried(service: str) -> Iterator[tuple[OperationModel, Variant]]:
    for operation in operations(service):
        try:
            yield from ((operation, variant) for variant in variants(operation))
        except NoExample:
            continue


@pytest.mark.parametrize("service", CASES)
def test_each_violation_of_a_model_is_refused(service: str, account: Account) -> None:
    """A request that violates a service model is rejected with the constraint, in every call that Slipway
    makes: a missing member, a length, a range, a pattern, an unknown value, an empty list.

    https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
    """
    client: Any = boto3.client(
        service,  # type: ignore[call-overload]
        region_name="eu-west-1",
        endpoint_url=account.endpoint,
        aws_access_key_id=account.id,
        aws_secret_access_key="test",
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )
    accepted, count = [], 0
    for operation, variant in tried(service):
        if in_address(operation, variant):
            continue
        count += 1
        try:
            getattr(client, xform_name(operation.name))(**variant.parameters)
        except ClientError as error:
            message = error.response["Error"]["Message"]
            named = "validation error" in message and f"'{variant.path}" in message
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 400 and (
                named or operation.name in READ_BEFORE
            ):
                continue
        accepted.append((operation.name, variant.kind, variant.path))
    assert count, "No call of this service is made."
    assert not accepted
