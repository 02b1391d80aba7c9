"""A policy proposed for columns that none names: from names, types and what a scan found in them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ops.snapshots.policy import DEFAULT_SCHEMA
from ops.snapshots.report import Report

_FOUND = {"email": "fake email", "card": "fake card", "phone": "fake phone"}
_TEXTS = ("text", "character", "varchar", "citext", "name")

# In order: the first whose words occur in the column's name, for a column of such a type.
_NAMED = (
    (r"^id$|_id$|^uuid$", "", "keep", "a key"),
    (r"e_?mail", "text", "fake email", "named like an e-mail address"),
    (r"phone|mobile|fax|^tel", "text", "fake phone", "named like a phone number"),
    (r"card_?(number|no|num)$|^pan$|credit_?card", "text", "fake card", "named like a card number"),
    (r"first_?name|given_?name|forename", "text", "fake first_name", "named like a first name"),
    (r"last_?name|surname|family_?name", "text", "fake last_name", "named like a last name"),
    (r"full_?name|recipient|holder|contact|display_?name", "text", "fake name", "named like a person's name"),
    (r"user_?name|login|nick", "text", "fake username", "named like a user's name"),
    (r"pass(word|wd)?|secret|token|salt|hash|fingerprint|api_?key", "text", "hash", "named like a secret"),
    (r"street|address|addr\d?$", "text", "fake address", "named like an address"),
    (r"post(al)?_?code|zip", "text", "fake postcode", "named like a postal code"),
    (r"^ip$|_ip$|ip_?addr", "", "fake ip", "named like a network address"),
    (r"birth|^dob$", "date", "shift 180 by {key}", "named like a date of birth"),
    (r"latitude|longitude|^lat$|^l(o)?ng?$|salary|income", "", "null", "tells of a person"),
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
    """What is proposed for a column of a table, and why. Both names as a policy writes them."""

    table: str
    column: str
    treatment: str
    reason: str


def suggest(report: Report) -> tuple[Suggestion, ...]:
    """A proposal for every column that the report's policy did not name, in the report's order."""
    found: dict[str, list[str]] = {}
    for check in report.checks:
        if check.kind == "scan" and check.bad:
            found.setdefault(f"{check.table}.{check.column}", []).append(check.detail)
    keys = _keys(column.name for column in report.unlisted)
    return tuple(_for_column(c.name, c.type, found.get(c.name, []), keys) for c in report.unlisted)


def as_toml(suggestions: Iterable[Suggestion]) -> str:
    """The suggestions as a policy's tables, each with its reason."""
    tables: dict[str, list[Suggestion]] = {}
    for each in suggestions:
        tables.setdefault(each.table, []).append(each)
    parts = []
    for table, columns in tables.items():
        name = table if re.fullmatch(r"[A-Za-z0-9_-]+", table) else _quoted(table)
        lines = [f"{_quoted(c.column)} = {_quoted(c.treatment)}  # {c.reason}" for c in columns]
        parts.append("\n".join([f"[tables.{name}]", *lines]))
    return "\n\n".join(parts) + "\n"


def _keys(names: Iterable[str]) -> dict[str, str]:
    """Table → the column that a shift goes by: its key, as far as names tell."""
    keys: dict[str, str] = {}
    for name in names:
        table, _, column = name.rpartition(".")
        if column == "id" or (table not in keys and column.endswith("_id")):
            keys[table] = column
    return keys


def _for_column(name: str, type_: str, found: list[str], keys: dict[str, str]) -> Suggestion:
    table, _, column = name.rpartition(".")
    shown = table.removeprefix(f"{DEFAULT_SCHEMA}.")
    if found:
        treatment = _FOUND.get(found[0], "fake text") if _is_text(type_) else _emptied(type_)
        return Suggestion(shown, column, treatment, f"holds what looks like {', '.join(sorted(found))}")
    for pattern, kind, treatment, reason in _NAMED:
        fits = not kind or (kind == "text" and _is_text(type_)) or (kind != "text" and kind in type_)
        if fits and re.search(pattern, column, re.IGNORECASE):
            by = keys.get(table)
            if "{key}" in treatment and not by:
                treatment, reason = "null", f"{reason}, and the table has no key to shift by"
            return Suggestion(shown, column, treatment.format(key=by), reason)
    if "json" in type_:
        return Suggestion(shown, column, "constant {}", "JSON may hold anything")
    return Suggestion(shown, column, "keep", "nothing speaks against it")


def _is_text(type_: str) -> bool:
    return type_.startswith(_TEXTS)


def _emptied(type_: str) -> str:
    return "constant {}" if "json" in type_ else "null"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
