"""Verifies a PostgreSQL database: schema drift, unlisted databases, and the result of every treatment."""

from collections.abc import Sequence

from ops.snapshots.policy import fakes
from ops.snapshots.policy.model import Policy
from ops.snapshots.policy.table import TablePolicy
from ops.snapshots.policy.treatment import FORMAT, Treatment
from ops.snapshots.postgres.documents import values_hold
from ops.snapshots.postgres.text import (
    COLUMNS,
    USER_TABLES,
    array,
    functions,
    identifier,
    literal,
    name,
    print_verbatim,
    shown,
    values,
)

# CloudWatch Logs splits a line above 256 KB, and the report would be lost.
COLUMNS_PER_LINE = 500
_LONGEST = 1_000_000_000  # characters of a value that is never truncated


# The column that a foreign key of the column p refers to, or NULL.
_REFERENCE = """(
                SELECT format('%s.%s.%s', rn.nspname, rc.relname, ra.attname)
                FROM pg_constraint k
                CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS pair (child, parent)
                JOIN pg_class rc ON rc.oid = k.confrelid JOIN pg_namespace rn ON rn.oid = rc.relnamespace
                JOIN pg_attribute ra ON ra.attrelid = k.confrelid AND ra.attnum = pair.parent
                WHERE k.contype = 'f' AND k.conrelid = p.relation AND pair.child = p.number
                ORDER BY k.oid LIMIT 1)"""


def drift(policy: Policy) -> str:
    """Return SQL that prints unlisted columns, and listed columns that do not exist; at least one line."""
    ok = "true" if policy.unlisted == "keep" else "unlisted = '[]'"
    listed = [(table.schema, table.name, column) for table in policy.tables for column in table.columns]
    truncated = [(table.schema, table.name) for table in policy.tables if table.rows == "truncate"]
    full = shown("schema", "name", "column_name")
    return f"""\
WITH listed (schema, name, column_name) AS ({values(listed, 3)}),
truncated (schema, name) AS ({values(truncated, 2)}),
present AS ({COLUMNS}),
unlisted AS (
    SELECT json_build_object('column', {full}, 'type', plain_type, 'required', required,
            'references', {_REFERENCE}) AS item,
        row_number() OVER (ORDER BY schema, name, number) - 1 AS place
    FROM present p
    WHERE generated = '' AND relkind <> 'm'
        AND NOT EXISTS (SELECT FROM listed l WHERE (l.schema, l.name, l.column_name)
                        = (p.schema, p.name, p.column_name))
        AND NOT EXISTS (SELECT FROM truncated t WHERE (t.schema, t.name) = (p.schema, p.name))
), missing AS (
    SELECT to_json({full}) AS item, row_number() OVER (ORDER BY schema, name, column_name) - 1 AS place
    FROM (SELECT * FROM listed UNION SELECT schema, name, '' FROM truncated) AS l
    WHERE NOT EXISTS (SELECT FROM present p WHERE (p.schema, p.name) = (l.schema, l.name)
                      AND p.column_name = coalesce(nullif(l.column_name, ''), p.column_name))
), lines AS (
    SELECT coalesce((SELECT json_agg(item ORDER BY place) FROM unlisted
        WHERE place / {COLUMNS_PER_LINE} = line),
            '[]')::jsonb AS unlisted,
        coalesce((SELECT json_agg(item ORDER BY place) FROM missing WHERE place / {COLUMNS_PER_LINE} = line),
            '[]')::jsonb AS missing
    FROM generate_series(0, greatest((SELECT max(place) FROM unlisted), (SELECT max(place) FROM missing), 0)
        / {COLUMNS_PER_LINE}) AS line
)
SELECT json_build_object('check', 'drift', 'policy', {policy.version}, 'ok', ({ok}) AND missing = '[]',
    'unlisted', unlisted, 'missing', missing)
FROM lines;
"""


