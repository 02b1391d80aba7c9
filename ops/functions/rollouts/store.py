"""What the engine remembers. DynamoDB: states that are changed under conditions. S3: what is large.

Table, by (run, item): run/"run", run/"target <id>", run/"log <time>"; "#runs"/<run>; "#active"/<rollout>;
"#freeze"/"freeze". Every value is a string or a map of strings.
"""

import json
import os
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from botocore.exceptions import ClientError

from ops.functions.rollouts.aws import code, here
from ops.rollouts.rules.document import Document, from_json

Record = dict[str, Any]

TARGET, LOG = "target ", "log "
RUNS, ACTIVE, FREEZE = "#runs", "#active", "#freeze"


def now() -> datetime:
    return datetime.now(UTC)


def put(run: str, item: str, values: Mapping[str, Any], *, new: bool = False) -> bool:
    """Writes the item; whether it did: with `new` only where there is none."""
    more = {"ConditionExpression": "attribute_not_exists(#run)"} if new else {}
    names = {"ExpressionAttributeNames": {"#run": "run"}} if new else {}
    try:
        here("dynamodb").put_item(
            TableName=os.environ["TABLE"], Item=_typed({"run": run, "item": item, **values}), **more, **names
        )
    except ClientError as error:
        if code(error) == "ConditionalCheckFailedException":
            return False
        raise
    return True


def change(
    run: str, item: str, values: Mapping[str, Any], *, unless: Mapping[str, str] | None = None
) -> bool:
    """Sets attributes; whether it did: not where the item has one of the values in `unless` already."""
    names = {f"#s{n}": name for n, name in enumerate(values)}
    filled = {f":s{n}": _value(value) for n, value in enumerate(values.values())}
    conditions = []
    for n, (name, value) in enumerate((unless or {}).items()):
        names[f"#u{n}"], filled[f":u{n}"] = name, _value(value)
        conditions.append(f"(attribute_not_exists(#u{n}) OR #u{n} <> :u{n})")
    more = {"ConditionExpression": " AND ".join(conditions)} if conditions else {}
    try:
        here("dynamodb").update_item(
            TableName=os.environ["TABLE"],
            Key=_typed({"run": run, "item": item}),
            UpdateExpression="SET " + ", ".join(f"#s{n} = :s{n}" for n in range(len(values))),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=filled,
            **more,
        )
    except ClientError as error:
        if code(error) == "ConditionalCheckFailedException":
            return False
        raise
    return True


def swap(run: str, item: str, values: Mapping[str, Any], version: str) -> bool:
    """Sets attributes where the item's version still is that one, and gives it the next; whether it did."""
    names = {f"#s{n}": name for n, name in enumerate(values)}
    filled = {f":s{n}": _value(value) for n, value in enumerate(values.values())}
    try:
        here("dynamodb").update_item(
            TableName=os.environ["TABLE"],
            Key=_typed({"run": run, "item": item}),
            UpdateExpression="SET #v = :next, " + ", ".join(f"#s{n} = :s{n}" for n in range(len(values))),
            ConditionExpression="#v = :version",
            ExpressionAttributeNames={**names, "#v": "version"},
            ExpressionAttributeValues={
                **filled,
                ":version": _value(version),
                ":next": _value(str(int(version) + 1)),
            },
        )
    except ClientError as error:
        if code(error) == "ConditionalCheckFailedException":
            return False
        raise
    return True


def get(run: str, item: str) -> Record:
    """The item; empty where there is none."""
    found = here("dynamodb").get_item(
        TableName=os.environ["TABLE"], Key=_typed({"run": run, "item": item}), ConsistentRead=True
    )
    return _plain(found.get("Item", {}))


def items(run: str, prefix: str = "") -> list[Record]:
    """The run's items whose name begins so, in order."""
    pages = (
        here("dynamodb")
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


def delete(run: str, item: str) -> None:
    here("dynamodb").delete_item(TableName=os.environ["TABLE"], Key=_typed({"run": run, "item": item}))


def log(run: str, did: str, *, target: str = "", why: str = "", who: str = "engine") -> None:
    """A line of the decision log. A handler that runs twice may write it twice, never not at all."""
    name = f"{LOG}{now():%Y-%m-%dT%H:%M:%S.%f} {uuid.uuid4().hex[:6]}"
    put(run, name, {"did": did, "target": target, "why": why[:2000], "who": who})


@lru_cache(maxsize=32)
def document(run: str) -> Document:
    """The run's document, which never changes."""
    return from_json(read(f"runs/{run}/document.json"))


def read(key: str) -> str:
    found = here("s3").get_object(Bucket=os.environ["BUCKET"], Key=key)
    return str(found["Body"].read().decode())


def write(key: str, text: str) -> None:
    here("s3").put_object(Bucket=os.environ["BUCKET"], Key=key, Body=text.encode())


def _typed(values: Mapping[str, Any]) -> Record:
    return {name: _value(value) for name, value in values.items()}


def _value(value: Any) -> Record:
    return {"S": value if isinstance(value, str) else json.dumps(value)}


def _plain(item: Record) -> Record:
    return {name: value["S"] for name, value in item.items()}
