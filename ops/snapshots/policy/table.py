"""A table in a policy: the treatments of its columns, and which of its rows are kept."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ops.snapshots.policy.expressions import parse_expression
from ops.snapshots.policy.names import join_name, split_name
from ops.snapshots.policy.treatment import FORMAT, Treatment, parse_treatments
from ops.text.toml_tables import TomlTable

# The treatments that another column can have too: "same as".
_SHARED = ("keep", FORMAT, "null", "hash", "constant", "fake", "review")


@dataclass(frozen=True)
class TablePolicy:
    """The treatment of a table.

    `rows` is keep, truncate, delete (rows that satisfy `where`), or sample (keep `percent` of them).
    """

    schema: str
    name: str
    columns: Mapping[str, Treatment]
    rows: str = "keep"
    percent: float = 100.0
    where: str = ""

    @property
    def full_name(self) -> str:
        return join_name((self.schema, self.name))

    @property
    def treated(self) -> dict[str, Treatment]:
        return {name: treatment for name, treatment in self.columns.items() if treatment.kind != "keep"}

    @property
    def replaced(self) -> tuple[str, ...]:
        """The columns of which nothing is left. All others are scanned."""
        return tuple(name for name, item in self.treated.items() if item.is_replaced)

    @property
    def kept_knowingly(self) -> tuple[str, ...]:
        """The columns that are kept although they cannot be scanned: "keep because REASON"."""
        return tuple(name for name, item in self.columns.items() if item.kind == "keep" and item.argument)


def parse_tables(
    tables: TomlTable, engine: str, default_schema: str, readable: tuple[str, ...]
) -> tuple[TablePolicy, ...]:
    listed: dict[str, TablePolicy] = {}
    keys: dict[str, TomlTable] = {}
    for name in tables.values:
        table = _table(tables.table(name), name, engine, default_schema, readable)
        if table.full_name in listed:
            raise tables.mistake(name, f"lists the table {table.full_name} twice.", "Merge both entries.")
        listed[table.full_name], keys[table.full_name] = table, tables.table(name)
    return tuple(
        replace(
            table,
            columns={
                column: _followed(keys, listed, name, column, default_schema) for column in table.columns
            },
        )
        for name, table in listed.items()
    )


def _table(
    table: TomlTable, name: str, engine: str, default_schema: str, readable: tuple[str, ...]
) -> TablePolicy:
    if not table.values:
        raise table.mistake("", "has no columns.", 'List its columns, or "*" = "truncate".')
    schema, bare = _split(name)
    columns = parse_treatments(table, engine, readable)
    rows, percent, where = _rows(table, engine, tuple(columns), readable)
    return TablePolicy(schema or default_schema, bare, columns, rows, percent, where)


def _rows(
    table: TomlTable, engine: str, columns: tuple[str, ...], readable: tuple[str, ...]
) -> tuple[str, float, str]:
    text = table.values.get("*", "keep")
    if text in ("keep", "truncate"):
        return text, 100.0, ""
    if (match := re.fullmatch(r"sample (\d+(?:\.\d+)?)", str(text))) and 0 < float(match[1]) < 100:
        return "sample", float(match[1]), ""
    if match := re.fullmatch(r"delete where (\S.*)", str(text), re.DOTALL):
        try:
            return "delete", 100.0, parse_expression(match[1], engine, columns, readable).sql
        except ValueError as error:
            raise table.mistake("*", f"has a condition that {error}.", "Correct it.") from error
    raise table.mistake(
        "*",
        f"is {text!r}.",
        'Use "truncate", "delete where CONDITION", or "sample" and a percentage below 100.',
    )


def _followed(
    keys: Mapping[str, TomlTable],
    tables: Mapping[str, TablePolicy],
    table: str,
    column: str,
    default_schema: str,
) -> Treatment:
    """Return the treatment of a column, which can be that of another one: "same as TABLE.COLUMN"."""
    treatment = tables[table].columns[column]
    seen = {(table, column)}
    while treatment.kind == "same":
        name = treatment.argument
        try:
            *parent, other = split_name(column_name(keys[table], name, default_schema, column))
        except ValueError:
            parent, other = [], ""
        place = join_name(parent)
        if place not in tables or other not in tables[place].columns:
            raise keys[table].mistake(
                column, f"is the same as {name}, which is not in the policy.", "Write TABLE.COLUMN."
            )
        if (place, other) in seen:
            raise keys[table].mistake(
                column, "is the same as itself.", "Give one of the columns a treatment."
            )
        seen.add((place, other))
        treatment = tables[place].columns[other]
    if len(seen) > 1 and treatment.kind not in _SHARED:
        raise keys[table].mistake(
            column, f"is the same as a column with {treatment.kind}.", "Write its own treatment."
        )
    return treatment


def _split(name: str) -> tuple[str, str]:
    """Return schema (can be empty) and name of a table. Without quotes, the last dot separates them."""
    try:
        *schemas, bare = split_name(name) if '"' in name else ()
    except ValueError:  # fewer parts, or a quote that is part of the name
        schemas = []
        bare = ""
    if bare and len(schemas) < 2:
        return "".join(schemas), bare
    schema, _, bare = name.rpartition(".")
    return schema, bare


def column_name(allow: TomlTable, name: str, default_schema: str, key: str = "") -> str:
    """Return the full name of a column whose schema may be missing. `key` is the key that has the name."""
    try:
        *table, column = split_name(name)
    except ValueError:
        table = []
    if len(table) not in (1, 2):
        raise allow.mistake(
            key or name,
            "is not a column." if not key else f"names {name!r}, which is not a column.",
            "Write table.column or schema.table.column.",
        )
    return join_name([*([default_schema] if len(table) == 1 else []), *table, column])