def databases(policy: Policy) -> str:
    """Return SQL that prints a line for each database that nobody can look into: it allows no connections."""
    ok = "true" if policy.unlisted == "keep" else "false"
    return f"""\
SELECT json_build_object('check', 'database', 'table', datname, 'column', '*', 'rows', 1, 'bad', 1,
    'ok', {ok})
FROM pg_database WHERE NOT datallowconn AND datname NOT IN ('rdsadmin', 'template0');
"""


def unlisted_database(policy: Policy) -> str:
    """Return SQL that checks that a database, of whatever name, is empty if the policy does not list it."""
    ok = "true" if policy.unlisted == "keep" else "count(*) = 0"
    return f"""\
\\getenv own DB_NAME
SELECT json_build_object('check', 'database', 'table', current_database(), 'column', '*', 'rows', count(*),
    'bad', count(*), 'ok', {ok})
FROM (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {USER_TABLES}
    UNION ALL SELECT c.oid FROM pg_proc c JOIN pg_namespace n ON n.oid = c.pronamespace WHERE {USER_TABLES}
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
    UNION ALL SELECT oid FROM pg_largeobject_metadata) o
WHERE current_database() <> ALL (:'own'::text || {array(list(policy.databases))}::text[])
HAVING current_database() <> ALL (:'own'::text || {array(list(policy.databases))}::text[]);
"""


def assertions(policy: Policy) -> str:
    """Return SQL that checks, for every treated column, that each value matches its treatment."""
    parts = [print_verbatim(functions())]
    for table in policy.tables:
        if table.rows == "truncate":
            counted = _check("truncated", table, "*", "count(*)", "count(*)")
            parts.append(print_verbatim(f"SELECT {counted} FROM {name(table)};"))
        elif table.treated:
            parts.append(_table_assertions(table))
    return "\n".join(parts)


def _table_assertions(table: TablePolicy) -> str:
    """One pass over the table for all its columns."""
    rows = [row for column, treatment in table.treated.items() for row in _assertions_of(column, treatment)]
    return f"""\
SELECT format('SELECT unnest(ARRAY[%s]) FROM %s;', string_agg(format(
    'json_build_object(''check'', ''treated'', ''table'', %L, ''column'', %L, ''treatment'', %L, '
    '''rows'', count(*), ''bad'', count(*) FILTER (WHERE NOT (%s)), '
    '''ok'', count(*) FILTER (WHERE NOT (%s)) = 0)',
    {literal(table.full_name)}, v.shown, v.treatment, c.condition, c.condition), ', '),
    {literal(name(table))})
FROM ({values(rows, 4)}) AS v (column_name, shown, treatment, holds)
JOIN ({COLUMNS}) p ON p.column_name = v.column_name
CROSS JOIN LATERAL (SELECT CASE
    WHEN v.shown = v.column_name AND v.treatment LIKE 'constant%'
        THEN format('%I%s IS NOT DISTINCT FROM CAST(%L AS %s)%s', v.column_name,
        CASE WHEN p.base = 'json' THEN '::text' END, substr(v.treatment, 10), p.type,
        CASE WHEN p.base = 'json' THEN '::text' END)
    WHEN v.shown = v.column_name AND v.treatment = 'hash' AND p.category <> 'S' THEN 'true'
    ELSE replace(v.holds, '<longest>', CASE WHEN p.category = 'S' AND p.modifier > 4
        THEN (p.modifier - 4)::text ELSE '{_LONGEST}' END) END) AS c (condition)
WHERE (p.schema, p.name) = ({literal(table.schema)}, {literal(table.name)}) AND p.generated = ''
HAVING count(*) > 0;
"""


def _assertions_of(column: str, treatment: Treatment) -> list[tuple[str, str, str, str]]:
    """Return (column, shown name, treatment, condition) for a column, and for each path in its documents."""
    inner = [
        (
            column,
            f"{column} {path}",
            str(item),
            values_hold(
                column,
                path,
                _holds('(slipway_v COLLATE "default")', item).replace("<longest>", str(_LONGEST)),
            ),
        )
        for path, item in treatment.paths
    ]
    return [(column, column, str(treatment), holds(column, treatment)), *inner]


