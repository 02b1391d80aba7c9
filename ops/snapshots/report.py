"""The proof of a run: each check that the task has made, never a datum, only where and how many."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

PREFIX = "REPORT "  # of a line of the task's log that holds a check


@dataclass(frozen=True)
class Check:
    """`kind` is drift, treated, truncated, foreign key or scan; `bad` of `rows` rows do not pass."""

    kind: str
    ok: bool
    table: str = ""
    column: str = ""
    detail: str = ""
    rows: int = 0
    bad: int = 0

    @property
    def words(self) -> str:
        """What was checked and how it went, for people."""
        where = f"{self.table}.{self.column}" if self.table else ""
        if self.kind == "drift":
            return f"policy and schema differ: {self.detail}" if self.detail else "policy and schema agree"
        if self.kind == "scan":
            return f"{where}: {self.bad} of {self.rows} rows hold what looks like {self.detail}"
        return f"{where}: {self.bad} of {self.rows} rows are not as {self.detail or self.kind} leaves them"


@dataclass(frozen=True)
class Column:
    """A column by its full name, `schema.table.column`, with its type as the database writes it."""

    name: str
    type: str


@dataclass(frozen=True)
class Report:
    """`policy` is the policy's version, `unlisted` what it does not name."""

    policy: str
    checks: tuple[Check, ...]
    unlisted: tuple[Column, ...] = ()

    @property
    def failed(self) -> tuple[Check, ...]:
        """What did not pass; after drift nothing was treated, so that the rest follows from it."""
        failed = tuple(check for check in self.checks if not check.ok)
        return tuple(check for check in failed if check.kind == "drift") or failed

    @property
    def treated(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.kind in ("treated", "truncated"))


def from_json(text: str) -> Report:
    """A report as the pipeline keeps it in S3."""
    return _report(json.loads(text)["checks"])


def from_log(lines: Iterable[str]) -> Report:
    """What a task's log tells of it, as far as it has come."""
    found = [json.loads(line.removeprefix(PREFIX)) for line in lines if line.startswith(PREFIX + "{")]
    return _report(found)


def _report(found: list[Mapping[str, Any]]) -> Report:
    drift: Mapping[str, Any] = next((check for check in found if check["check"] == "drift"), {})
    unlisted = tuple(Column(each["column"], each["type"]) for each in drift.get("unlisted", []))
    return Report(str(drift.get("policy", "")), tuple(_check(check) for check in found), unlisted)


def _check(found: Mapping[str, Any]) -> Check:
    if found["check"] == "drift":
        return Check("drift", found["ok"], detail=_drift(found))
    detail = found.get("treatment") or found.get("kind") or ""
    place = (found["table"], found["column"], detail)
    return Check(found["check"], found["ok"], *place, rows=found["rows"], bad=found["bad"])


def _drift(found: Mapping[str, Any]) -> str:
    unlisted = [f"{each['column']} is not in the policy" for each in found["unlisted"]]
    missing = [f"{name.rstrip('.')} is not in the database" for name in found["missing"]]
    return "; ".join([*unlisted, *missing])
