"""The schemas of resource types, and which properties replace a resource.

`schemas.json` is generated from the schemas that CloudFormation publishes (cfn-lint bundles them).
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-type-schema.html
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any


def of_type(type_: str) -> Mapping[str, Any] | None:
    """Return the JSON schema of a type's properties, or None if it is not known."""
    entry = _types().get(type_)
    return entry["schema"] if entry else None


def read_only(type_: str) -> frozenset[str]:
    """Return the properties that only CloudFormation sets."""
    return _whole(type_, "read_only")


def recreation(type_: str, name: str) -> str | None:
    """Return whether a change of the property replaces the resource: Always, Conditionally, or Never.

    A part of the property that does makes it Conditionally. None if the type is not known.
    """
    entry = _types().get(type_)
    if entry is None:
        return None
    if name in _whole(type_, "replacing"):
        return "Always"
    paths = [*entry.get("replacing", ()), *entry.get("maybe_replacing", ())]
    return "Conditionally" if any(path.partition("/")[0] == name for path in paths) else "Never"


def _whole(type_: str, role: str) -> frozenset[str]:
    return frozenset(path for path in _types().get(type_, {}).get(role, ()) if "/" not in path)


@cache
def _types() -> Mapping[str, Mapping[str, Any]]:
    types: Mapping[str, Mapping[str, Any]] = json.loads(
        Path(__file__).with_name("schemas.json").read_text("utf-8")
    )
    return types
