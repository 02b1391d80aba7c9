"""A policy proposed for columns that none names: from names, types and what a scan found in them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ops.snapshots.report import Column, Report

_FOUND = {"email": "fake email", "card": "fake card", "phone": "fake phone"}
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

# In order: the first whose words occur in the column's name, for a column of such a type.
_NAMED = (
    (
        r"(^|_)ssn|passport|iban$|national_?id|(tax|vat|insurance|licen[cs]e)_?(id|no|num)",
        "text number",
        "hash",
        "named like an official number",
    ),
    (r"^id$|_id$|^uuid$", "", "keep", "a key"),
    (r"e_?mail", "text", "fake email", "named like an e-mail address"),
    (r"phone|mobile|fax|^tel|(^|_)cell$", "text", "fake phone", "named like a phone number"),
    (r"card_?(number|no|num)$|^pan$|credit_?card", "text", "fake card", "named like a card number"),
    (r"first_?name|given_?name|forename", "text", "fake first_name", "named like a first name"),
    (r"last_?name|surname|family_?name", "text", "fake last_name", "named like a last name"),
    (r"full_?name|recipient|holder|contact|display_?name", "text", "fake name", "named like a person's name"),
    (r"user_?name$|(^|_)login(_?name)?$|nick", "text", "fake username", "named like a user's name"),
    (r"pass(word|wd)?|secret|token|salt|hash|fingerprint|api_?key", "text", "hash", "named like a secret"),
    (r"^ip$|_ip$|ip_?addr", "text inet", "fake ip", "named like a network address"),
    (r"^mac$|mac_?addr", "text", "hash", "named like a device's address"),
    (r"street|address|addr\d?$", "text", "fake address", "named like an address"),
    (r"post(al)?_?code|zip", "text", "fake postcode", "named like a postal code"),
    (r"birth|^dob$", "date", "shift 180 by {key}", "named like a date of birth"),
    (r"latitude|longitude|(^|_)(lat|lon|lng|long)$|salary|income", "", "null", "tells of a person"),
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
    return tuple(_for_column(column, found.get(column.name, []), keys) for column in report.unlisted)


def as_toml(suggestions: Iterable[Suggestion]) -> str:
    """The suggestions as a policy's tables, each with its reason."""
    tables: dict[str, list[Suggestion]] = {}
    for each in suggestions:
        tables.setdefault(each.table, []).append(each)
    parts = []
    for table, columns in tables.items():
        database, _, name = table.rpartition(":")
        where = f"databases.{_key(database)}.tables" if database else "tables"
        lines = [f"{_quoted(c.column)} = {_quoted(c.treatment)}  # {c.reason}" for c in columns]
        parts.append("\n".join([f"[{where}.{_key(name)}]", *lines]))
    return "\n\n".join(parts) + "\n"


def _keys(names: Iterable[str]) -> dict[str, str]:
    """Table → the column that a shift goes by: its key, as far as names tell."""
    keys: dict[str, str] = {}
    for name in names:
        table, _, column = name.rpartition(".")
        if column == "id" or (table not in keys and column.endswith("_id")):
            keys[table] = column
    return keys


def _for_column(of: Column, found: list[str], keys: dict[str, str]) -> Suggestion:
    table, _, column = of.name.rpartition(".")
    database, colon, bare = table.rpartition(":")
    shown = database + colon + bare.removeprefix("public.")
    if found:
        treatment = _FOUND.get(found[0], "fake text") if _is(of.type, "text") else _emptied(of)
        return Suggestion(shown, column, treatment, f"holds what looks like {', '.join(sorted(found))}")
    for pattern, kinds, treatment, reason in _NAMED:
        fits = not kinds or any(_is(of.type, kind) for kind in kinds.split())
        if fits and re.search(pattern, column, re.IGNORECASE):
            by = keys.get(table)
            if "{key}" in treatment and not by:
                treatment, reason = "null", f"{reason}, and the table has no key to shift by"
            if treatment == "null":
                treatment = _emptied(of)
            return Suggestion(shown, column, treatment.replace("{key}", by or ""), reason)
    if "json" in of.type:
        return Suggestion(shown, column, "constant {}", "JSON may hold anything")
    if of.type.startswith(_BYTES):
        return Suggestion(shown, column, "keep", "bytes, which no scan reads: look at what they hold")
    return Suggestion(shown, column, "keep", "nothing speaks against it")


def _is(type_: str, kind: str) -> bool:
    if type_.endswith("[]"):
        return False
    return (
        type_.startswith({"text": _TEXTS, "number": _NUMBERS}.get(kind, kind)) or kind in type_.split("(")[0]
    )


def _emptied(column: Column) -> str:
    """What says nothing: NULL, or what a column that must hold a value can hold."""
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
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
