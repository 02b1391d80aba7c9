"""What changes a PostgreSQL database by policy: rows go, columns change, what was relaxed is put back."""

from ops.snapshots.policy.model import Policy, Table, Treatment
from ops.snapshots.postgres import unique
from ops.snapshots.postgres.fakes import MODULUS, choice, digest, fake, number, value_of
from ops.snapshots.postgres.text import COLUMNS, OURS, functions, identifier, literal, name, print_, values

# An UPDATE leaves the old row in the table's file, and statistics hold sample values. The server's own shared
# tables are not the master user's to rewrite, and say so one by one: they hold no rows of people.
VACUUM = "SET client_min_messages = error;\nVACUUM (FULL, ANALYZE);\n"

# Triggers that fire, and foreign keys that are checked at once.
_TRIGGERS = f"""\
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgparentid = 0 AND c.relkind IN ('r', 'p') AND {OURS}"""
_FOREIGN_KEYS = f"""\
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND NOT k.condeferred AND {OURS}"""


def undo() -> str:
    """What puts triggers and foreign keys back as they are now; run before `relax`, kept until afterwards."""
    return f"""\
SELECT format('ALTER TABLE %s ENABLE %s TRIGGER %I;', c.oid::regclass,
    CASE t.tgenabled WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' ELSE '' END, t.tgname)
{_TRIGGERS};
SELECT format('ALTER TABLE %s ALTER CONSTRAINT %I %s;', c.oid::regclass, k.conname,
    CASE WHEN k.condeferrable THEN 'DEFERRABLE INITIALLY IMMEDIATE' ELSE 'NOT DEFERRABLE' END)
{_FOREIGN_KEYS};
"""


def relax() -> str:
    """Triggers are silenced, and foreign keys are checked when a transaction ends."""
    return f"""\
SELECT format('ALTER TABLE %s DISABLE TRIGGER %I;', c.oid::regclass, t.tgname)
{_TRIGGERS};
SELECT format('ALTER TABLE %s ALTER CONSTRAINT %I DEFERRABLE INITIALLY DEFERRED;', c.oid::regclass, k.conname)
{_FOREIGN_KEYS};
"""


def rows(policy: Policy) -> str:
    """What is emptied, then what is sampled, with the rows that lose their parent by it."""
    truncated = [name(table) for table in policy.tables if table.rows == "truncate"]
    sampled = [table for table in policy.tables if table.rows == "sample"]
    parts = [
        print_(functions()),
        *([print_(f"TRUNCATE {', '.join(truncated)};")] if truncated else []),
        *(_sample(table) for table in sampled),
        *([print_(_ORPHANS)] if sampled else []),
    ]
    return "\n".join(parts)


def treat(policy: Policy) -> str:
    """One transaction: each table's columns change in one statement."""
    treated = [table for table in policy.tables if table.treated and table.rows != "truncate"]
    updates = [_update(table, policy.case) for table in treated]
    return "\n".join([print_(functions()), unique.rooms(policy), unique.draw(), *updates])


def _sample(table: Table) -> str:
    """Which rows stay follows from their key: the same in every run."""
    sampled = choice("sample", "concat_ws('-', %s)").replace("'", "''")
    return f"""\
SELECT format('DELETE FROM %s WHERE {sampled} %% 10000 >= %s;',
    {literal(name(table))}, string_agg(format('%I::text', a.attname), ', ' ORDER BY a.attnum),
    {int(table.percent * 100)})
FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indisprimary AND i.indrelid = {literal(name(table))}::regclass;
"""


# Until no row is left whose parent is gone. A self-reference and a circle of tables end as well: each round
# deletes rows or is the last.
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


def _update(table: Table, case: str) -> str:
    """One statement a table. What cannot be told from another value is summed before it and after."""
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
LEFT JOIN slipway_rooms a ON (a.schema, a.name, a.column_name) = (p.schema, p.name, p.column_name)
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
    """Of all values, as each reads: of the new ones before they are stored, and of those that are."""
    return f"coalesce(sum(hashtextextended({sql}::text, 0)), 0)"


def _expression(column: str, treatment: Treatment, value: str) -> str:
    """The new value, from the old one; NULL stays NULL but where a constant replaces it."""
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
    """Never zero, to either side: the halves -0.5 and 0.5, -1.5 and 1.5, … are rounded away from it."""
    days = int(treatment.argument)
    number = choice("shift", value)
    return f"(({number} % {2 * days} - {days - 0.5}::float8) * {1 + 1 / (2 * days)!r}::float8)::int"


def _plainer(column: str, treatment: Treatment, value: str) -> str:
    """A hash for a column of numbers, or a shift for one of dates."""
    if treatment.kind == "hash":
        return f"{number('hash', value)} % <modulus>"
    if treatment.kind == "shift":
        return f"{identifier(column)} + {_days(treatment, value)}"
    return ""


def refresh() -> str:
    """Materialized views hold copies of old rows: those that others are made of come first."""
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
WHERE c.relkind = 'm' AND c.relispopulated AND {OURS}
ORDER BY (SELECT max(steps) FROM depth WHERE view = c.oid), c.oid;
"""


def forget_statistics() -> str:
    """ANALYZE leaves the old statistics of a table that is empty now, and they hold sample values.

    PostgreSQL 18 has a function for it; before, changing a column's type to itself forgets them.
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
WHERE c.reltuples = 0 AND {OURS};
"""
