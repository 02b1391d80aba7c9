"""The scripts of a snapshot pipeline as a custom resource, whose properties have the policy.

Create and Update compile the policy, store the scripts, and return their prefix as the physical ID. A new
policy has another prefix, so CloudFormation deletes the previous scripts when the update has succeeded, or
the new ones when it has failed.
"""

import json
import tomllib
from typing import Any

import boto3
from botocore.config import Config

from ops.errors import InputError, SlipwayError
from ops.functions.shared.custom_resources import respond
from ops.functions.shared.records import log
from ops.snapshots.script_files import script_files, script_prefix

Record = dict[str, Any]

FOLDER = "snapshots/"  # no script is outside of it
NOTHING = "no-scripts"  # the physical ID of a resource whose creation has failed
PARTS = ("Policy", "PolicyPart2", "PolicyPart3", "PolicyPart4")  # a parameter has 4,096 bytes at most

_make: Any = boto3.client  # untyped: the runtime has no stubs
s3 = _make("s3", config=Config(connect_timeout=5, read_timeout=20))


def handler(event: Record, context: object) -> None:
    physical_id = event.get("PhysicalResourceId", NOTHING)
    try:
        if event["RequestType"] == "Delete":
            _delete(event["ResourceProperties"]["Bucket"], physical_id)
        else:
            physical_id = _store(event["ResourceProperties"])
    except SlipwayError as error:
        respond(event, "FAILED", physical_id, f"{error} {error.hint}")
    except Exception as error:
        respond(event, "FAILED", physical_id, f"{type(error).__name__}: {error}")
        raise
    else:
        log("INFO", event["RequestType"], prefix=physical_id)
        respond(event, "SUCCESS", physical_id)


def policy_text(properties: Record) -> str:
    """Return the policy as TOML with an engine: the console's fields have one line, so it can be JSON."""
    text = "".join(properties.get(part, "") for part in PARTS).strip()
    try:
        policy = json.loads(text)
    except ValueError:
        policy = None
    if isinstance(policy, dict):
        text = "".join(f"{json.dumps(key)} = {_toml(value)}\n" for key, value in policy.items())
    engine = properties["Engine"]
    named = _engine(text, engine)
    if named not in ("", engine):
        raise InputError(
            f"The policy is for {named}, but the parameter Engine is {engine}.",
            hint=f"Remove engine from the policy, or choose {named} as the parameter Engine.",
        )
    return text if named else f'engine = "{engine}"\n{text}'


def _engine(text: str, default: str) -> str:
    """Return the engine that a policy names; empty if it names none, `default` if it is not TOML."""
    try:
        return str(tomllib.loads(text).get("engine", ""))
    except tomllib.TOMLDecodeError:
        return default  # the compiler reports the line


def _toml(value: Any) -> str:
    """Return a value of JSON as a value of TOML, in which a table is on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _store(properties: Record) -> str:
    files = script_files(policy_text(properties), properties["Method"])
    prefix = script_prefix(properties["Database"], files)
    for file in files:
        s3.put_object(Bucket=properties["Bucket"], Key=f"{prefix}/{file.name}", Body=file.content)
    return prefix


def _delete(bucket: str, prefix: str) -> None:
    if not prefix.startswith(FOLDER):
        return
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/"):
        for item in page.get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=item["Key"])
