"""What a key policy allows an account. Pure.

Key policies are not passed to IAM's policy simulator, so the statements are read here. Conditions of
statements that allow are not evaluated.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any


@dataclass(frozen=True)
class KeyAccess:
    """Actions by how the policy treats the account's principals.

    `named`: only single principals of the account are allowed. `denied`: by a statement without a condition.
    """

    missing: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()


def key_access(policy: Mapping[str, Any], account: str, actions: Iterable[str]) -> KeyAccess:
    """Return how the key policy treats the actions; those that it delegates to IAM are in no list."""
    missing, named, denied = list[str](), list[str](), list[str]()
    for action in actions:
        statements = [each for each in _list(policy.get("Statement")) if _covers(each, action)]
        levels = {_level(each, account) for each in statements if each.get("Effect") == "Allow"}
        if any(_denies(each, account) for each in statements):
            denied.append(action)
        elif "account" not in levels:
            (named if "principal" in levels else missing).append(action)
    return KeyAccess(tuple(missing), tuple(named), tuple(denied))


def statement(partition: str, account: str, actions: Iterable[str]) -> str:
    """Return the statement of a key policy that lets the account's IAM policies allow the actions."""
    return json.dumps(
        {
            "Sid": f"Account{account}",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:{partition}:iam::{account}:root"},
            "Action": list(actions),
            "Resource": "*",
        },
        indent=2,
    )


def _covers(statement: Mapping[str, Any], action: str) -> bool:
    if "NotAction" in statement:
        return not _matches(statement["NotAction"], action)
    return _matches(statement.get("Action"), action)


def _matches(patterns: Any, action: str) -> bool:
    return any(fnmatchcase(action.lower(), str(pattern).lower()) for pattern in _list(patterns))


def _denies(statement: Mapping[str, Any], account: str) -> bool:
    return (
        statement.get("Effect") == "Deny"
        and "Condition" not in statement
        and _level(statement, account) == "account"
    )


def _level(statement: Mapping[str, Any], account: str) -> str:
    """Return whom a statement is about: the whole account, a principal of it, or nobody in it."""
    levels = {_principal_level(name, account) for name in _principals(statement)}
    return next((level for level in ("account", "principal") if level in levels), "")


def _principals(statement: Mapping[str, Any]) -> Iterator[str]:
    principal = statement.get("Principal")
    yield from map(str, _list(principal.get("AWS") if isinstance(principal, Mapping) else principal))


def _principal_level(name: str, account: str) -> str:
    if name in ("*", account) or (name.startswith("arn:") and name.endswith(f":{account}:root")):
        return "account"
    return "principal" if f":{account}:" in name else ""


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
