"""Combines name, table, keys, and values into a verdict for every column."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ops.snapshots.policy.classifier.classes import NONE, REVIEW
from ops.snapshots.policy.classifier.column import Column
from ops.snapshots.policy.classifier.evidence import weigh
from ops.snapshots.policy.classifier.names import LIKELY, POSSIBLE, SURE, Guess, guess
from ops.snapshots.policy.classifier.tables import Table, read_table
from ops.snapshots.policy.classifier.values import profile


@dataclass(frozen=True)
class Verdict:
    """The class of a column, how sure it is (0 to 1), and why."""

    column: Column
    cls: str
    confidence: float
    reason: str


def classify(columns: Sequence[Column]) -> list[Verdict]:
    """Return a verdict for every column, in the same order. Columns of the same table are judged together."""
    by_table: dict[str, list[Column]] = {}
    for column in columns:
        by_table.setdefault(column.table, []).append(column)
    tables = {name: read_table(name.rpartition(".")[2], items) for name, items in by_table.items()}
    guesses = {_id(column): _judge(column, tables[column.table]) for column in columns}
    parents = {_id(column): column.references for column in columns if column.references}
    return [
        Verdict(column, found.cls, found.confidence, found.reason)
        for column in columns
        for found in [_of_parent(_id(column), parents, guesses) or guesses[_id(column)]]
    ]


def _id(column: Column) -> str:
    return f"{column.table}.{column.name}"


def _judge(column: Column, table: Table) -> Guess:
    found = weigh(guess(column, table), column, table, profile(column.values))
    if (
        found.cls == NONE
        and column.kind.family in ("json", "xml")
        and table.people
        and found.confidence < LIKELY
    ):
        return Guess("free_text", POSSIBLE, f"{column.type} can contain anything; {table.why}")
    if found.cls == NONE and _needs_review(found, column, table):
        return Guess(REVIEW, 0.3, _why_review(column))
    return found


def _needs_review(found: Guess, column: Column, table: Table) -> bool:
    kind = column.kind
    if kind.family == "bytes":
        of_people = (table.people or table.subject) and found.confidence < SURE
        return not column.is_fixed_binary and (of_people or not found.judged)
    if found.judged:
        return False
    if kind.family in ("json", "xml"):
        return not table.impersonal
    return (
        kind.family == "text"
        and (table.people or table.kind in ("talk", "auth"))
        and kind.length not in (1, 2, 3)
    )


def _why_review(column: Column) -> str:
    if column.kind.family in ("bytes", "json", "xml"):
        return f"{column.type} can contain anything"
    return "the name is not a known word, and the table is about people"


def _of_parent(column: str, parents: Mapping[str, str], guesses: Mapping[str, Guess]) -> Guess | None:
    """Return the class of the personal column that foreign keys lead to, through any number of columns."""
    seen = {column}
    while (column := parents.get(column, "")) and column not in seen:
        seen.add(column)
        found = guesses.get(column)
        if found and found.cls not in (NONE, REVIEW):
            return Guess(found.cls, found.confidence, f"refers to {column}")
    return None
