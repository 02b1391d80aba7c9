"""Building blocks of SQL for MySQL 8 and MariaDB 10.6: names, literals, lists, and the catalog queries.

Syntax that only one of them supports is in comments that only it executes: `/*!80000 MySQL */`,
`/*M! MariaDB */`.
"""

import json
from collections.abc import Sequence
from functools import lru_cache

from ops.snapshots.policy.table import TablePolicy
from ops.text import quoting

# System schemas. All other schemas are included.
SYSTEM = "('information_schema', 'mysql', 'performance_schema', 'sys')"

# The start of every script: literals and dates do not depend on the settings of the server. The limits are
# high because report lines are long and a text can contain many possible card numbers.
HEAD = """\
SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO', SESSION time_zone = '+00:00',
    SESSION group_concat_max_len = 1000000000, SESSION foreign_key_checks = 0
    /*!80000 , SESSION information_schema_stats_expiry = 0, SESSION cte_max_recursion_depth = 1000000 */
    /*M! , SESSION max_recursive_iterations = 1000000 */;
"""

_TEXTS = "('char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext', 'enum', 'set')"
_BYTES = "('binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob', 'bit')"
_INTEGERS = "('tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal')"


def exact(sql: str) -> str:
    """Return a name with a binary collation, for exact comparison."""
    return f"(CONVERT({sql} USING utf8mb4) COLLATE utf8mb4_bin)"


def quoted(sql: str) -> str:
    """Return SQL that quotes the name that another expression returns."""
    return f"CONCAT('`', REPLACE({sql}, '`', '``'), '`')"


def shown(*parts: str) -> str:
    """Return SQL for the full name, with quotes as in a policy (see `ops.snapshots.policy.names`)."""
    quotes = (
        f"IF({part} REGEXP '[.]|^\"', CONCAT('\"', REPLACE({part}, '\"', '\"\"'), '\"'), {part})"
        for part in parts
    )
    return f"CONCAT_WS('.', {', '.join(quotes)})"


# `family` is the kind of type that treatments distinguish; a numeric column holds every number below
# `modulus`; `qualified` and `quoted` are names in a statement.
# JSON in MariaDB is a text with a check constraint. Generated columns and views follow their base columns.
COLUMNS = f"""\
SELECT {exact("c.TABLE_SCHEMA")} AS schema_name, {exact("c.TABLE_NAME")} AS table_name,
    {exact("c.COLUMN_NAME")} AS column_name, c.ORDINAL_POSITION AS place,
    IF(c.DATA_TYPE IN ('enum', 'set'), c.DATA_TYPE, c.COLUMN_TYPE) AS type, {
    shown("c.TABLE_SCHEMA", "c.TABLE_NAME")
} AS shown,
    c.EXTRA LIKE '%auto_increment%' AS is_counted,
    CASE c.DATA_TYPE WHEN 'tinyint' THEN 127 WHEN 'smallint' THEN 32767 WHEN 'mediumint' THEN 8388607
        WHEN 'float' THEN 16777216
        WHEN 'decimal' THEN CAST(LEAST(2147483647, POW(10, c.NUMERIC_PRECISION - c.NUMERIC_SCALE))
        AS UNSIGNED)
        ELSE 2147483647 END AS modulus,
    c.CHARACTER_MAXIMUM_LENGTH AS longest, COALESCE(t.TABLE_ROWS, 0) AS estimate,
    COALESCE(c.GENERATION_EXPRESSION, '') <> '' AS is_generated, c.EXTRA LIKE '%on update%' AS is_touched,
    c.IS_NULLABLE = 'NO' AS is_required,
    CONCAT({quoted("c.TABLE_SCHEMA")}, '.', {quoted("c.TABLE_NAME")}) AS qualified,
    {quoted("c.COLUMN_NAME")} AS quoted, t.ENGINE AS engine, t.TABLE_TYPE = 'SYSTEM VERSIONED' AS has_history,
    CASE WHEN c.DATA_TYPE = 'json' /*M! OR k.CHECK_CLAUSE IS NOT NULL */ THEN 'json'
        WHEN c.DATA_TYPE IN {_TEXTS} THEN 'text'
        WHEN c.DATA_TYPE IN {_BYTES} THEN 'bytes'
        WHEN c.DATA_TYPE IN {_INTEGERS} THEN 'number'
        WHEN c.DATA_TYPE IN ('float', 'double') THEN 'float'
        ELSE c.DATA_TYPE END AS family
FROM information_schema.COLUMNS c
JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
/*M! LEFT JOIN information_schema.CHECK_CONSTRAINTS k ON k.CONSTRAINT_SCHEMA = c.TABLE_SCHEMA
    AND k.TABLE_NAME = c.TABLE_NAME AND k.CONSTRAINT_NAME = c.COLUMN_NAME
    AND k.CHECK_CLAUSE LIKE 'json\\_valid(%' */
WHERE t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND t.TABLE_SCHEMA NOT IN {SYSTEM}"""

