"""Verifies a PostgreSQL database: schema drift, the result of every treatment, and a scan of the rest."""

from collections.abc import Sequence

from ops.snapshots.policy import fakes, findings
from ops.snapshots.policy.model import Policy, TablePolicy, Treatment
from ops.snapshots.postgres.text import (
    COLUMNS,
    USER_TABLES,
    array,
    functions,
    identifier,
    literal,
    name,
    print_verbatim,
    values,
)

VALUE = "<value>"  # placeholder for the text in a condition

# Non-ASCII letters and digits of names and domains, independent of the locale of the database.
_LETTERS = (
    "\\u00C0-\\u1FFF\\u2C00-\\u2DFF\\u3040-\\uD7FF\\uF900-\\uFDFF"
    "\\uFE70-\\uFEFE\\uFF10-\\uFF19\\uFF21-\\uFF3A\\uFF41-\\uFF5A\\uFF66-\\uFFDC"
)

_EMAIL = f"[A-Za-z0-9._%+{_LETTERS}-]+@(?:[A-Za-z0-9{_LETTERS}-]+\\.)+[A-Za-z{_LETTERS}]{{2,}}"


def _matches(patterns: Sequence[str], text: str = VALUE) -> str:
    """Return one expression: PostgreSQL keeps 32 compiled ones, and compiles others again for every row."""
    return f"{text} ~ {literal('|'.join(f'(?:{pattern})' for pattern in patterns))}"


def _filtered(kind: str, patterns: Sequence[str], more: str = "") -> str:
    return f"{_matches([findings.PREFILTERS[kind]])} AND ({_matches(patterns)}{more})"


_CHECKED_IDS = ", ".join(map(literal, (findings.SPANISH_ID, findings.POLISH_ID, findings.FRENCH_ID)))
# Findings of the scan, as conditions on <value>, or on <bare> without the allowed email addresses.
_FINDINGS = {
    "email": f"(position('@' IN {VALUE}) > 0 AND <bare> ~ {literal(_EMAIL)})"
    f" OR {_matches([findings.ENCODED_EMAIL], '<bare>')}"
    f" OR pg_temp.has_base64({VALUE}, {literal(findings.BASE64)}, {literal(findings.PLAIN_EMAIL)})",
    "card": f"pg_temp.has_card({VALUE})",
    "phone": _filtered("phone", findings.PHONE),
    "national_id": _filtered(
        "national_id", findings.NATIONAL_ID, f" OR pg_temp.has_official_number({VALUE}, {_CHECKED_IDS})"
    ),
    "iban": f"pg_temp.has_iban({VALUE})",
    "ip": _filtered("ip", findings.IP),
    "mac": _filtered("mac", findings.MAC),
    "password_hash": _filtered("password_hash", findings.PASSWORD_HASH),
    "key": _filtered("key", findings.KEY),
}


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
    """Return SQL that prints one line: unlisted columns, and listed columns that do not exist."""
    ok = "true" if policy.unlisted == "keep" else "unlisted IS NULL"
    listed = [(table.schema, table.name, column) for table in policy.tables for column in table.columns]
    truncated = [(table.schema, table.name) for table in policy.tables if table.rows == "truncate"]
    return f"""\
WITH listed (schema, name, column_name) AS ({values(listed, 3)}),
truncated (schema, name) AS ({values(truncated, 2)}),
present AS ({COLUMNS}),
found AS (
    SELECT
        (SELECT json_agg(json_build_object(
                    'column', format('%s.%s.%s', schema, name, column_name), 'type', plain_type,
                    'required', required, 'references', {_REFERENCE}) ORDER BY schema, name, number)
         FROM present p
         WHERE generated = '' AND NOT EXISTS (SELECT FROM listed l WHERE (l.schema, l.name, l.column_name)
                           = (p.schema, p.name, p.column_name))
           AND NOT EXISTS (SELECT FROM truncated t WHERE (t.schema, t.name) = (p.schema, p.name))
        ) AS unlisted,
        (SELECT json_agg(format('%s.%s.%s', schema, name, column_name) ORDER BY 1)
         FROM (SELECT * FROM listed UNION SELECT schema, name, NULL FROM truncated)
             AS l (schema, name, column_name)
         WHERE NOT EXISTS (SELECT FROM present p WHERE (p.schema, p.name) = (l.schema, l.name)
                           AND p.column_name = coalesce(l.column_name, p.column_name))) AS missing
)
SELECT json_build_object('check', 'drift', 'policy', {policy.version}, 'ok', ({ok}) AND missing IS NULL,
    'unlisted', coalesce(unlisted, '[]'), 'missing', coalesce(missing, '[]'))
FROM found;
"""


