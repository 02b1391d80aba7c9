"""Finds, before a treatment, what PostgreSQL would reject, and values that a definition would keep."""

from collections.abc import Sequence

from ops.snapshots.policy.fakes import SHORTEST
from ops.snapshots.policy.model import Policy
from ops.snapshots.policy.table import TablePolicy
from ops.snapshots.policy.treatment import FORMAT
from ops.snapshots.postgres.formats import format_functions
from ops.snapshots.postgres.text import COLUMNS, functions, literal, print_verbatim, shown, values
from ops.snapshots.postgres.treat import new_values

ROWS = 10_000  # of a table whose new values are computed and compared with its constraints
_NO_FAKES = "(SELECT NULL AS schema, NULL AS name, NULL AS column_name, NULL AS new LIMIT 0)"


def plan(policy: Policy) -> str:
    """Return SQL that prints a line for each treatment that cannot work.

    key        the two columns of a foreign key have different treatments
    partition  a treated column selects the partition: its bounds are values (the rows of a shifted date move)
    required   "null" in a column that is NOT NULL
    format     "keep format" in a column of another type than text
    length     a text column that is too short for the fakes, even truncated
    referred   a truncated table to which another one refers, which is not truncated
    """
    truncated = [(t.schema, t.name) for t in policy.tables if t.rows == "truncate"]
    rows = [
        (t.schema, t.name, column, str(item) if item.kind != "keep" else "keep")
        for t in policy.tables
        if t.rows != "truncate"
        for column, item in t.columns.items()
    ]
    shortest = [(f"fake {kind}", str(length)) for kind, length in SHORTEST.items()]
    line = "'rows', 1, 'bad', 1, 'ok', false)"
    return f"""\
CREATE TEMP TABLE slipway_plan AS
SELECT p.*, v.treatment FROM ({COLUMNS}) p JOIN ({values(rows, 4)}) AS v (schema, name, column_name,
    treatment)
    ON (v.schema, v.name, v.column_name) = (p.schema, p.name, p.column_name)
WHERE p.generated = '';
SELECT json_build_object('check', 'key', 'table', c.shown, 'column', c.column_name, 'treatment',
    format('%s is %s, and %s, which it refers to, is %s', c.column_name, c.treatment,
        {shown("p.schema", "p.name", "p.column_name")}, p.treatment), {line}
FROM pg_constraint k CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS pair (child, parent)
JOIN slipway_plan c ON c.relation = k.conrelid AND c.number = pair.child
JOIN slipway_plan p ON p.relation = k.confrelid AND p.number = pair.parent
WHERE k.contype = 'f' AND c.treatment <> p.treatment AND c.treatment <> 'null';
SELECT json_build_object('check', 'partition', 'table', p.shown, 'column', p.column_name, 'treatment',
    p.treatment, {line}
FROM slipway_plan p JOIN pg_partitioned_table k ON k.partrelid = p.relation AND p.number = ANY (k.partattrs)
WHERE p.treatment <> 'keep' AND p.treatment NOT LIKE 'shift %' AND k.partstrat <> 'h';
SELECT json_build_object('check', 'required', 'table', p.shown, 'column', p.column_name, 'treatment',
    p.treatment, {line}
FROM slipway_plan p WHERE p.treatment = 'null' AND p.required;
SELECT json_build_object('check', 'format', 'table', p.shown, 'column', p.column_name, 'treatment',
    p.type, {line}
FROM slipway_plan p WHERE p.treatment LIKE '{FORMAT}%' AND p.category <> 'S';
SELECT json_build_object('check', 'length', 'table', p.shown, 'column', p.column_name, 'treatment',
    format('%s does not fit into %s characters', p.treatment, p.modifier - 4), {line}
FROM slipway_plan p JOIN ({values(shortest, 2)}) AS v (treatment, length) ON v.treatment = p.treatment
WHERE p.category = 'S' AND p.modifier BETWEEN 5 AND v.length::int + 3;
WITH emptied AS (SELECT c.oid, {shown("n.nspname", "c.relname")} AS shown FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace JOIN ({values(truncated, 2)}) AS v (schema, name)
        ON (v.schema, v.name) = (n.nspname, c.relname))
SELECT json_build_object('check', 'referred', 'table', {shown("n.nspname", "c.relname")}, 'column', k.conname,
    'treatment', e.shown, {line}
FROM pg_constraint k JOIN emptied e ON e.oid = k.confrelid JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND k.conrelid NOT IN (SELECT oid FROM emptied);
"""


