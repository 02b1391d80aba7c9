"""Applies a policy to a PostgreSQL database: deletes rows, changes columns, and restores constraints."""

from ops.snapshots.policy.model import Policy, TablePolicy, Treatment
from ops.snapshots.postgres import unique
from ops.snapshots.postgres.fakes import MODULUS, choice, digest, fake, number, value_of
from ops.snapshots.postgres.text import (
    COLUMNS,
    USER_TABLES,
    functions,
    identifier,
    literal,
    name,
    print_verbatim,
    values,
)
from ops.text.quoting import nested

# An UPDATE leaves the old row version in the table file, and statistics contain sample values. The master
# user cannot rewrite the shared system tables, which causes a warning for each; they contain no user data.
VACUUM = "SET client_min_messages = error;\nVACUUM (FULL, ANALYZE);\n"

# Enabled triggers, and foreign keys that are not deferred.
_TRIGGERS = f"""\
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgparentid = 0 AND c.relkind IN ('r', 'p')
    AND {USER_TABLES}"""
_FOREIGN_KEYS = f"""\
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND NOT k.condeferred AND {USER_TABLES}"""


def undo() -> str:
    """Return SQL that prints how to restore triggers and foreign keys. Runs before `relax`."""
    return f"""\
SELECT format('ALTER TABLE %s ENABLE %s TRIGGER %I;', c.oid::regclass,
    CASE t.tgenabled WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' ELSE '' END, t.tgname)
{_TRIGGERS};
SELECT format('ALTER TABLE %s ALTER CONSTRAINT %I %s;', c.oid::regclass, k.conname,
    CASE WHEN k.condeferrable THEN 'DEFERRABLE INITIALLY IMMEDIATE' ELSE 'NOT DEFERRABLE' END)
{_FOREIGN_KEYS};
"""


def relax() -> str:
    """Return SQL that disables triggers and defers foreign keys to the end of a transaction."""
    return f"""\
SELECT format('ALTER TABLE %s DISABLE TRIGGER %I;', c.oid::regclass, t.tgname)
{_TRIGGERS};
SELECT format('ALTER TABLE %s ALTER CONSTRAINT %I DEFERRABLE INITIALLY DEFERRED;', c.oid::regclass, k.conname)
{_FOREIGN_KEYS};
"""


def rows(policy: Policy) -> str:
    """Return SQL that truncates and samples tables, and deletes the rows that lose their parent row."""
    truncated = [name(table) for table in policy.tables if table.rows == "truncate"]
    sampled = [table for table in policy.tables if table.rows == "sample"]
    parts = [
        print_verbatim(functions()),
        *([print_verbatim(f"TRUNCATE {', '.join(truncated)};")] if truncated else []),
        *(_sample(table) for table in sampled),
        *([print_verbatim(_ORPHANS)] if sampled else []),
    ]
    return "\n".join(parts)


def treat(policy: Policy) -> str:
    """Return SQL that changes each table in one statement, all in one transaction."""
    treated = [table for table in policy.tables if table.treated and table.rows != "truncate"]
    updates = [_update(table, policy.case) for table in treated]
    return "\n".join([print_verbatim(functions()), unique.fake_columns(policy), unique.draw(), *updates])


def _sample(table: TablePolicy) -> str:
    """The key of a row decides whether it is kept: the same rows in every run."""
    sampled = nested(choice("sample", "concat_ws('-', %s)"))
    return f"""\
SELECT format('DELETE FROM %s WHERE {sampled} %% 10000 >= %s;',
    {literal(name(table))}, string_agg(format('%I::text', a.attname), ', ' ORDER BY a.attnum),
    {int(table.percent * 100)})
FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indisprimary AND i.indrelid = {literal(name(table))}::regclass;
"""


# Deletes until no row without its parent is left. This terminates for self-references and cycles too: every
# round except the last deletes rows.
_ORPHANS = """\
DO $$
DECLARE
    key record;
    gone bigint;
    total bigint;
BEGIN
    LOOP
        total := 0;
        FOR key IN
            SELECT conrelid::regclass AS child, confrelid::regclass AS parent,
                (SELECT string_agg(format('c.%I = p.%I', ca.attname, pa.attname), ' AND ')
                 FROM unnest(conkey, confkey) AS pair (c, p)
                 JOIN pg_attribute ca ON ca.attrelid = conrelid AND ca.attnum = pair.c
                 JOIN pg_attribute pa ON pa.attrelid = confrelid AND pa.attnum = pair.p) AS joined,
                (SELECT string_agg(format('c.%I IS NOT NULL', ca.attname), ' AND ')
                 FROM unnest(conkey) AS n
                 JOIN pg_attribute ca ON ca.attrelid = conrelid AND ca.attnum = n) AS given
            FROM pg_constraint WHERE contype = 'f' AND conparentid = 0
        LOOP
            EXECUTE format('DELETE FROM %s c WHERE %s AND NOT EXISTS (SELECT FROM %s p WHERE %s)',
                key.child, key.given, key.parent, key.joined);
            GET DIAGNOSTICS gone = ROW_COUNT;
            total := total + gone;
        END LOOP;
        EXIT WHEN total = 0;
    END LOOP;
END $$;
"""


