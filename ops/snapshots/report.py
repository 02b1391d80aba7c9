"""The proof of a run: each check that the task has made, never a datum, only where and how many."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

PREFIX = "REPORT "  # of a line of the task's log that holds a check


@dataclass(frozen=True)
class Check:
    """`kind` is what was checked, `bad` of `rows` rows do not pass.

    Its table is `schema.table`, and `database:schema.table` in PostgreSQL's other databases.
    """

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
        if self.kind == "database":
            if not self.bad:
                return f"the database {self.table} holds nothing"
            return f"the database {self.table} is not in the policy, and nothing in it was treated"
        if self.kind == "definer":
            return (
                f"the trigger {self.column} of {self.table} runs as a user whom the master user may not name"
            )
        if self.kind == "space":
            if not self.bad:
                return f"{where}: {self.detail} suffices for its {self.rows} different values"
            return f"{where} is unique: of its {self.rows} values {self.bad} are too many for {self.detail}"
        if self.kind == "scan":
            return f"{where}: {self.bad} of {self.rows} rows hold what looks like {self.detail}"
        return f"{where}: {self.bad} of {self.rows} rows are not as {self.detail or self.kind} leaves them"


@dataclass(frozen=True)
class Column:
    """A column by its full name, `schema.table.column`, with its type as the database writes it.

    `required`: it cannot be NULL.
    """

    name: str
    type: str
    required: bool = False


@dataclass(frozen=True)
class Report:
    """`policy` is the policy's version, `unlisted` what it does not name, `seconds` each script's time."""

    policy: str
    checks: tuple[Check, ...]
    unlisted: tuple[Column, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def failed(self) -> tuple[Check, ...]:
        """What did not pass; after drift nothing was treated, so that the rest follows from it."""
        failed = tuple(check for check in self.checks if not check.ok)
        return (
            tuple(check for check in failed if check.kind in ("drift", "database", "definer", "space"))
            or failed
        )

    @property
    def took(self) -> tuple[float, float]:
        """Seconds of treating, and of comparing and proving."""
        proving = sum(took for name, took in self.seconds.items() if ".check.sql" in name)
        return sum(self.seconds.values()) - proving, proving

    @property
    def treated(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.kind in ("treated", "truncated"))


def from_json(text: str) -> Report:
    """A report as the pipeline keeps it in S3."""
    kept = json.loads(text)
    return replace(_report(kept["checks"]), seconds=kept.get("seconds", {}))


def from_log(lines: Iterable[str]) -> Report:
    """What a task's log tells of it, as far as it has come."""
    found = [json.loads(line.removeprefix(PREFIX)) for line in lines if line.startswith(PREFIX + "{")]
    return _report(found)


def _report(found: list[Mapping[str, Any]]) -> Report:
    drifts = [check for check in found if check["check"] == "drift"]
    policy = str(drifts[0]["policy"]) if drifts else ""
    unlisted = tuple(
        Column(_in_database(drift, each["column"]), each["type"], each.get("required", False))
        for drift in drifts
        for each in drift["unlisted"]
    )
    return Report(policy, tuple(_check(check) for check in found), unlisted)


def _check(found: Mapping[str, Any]) -> Check:
    if found["check"] == "drift":
        return Check("drift", found["ok"], detail=_drift(found))
    detail = found.get("treatment") or found.get("kind") or ""
    place = (_in_database(found, found["table"]), found["column"], detail)
    return Check(found["check"], found["ok"], *place, rows=found["rows"], bad=found["bad"])


def _in_database(check: Mapping[str, Any], name: str) -> str:
    return f"{check['database']}:{name}" if "database" in check else name


def _drift(found: Mapping[str, Any]) -> str:
    unlisted = [f"{_in_database(found, each['column'])} is not in the policy" for each in found["unlisted"]]
    missing = [f"{_in_database(found, name.rstrip('.'))} is not in the database" for name in found["missing"]]
    return "; ".join([*unlisted, *missing])