def databases(policy: Policy) -> str:
    """Return SQL that prints a line for each unlisted database: nothing in it would be treated."""
    ok = "true" if policy.unlisted == "keep" else "false"
    named = array(["rdsadmin", "postgres", *policy.databases])
    return f"""\
SELECT json_build_object('check', 'database', 'table', datname, 'column', '*', 'rows', 1, 'bad', 1,
    'ok', {ok})
FROM pg_database
WHERE NOT datistemplate AND datname <> current_database() AND datname <> ALL ({named});
"""


def default_database(policy: Policy) -> str:
    """Return SQL that checks that the default database is empty, unless it is the pipeline's database."""
    ok = "true" if policy.unlisted == "keep" else "count(*) = 0"
    return f"""\
\\getenv own DB_NAME
SELECT json_build_object('check', 'database', 'table', current_database(), 'column', '*', 'rows', count(*),
    'bad', count(*), 'ok', {ok})
FROM ({COLUMNS}) c WHERE current_database() <> :'own';
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
    rows = [
        (column, str(treatment), _holds(column, treatment)) for column, treatment in table.treated.items()
    ]
    return f"""\
SELECT format('SELECT unnest(ARRAY[%s]) FROM %s;', string_agg(format(
    'json_build_object(''check'', ''treated'', ''table'', %L, ''column'', %L, ''treatment'', %L, '
    '''rows'', count(*), ''bad'', count(*) FILTER (WHERE NOT (%s)), '
    '''ok'', count(*) FILTER (WHERE NOT (%s)) = 0)',
    {literal(table.full_name)}, v.column_name, v.treatment, c.condition, c.condition), ', '),
    {literal(name(table))})
FROM ({values(rows, 3)}) AS v (column_name, treatment, holds)
JOIN ({COLUMNS}) p ON p.column_name = v.column_name
CROSS JOIN LATERAL (SELECT CASE
    WHEN v.treatment LIKE 'constant%' THEN format('%I%s IS NOT DISTINCT FROM CAST(%L AS %s)%s',
        v.column_name, CASE WHEN p.base = 'json' THEN '::text' END, substr(v.treatment, 10), p.type,
        CASE WHEN p.base = 'json' THEN '::text' END)
    WHEN v.treatment LIKE 'shift %' OR (v.treatment = 'hash' AND p.category <> 'S') THEN 'true'
    ELSE v.holds END) AS c (condition)
WHERE (p.schema, p.name) = ({literal(table.schema)}, {literal(table.name)}) AND p.generated = ''
HAVING count(*) > 0;
"""


def _holds(column: str, treatment: Treatment) -> str:
    """Return the condition on a value; fakes can be truncated to the length of the column."""
    # A nondeterministic collation of the column would not support patterns.
    value = f'({identifier(column)}::text COLLATE "default")'
    if treatment.kind == "null":
        return f"{value} IS NULL"
    pattern = fakes.PATTERNS.get(treatment.argument)
    if treatment.kind == "hash":
        return f"coalesce({value} ~ '^[0-9a-f]{{1,32}}$', true)"
    if pattern:
        return f"coalesce({value} ~ {literal(pattern)}, true)"
    words = fakes.LISTED.get(treatment.argument)
    if words:
        return f"coalesce({value} = ANY ({array(words)}), true)"
    if treatment.argument == "name":
        first, last = f"split_part({value}, ' ', 1)", f"split_part({value}, ' ', 2)"
        return (
            f"coalesce({first} = ANY ({array(fakes.FIRST_NAMES)}) "
            f"AND ({last} = ANY ({array(fakes.LAST_NAMES)}) OR {last} = ''), true)"
        )
    return "true"


def _check(check: str, table: TablePolicy, column: str, rows: str, bad: str) -> str:
    return (
        f"json_build_object('check', '{check}', 'table', {literal(table.full_name)}, 'column', "
        f"{literal(column)}, 'rows', {rows}, 'bad', {bad}, 'ok', {bad} = 0)"
    )


def statistics() -> str:
    """Return SQL that checks that empty tables have no statistics: these would contain deleted values."""
    return f"""\
