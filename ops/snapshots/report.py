"""The sanitizing report of a run: one result per check, with counts and locations but no data."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

PREFIX = "REPORT "  # of the task's log lines that contain a check

# What failed before a value is known, and what to do.
_MESSAGES = {
    "owner": "the master user cannot become a member of the role {self.table}, which owns objects: in "
    "production, grant it the role WITH ADMIN OPTION",
    "key": "{where}: both columns of a foreign key need the same treatment, as with "
    '"same as TABLE.COLUMN": {self.detail}',
    "partition": "{where}: the column selects the partition, and its bounds are values: truncate the table, "
    "or partition it by another column",
    "document": "{where}: {self.bad} of {self.rows} values are not JSON documents, and a path in them is "
    'treated: write "json or null" for the column, or treat it as a whole',
    "format": "{where}: a format can be kept in texts only, and the type is {self.detail}: "
    "use another treatment",
    "length": "{where}: {self.detail}, not even truncated: use another treatment, such as hash",
    "required": "{where}: null is not possible in a column that is NOT NULL: use a constant",
    "referred": "{where}: the foreign key refers to {self.detail}, which is truncated: truncate {self.table} "
    'too, or write "delete where true" for {self.detail}, which also deletes the rows that refer to it',
    "constraint": "{where}: {self.bad} of {self.rows} new values do not satisfy the constraint: choose "
    "another treatment, or drop the constraint with `before`",
    "rows": "the table {self.table} has {self.rows} rows, {self.bad} more or fewer than in the copy",
    "subset": "forecast of the subset: {self.detail} of {self.rows} rows stay; to apply it, remove "
    'mode = "forecast"',
    "rewritten": "the table {self.table} was not rewritten: its file contains old rows",
    "statistics": "{where}: the statistics are old or contain old values",
    "inventory": "{self.table}: {self.detail} found; remove it, or keep it with a reason in [objects]",
}
# What passed and is no count of rows.
_TOLD = {
    "deleted": "{self.table}: none of the {self.rows} remaining rows satisfies the condition of the deletion",
    "subset": "{self.table}: {self.detail} of {self.rows} rows stay",
    "catalog": "{self.rows} texts of the catalog were scanned",
    "inventory": "{self.table}: {self.detail}",
    "role": "the password that {self.table} has in production does not work in the copy",
    "rewritten": "the table {self.table} was rewritten",
    "rows": "the table {self.table} has all {self.rows} rows of the copy that the policy keeps",
}
# Checks that run before the treatment: if one failed, the others follow from it.
_BEFORE = (
    "drift",
    "database",
    "definer",
    "space",
    "owner",
    "key",
    "partition",
    "required",
    "format",
    "length",
    "document",
    "referred",
    "constraint",
    "inventory",
    "subset",
)


@dataclass(frozen=True)
class ReportCheck:
    """The result of one check: `bad` of `rows` rows did not pass.

    `table` is `schema.table`, or `database:schema.table` in the other PostgreSQL databases on the server.
    """

    kind: str
    ok: bool
    table: str = ""
    column: str = ""
    detail: str = ""
    rows: int = 0
    bad: int = 0

    @property
    def message(self) -> str:
        """The result in a sentence."""
        where = f"{self.table}.{self.column}" if self.table else ""
        if self.kind in _MESSAGES and not self.ok:
            return _MESSAGES[self.kind].format(where=where, self=self)
        if self.kind in _TOLD:
            return _TOLD[self.kind].format(self=self)
        if self.kind == "drift":
            return f"policy and schema differ: {self.detail}" if self.detail else "policy and schema match"
        if self.kind == "database":
            if not self.bad:
                return f"the database {self.table} is empty"
            return f"the database {self.table} is not in the policy and was not treated"
        if self.kind == "definer":
            return f"the trigger {self.column} of {self.table} has a definer that the master user cannot set"
        if self.kind == "space":
            if not self.bad:
                return f"{where}: enough values of {self.detail} for its {self.rows} distinct values"
            return f"{where}: {self.bad} of {self.rows} unique values are too many for {self.detail}"
        if self.kind == "scan":
            return f"{where}: {self.bad} of {self.rows} rows contain a possible {self.detail}"
        return f"{where}: {self.bad} of {self.rows} rows do not pass the check: {self.detail or self.kind}"


@dataclass(frozen=True)
class UnlistedColumn:
    """A column that the policy does not list: `schema.table.column`, and its type as the database writes it.

    `required` means NOT NULL; `references` is the full name of the column that a foreign key refers to.
    """

    name: str
    type: str
    required: bool = False
    references: str = ""


@dataclass(frozen=True)
class SanitizingReport:
    """A sanitizing report: `policy` is the version of the policy, `seconds` the duration of each script."""

    policy: str
    checks: tuple[ReportCheck, ...]
    unlisted: tuple[UnlistedColumn, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def failed(self) -> tuple[ReportCheck, ...]:
        """The failed checks. If one stopped the treatment, only those: the others follow from it."""
        failed = tuple(dict.fromkeys(check for check in self.checks if not check.ok))
        return tuple(check for check in failed if check.kind in _BEFORE) or failed

    @property
    def durations(self) -> tuple[float, float]:
        """Seconds of treatment, and seconds of verification."""
        verifying = sum(seconds for name, seconds in self.seconds.items() if ".check.sql" in name)
        return sum(self.seconds.values()) - verifying, verifying

    @property
    def treated(self) -> tuple[ReportCheck, ...]:
        return tuple(check for check in self.checks if check.kind in ("treated", "truncated"))


def report_from_json(text: str) -> SanitizingReport:
    """Parse a report that the pipeline stored in S3."""
    document = json.loads(text)
    return replace(_report(document["checks"]), seconds=document.get("seconds", {}))


def report_from_log(lines: Iterable[str]) -> SanitizingReport:
    """Read the report from the log lines of a task, as far as it is written."""
    checks = [json.loads(line.removeprefix(PREFIX)) for line in lines if line.startswith(PREFIX + "{")]
    return _report(checks)


def _report(checks: list[Mapping[str, Any]]) -> SanitizingReport:
    drifts = [check for check in checks if check["check"] == "drift"]
    policy = str(drifts[0]["policy"]) if drifts else ""
    unlisted = tuple(
        UnlistedColumn(
            _in_database(drift, column["column"]),
            column["type"],
            column.get("required", False),
            _in_database(drift, column["references"]) if column.get("references") else "",
        )
        for drift in drifts
        for column in drift["unlisted"]
    )
    return SanitizingReport(policy, tuple(_check(check) for check in checks), unlisted)


def _check(check: Mapping[str, Any]) -> ReportCheck:
    if check["check"] == "drift":
        return ReportCheck("drift", check["ok"], detail=_drift(check))
    detail = check.get("treatment") or check.get("kind") or ""
    place = (_in_database(check, check["table"]), check["column"], detail)
    return ReportCheck(check["check"], check["ok"], *place, rows=check["rows"], bad=check["bad"])


def _in_database(check: Mapping[str, Any], name: str) -> str:
    return f"{check['database']}:{name}" if "database" in check else name


def _drift(check: Mapping[str, Any]) -> str:
    unlisted = [
        f"{_in_database(check, column['column'])} is not in the policy" for column in check["unlisted"]
    ]
    missing = [f"{_in_database(check, name.rstrip('.'))} is not in the database" for name in check["missing"]]
    return "; ".join([*unlisted, *missing])
