"""Finds, before a treatment, what MySQL would reject, and values that a definition would keep.

`ops.snapshots.postgres.plan` explains the checks.
"""

from collections.abc import Sequence

from ops.snapshots.mysql.formats import create_functions, drop_functions
from ops.snapshots.mysql.text import (
    COLUMNS,
    HEAD,
    check_sql,
    equal_names,
    exact,
    json_boolean,
    literal,
    quoted,
    rows,
    shown,
    tables,
)
from ops.snapshots.mysql.treat import new_values
from ops.snapshots.policy.fakes import SHORTEST
from ops.snapshots.policy.model import Policy
from ops.snapshots.policy.table import TablePolicy
from ops.snapshots.policy.treatment import FORMAT

ROWS = 10_000  # of a table whose new values are computed and compared with its constraints
_COLUMN = ("schema_name", "table_name", "column_name")


def plan(policy: Policy) -> str:
    """Return SQL that prints a line for each treatment that cannot work."""
    listed = [
        (t.schema, t.name, column, str(item) if item.kind != "keep" else "keep")
        for t in policy.tables
        if t.rows != "truncate"
        for column, item in t.columns.items()
    ]
    given = rows(listed, *_COLUMN, "treatment")
    truncated = tables([table for table in policy.tables if table.rows == "truncate"])

    shortest = " ".join(f"WHEN 'fake {kind}' THEN {length}" for kind, length in SHORTEST.items())

    def line(check: str, table: str, column: str, detail: str) -> str:
        return (
            f"SELECT JSON_OBJECT('check', '{check}', 'table', {table}, 'column', {column}, "
            f"'treatment', {detail}, 'rows', 1, 'bad', 1, 'ok', {json_boolean('FALSE')})"
        )

    def equal(side: str, prefix: str) -> str:
        return (
            f"{side}.schema_name = {exact(f'k.{prefix}TABLE_SCHEMA')} AND {side}.table_name = "
            f"{exact(f'k.{prefix}TABLE_NAME')} AND {side}.column_name = {exact(f'k.{prefix}COLUMN_NAME')}"
        )

    parent = shown("k.REFERENCED_TABLE_SCHEMA", "k.REFERENCED_TABLE_NAME", "k.REFERENCED_COLUMN_NAME")
    key = (
        f"CONCAT(k.COLUMN_NAME, ' is ', c.treatment, ', and ', {parent}, ', which it refers to, is ', "
        "p.treatment)"
    )
    return f"""\
{HEAD}
{line("key", shown("k.TABLE_SCHEMA", "k.TABLE_NAME"), "k.COLUMN_NAME", key)}
FROM information_schema.KEY_COLUMN_USAGE k 
JOIN {given} c ON {equal("c", "")} JOIN {given} p ON {equal("p", "REFERENCED_")}
WHERE c.treatment <> p.treatment AND c.treatment <> 'null';
{line("partition", "c.shown", "c.column_name", "v.treatment")}
FROM ({COLUMNS}) c JOIN {given} v ON {equal_names("v", "c", *_COLUMN)}
WHERE v.treatment <> 'keep' AND v.treatment NOT LIKE 'shift %'
    AND EXISTS (SELECT 1 FROM information_schema.PARTITIONS x
    WHERE x.TABLE_SCHEMA = c.schema_name AND x.TABLE_NAME = c.table_name
    AND x.PARTITION_METHOD REGEXP 'LIST|RANGE' AND x.PARTITION_EXPRESSION REGEXP
        CONCAT('(^|[^A-Za-z0-9_])', REGEXP_REPLACE(c.column_name, '[^A-Za-z0-9_]', '.'),
            '($|[^A-Za-z0-9_])'));
{line("required", "c.shown", "c.column_name", "v.treatment")}
FROM ({COLUMNS}) c JOIN {given} v ON {equal_names("v", "c", *_COLUMN)}
WHERE v.treatment = 'null' AND c.is_required;
{line("format", "c.shown", "c.column_name", "c.type")}
FROM ({COLUMNS}) c JOIN {given} v ON {equal_names("v", "c", *_COLUMN)}
WHERE v.treatment LIKE '{FORMAT}%' AND (c.family <> 'text' OR c.type IN ('enum', 'set'));
{
        line(
            "length",
            "c.shown",
            "c.column_name",
            "CONCAT(v.treatment, ' does not fit into ', c.longest, ' characters')",
        )
    }
FROM ({COLUMNS}) c JOIN {given} v ON {equal_names("v", "c", *_COLUMN)}
WHERE c.family = 'text' AND c.longest < CASE v.treatment {shortest} ELSE 0 END;
{
        line(
            "referred",
            shown("k.TABLE_SCHEMA", "k.TABLE_NAME"),
            "k.CONSTRAINT_NAME",
            shown("k.REFERENCED_TABLE_SCHEMA", "k.REFERENCED_TABLE_NAME"),
        )
    }
FROM information_schema.KEY_COLUMN_USAGE k JOIN {truncated} p
    ON p.schema_name = {exact("k.REFERENCED_TABLE_SCHEMA")}
    AND p.table_name = {exact("k.REFERENCED_TABLE_NAME")}
LEFT JOIN {truncated} c
    ON c.schema_name = {exact("k.TABLE_SCHEMA")} AND c.table_name = {exact("k.TABLE_NAME")}
WHERE c.table_name IS NULL AND k.ORDINAL_POSITION = 1;
"""


