"""Suggests treatments for unlisted columns: the verdicts of the classifier, and the findings of the scan."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ops.snapshots.policy.classifier.classes import PERSONAL, REVIEW
from ops.snapshots.policy.classifier.classify import Verdict, classify
from ops.snapshots.policy.classifier.column import Column
from ops.snapshots.policy.classifier.names import SURE
from ops.snapshots.policy.classifier.treatments import key_columns, too_long, treatment_for
from ops.snapshots.policy.names import join_name, split_name
from ops.snapshots.report import ReportCheck, SanitizingReport, UnlistedColumn

# Finding of the scan → class of a column with it.
_BY_FINDING = {
    "email": "email",
    "card": "credit_card",
    "phone": "phone",
    "iban": "iban",
    "national_id": "national_id",
    "ip": "ip",
    "mac": "device_id",
    "password_hash": "secret",
    "key": "secret",
    "number": "national_id",  # a long number: of an account, a document, or a phone
}
_SOME = 0.1  # with the finding in fewer rows, the column is text that happens to contain it


@dataclass(frozen=True)
class Suggestion:
    """A suggested treatment for a column, and the reason. Table and column are named as in a policy.

    `cls` is one of `classifier.classes`; `confidence` is 0 to 1.
    """

    table: str
    column: str
    treatment: str
    reason: str
    cls: str = REVIEW
    confidence: float = 0.0

    @property
    def comment(self) -> str:
        """Class, confidence, and reason."""
        return f"{self.cls}, {self.confidence:.0%}: {self.reason}" if self.confidence else self.reason


def open_reviews(suggestions: Iterable[Suggestion]) -> list[str]:
    """Return the columns that a person must decide."""
    return [f"{each.table}.{each.column}" for each in suggestions if each.treatment == REVIEW]


def suggest_treatments(report: SanitizingReport) -> tuple[Suggestion, ...]:
    """Suggest a treatment for every column that the policy of the report did not list, in the same order."""
    findings: dict[tuple[str, str], list[ReportCheck]] = {}
    for check in report.checks:
        if check.kind == "scan" and check.bad:
            findings.setdefault((check.table, check.column), []).append(check)
    columns = [_column(unlisted) for unlisted in report.unlisted]
    keys = key_columns(columns)
    verdicts = [
        _with_findings(each, findings.get((each.column.table, each.column.name), []))
        for each in classify(columns)
    ]
    suggestions = [_suggestion(each, keys.get(each.column.table, "")) for each in verdicts]
    return _with_parents(columns, suggestions)


def _with_parents(columns: Sequence[Column], suggestions: Sequence[Suggestion]) -> tuple[Suggestion, ...]:
    """Give both columns of a foreign key the same treatment, through any number of keys."""
    names = [f"{column.table}.{column.name}" for column in columns]
    by_name = dict(zip(names, suggestions, strict=True))
    parents = dict(zip(names, (column.references for column in columns), strict=True))

    def followed(name: str, each: Suggestion) -> Suggestion:
        seen = {name}
        while (name := parents.get(name, "")) in by_name and name not in seen:
            seen.add(name)
            treatment = by_name[name].treatment
            if treatment not in ("keep", "null", REVIEW) and not treatment.startswith("shift "):
                each = replace(each, treatment=treatment)
        return each

    return tuple(followed(name, each) for name, each in zip(names, suggestions, strict=True))


def _column(unlisted: UnlistedColumn) -> Column:
    table, name = _split(unlisted.name)
    return Column(table, name, unlisted.type, unlisted.required, unlisted.references)


def _split(name: str) -> tuple[str, str]:
    """Split `database:schema.table.column` into the full name of the table and the bare column."""
    database, colon, rest = name.partition(":")
    if not colon or rest.count(".") < 2:  # a colon in a name
        database, colon, rest = "", "", name
    *table, column = split_name(rest)
    return database + colon + join_name(table), column


def _with_findings(verdict: Verdict, findings: list[ReportCheck]) -> Verdict:
    """Return the verdict with the findings of the scan, which counted rows of the column."""
    if not findings:
        return verdict
    most = max(findings, key=lambda check: check.bad)
    cls = _BY_FINDING.get(most.detail, "free_text") if most.bad >= most.rows * _SOME else "free_text"
    if verdict.cls == "free_text" or (verdict.cls in PERSONAL and cls == "free_text"):
        cls = verdict.cls
    kinds = ", ".join(sorted(check.detail for check in findings))
    return replace(verdict, cls=cls, confidence=SURE, reason=f"the scan found: {kinds}")


def _suggestion(verdict: Verdict, key: str) -> Suggestion:
    column = verdict.column
    database, colon, bare = column.table.rpartition(":")
    shown = database + colon + bare.removeprefix("public.")
    treatment = treatment_for(verdict, key)
    reason = "; ".join(filter(None, [verdict.reason, too_long(verdict)]))
    return Suggestion(shown, column.name, treatment, reason, verdict.cls, verdict.confidence)


def suggestions_as_toml(suggestions: Iterable[Suggestion]) -> str:
    """Format the suggestions as tables of a policy file, each with its reason as a comment."""
    tables: dict[str, list[Suggestion]] = {}
    for suggestion in suggestions:
        tables.setdefault(suggestion.table, []).append(suggestion)
    parts = []
    for table, columns in tables.items():
        database, _, name = table.rpartition(":")
        where = f"databases.{_key(database)}.tables" if database else "tables"
        lines = [f"{_quoted(c.column)} = {_quoted(c.treatment)}  # {_one_line(c.comment)}" for c in columns]
        parts.append("\n".join([f"[{where}.{_key(name)}]", *lines]))
    return "\n\n".join(parts) + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # with these escapes, a TOML string too
