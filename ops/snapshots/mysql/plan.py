"""Finds, before a treatment, what MySQL would reject, and values that a definition would keep.

`ops.snapshots.postgres.plan` explains the checks.
"""

from ops.snapshots.mysql.text import (
    COLUMNS,
    HEAD,
    equal_names,
    exact,
    json_boolean,
    literal,
    quoted,
    rows,
    shown,
)
from ops.snapshots.mysql.treat import new_values
from ops.snapshots.policy.model import Policy, TablePolicy

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
"""


def constraints(policy: Policy) -> str:
    """Return SQL that computes the new values of some rows, and checks that they satisfy the constraints."""
    tables = [table for table in policy.tables if table.treated and table.rows != "truncate"]
    return "\n".join(
        [HEAD, f"SELECT {literal(HEAD)};", *(_constraints(table, policy.case) for table in tables)]
    )


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
