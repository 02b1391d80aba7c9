"""Pieces of SQL for PostgreSQL: names, literals, lists, and the catalogue as every script reads it."""

from collections.abc import Sequence
from importlib.resources import files

from ops.snapshots.policy.model import Table

# Whose tables are looked at: neither the server's own nor what an extension brings.
OURS = """\
n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"""

# Columns of one session's view of the database, by table, which `target` names for a statement: partitions
# follow their parent, tables that inherit stand for themselves.
COLUMNS = f"""\
SELECT n.nspname AS schema, c.relname AS name, a.attname AS column_name, a.attgenerated AS generated,
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
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND {OURS}"""


def functions() -> str:
    """The head of every script that treats or scans."""
    return files("ops.snapshots.postgres").joinpath("functions.sql").read_text("utf-8")


def name(table: Table) -> str:
    return f"{identifier(table.schema)}.{identifier(table.name)}"


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A literal whatever standard_conforming_strings says, and safe from psql's variables."""
    if "\\" in text or ":" in text:
        return "E'" + text.replace("\\", "\\\\").replace("'", "''").replace(":", "\\x3a") + "'"
    return "'" + text.replace("'", "''") + "'"


def array(words: Sequence[str]) -> str:
    return "ARRAY[" + ",".join(literal(word) for word in words) + "]"


def values(rows: Sequence[tuple[str, ...]], width: int) -> str:
    """Rows of `width` texts; a list without rows has columns as well."""
    if not rows:
        return f"SELECT {', '.join(['NULL::text'] * width)} LIMIT 0"
    return "VALUES " + ", ".join(f"({', '.join(f'{literal(cell)}::text' for cell in row)})" for row in rows)


def print_(sql: str) -> str:
    """A generator's way to say: this, as it stands."""
    return "".join(f"\\qecho {_quoted_line(line)}\n" for line in sql.splitlines())


def _quoted_line(line: str) -> str:
    """psql takes the rest of the line apart unless it is quoted as a whole."""
    return "'" + line.replace("\\", "\\\\").replace("'", "''") + "'"
