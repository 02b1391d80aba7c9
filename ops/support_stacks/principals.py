"""The accounts whose pipelines could use a bucket or a key, according to its policy. Pure."""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

ANYONE = "*"
WRITES = ("s3:PutObject",)
ASSUMES = ("sts:AssumeRole",)
ENCRYPTS = ("kms:GenerateDataKey", "kms:Encrypt")
ACCOUNT = re.compile(r"^(?:arn:[a-z-]+:(?:iam|sts)::)?(\d{12})(?::.*)?$")


def writers(policy: Mapping[str, Any] | None) -> frozenset[str]:
    """Return the ids of the accounts that a bucket policy lets write, or ANYONE if it names none."""
    return _allowed(policy, WRITES)


def encrypters(policy: Mapping[str, Any] | None) -> frozenset[str]:
    """Return the ids of the accounts that a key policy lets encrypt, or ANYONE if it names none."""
    return _allowed(policy, ENCRYPTS)


def assumers(policy: Mapping[str, Any] | None) -> frozenset[str]:
    """Return the ids of the accounts that a trust policy lets assume the role, or ANYONE if it names none."""
    return _allowed(policy, ASSUMES)


def _allowed(policy: Mapping[str, Any] | None, actions: tuple[str, ...]) -> frozenset[str]:
    if policy is None:
        return frozenset()
    accounts: set[str] = set()
    for statement in _as_list(policy.get("Statement")):
        if statement.get("Effect") == "Allow" and _covers(statement, actions):
            accounts |= _accounts(statement)
    return frozenset(accounts)


def _covers(statement: Mapping[str, Any], actions: tuple[str, ...]) -> bool:
    if "NotAction" in statement:
        return True
    return any(
        fnmatchcase(action.lower(), str(pattern).lower())
        for pattern in _as_list(statement.get("Action"))
        for action in actions
    )


def _accounts(statement: Mapping[str, Any]) -> set[str]:
    principal = statement.get("Principal")
    if principal is None or principal == "*":
        return {ANYONE}
    accounts: set[str] = {ANYONE} if "CanonicalUser" in principal else set()  # does not show the account id
    for name in _as_list(principal.get("AWS")):
        if name == "*":
            accounts.add(ANYONE)
        # IAM replaces a deleted role's ARN by its unique id (AROA…), which matches nobody and is skipped.
        elif match := ACCOUNT.match(str(name)):
            accounts.add(match[1])
    return accounts


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
