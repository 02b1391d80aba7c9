"""Requests that botocore serializes are read back with the same parameters, for every operation."""

import json
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.serialize import create_serializer
from botocore.session import get_session

from ops.embedded.validation.requests import Request, read_call

SERVICES = (
    "account athena cloudformation cloudwatch codepipeline dynamodb ec2 ecs events firehose glue iam kinesis "
    "kms lambda logs organizations rds resourcegroupstaggingapi scheduler secretsmanager sns sqs ssm "
    "stepfunctions sts"
).split()
DEEPEST = 4  # some shapes contain themselves


def example(shape: Shape, depth: int = 0) -> Any:
    """Return a value with every member and two items in lists and maps; None where a shape is too deep."""
    if depth > DEEPEST:
        return None
    if isinstance(shape, StructureShape):
        members = {name: example(member, depth + 1) for name, member in shape.members.items()}
        value = {name: member for name, member in members.items() if member is not None}
        return value or (None if depth else {})  # a form has no empty structures
    if isinstance(shape, ListShape):
        item = example(shape.member, depth + 1)
        return None if item is None else [item, item]
    if isinstance(shape, MapShape):
        value = example(shape.value, depth + 1)
        return None if value is None else {"a": value, "b.c": value}
    scalars = {"string": "a b/ü&", "integer": 7, "long": 7, "float": 0.5, "double": 0.5, "boolean": True}
    return scalars.get(shape.type_name)  # blobs and timestamps have another form on the wire


def sent(operation: OperationModel, parameters: Any, protocol: str) -> Request:
    serializer = create_serializer(protocol, include_validation=False)
    serialized = serializer.serialize_to_request(parameters, operation)
    body = serialized["body"]
    if isinstance(body, dict):
        body = urlencode(body).encode()
    query = serialized["query_string"]
    text = query if isinstance(query, str) else urlencode(query, doseq=True)
    path, _, fixed = serialized["url_path"].partition("?")
    return Request(
        serialized["method"],
        path,
        {name.lower(): str(value) for name, value in serialized["headers"].items()},
        body if isinstance(body, bytes) else str(body).encode(),
        parse_qs(f"{fixed}&{text}", keep_blank_values=True),
    )


@pytest.mark.parametrize("name", SERVICES)
def test_every_operation_is_read_back(name: str) -> None:
    service = get_session().get_service_model(name)
    wrong = {
        (operation.name, protocol): call.parameters if call else None
        for operation in map(service.operation_model, service.operation_names)
        if operation.input_shape
        for protocol in {*service.metadata.get("protocols", [service.protocol])} - {"smithy-rpc-v2-cbor"}
        if (
            call := read_call(
                service, sent(operation, parameters := example(operation.input_shape), protocol)
            )
        )
        is None
        or call.operation.name != operation.name
        or plain(call.parameters) != plain(parameters)
    }
    assert not wrong


def plain(value: Any) -> Any:
    """Return the value as it compares on the wire, where a boolean of a form is a text."""
    return json.loads(json.dumps(value).replace('"true"', "true"))
