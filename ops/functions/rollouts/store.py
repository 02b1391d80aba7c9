"""The controller's storage: states in DynamoDB, with conditional writes; documents and templates in S3.

The table's items, by (run, item): run/"run", run/"target <id>", run/"log <time>"; "#runs"/<run>;
"#active"/<rollout> and "#stacks"/<id>, which are locks; "#freeze"/"freeze". Every value is a string.
"""

import json
import os
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from botocore.exceptions import ClientError

from ops.functions.rollouts.aws import central_client, error_code
from ops.rollouts.rules.document import Document, from_json

Record = dict[str, Any]

TARGET, LOG = "target ", "log "
RUNS, ACTIVE, STACKS, FREEZE = "#runs", "#active", "#stacks", "#freeze"


def now() -> datetime:
    return datetime.now(UTC)


def put(run: str, item: str, values: Mapping[str, Any], *, new: bool = False) -> bool:
    """Write the item; return False when `new` is set and it exists already."""
    condition = {"ConditionExpression": "attribute_not_exists(#run)"} if new else {}
    names = {"ExpressionAttributeNames": {"#run": "run"}} if new else {}
    return _written("put_item", Item=_typed({"run": run, "item": item, **values}), **condition, **names)


def update(
    run: str,
    item: str,
    values: Mapping[str, Any],
    *,
    unless: Mapping[str, str] | None = None,
    only_if: Mapping[str, str] | None = None,
) -> bool:
    """Set attributes; return False when the item has a value in `unless`, or lacks one in `only_if`."""
    names = {f"#s{n}": name for n, name in enumerate(values)}
    placeholders = {f":s{n}": _value(value) for n, value in enumerate(values.values())}
    conditions = []
    for n, (name, value) in enumerate((unless or {}).items()):
        names[f"#u{n}"], placeholders[f":u{n}"] = name, _value(value)
        conditions.append(f"(attribute_not_exists(#u{n}) OR #u{n} <> :u{n})")
    for n, (name, value) in enumerate((only_if or {}).items()):
        names[f"#o{n}"], placeholders[f":o{n}"] = name, _value(value)
        conditions.append(f"#o{n} = :o{n}")
    condition = {"ConditionExpression": " AND ".join(conditions)} if conditions else {}
    return _written(
        "update_item",
        Key=_typed({"run": run, "item": item}),
        UpdateExpression="SET " + ", ".join(f"#s{n} = :s{n}" for n in range(len(values))),
        ExpressionAttributeNames=names,
        ExpressionAttributeValues=placeholders,
        **condition,
    )


def update_if_version(run: str, item: str, values: Mapping[str, Any], version: str) -> bool:
    """Set attributes and increment the item's version; return False when the version is another one."""
    names = {f"#s{n}": name for n, name in enumerate(values)}
    placeholders = {f":s{n}": _value(value) for n, value in enumerate(values.values())}
    return _written(
        "update_item",
        Key=_typed({"run": run, "item": item}),
        UpdateExpression="SET #v = :next, " + ", ".join(f"#s{n} = :s{n}" for n in range(len(values))),
        ConditionExpression="#v = :version",
        ExpressionAttributeNames={**names, "#v": "version"},
        ExpressionAttributeValues={
            **placeholders,
            ":version": _value(version),
            ":next": _value(str(int(version) + 1)),
        },
    )


def get(run: str, item: str) -> Record:
    """Return the item; empty when it does not exist."""
    response = central_client("dynamodb").get_item(
        TableName=os.environ["TABLE"], Key=_typed({"run": run, "item": item}), ConsistentRead=True
    )
    return _plain(response.get("Item", {}))


def list_items(run: str, prefix: str = "") -> list[Record]:
    """Return the run's items whose name starts with the prefix, in order."""
    pages = (
        central_client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=os.environ["TABLE"],
            KeyConditionExpression="#run = :run AND begins_with(#item, :prefix)" if prefix else "#run = :run",
            ExpressionAttributeNames={"#run": "run", **({"#item": "item"} if prefix else {})},
            ExpressionAttributeValues=_typed({":run": run, **({":prefix": prefix} if prefix else {})}),
            ConsistentRead=True,
        )
    )
    return [_plain(item) for page in pages for item in page["Items"]]


def delete(run: str, item: str, *, only_if: Mapping[str, str] | None = None) -> None:
    """Delete the item, if it has the values in `only_if`."""
    condition = (
        {
            "ConditionExpression": " AND ".join(f"#o{n} = :o{n}" for n in range(len(only_if))),
            "ExpressionAttributeNames": {f"#o{n}": name for n, name in enumerate(only_if)},
            "ExpressionAttributeValues": {
                f":o{n}": _value(value) for n, value in enumerate(only_if.values())
            },
        }
        if only_if
        else {}
    )
    _written("delete_item", Key=_typed({"run": run, "item": item}), **condition)


def _written(call: str, **arguments: Any) -> bool:
    """Write to the table; return False when the condition is not met."""
    try:
        getattr(central_client("dynamodb"), call)(TableName=os.environ["TABLE"], **arguments)
    except ClientError as error:
        if error_code(error) == "ConditionalCheckFailedException":
            return False
        raise
    return True


def append_log(run: str, did: str, *, target: str = "", why: str = "", who: str = "controller") -> None:
    """Append an entry to the decision log. An action that is retried may append it twice."""
    name = f"{LOG}{now():%Y-%m-%dT%H:%M:%S.%f} {uuid.uuid4().hex[:6]}"
    put(run, name, {"did": did, "target": target, "why": why[:2000], "who": who})


@lru_cache(maxsize=32)
def document(run: str) -> Document:
    """Return the run's document. It never changes, so it is cached."""
    return from_json(read(f"runs/{run}/document.json"))


@lru_cache(maxsize=32)
def template(run: str, name: str) -> str:
    """Return a template of the run. It never changes, so it is cached."""
    return read(f"runs/{run}/templates/{name}")


def read(key: str) -> str:
    response = central_client("s3").get_object(Bucket=os.environ["BUCKET"], Key=key)
    return str(response["Body"].read().decode())


def write(key: str, text: str) -> None:
    central_client("s3").put_object(Bucket=os.environ["BUCKET"], Key=key, Body=text.encode())


def _typed(values: Mapping[str, Any]) -> Record:
    return {name: _value(value) for name, value in values.items()}


def _value(value: Any) -> Record:
    return {"S": value if isinstance(value, str) else json.dumps(value)}


def _plain(item: Record) -> Record:
    return {name: value["S"] for name, value in item.items()}
