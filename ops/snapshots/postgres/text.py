"""Building blocks of SQL for PostgreSQL: names, literals, lists, and the catalog queries."""

from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files

from ops.snapshots.policy.table import TablePolicy
from ops.text import quoting

# Tables that are not the system's. Those of extensions can hold data too: the commands of pg_cron.
USER_TABLES = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'"
# Of these, the ones that the master user can change: all except tables of an extension of the cloud.
OWN_TABLES = f"{USER_TABLES} AND pg_has_role(c.relowner, 'USAGE')"


def shown(*parts: str) -> str:
    """Return SQL for the full name, with quotes as in a policy (see `ops.snapshots.policy.names`)."""
    return " || '.' || ".join(
        f"CASE WHEN {part} ~ '[.]|^\"' THEN '\"' || replace({part}, '\"', '\"\"') || '\"' ELSE {part} END"
        for part in parts
    )


# All columns. `target` is the table in a statement: a partitioned table includes its partitions, other tables
# exclude those that inherit from them.
COLUMNS = f"""\
SELECT n.nspname::text AS schema, c.relname::text AS name, a.attname::text AS column_name,
    a.attgenerated AS generated, {shown("n.nspname", "c.relname")} AS shown, t.oid AS type_id,
        c.relkind AS relkind,
    format_type(a.atttypid, a.atttypmod) AS type,
    CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod)
        ELSE format_type(a.atttypid, a.atttypmod) END AS plain_type,
    a.attnotnull OR t.typnotnull AS required, t.typcategory AS category, t.typname AS base,
    CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END AS modifier,
    c.oid AS relation, a.attnum AS number, greatest(c.reltuples, 0) AS estimate,
    CASE c.relkind WHEN 'r' THEN 'ONLY ' ELSE '' END || c.oid::regclass AS target
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition AND {USER_TABLES}"""


def functions() -> str:
    """Return the SQL functions that treatments and the scan use, for the start of a script."""
    return files("ops.snapshots.postgres").joinpath("functions.sql").read_text("utf-8")


def name(table: TablePolicy) -> str:
    return f"{identifier(table.schema)}.{identifier(table.name)}"


def identifier(name: str) -> str:
    return quoting.identifier(name, "postgres")


@lru_cache(10_000)  # the fakes of every column have the same words
def literal(text: str) -> str:
    """Quote a literal, independent of standard_conforming_strings and safe from psql variables."""
    if "\\" in text or ":" in text:
        return "E'" + text.replace("\\", "\\\\").replace("'", "''").replace(":", "\\x3a") + "'"
    return quoting.literal(text, "postgres")


def array(words: Sequence[str]) -> str:
    return "ARRAY[" + ",".join(literal(word) for word in words) + "]"


def values(rows: Sequence[tuple[str, ...]], width: int) -> str:
    """Return a VALUES list of `width` text columns; without rows, an empty result with these columns."""
    if not rows:
        return f"SELECT {', '.join(['NULL::text'] * width)} LIMIT 0"
    return "VALUES " + ", ".join(f"({', '.join(f'{literal(cell)}::text' for cell in row)})" for row in rows)


def print_verbatim(sql: str) -> str:
    """Return psql commands by which a generator script prints the SQL verbatim."""
    return "".join(f"\\qecho {_quoted_line(line)}\n" for line in sql.splitlines())


def _quoted_line(line: str) -> str:
    """psql parses the rest of a line as arguments unless it is quoted as a whole."""
    return "'" + line.replace("\\", "\\\\").replace("'", "''") + "'"