def constraints(policy: Policy) -> str:
    """Return SQL that computes the new values of some rows, and checks that they satisfy the constraints."""
    treated = [table for table in policy.tables if table.treated and table.rows != "truncate"]
    documents = [
        (table.schema, table.name, column, str(item))
        for table in treated
        for column, item in table.treated.items()
        if item.kind == "json" and not item.otherwise
    ]
    return "\n".join(
        [
            HEAD,
            f"SELECT {literal(HEAD)};",
            create_functions(policy),
            *(_constraints(table, policy.case) for table in treated),
            *([_documents(documents)] if documents else []),
            drop_functions(policy),
        ]
    )


def _documents(columns: Sequence[tuple[str, ...]]) -> str:
    """Count what is not a JSON document in columns with treated paths."""
    bad = "CONCAT('COALESCE(SUM(NOT JSON_VALID(', p.quoted, ')), 0)')"
    check = check_sql(
        "document", "p", detail=("treatment", "v.treatment"), bad=bad, ok=f"CONCAT({bad}, ' = 0')"
    )
    return f"""\
SELECT CONCAT('SELECT ', {check}, ' FROM ', p.qualified, ';')
FROM ({COLUMNS}) p JOIN {rows(columns, *_COLUMN, "treatment")} v ON {equal_names("v", "p", *_COLUMN)};"""


def _constraints(table: TablePolicy, case: str) -> str:
    ok = json_boolean("COALESCE(SUM(NOT (<holds>)), 0) = 0")
    check = (
        f"CONCAT('JSON_OBJECT(''check'', ''constraint'', ''table'', ', QUOTE(shown), ', ''column'', ', "
        "QUOTE(constraint_name), ', ''rows'', COUNT(*), ''bad'', "
        "COALESCE(SUM(NOT (', holds, ')), 0), ''ok'', ', "
        f"REPLACE({literal(ok)}, '<holds>', holds), ')')"
    )
    return f"""\
SELECT CONCAT('SELECT CONCAT_WS(CHAR(10 USING utf8mb4), ', GROUP_CONCAT({check} SEPARATOR ', '),
    ') FROM (SELECT ', new, ' FROM ', qualified, ' LIMIT {ROWS}) t;')
FROM (SELECT u.qualified, u.shown, GROUP_CONCAT(u.new, ' AS ',
    u.quoted ORDER BY u.place SEPARATOR ', ') AS new,
        GROUP_CONCAT(IF(u.turn_ IS NULL, NULL, u.quoted)) AS treated, u.schema_name, u.table_name
    FROM ({new_values(table, case)}) u GROUP BY u.qualified, u.shown, u.schema_name, u.table_name) t
JOIN (SELECT k.CONSTRAINT_SCHEMA AS constraint_schema, k.CONSTRAINT_NAME AS constraint_name,
        k.CHECK_CLAUSE AS holds, /*M! k.TABLE_NAME */ /*!80016 c.TABLE_NAME */ AS constrained
    FROM information_schema.CHECK_CONSTRAINTS k /*!80016 JOIN information_schema.TABLE_CONSTRAINTS c
        ON c.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND c.CONSTRAINT_NAME = k.CONSTRAINT_NAME */) k
    ON {exact("k.constraint_schema")} = t.schema_name AND {exact("k.constrained")} = t.table_name
    AND EXISTS (SELECT 1 FROM information_schema.COLUMNS o WHERE o.TABLE_SCHEMA = t.schema_name
        AND o.TABLE_NAME = t.table_name AND LOCATE({quoted("o.COLUMN_NAME")}, k.holds)
        AND LOCATE({quoted("o.COLUMN_NAME")}, t.treated))
GROUP BY new, qualified;
"""
