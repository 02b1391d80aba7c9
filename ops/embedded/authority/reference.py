"""The Service Authorization Reference: the resource types and the condition keys of each action.

`reference.json` is generated from https://docs.aws.amazon.com/service-authorization/latest/reference/.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any


def condition_keys(action: str) -> frozenset[str]:
    """Return the service's own condition keys of an action, such as `ecs:cluster`."""
    return frozenset(_action(action).get("keys", ()))


def is_listed(action: str) -> bool:
    return bool(_service(action)) and action.partition(":")[2] in _service(action)["actions"]


def takes(action: str, arn: str) -> bool:
    """Return whether the action, which is listed, has a resource type whose ARNs look like this one."""
    names = _action(action).get("required", []) + _action(action).get("optional", [])
    return any(_pattern(_service(action)["types"][name]).fullmatch(arn) for name in names)


def required(action: str) -> list[str]:
    """Return the patterns of the ARNs of the resource types that the action requires."""
    types = _service(action).get("types", {})
    return [types[name] for name in _action(action).get("required", [])]


def optional(action: str, noun: str) -> list[str]:
    """Return the pattern of the optional resource type that is called like a type of CloudFormation.

    Of several, it is the one with the fewest parts: a rule's, not that of a rule on an event bus of its own.
    """
    types, wanted = _service(action).get("types", {}), noun.lower()
    found = []
    for name in _action(action).get("optional", []):
        called = re.sub("[^a-z]", "", name.lower())
        if called.startswith(wanted) or wanted.startswith(called):
            found.append(types[name])
    return sorted(found, key=lambda pattern: pattern.count("$"))[:1]


def matches(pattern: str, arn: str) -> bool:
    return bool(_pattern(pattern).fullmatch(arn))


def _action(action: str) -> Mapping[str, Any]:
    entry: Mapping[str, Any] = _service(action).get("actions", {}).get(action.partition(":")[2], {})
    return entry


def _service(action: str) -> Mapping[str, Any]:
    return _services().get(action.partition(":")[0], {})


@cache
def _services() -> Mapping[str, Mapping[str, Any]]:
    services: Mapping[str, Mapping[str, Any]] = json.loads(
        Path(__file__).with_name("reference.json").read_text("utf-8")
    )
    return services


@cache
def _pattern(arn: str) -> re.Pattern[str]:
    """Turn `arn:${Partition}:sns:${Region}:${Account}:${TopicName}` into a pattern of ARNs."""
    literals = re.split(r"\$\{[^}]+\}", arn)
    return re.compile(".*".join(map(re.escape, literals)))