TABLES = f"""\
SELECT {exact("t.TABLE_SCHEMA")} AS schema_name, {exact("t.TABLE_NAME")} AS table_name,
    CONCAT({quoted("t.TABLE_SCHEMA")}, '.', {quoted("t.TABLE_NAME")}) AS qualified,
    {shown("t.TABLE_SCHEMA", "t.TABLE_NAME")} AS shown,
    t.TABLE_TYPE = 'SYSTEM VERSIONED' AS has_history, t.CREATE_TIME AS made
FROM information_schema.TABLES t
WHERE t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND t.TABLE_SCHEMA NOT IN {SYSTEM}"""


def columns_of(table: TablePolicy) -> str:
    """Return the columns of one table. For all tables, MariaDB would open every table of the server."""
    schema = literal(table.schema) if table.schema else "DATABASE()"
    names = (
        f"{source}.TABLE_SCHEMA = {schema} AND {source}.TABLE_NAME = {literal(table.name)}" for source in "ct"
    )
    return f"{COLUMNS}\n    AND {' AND '.join(names)}"


def unwrapped(sql: str) -> str:
    """Return the SQL without MariaDB comments, for use inside such a comment: they do not nest."""
    return sql.replace("/*M!", "").replace("*/", "")


@lru_cache(10_000)  # the fakes of every column have the same words
def literal(text: str) -> str:
    return quoting.literal(text, "mysql")


def rows(cells: Sequence[Sequence[str]], *names: str) -> str:
    """Return a derived table of texts. An empty `schema_name` means the database of the connection."""
    columns = ", ".join(f"{name} LONGTEXT PATH '$[{place}]'" for place, name in enumerate(names))
    table = f"JSON_TABLE({literal(json.dumps(cells, ensure_ascii=False))}, '$[*]' COLUMNS ({columns})) AS j"
    schema = "COALESCE(NULLIF(j.schema_name, ''), DATABASE())"
    chosen = ", ".join(
        f"{exact(schema if name == 'schema_name' else f'j.{name}')} AS {name}" for name in names
    )
    return f"(SELECT {chosen} FROM {table})"


def tables(items: Sequence[TablePolicy]) -> str:
    return rows([(table.schema, table.name) for table in items], "schema_name", "table_name")


def equal_names(left: str, right: str, *names: str) -> str:
    return " AND ".join(f"{left}.{name} = {right}.{name}" for name in names)


def json_boolean(condition: str) -> str:
    """Convert a condition, which is 1 or 0, to the JSON value true or false."""
    return f"JSON_EXTRACT(IF({condition}, 'true', 'false'), '$')"


def check_sql(check: str, source: str, *, detail: tuple[str, str], bad: str, ok: str) -> str:
    """Return SQL that generates the SQL of a check, for a column of the catalog query `source`.

    `detail` is a key and its value; `bad` and `ok` are the failed rows and the result. All except the key are
    SQL that generates SQL.
    """
    key, value = detail
    return (
        f"CONCAT('JSON_OBJECT(''check'', ''{check}'', ''table'', ', "
        f"QUOTE({source}.shown), ', ''column'', ', "
        f"QUOTE({source}.column_name), ', ''{key}'', ', QUOTE({value}), ', ''rows'', COUNT(*), ''bad'', ', "
        f"{bad}, ', ''ok'', JSON_EXTRACT(IF(', {ok}, ', ''true'', ''false''), ''$''))')"
    )
