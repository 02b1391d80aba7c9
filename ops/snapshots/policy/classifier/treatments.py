"""The treatments that fit a class, a type, and a table. `ops.snapshots.policy.model` has the grammar."""

from collections.abc import Iterable

from ops.snapshots.policy import fakes, formats
from ops.snapshots.policy.classifier.classes import NONE, REVIEW
from ops.snapshots.policy.classifier.classify import Verdict
from ops.snapshots.policy.classifier.column import Column
from ops.snapshots.policy.classifier.words import parts
from ops.snapshots.policy.treatment import FAKES, FORMAT

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
# A truncated fake of these kinds is a shorter one: digits after a prefix, of which some must be left.
_SHORTENED = frozenset({"phone", "postcode", "text", "username"})
_DIGITS = 4
_DESCRIPTIVE = frozenset(
    {"address", "city", "free_text", "photo", "url"}
)  # removed if no fake fits; others are hashed
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
    if (family == "text" or not column.type) and (fake := _fitting(column, cls)):
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


def choices(column: Column, key: str = "", path: bool = False) -> tuple[str, ...]:
    """Return the treatments that the type of a column can hold, besides keep. `key` is as above.

    A `path` leads to a value in a JSON document.
    """
    family = column.kind.family
    if family == "text" or not column.type:
        found = [
            *(f"fake {kind}" for kind in FAKES if fits(column, f"fake {kind}")),
            FORMAT,
            *(f"{FORMAT} {kind}" for kind in formats.KINDS),
            "hash",
            "constant ",
        ]
        found += [] if path else ["markup"]
    else:
        found = {
            "number": ["hash", "constant 0"],
            "date": [f"shift {SHIFT_DAYS} by {key}"] if key and key != column.name else [],
            "ip": [] if column.type.lower().startswith("inet6") else ["fake ip"],
            "xml": ["markup"],
        }.get(family, [])
        found.append(empty_value(column))
    if not column.required:
        found.append("null")
    if column.references and not path:
        found.append(f"same as {column.references.rpartition(':')[2]}")
    return tuple(dict.fromkeys(treatment for treatment in found if treatment != REVIEW))


def fits(column: Column, treatment: str) -> bool:
    """Whether every fake is whole, or a shorter one of its kind, in a column of this length."""
    kind, length = treatment.removeprefix("fake "), column.kind.length
    if kind == treatment or not length or length >= fakes.longest(kind):
        return True
    return kind in _SHORTENED and length >= fakes.FAKE_RANGES[kind].start + _DIGITS


def too_long(verdict: Verdict) -> str:
    """Return a note if the fakes of the class are longer than the column, or empty."""
    column = verdict.column
    fake, length = _fake(column, verdict.cls), column.kind.length
    kind = fake.removeprefix("fake ")
    if column.kind.family != "text" or kind == fake or not 0 < length < fakes.longest(kind):
        return ""
    return f"{fake} has up to {fakes.longest(kind)} characters, the column {length}"


def _fitting(column: Column, cls: str) -> str:
    """Return the fake for a text column, a shorter one, or a hash; empty if the value is removed."""
    fake = _fake(column, cls)
    if fits(column, fake):
        return fake
    if cls == "person_name" and fits(column, "fake first_name"):
        return "fake first_name"
    return "" if cls in _DESCRIPTIVE else "hash"


def _fake(column: Column, cls: str) -> str:
    """Return the treatment for a text column of any length, or empty if the value is removed."""
    if cls == "person_name":
        return f"fake {_part_of_name(column)}"
    if cls == "credit_card":
        return "" if _is_card_detail(column, cls) else "fake card"
    if cls == "photo":
        words = {word for part in parts(column.name) for word in part.text.split()}
        return "fake url" if words & {"url", "link", "uri"} else ""
    return _FAKES.get(cls, "")


def _part_of_name(column: Column) -> str:
    tags = frozenset[str]().union(*(part.tags for part in parts(column.name)))
    return next((kind for kind in ("first_name", "last_name") if kind in tags), "name")


def _is_card_detail(column: Column, cls: str) -> bool:
    words = {word for part in parts(column.name) for word in part.text.split()}
    return cls == "credit_card" and (bool(words & _CARD_DETAILS) or 0 < column.kind.length < 12)