def _update(table: TablePolicy, case: str) -> str:
    """One statement per table. Where values have no pattern, sums before and after are compared."""
    rows = []
    for column, treatment in table.treated.items():
        value = value_of(treatment.by or column, case)
        plain = _expression(column, treatment, value)
        rows.append((column, str(treatment), plain, _plainer(column, treatment, value) or plain))
    return f"""\
SELECT concat(
    'SELECT ' || string_agg(format('{_sum("%s")} AS slipway_%s', v.new, p.number), ', ')
        FILTER (WHERE v.is_exact) || format(E' FROM %s \\\\gset\\n', p.target),
    format('UPDATE %s SET %s;', p.target, string_agg(format('%I = %s', v.column_name, v.new), ', ')),
    E'\\nSELECT unnest(ARRAY[' || string_agg(format(
        'json_build_object(''check'', ''exact'', ''table'', %L, ''column'', %L, ''treatment'', %L, '
        '''rows'', count(*), ''bad'', CASE WHEN %s = :slipway_%s THEN 0 ELSE count(*) END, '
        '''ok'', %s = :slipway_%s)', {literal(table.full_name)}, v.column_name, v.treatment,
        v.stored, p.number, v.stored, p.number), ', ')
        FILTER (WHERE v.is_exact) || format(']) FROM %s;', p.target))
FROM ({values(rows, 4)}) AS r (column_name, treatment, plain, plainer)
JOIN ({COLUMNS}) p ON p.column_name = r.column_name
LEFT JOIN slipway_fakes a ON (a.schema, a.name, a.column_name) = (p.schema, p.name, p.column_name)
CROSS JOIN LATERAL (SELECT r.column_name, r.treatment,
    format('CAST(%s AS %s)', coalesce(a.new, CASE WHEN p.category = 'N' OR p.plain_type = 'date'
        THEN replace(r.plainer, '<modulus>', {MODULUS}) ELSE r.plain END), p.type),
    format('{_sum("%I")}', r.column_name),
    r.treatment LIKE 'shift %' OR r.treatment = 'hash' AND p.category <> 'S')
    AS v (column_name, treatment, new, stored, is_exact)
WHERE (p.schema, p.name) = ({literal(table.schema)}, {literal(table.name)}) AND p.generated = ''
GROUP BY p.target;
"""


def _sum(sql: str) -> str:
    """Return the sum of the hashes of all values, in the same form before and after they are stored."""
    return f"coalesce(sum(hashtextextended({sql}::text, 0)), 0)"


def _expression(column: str, treatment: Treatment, value: str) -> str:
    """Return the new value, from the old one. NULL stays NULL, except with a constant."""
    if treatment.kind == "null":
        return "NULL"
    if treatment.kind == "constant":
        return literal(treatment.argument)
    if treatment.kind == "hash":
        return digest("hash", value)
    if treatment.kind == "shift":
        return f"{identifier(column)} + make_interval(days => {_days(treatment, value)})"
    return fake(treatment.argument, value)


def _days(treatment: Treatment, value: str) -> str:
    """Return the days of a shift: positive or negative, never zero, because 0.5 is rounded away from zero."""
    days = int(treatment.argument)
    number = choice("shift", value)
    return f"(({number} % {2 * days} - {days - 0.5}::float8) * {1 + 1 / (2 * days)!r}::float8)::int"


def _plainer(column: str, treatment: Treatment, value: str) -> str:
    """Return the hash for a numeric column, or the shift for a date column."""
    if treatment.kind == "hash":
        return f"{number('hash', value)} % <modulus>"
    if treatment.kind == "shift":
        return f"{identifier(column)} + {_days(treatment, value)}"
    return ""


def refresh() -> str:
    """Return SQL that refreshes materialized views, which contain old rows, in dependency order."""
    return f"""\
WITH RECURSIVE made_of (view, source) AS (
    SELECT DISTINCT r.ev_class, d.refobjid FROM pg_rewrite r
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
        AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
), depth (view, steps) AS (
    SELECT oid, 0 FROM pg_class WHERE relkind IN ('m', 'v')
    UNION SELECT m.view, d.steps + 1 FROM depth d JOIN made_of m ON m.source = d.view
)
SELECT format('REFRESH MATERIALIZED VIEW %s;', c.oid::regclass)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'm' AND c.relispopulated AND {USER_TABLES}
ORDER BY (SELECT max(steps) FROM depth WHERE view = c.oid), c.oid;
"""


def forget_statistics() -> str:
    """Return SQL that deletes the statistics of empty tables. ANALYZE keeps them, with sample values.

    PostgreSQL 18 has a function for it; in earlier versions, altering a column to its own type deletes them.
    """
    return f"""\
SELECT CASE WHEN current_setting('server_version_num')::int >= 180000
    THEN format('SELECT pg_clear_attribute_stats(%L, %L, %L, %L) \\g /dev/null',
        s.schemaname, s.tablename, s.attname, s.inherited)
    ELSE format('ALTER TABLE %s ALTER COLUMN %I TYPE %s;', c.oid::regclass, s.attname,
        (SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attname = s.attname)) END
FROM pg_stats s JOIN pg_namespace n ON n.nspname = s.schemaname
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename
WHERE c.reltuples = 0 AND {USER_TABLES};
"""
