"""Suggests treatments for unlisted columns, from their names, types, and the findings of the scan."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ops.snapshots.report import SanitizingReport, UnlistedColumn

_BY_FINDING = {"email": "fake email", "card": "fake card", "phone": "fake phone"}
_TEXTS = ("text", "char", "varchar", "citext", "name", "tinytext", "mediumtext", "longtext")
_NUMBERS = (
    "tinyint",
    "smallint",
    "mediumint",
    "int",
    "bigint",
    "decimal",
    "numeric",
    "real",
    "double",
    "float",
)
_BYTES = ("bytea", "binary", "varbinary", "blob", "tinyblob", "mediumblob", "longblob")

# Pattern of the column name, types, treatment, reason. The first entry that matches applies.
_NAMED = (
    (
        r"(^|_)ssn|passport|iban$|national_?id|(tax|vat|insurance|licen[cs]e)_?(id|no|num)",
        "text number",
        "hash",
        "named like an official number",
    ),
    (r"^id$|_id$|^uuid$", "", "keep", "a key"),
    (r"e_?mail", "text", "fake email", "named like an email address"),
    (r"phone|mobile|fax|^tel|(^|_)cell$", "text", "fake phone", "named like a phone number"),
    (r"card_?(number|no|num)$|^pan$|credit_?card", "text", "fake card", "named like a card number"),
    (r"first_?name|given_?name|forename", "text", "fake first_name", "named like a first name"),
    (r"last_?name|surname|family_?name", "text", "fake last_name", "named like a last name"),
    (r"full_?name|recipient|holder|contact|display_?name", "text", "fake name", "named like a person's name"),
    (r"user_?name$|(^|_)login(_?name)?$|nick", "text", "fake username", "named like a username"),
    (r"pass(word|wd)?|secret|token|salt|hash|fingerprint|api_?key", "text", "hash", "named like a secret"),
    (r"^ip$|_ip$|ip_?addr", "text inet", "fake ip", "named like an IP address"),
    (r"^mac$|mac_?addr", "text", "hash", "named like a MAC address"),
    (r"street|address|addr\d?$", "text", "fake address", "named like an address"),
    (r"post(al)?_?code|zip", "text", "fake postcode", "named like a postal code"),
    (r"birth|^dob$", "date", "shift 180 by {key}", "named like a date of birth"),
    (r"latitude|longitude|(^|_)(lat|lon|lng|long)$|salary|income", "", "null", "personal information"),
    (
        r"note|comment|remark|message|body|bio|description_private|free_?text",
        "text",
        "fake text",
        "free text",
    ),
    (r"picture|photo|avatar|signature", "", "null", "may show a person"),
)


@dataclass(frozen=True)
class Suggestion:
    """A suggested treatment for a column, and the reason. Table and column are named as in a policy."""

    table: str
    column: str
    treatment: str
    reason: str


def suggest_treatments(report: SanitizingReport) -> tuple[Suggestion, ...]:
    """Suggest a treatment for every column that the policy of the report did not list, in the same order."""
    findings: dict[str, list[str]] = {}
    for check in report.checks:
        if check.kind == "scan" and check.bad:
            findings.setdefault(f"{check.table}.{check.column}", []).append(check.detail)
    keys = _keys(column.name for column in report.unlisted)
    return tuple(_for_column(column, findings.get(column.name, []), keys) for column in report.unlisted)


def suggestions_as_toml(suggestions: Iterable[Suggestion]) -> str:
    """Format the suggestions as tables of a policy file, each with its reason as a comment."""
    tables: dict[str, list[Suggestion]] = {}
    for suggestion in suggestions:
        tables.setdefault(suggestion.table, []).append(suggestion)
    parts = []
    for table, columns in tables.items():
        database, _, name = table.rpartition(":")
        where = f"databases.{_key(database)}.tables" if database else "tables"
        lines = [f"{_quoted(c.column)} = {_quoted(c.treatment)}  # {c.reason}" for c in columns]
        parts.append("\n".join([f"[{where}.{_key(name)}]", *lines]))
    return "\n\n".join(parts) + "\n"


def _keys(names: Iterable[str]) -> dict[str, str]:
    """Return the likely key column of each table, by name: a shift depends on it."""
    keys: dict[str, str] = {}
    for name in names:
        table, _, column = name.rpartition(".")
        if column == "id" or (table not in keys and column.endswith("_id")):
            keys[table] = column
    return keys


def _for_column(unlisted: UnlistedColumn, findings: list[str], keys: dict[str, str]) -> Suggestion:
    table, _, column = unlisted.name.rpartition(".")
    database, colon, bare = table.rpartition(":")
    shown = database + colon + bare.removeprefix("public.")
    if findings:
        is_text = _is(unlisted.type, "text")
        treatment = _BY_FINDING.get(findings[0], "fake text") if is_text else _empty_value(unlisted)
        return Suggestion(shown, column, treatment, f"the scan found: {', '.join(sorted(findings))}")
    for pattern, kinds, treatment, reason in _NAMED:
        fits = not kinds or any(_is(unlisted.type, kind) for kind in kinds.split())
        if fits and re.search(pattern, column, re.IGNORECASE):
            by = keys.get(table)
            if "{key}" in treatment and not by:
                treatment, reason = "null", f"{reason}, and the table has no key column"
            if treatment == "null":
                treatment = _empty_value(unlisted)
            return Suggestion(shown, column, treatment.replace("{key}", by or ""), reason)
    if "json" in unlisted.type:
        return Suggestion(shown, column, "constant {}", "JSON can contain anything")
    if unlisted.type.startswith(_BYTES):
        return Suggestion(shown, column, "keep", "binary data, which is not scanned: check what it contains")
    return Suggestion(shown, column, "keep", "no sign of personal data")


def _is(type_: str, kind: str) -> bool:
    if type_.endswith("[]"):
        return False
    return (
        type_.startswith({"text": _TEXTS, "number": _NUMBERS}.get(kind, kind)) or kind in type_.split("(")[0]
    )


def _empty_value(column: UnlistedColumn) -> str:
    """Return the treatment that removes the value: NULL, or a constant for a column that is NOT NULL."""
    if "json" in column.type or column.type.endswith("[]"):
        return "constant {}"
    if not column.required:
        return "null"
    if _is(column.type, "number"):
        return "constant 0"
    return "constant 1970-01-01" if _is(column.type, "date") or _is(column.type, "time") else "constant "


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # with these escapes, a TOML string too