SELECT json_build_object('check', 'statistics', 'table', format('%s.%s', n.nspname, c.relname), 'column', '*',
    'rows', count(*), 'bad', count(s.attname), 'ok', count(s.attname) = 0)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname
WHERE c.relkind IN ('r', 'm') AND c.reltuples = 0 AND {USER_TABLES}
GROUP BY n.nspname, c.relname;
"""


def foreign_keys() -> str:
    """Return SQL that checks every foreign key with a join: a constraint that is NOT VALID proves nothing."""
    return f"""\
SELECT format('SELECT json_build_object(''check'', ''foreign key'', ''table'', %L, ''column'', %L, ''rows'', '
    '(SELECT count(*) FROM %s), ''bad'', count(*), ''ok'', count(*) = 0) FROM %s c WHERE %s '
    'AND NOT EXISTS (SELECT FROM %s p WHERE %s);', n.nspname || '.' || c.relname, k.conname, c.oid::regclass,
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


def scan(policy: Policy) -> str:
    """Return SQL that counts, in every untreated text column, the rows that look like personal data."""
    treated = [(t.schema, t.name, c) for t in policy.tables for c in t.treated]
    allowed = [(*name.split("."), kind) for name, kinds in policy.allow.items() for kind in kinds]
    domains = "|".join(domain.lower().replace(".", "\\.") for domain in policy.allow_domains)
    more = f"[a-z0-9_{_LETTERS}]"
    whole = literal(f"{findings.AT}({domains})(?!-|\\.?{more})")  # example.com, not example.com.corp.test
    kinds = [
        (kind, condition.replace("<bare>", f"regexp_replace(lower({VALUE}), {whole}, '', 'g')"))
        for kind, condition in _FINDINGS.items()
    ]
    return f"""\
{print_verbatim(functions())}
SELECT format('SELECT unnest(ARRAY[%s]) FROM %s%s;', string_agg(format(
    'json_build_object(''check'', ''scan'', ''table'', %L, ''column'', %L, ''kind'', %L, ''rows'', count(*), '
    '''bad'', count(*) FILTER (WHERE %s), ''ok'', %s OR count(*) FILTER (WHERE %s) = 0)',
    p.schema || '.' || p.name, p.column_name, k.kind, replace(k.condition, '{VALUE}', v.value),
    (EXISTS (SELECT FROM allowed a WHERE (a.schema, a.name, a.column_name, a.kind)
             = (p.schema, p.name, p.column_name, k.kind)))::text,
    replace(k.condition, '{VALUE}', v.value)), ', '), p.relation::regclass,
    CASE WHEN p.estimate > {policy.scan_rows}
         THEN format(' TABLESAMPLE SYSTEM (%s)',
                     round((100.0 * {policy.scan_rows} / p.estimate)::numeric, 4)) END)
FROM ({COLUMNS}) p
CROSS JOIN ({values(kinds, 2)}) AS k (kind, condition)
CROSS JOIN LATERAL (SELECT format('(%I::text COLLATE "default")', p.column_name)) AS v (value)
LEFT JOIN ({values(treated, 3)}) AS t (schema, name, column_name)
    ON (t.schema, t.name, t.column_name) = (p.schema, p.name, p.column_name)
WHERE t.schema IS NULL AND (p.category = 'S' OR p.base IN ('json', 'jsonb', 'xml', 'hstore')
    OR (p.category = 'A' AND p.base IN ('_text', '_varchar', '_bpchar', '_json', '_jsonb')))
GROUP BY p.relation, p.estimate;
""".replace("allowed a WHERE", f"({values(allowed, 4)}) AS a (schema, name, column_name, kind) WHERE")
