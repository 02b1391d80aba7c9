"""Applies a policy to a PostgreSQL database: deletes rows, changes columns, and restores constraints."""

from ops.snapshots.policy.model import Policy, TablePolicy, Treatment
from ops.snapshots.postgres import unique
from ops.snapshots.postgres.fakes import MODULUS, choice, digest, fake, number, value_of
from ops.snapshots.postgres.text import (
    COLUMNS,
    OWN_TABLES,
    functions,
    identifier,
    literal,
    name,
    print_verbatim,
    values,
)
from ops.text.quoting import nested

# Enabled triggers and rules, and foreign keys that are not deferred. A rule would write old rows elsewhere.
_TRIGGERS = f"""\
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgparentid = 0 AND c.relkind IN ('r', 'p')
    AND {OWN_TABLES}"""
_RULES = f"""\
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.ev_enabled <> 'D' AND c.relkind IN ('r', 'p') AND {OWN_TABLES}"""
_FOREIGN_KEYS = f"""\
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND {OWN_TABLES}"""
_ENABLED = "CASE {} WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' ELSE '' END"


def undo(policy: Policy) -> str:
    """Return SQL that prints how to restore triggers, rules, and foreign keys. Runs before `relax`."""
    return f"""\
SELECT format('ALTER TABLE %s ENABLE %s TRIGGER %I;', c.oid::regclass, {_ENABLED.format("t.tgenabled")},
    t.tgname)
{_TRIGGERS};
SELECT format('ALTER TABLE %s ENABLE %s RULE %I;', c.oid::regclass, {_ENABLED.format("r.ev_enabled")},
    r.rulename)
{_RULES};
SELECT CASE WHEN {_follows(policy)}
    THEN format('ALTER TABLE %s ADD CONSTRAINT %I %s;', c.oid::regclass, k.conname,
        pg_get_constraintdef(k.oid))
    ELSE format('ALTER TABLE %s ALTER CONSTRAINT %I %s;', c.oid::regclass, k.conname,
    CASE WHEN k.condeferrable THEN 'DEFERRABLE INITIALLY IMMEDIATE' ELSE 'NOT DEFERRABLE' END) END
{_FOREIGN_KEYS} AND (NOT k.condeferred OR {_follows(policy)});
"""


def relax(policy: Policy) -> str:
    """Return SQL that disables triggers and rules, and defers foreign keys to the end of a transaction.

    A foreign key that follows changes of a treated key is dropped: it would treat its column twice.
    """
    return f"""\
SELECT format('ALTER TABLE %s DISABLE TRIGGER %I;', c.oid::regclass, t.tgname)
{_TRIGGERS};
SELECT format('ALTER TABLE %s DISABLE RULE %I;', c.oid::regclass, r.rulename)
{_RULES};
SELECT CASE WHEN {_follows(policy)}
    THEN format('ALTER TABLE %s DROP CONSTRAINT %I;', c.oid::regclass, k.conname)
    ELSE format('ALTER TABLE %s ALTER CONSTRAINT %I DEFERRABLE INITIALLY DEFERRED;', c.oid::regclass,
        k.conname) END
{_FOREIGN_KEYS} AND (NOT k.condeferred OR {_follows(policy)});
"""


def _follows(policy: Policy) -> str:
    """Return the condition that a foreign key refers to a treated column, and acts when that changes."""
    treated = [(t.schema, t.name, c) for t in policy.tables if t.rows != "truncate" for c in t.treated]
    return f"""\
(k.confupdtype <> 'a' AND EXISTS (
    SELECT FROM pg_attribute a JOIN pg_class o ON o.oid = a.attrelid
        JOIN pg_namespace m ON m.oid = o.relnamespace
    JOIN ({values(treated, 3)}) AS v (schema, name, column_name)
        ON (v.schema, v.name, v.column_name) = (m.nspname, o.relname, a.attname)
    WHERE a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey)))"""


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


def new_values(table: TablePolicy, case: str, fakes: str) -> str:
    """Return a subquery with the expression `new` for each treated column of the table.

    `fakes` is a table of the fakes of unique columns, or a query that returns none.
    """
    rows = []
    for column, treatment in table.treated.items():
        value = value_of(treatment.by or column, case)
        plain = _expression(column, treatment, value)
        rows.append((column, str(treatment), plain, _plainer(column, treatment, value) or plain))
    return f"""\
SELECT p.target, p.relation, p.number, p.shown, r.column_name, r.treatment,
    format('CAST(%s AS %s)', coalesce(a.new, CASE WHEN p.category = 'N' OR p.plain_type = 'date'
        THEN replace(r.plainer, '<modulus>', {MODULUS}) ELSE r.plain END), p.type) AS new,
    r.treatment LIKE 'shift %' OR r.treatment = 'hash' AND p.category <> 'S' AS is_exact
FROM ({values(rows, 4)}) AS r (column_name, treatment, plain, plainer)
JOIN ({COLUMNS}) p ON p.column_name = r.column_name
LEFT JOIN {fakes} a ON (a.schema, a.name, a.column_name) = (p.schema, p.name, p.column_name)
WHERE (p.schema, p.name) = ({literal(table.schema)}, {literal(table.name)}) AND p.generated = ''"""


def _update(table: TablePolicy, case: str) -> str:
    """One statement per table. Where values have no pattern, sums before and after are compared."""
    return f"""\
SELECT concat(
    'SELECT ' || string_agg(format('{_sum("%s")} AS slipway_%s', v.new, v.number), ', ')
        FILTER (WHERE v.is_exact) || format(E' FROM %s \\\\gset\\n', v.target),
    format('UPDATE %s SET %s;', v.target, string_agg(format('%I = %s', v.column_name, v.new), ', ')),
    E'\\nSELECT unnest(ARRAY[' || string_agg(format(
        'json_build_object(''check'', ''exact'', ''table'', %L, ''column'', %L, ''treatment'', %L, '
        '''rows'', count(*), ''bad'', CASE WHEN %s = :slipway_%s THEN 0 ELSE count(*) END, '
        '''ok'', %s = :slipway_%s)', v.shown, v.column_name, v.treatment,
        s.stored, v.number, s.stored, v.number), ', ')
        FILTER (WHERE v.is_exact) || format(']) FROM %s;', v.target))
FROM ({new_values(table, case, "slipway_fakes")}) v
CROSS JOIN LATERAL (SELECT format('{_sum("%I")}', v.column_name)) AS s (stored)
GROUP BY v.target;
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
