"""The subset of a database along foreign keys, in a policy.

[subset]
table = "orders"                       # the subset starts here
keep = "10 %"                          # or: where = "created > '2026-01-01'", an SQL expression
references = ["tickets.mail = customers.mail"]    # keys that no constraint declares
mode = "forecast"                      # report rows and sizes, and stop; "apply" is the default

1. Of the table, the chosen rows stay, and those that other rows that stay refer to.
2. Of the tables that it refers to, directly or through others, the rows stay that a remaining row refers to.
3. Of every other table, the rows stay that refer to no deleted row.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ops.snapshots.policy.expressions import parse_expression
from ops.snapshots.policy.names import join_name, split_name
from ops.snapshots.policy.table import TablePolicy, column_name
from ops.snapshots.policy.treatment import Treatment
from ops.text.toml_tables import TomlTable

_KEYS = ("table", "keep", "where", "references", "mode")


@dataclass(frozen=True)
class Reference:
    """A foreign key of one column that no constraint declares.

    Child and parent are (schema, table, column).
    """

    child: tuple[str, str, str]
    parent: tuple[str, str, str]

    @property
    def name(self) -> str:
        return f"{join_name(self.child)} = {join_name(self.parent)}"


@dataclass(frozen=True)
class Subset:
    """The rows of `table` that are chosen: `percent` of them, or those that satisfy `where`."""

    table: TablePolicy
    percent: float = 0.0
    where: str = ""
    references: tuple[Reference, ...] = ()
    is_forecast: bool = False


def parse_subset(
    table: TomlTable, tables: Iterable[TablePolicy], engine: str, default_schema: str
) -> Subset | None:
    """Return the subset, or None without one. Raises InputError that names the line."""
    if not table.values:
        return None
    table.check_keys(*_KEYS)
    listed = {each.full_name: each for each in tables}
    name = table.text("table", means="the name of a table")
    chosen = listed.get(name) or listed.get(join_name((default_schema, name)))
    if chosen is None or chosen.rows == "truncate":
        reason = "is truncated" if chosen else "is not in the policy"
        raise table.mistake("table", f"is {name!r}, which {reason}.", "Name a table of the policy.")
    if ("keep" in table) == ("where" in table):
        raise table.mistake(
            "", "needs one of keep and where.", 'Write keep = "10 %", or where = "CONDITION".'
        )
    percent = 0.0
    if "keep" in table:
        percent = float(
            table.text("keep", like=r"\d+(\.\d+)? ?%", means='a percentage, as "10 %"').rstrip(" %")
        )
        if not 0 < percent < 100:
            raise table.mistake("keep", "is not between 0 and 100 %.", 'Write a percentage, as "10 %".')
    return Subset(
        chosen,
        percent,
        _where(table, chosen, engine),
        tuple(
            _reference(table, text, listed, default_schema)
            for text in table.texts("references", like=".+=.+", means='"child.column = parent.column"')
        ),
        table.choice("mode", "apply", "forecast") == "forecast",
    )


def _where(table: TomlTable, chosen: TablePolicy, engine: str) -> str:
    if "where" not in table:
        return ""
    try:
        return parse_expression(table.text("where"), engine, tuple(chosen.columns)).sql
    except ValueError as error:
        raise table.mistake("where", f"is a condition that {error}.", "Correct it.") from error


def _reference(table: TomlTable, text: str, listed: dict[str, TablePolicy], default_schema: str) -> Reference:
    sides, treatments = [], []
    for side in re.split(r"\s*=\s*", text, maxsplit=1):
        *parent, column = split_name(column_name(table, side.strip(), default_schema, "references"))
        found = listed.get(join_name(parent))
        if found is None or column not in found.columns:
            raise table.mistake(
                "references", f"names {side}, which is not in the policy.", "Write table.column."
            )
        sides.append((found.schema, found.name, column))
        treatments.append(found.columns[column])
    if _shown(treatments[0]) != _shown(treatments[1]):
        raise table.mistake(
            "references", f"has {text!r}, whose columns have different treatments.", 'Use "same as".'
        )
    return Reference(sides[0], sides[1])


def _shown(treatment: Treatment) -> str:
    return "keep" if treatment.kind == "keep" else str(treatment)