def _is_document(column: str, treatment: Treatment) -> str:
    name = identifier(column)
    other = f" OR {holds(column, treatment.otherwise)}" if treatment.otherwise else ""
    if treatment.otherwise and treatment.otherwise.kind == "constant":
        other = f" OR {name}::text = {literal(treatment.otherwise.argument)}"
    return f"({name} IS NULL OR pg_temp.as_json({name}) IS NOT NULL{other})"


def holds(column: str, treatment: Treatment) -> str:
    """Return the condition on a value; fakes can be truncated to <longest>, the length of the column."""
    if treatment.kind == "json":
        return _is_document(column, treatment)
    # A nondeterministic collation of the column would not support patterns.
    return _holds(f'({identifier(column)}::text COLLATE "default")', treatment)


def _holds(value: str, treatment: Treatment) -> str:
    if treatment.kind == "markup":
        return f"coalesce({value} ~ '^(</?[A-Za-z][A-Za-z0-9:._-]*/?>)*$', true)"
    if treatment.kind == "constant":
        return f"{value} = {literal(treatment.argument)}"
    if treatment.kind in ("shift", "sql", FORMAT):
        return "true"
    if treatment.kind == "null":
        return f"{value} IS NULL"
    pattern = fakes.PATTERNS.get(treatment.argument)
    if treatment.kind == "hash":
        return f"coalesce({value} ~ '^[0-9a-f]{{1,32}}$', true)"
    if pattern:
        return f"coalesce({value} ~ {literal(pattern)}, true)"
    words = fakes.LISTED.get(treatment.argument)
    if words:
        return f"coalesce({_one_of(value, value, words)}, true)"
    if treatment.argument == "name":
        first, last = f"split_part({value}, ' ', 1)", f"split_part({value}, ' ', 2)"
        both = f"{last} = '' OR {_one_of(value, last, fakes.LAST_NAMES)}"
        return f"coalesce({_one_of(value, first, fakes.FIRST_NAMES)} AND ({both}), true)"
    return "true"


def _one_of(value: str, word: str, words: Sequence[str]) -> str:
    """Return the condition that a word is one of the words, or the start of one in a truncated value."""
    end = f"CASE WHEN char_length({value}) < <longest> THEN '|' ELSE '' END"
    return f"position('|' || {word} || {end} in {literal('|' + '|'.join(words) + '|')}) > 0"


def _check(check: str, table: TablePolicy, column: str, rows: str, bad: str) -> str:
    return (
        f"json_build_object('check', '{check}', 'table', {literal(table.full_name)}, 'column', "
        f"{literal(column)}, 'rows', {rows}, 'bad', {bad}, 'ok', {bad} = 0)"
    )


def foreign_keys() -> str:
    """Return SQL that checks every foreign key with a join: a constraint that is NOT VALID proves nothing."""
    return f"""\
SELECT format('SELECT json_build_object(''check'', ''foreign key'', ''table'', %L, ''column'', %L, ''rows'', '
    '(SELECT count(*) FROM %s), ''bad'', count(*), ''ok'', count(*) = 0) FROM %s c WHERE %s '
    'AND NOT EXISTS (SELECT FROM %s p WHERE %s);', {shown("n.nspname", "c.relname")}, k.conname,
        c.oid::regclass,
    c.oid::regclass,
    (SELECT string_agg(format('c.%I IS NOT NULL', a.attname), ' AND ')
     FROM unnest(k.conkey) AS x JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x),
    k.confrelid::regclass,
    (SELECT string_agg(format('c.%I = p.%I', ca.attname, pa.attname), ' AND ')
     FROM unnest(k.conkey, k.confkey) AS pair (c, p)
     JOIN pg_attribute ca ON ca.attrelid = k.conrelid AND ca.attnum = pair.c
     JOIN pg_attribute pa ON pa.attrelid = k.confrelid AND pa.attnum = pair.p))
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND {USER_TABLES};
"""
