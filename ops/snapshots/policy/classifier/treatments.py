"""The treatment that fits a class, a type, and a table. `ops.snapshots.policy.model` has the grammar."""

from collections.abc import Iterable

from ops.snapshots.policy.classifier.classes import NONE, REVIEW
from ops.snapshots.policy.classifier.classify import Verdict
from ops.snapshots.policy.classifier.column import Column
from ops.snapshots.policy.classifier.words import parts

SHIFT_DAYS = 180
_FAKES = {
    "email": "fake email",
    "username": "fake username",
    "phone": "fake phone",
    "address": "fake address",
    "city": "fake city",
    "postcode": "fake postcode",
    "ip": "fake ip",
    "url": "fake url",
    "free_text": "fake text",
    "national_id": "keep format",
    "iban": "keep format iban",
    "device_id": "hash",
    "secret": "hash",
}
_HASHED_NUMBERS = frozenset({"phone", "postcode", "national_id", "iban", "credit_card", "device_id"})
_CARD_DETAILS = frozenset(
    {"exp", "expiry", "expiration", "cvv", "cvc", "cvv2", "cvc2", "last", "four", "month", "year", "cid"}
)
_SHORTEST_CITY = 8
# Type family → a value for a column that is NOT NULL. Families without one are for review.
_EMPTY = {
    "text": "constant ",
    "": "constant ",
    "number": "constant 0",
    "ip": "constant ::",
    "boolean": "constant false",
    "date": "constant 1970-01-01",
    "json": "constant {}",
    "array": "constant {}",
    "bytes": "constant ",
    "mac": "constant 00:00:00:00:00:00",
}


def key_columns(columns: Iterable[Column]) -> dict[str, str]:
    """Return the likely key column of each table, by name: a shift depends on it."""
    keys: dict[str, str] = {}
    for column in columns:
        if column.name.lower() == "id" or (column.table not in keys and column.name.lower().endswith("id")):
            keys[column.table] = column.name
    return keys


def treatment_for(verdict: Verdict, key: str) -> str:
    """Return the treatment of a column, as a policy writes it. `key` is the key column of its table."""
    column, cls = verdict.column, verdict.cls
    family = column.kind.family
    if cls in (NONE, REVIEW):
        return "keep" if cls == NONE else REVIEW
    if family in ("json", "array"):
        return "constant {}"
    if family == "date" and cls == "birth_date" and key and key != column.name:
        return f"shift {SHIFT_DAYS} by {key}"
    if (family == "text" or not column.type) and (fake := _fake(column, cls)):
        return fake
    if family == "ip" and cls == "ip" and not column.type.lower().startswith("inet6"):
        return "fake ip"
    if family == "number" and cls in _HASHED_NUMBERS and not _is_card_detail(column, cls):
        return "hash"
    return empty_value(column)


def empty_value(column: Column) -> str:
    """Return the treatment that removes the value: NULL, or a constant for a column that is NOT NULL."""
    family = column.kind.family
    if family in ("json", "array"):
        return "constant {}"
    if not column.required:
        return "null"
    if column.is_fixed_binary or (column.type and not family):  # a type of the user's own can reject anything
        return REVIEW
    return _EMPTY.get(family, REVIEW)


def _fake(column: Column, cls: str) -> str:
    """Return the fake for a text column, or empty if the value is removed."""
    if cls == "person_name":
        return f"fake {_part_of_name(column)}"
    if cls == "credit_card":
        return "" if _is_card_detail(column, cls) else "fake card"
    if cls == "photo":
        words = {word for part in parts(column.name) for word in part.text.split()}
        return "fake url" if words & {"url", "link", "uri"} else ""
    if cls == "city" and 0 < column.kind.length < _SHORTEST_CITY:
        return ""  # a code of a region, which no fake fits into
    return _FAKES.get(cls, "")


def _part_of_name(column: Column) -> str:
    tags = frozenset[str]().union(*(part.tags for part in parts(column.name)))
    return next((kind for kind in ("first_name", "last_name") if kind in tags), "name")


def _is_card_detail(column: Column, cls: str) -> bool:
    words = {word for part in parts(column.name) for word in part.text.split()}
    return cls == "credit_card" and (bool(words & _CARD_DETAILS) or 0 < column.kind.length < 12)
