"""Reads the operation and its parameters from a request, by the protocol of its service.

The inverse of `botocore.serialize`. XML (Amazon S3) and CBOR, which botocore does not choose, are not read.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote

from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

Query = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Request:
    """A request as the emulator's services get it; names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: Query


@dataclass(frozen=True)
class Call:
    """An operation with its parameters in botocore's form, and the protocol that they came in."""

    operation: OperationModel
    parameters: Any
    protocol: str


def read_call(service: ServiceModel, request: Request) -> Call | None:
    """Return the call, or None if the operation is unknown or its protocol is not read."""
    if target := request.headers.get("x-amz-target"):
        operation = _operation(service, target.rpartition(".")[2])
        return Call(operation, json.loads(request.body or b"{}"), "json") if operation else None
    protocols = {service.protocol, *service.metadata.get("protocols", ())}
    if protocols & {"query", "ec2"}:
        form: Query = parse_qs(request.body.decode("utf-8"), keep_blank_values=True) or request.query
        operation = _operation(service, form.get("Action", [""])[0])
        if operation is None:
            return None
        names, protocol = (Ec2Names(), "ec2") if "ec2" in protocols else (QueryNames(), "query")
        return Call(operation, _structure_of(operation.input_shape, form, "", names), protocol)
    if "rest-json" in protocols:
        return _rest_call(service, request)
    return None


def _operation(service: ServiceModel, name: str) -> OperationModel | None:
    return service.operation_model(name) if name in service.operation_names else None


class QueryNames:
    """Names of form fields in the protocol `query`.

    https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
    """

    def member(self, name: str, shape: Shape) -> str:
        return str(shape.serialization.get("name", name))

    def items(self, prefix: str, shape: ListShape) -> str:
        if not shape.serialization.get("flattened"):
            return f"{prefix}.{shape.member.serialization.get('name', 'member')}"
        if name := shape.member.serialization.get("name"):
            return ".".join([*prefix.split(".")[:-1], str(name)])
        return prefix


class Ec2Names:
    """Names of form fields in the protocol `ec2`: https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html"""

    def member(self, name: str, shape: Shape) -> str:
        if query_name := shape.serialization.get("queryName"):
            return str(query_name)
        given = str(shape.serialization.get("name", name))
        return given[:1].upper() + given[1:]

    def items(self, prefix: str, shape: ListShape) -> str:
        return prefix


Names = QueryNames | Ec2Names


def _structure_of(shape: Shape | None, form: Query, prefix: str, names: Names) -> dict[str, Any]:
    found = {}
    for name, member in shape.members.items() if isinstance(shape, StructureShape) else ():
        key = names.member(name, member)
        value = _value_of(member, form, f"{prefix}.{key}" if prefix else key, names)
        if value is not None:
            found[name] = value
    return found


def _value_of(shape: Shape, form: Query, prefix: str, names: Names) -> Any:
    if isinstance(shape, StructureShape):
        return _structure_of(shape, form, prefix, names) if _has(form, prefix) else None
    if isinstance(shape, ListShape):
        items = names.items(prefix, shape)
        values = [_value_of(shape.member, form, f"{items}.{n}", names) for n in _numbers(form, items)]
        return values if values or prefix in form else None
    if isinstance(shape, MapShape):
        entries = prefix if shape.serialization.get("flattened") else f"{prefix}.entry"
        key = shape.key.serialization.get("name", "key")
        value = shape.value.serialization.get("name", "value")
        pairs = [
            (
                form[f"{entries}.{n}.{key}"][0],
                _value_of(shape.value, form, f"{entries}.{n}.{value}", names),
            )
            for n in _numbers(form, entries)
        ]
        return dict(pairs) if pairs or prefix in form else None
    return _scalar_of(shape, form[prefix][0]) if prefix in form else None


def _scalar_of(shape: Shape, text: str) -> Any:
    try:
        if shape.type_name in ("integer", "long"):
            return int(text)
        if shape.type_name in ("float", "double"):
            return float(text)
    except ValueError:
        return text
    return text


def _has(form: Query, prefix: str) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for name in form)


def _numbers(form: Query, prefix: str) -> list[int]:
    """Return the numbers of a list's items, in order."""
    start = f"{prefix}."
    numbers = {name[len(start) :].partition(".")[0] for name in form if name.startswith(start)}
    return sorted(int(number) for number in numbers if number.isdigit())


def _rest_call(service: ServiceModel, request: Request) -> Call | None:
    for operation, route in _routes(service):
        same = operation.http["method"] == request.method and _fixed_query(operation) <= _pairs(request.query)
        match = route.fullmatch(request.path) if same else None
        if match and operation.input_shape:
            uri = {
                name: unquote(value) for name, value in zip(_labels(operation), match.groups(), strict=True)
            }
            return Call(operation, _rest_parameters(operation.input_shape, request, uri), "rest-json")
    return None


def _rest_parameters(shape: StructureShape, request: Request, uri: Mapping[str, str]) -> dict[str, Any]:
    payload = shape.serialization.get("payload")
    body: Any = {}
    if request.body and not (payload and shape.members[payload].type_name in ("blob", "string")):
        body = json.loads(request.body)
    found: dict[str, Any] = {}
    for name, member in shape.members.items():
        place, key = member.serialization.get("location"), member.serialization.get("name", name)
        if place == "uri" and key in uri:
            found[name] = _scalar_of(member, uri[key])
        elif place == "querystring" and key in request.query:
            values = list(request.query[key])
            found[name] = values if isinstance(member, ListShape) else _scalar_of(member, values[0])
        elif place in ("header", "headers"):
            if (text := request.headers.get(str(key).lower())) is not None:
                found[name] = _scalar_of(member, text)
        elif name == payload and request.body:
            found[name] = request.body if member.type_name in ("blob", "string") else body
        elif place is None and not payload and isinstance(body, Mapping) and key in body:
            found[name] = body[key]
    return found


def _fixed_query(operation: OperationModel) -> set[tuple[str, str]]:
    """Return the query in the operation's path, by which operations of the same path differ."""
    return _pairs(parse_qs(operation.http["requestUri"].partition("?")[2], keep_blank_values=True))


def _pairs(query: Query) -> set[tuple[str, str]]:
    return {(name, value) for name, values in query.items() for value in values}


_LABEL = re.compile(r"\{([^}+]+)(\+?)\}")


def _labels(operation: OperationModel) -> list[str]:
    return [name for name, _ in _LABEL.findall(operation.http["requestUri"].partition("?")[0])]


@cache
def _routes(service: ServiceModel) -> list[tuple[OperationModel, re.Pattern[str]]]:
    """Return the operations of a REST service with their paths, the most specific path first."""
    operations = [service.operation_model(name) for name in service.operation_names]
    operations.sort(
        key=lambda operation: (
            -len(_fixed_query(operation)),
            len(_labels(operation)),
            -len(operation.http["requestUri"]),
        )
    )
    return [(operation, re.compile("".join(_route(operation)))) for operation in operations]


def _route(operation: OperationModel) -> Iterator[str]:
    path, at = operation.http["requestUri"].partition("?")[0], 0
    for match in _LABEL.finditer(path):
        yield re.escape(path[at : match.start()])
        yield "(.+)" if match[2] else "([^/]+)"
        at = match.end()
    yield re.escape(path[at:])
