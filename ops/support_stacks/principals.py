"""Which accounts may write into a bucket, or encrypt with a key: a pipeline of theirs could use it. Pure."""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

ANYONE = "*"
WRITES = ("s3:PutObject",)
ENCRYPTS = ("kms:GenerateDataKey", "kms:Encrypt")
ACCOUNT = re.compile(r"^(?:arn:[a-z-]+:(?:iam|sts)::)?(\d{12})(?::.*)?$")


def writers(policy: Mapping[str, Any] | None) -> frozenset[str]:
    """Ids of accounts that a bucket's policy lets write; ANYONE when it does not say whom it means."""
    return _allowed(policy, WRITES)


def encrypters(policy: Mapping[str, Any] | None) -> frozenset[str]:
    """The same of a key's policy."""
    return _allowed(policy, ENCRYPTS)


def _allowed(policy: Mapping[str, Any] | None, actions: tuple[str, ...]) -> frozenset[str]:
    if policy is None:
        return frozenset()
    found: set[str] = set()
    for statement in _listed(policy.get("Statement")):
        if statement.get("Effect") == "Allow" and _covers(statement, actions):
            found |= _accounts(statement)
    return frozenset(found)


def _covers(statement: Mapping[str, Any], actions: tuple[str, ...]) -> bool:
    if "NotAction" in statement:
        return True
    return any(
        fnmatchcase(action.lower(), str(pattern).lower())
        for pattern in _listed(statement.get("Action"))
        for action in actions
    )


def _accounts(statement: Mapping[str, Any]) -> set[str]:
    """A unique id (`AROA…`) stands for a role that was deleted: it can do nothing any more."""
    principal = statement.get("Principal")
    if principal is None or principal == "*":
        return {ANYONE}
    found: set[str] = {ANYONE} if "CanonicalUser" in principal else set()  # an account, but not which one
    for name in _listed(principal.get("AWS")):
        if name == "*":
            found.add(ANYONE)
        elif match := ACCOUNT.match(str(name)):
            found.add(match[1])
    return found


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