def constraints(policy: Policy) -> str:
    """Return SQL that computes the new values of some rows, and checks that they satisfy the constraints.

    CHECK constraints are evaluated; a value that its type rejects is an error that names the type.
    """
    tables = [table for table in policy.tables if table.treated and table.rows != "truncate"]
    documents = [
        (table.schema, table.name, column)
        for table in tables
        for column, item in table.treated.items()
        if item.kind == "json" and not item.otherwise
    ]
    parts = [
        print_verbatim(functions() + format_functions()),
        *(_constraints(table, policy.case) for table in tables),
    ]
    return "\n".join([*parts, *([_documents(documents)] if documents else [])])


def _documents(columns: Sequence[tuple[str, ...]]) -> str:
    """Count what is not a JSON document in columns with treated paths; NULL in a column of another type."""
    return f"""\
SELECT format('SELECT json_build_object(''check'', ''document'', ''table'', %L, ''column'', %L, ''rows'', '
    'count(*), ''bad'', count(*) FILTER (WHERE %s), ''ok'', count(*) FILTER (WHERE %s) = 0) FROM %s;',
    p.shown, p.column_name, c.condition, c.condition, p.target)
FROM ({COLUMNS}) p JOIN ({values(columns, 3)}) AS v (schema, name, column_name)
    ON (v.schema, v.name, v.column_name) = (p.schema, p.name, p.column_name)
CROSS JOIN LATERAL (SELECT CASE
    WHEN p.plain_type IN ('jsonb', 'jsonb[]', 'json[]') THEN 'false'
    WHEN p.category = 'S' OR p.plain_type = 'json'
        THEN format('%I IS NOT NULL AND pg_temp.as_json(%I) IS NULL', p.column_name, p.column_name)
    ELSE 'true' END) AS c (condition);"""


def _constraints(table: TablePolicy, case: str) -> str:
    return f"""\
WITH new AS ({new_values(table, case, _NO_FAKES)})
SELECT format('SELECT unnest(ARRAY[%s]) FROM (SELECT %s FROM %s LIMIT {ROWS}) %I;',
    string_agg(format('json_build_object(''check'', ''constraint'', ''table'', %L, ''column'', %L, '
        '''rows'', count(*), ''bad'', count(*) FILTER (WHERE NOT (%s)), ''ok'', '
        'count(*) FILTER (WHERE NOT (%s)) = 0)', {literal(table.full_name)}, k.conname, e.holds, e.holds),
            ', '),
    (SELECT string_agg(format('%s AS %I', coalesce(n.new, format('%I', a.attname)), a.attname), ', ')
     FROM pg_attribute a LEFT JOIN new n ON n.number = a.attnum
     WHERE a.attrelid = k.conrelid AND a.attnum > 0 AND NOT a.attisdropped),
    min(t.target), min(t.bare))
FROM pg_constraint k
JOIN (SELECT DISTINCT relation, target, {literal(table.name)} AS bare FROM new) t ON t.relation = k.conrelid
CROSS JOIN LATERAL (SELECT pg_get_expr(k.conbin, k.conrelid)) AS e (holds)
WHERE k.contype = 'c' AND EXISTS (SELECT FROM new n WHERE n.number = ANY (k.conkey))
GROUP BY k.conrelid;
"""
