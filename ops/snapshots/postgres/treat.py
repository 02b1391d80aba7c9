"""Applies a policy to a PostgreSQL database: deletes rows, changes columns, and restores constraints."""

from ops.snapshots.policy.model import Policy
from ops.snapshots.policy.table import TablePolicy
from ops.snapshots.policy.treatment import FORMAT, Treatment
from ops.snapshots.postgres import unique
from ops.snapshots.postgres.documents import new_document
from ops.snapshots.postgres.fakes import MODULUS, choice, digest, fake, number, value_of
from ops.snapshots.postgres.formats import PUT_BACK, SET_ASIDE, format_functions, formatted
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
    THEN format('ALTER TABLE %s {"DROP CONSTRAINT %I, " if _deletes(policy) else ""}ADD CONSTRAINT %I %s;',
        c.oid::regclass, {"k.conname, " if _deletes(policy) else ""}k.conname, pg_get_constraintdef(k.oid))
    ELSE format('ALTER TABLE %s ALTER CONSTRAINT %I %s;', c.oid::regclass, k.conname,
    CASE WHEN k.condeferrable THEN 'DEFERRABLE INITIALLY IMMEDIATE' ELSE 'NOT DEFERRABLE' END) END
{_FOREIGN_KEYS} AND (NOT k.condeferred OR {_follows(policy)});
"""


def relax(policy: Policy) -> str:
    """Return SQL that disables triggers and rules, and defers foreign keys to the end of a transaction.

    A foreign key that follows changes of a treated key is dropped: it would treat its column twice. Where
    rows are deleted, a key without that takes its place: the deletion of orphans reads the catalog.
    """
    deferred = f"""\
 || format(' ALTER TABLE %s ADD CONSTRAINT %I FOREIGN KEY (%s) REFERENCES %s (%s) '
        'DEFERRABLE INITIALLY DEFERRED%s;', c.oid::regclass, k.conname,
        {_columns("k.conrelid", "k.conkey")}, k.confrelid::regclass, {_columns("k.confrelid", "k.confkey")},
        CASE WHEN c.relkind = 'r' THEN ' NOT VALID' END)"""
    return f"""\
SELECT format('ALTER TABLE %s DISABLE TRIGGER %I;', c.oid::regclass, t.tgname)
{_TRIGGERS};
SELECT format('ALTER TABLE %s DISABLE RULE %I;', c.oid::regclass, r.rulename)
{_RULES};
SELECT CASE WHEN {_follows(policy)}
    THEN format('ALTER TABLE %s DROP CONSTRAINT %I;', c.oid::regclass, k.conname){
        deferred if _deletes(policy) else ""
    }
    ELSE format('ALTER TABLE %s ALTER CONSTRAINT %I DEFERRABLE INITIALLY DEFERRED;', c.oid::regclass,
        k.conname) END
{_FOREIGN_KEYS} AND (NOT k.condeferred OR {_follows(policy)});
"""


def _deletes(policy: Policy) -> bool:
    """Whether rows are deleted, with those that refer to them."""
    return policy.subset is not None or any(table.rows in ("delete", "sample") for table in policy.tables)


def _columns(table: str, numbers: str) -> str:
    return (
        f"(SELECT string_agg(format('%I', a.attname), ', ' ORDER BY n.place) FROM unnest({numbers}) "
        f"WITH ORDINALITY AS n (number, place) JOIN pg_attribute a ON a.attrelid = {table} "
        "AND a.attnum = n.number)"
    )


def _follows(policy: Policy) -> str:
    """Return the condition that a foreign key cannot be deferred.

    It refers to a treated column and acts when that changes, or prevents the deletion of a row.
    """
    treated = [(t.schema, t.name, c) for t in policy.tables if t.rows != "truncate" for c in t.treated]
    acts = "k.confdeltype = 'r' OR " if _deletes(policy) else ""
    if policy.subset:  # which rows stay does not depend on what a key does
        acts = "k.confdeltype <> 'a' OR "
    return f"""\
({acts}k.confupdtype <> 'a' AND EXISTS (
    SELECT FROM pg_attribute a JOIN pg_class o ON o.oid = a.attrelid
        JOIN pg_namespace m ON m.oid = o.relnamespace
    JOIN ({values(treated, 3)}) AS v (schema, name, column_name)
        ON (v.schema, v.name, v.column_name) = (m.nspname, o.relname, a.attname)
    WHERE a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey)))"""


def rows(policy: Policy) -> str:
    """Return SQL that truncates and samples tables, and deletes the rows that lose their parent row.

    Whether a condition still selects rows is checked before a treatment changes what it reads.
    """
    truncated = [name(table) for table in policy.tables if table.rows == "truncate"]
    deleted = [table for table in policy.tables if table.rows == "delete"]
    sampled = [table for table in policy.tables if table.rows == "sample"]
    parts = [
        print_verbatim(functions()),
        *([print_verbatim(f"TRUNCATE {', '.join(truncated)};")] if truncated else []),
        *(print_verbatim(f"DELETE FROM {name(table)} WHERE ({table.where});") for table in deleted),
        *(_sample(table) for table in sampled),
        *([print_verbatim(_ORPHANS)] if sampled or deleted else []),
        *(print_verbatim(_deleted(table)) for table in deleted),
    ]
    return "\n".join(parts)


def treat(policy: Policy) -> str:
    """Return SQL that changes each table in one statement, all in one transaction."""
    treated = [table for table in policy.tables if table.treated and table.rows != "truncate"]
    updates = [_update(table, policy.case) for table in treated]
    verbatim = print_verbatim(functions() + format_functions())
    return "\n".join([verbatim, unique.fake_columns(policy), unique.draw(), *updates])


def _deleted(table: TablePolicy) -> str:
    bad = f"count(*) FILTER (WHERE {table.where})"
    return (
        f"SELECT json_build_object('check', 'deleted', 'table', {literal(table.full_name)}, 'column', '*', "
        f"'rows', count(*), 'bad', {bad}, 'ok', {bad} = 0) FROM {name(table)};"
    )


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
        plain = _expression(column, treatment, value, case)
        plainer = _plainer(column, treatment, value, case) or plain
        rows.append((column, treatment.kind, str(treatment), plain, plainer, str(_is_exact(treatment))))
    return f"""\
SELECT p.target, p.relation, p.number, p.shown, r.column_name, r.treatment,
    format('CAST(%s AS %s)', CASE WHEN a.new IS NOT NULL THEN a.new
        WHEN r.kind = 'json' AND p.category = 'A' THEN format(
            'CASE WHEN %I IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements(%s)) END', p.column_name,
            r.plain)
        WHEN r.kind = 'json' AND p.plain_type IN ('json', 'jsonb') THEN r.plain
        WHEN r.kind = 'json' THEN format('coalesce((%s)::text, %s)', r.plain, r.plainer)
        WHEN p.category = 'N' OR p.plain_type = 'date' THEN replace(r.plainer, '<modulus>', {MODULUS})
        ELSE r.plain END, CASE WHEN r.kind = 'json' AND p.category = 'S' THEN 'text' ELSE p.type END) AS new,
    r.is_exact::boolean OR r.treatment = 'hash' AND p.category <> 'S' AS is_exact
FROM ({values(rows, 6)}) AS r (column_name, kind, treatment, plain, plainer, is_exact)
JOIN ({COLUMNS}) p ON p.column_name = r.column_name
LEFT JOIN {fakes} a ON (a.schema, a.name, a.column_name) = (p.schema, p.name, p.column_name)
WHERE (p.schema, p.name) = ({literal(table.schema)}, {literal(table.name)}) AND p.generated = ''"""


def _update(table: TablePolicy, case: str) -> str:
    """One statement per table. Where values have no pattern, sums before and after are compared."""
    return f"""\
SELECT concat(
    'SELECT ' || string_agg(format('{sum_of("%s")} AS slipway_%s', v.new, v.number), ', ')
        FILTER (WHERE v.is_exact) || format(E' FROM %s \\\\gset\\n', v.target),
    format('UPDATE %s SET %s;', v.target, string_agg(format('%I = %s', v.column_name, CASE
        WHEN u.is_permuted THEN format({literal(SET_ASIDE)}, v.target, v.column_name, v.new)
        ELSE v.new END), ', ')),
    string_agg(format({literal(PUT_BACK)}, v.target, v.column_name, v.column_name, v.column_name), '')
        FILTER (WHERE u.is_permuted),
    E'\\nSELECT unnest(ARRAY[' || string_agg(format(
        'json_build_object(''check'', ''exact'', ''table'', %L, ''column'', %L, ''treatment'', %L, '
        '''rows'', count(*), ''bad'', CASE WHEN %s = :slipway_%s THEN 0 ELSE count(*) END, '
        '''ok'', %s = :slipway_%s)', v.shown, v.column_name, v.treatment,
        s.stored, v.number, s.stored, v.number), ', ')
        FILTER (WHERE v.is_exact) || format(']) FROM %s;', v.target))
FROM ({new_values(table, case, "slipway_fakes")}) v
CROSS JOIN LATERAL (SELECT format('{sum_of("%I")}', v.column_name)) AS s (stored)
CROSS JOIN LATERAL (SELECT v.treatment LIKE '{FORMAT}%' AND {unique.IS_UNIQUE} AS is_permuted
    FROM (SELECT v.relation, v.column_name) p) u
GROUP BY v.target;
"""


def sum_of(sql: str) -> str:
    """Return the sum of the hashes of all values, in the same form before and after they are stored."""
    return f"coalesce(sum(hashtextextended({sql}::text, 0)), 0)"


def _is_exact(treatment: Treatment) -> bool:
    """Whether the new value has no pattern, so that sums before and after are compared."""
    kinds = {treatment.kind, *(item.kind for _, item in treatment.paths)}
    return not kinds.isdisjoint({"shift", "sql", FORMAT})


def _expression(column: str, treatment: Treatment, value: str, case: str) -> str:
    """Return the new value, from the old one. NULL stays NULL, except with a constant.

    That of a JSON document is jsonb.
    """
    if treatment.kind == "json":
        return new_document(column, treatment, lambda item, text: _in_document(item, text, value, case))
    if treatment.kind == "sql":
        return treatment.argument
    if treatment.kind == "markup":
        return f"pg_temp.tags({identifier(column)}::text)"
    if treatment.kind == FORMAT:
        return formatted(treatment, f"{identifier(column)}::text")
    if treatment.kind == "null":
        return "NULL"
    if treatment.kind == "constant":
        return literal(treatment.argument)
    if treatment.kind == "hash":
        return digest("hash", value)
    if treatment.kind == "shift":
        return f"{identifier(column)} + make_interval(days => {_days(int(treatment.argument), value)})"
    return fake(treatment.argument, value)


def _in_document(treatment: Treatment, text: str, by: str, case: str) -> str:
    """Return the new text of a value in a document, from the old one. `by` is what a shift depends on."""
    if treatment.kind == "shift":
        return f"pg_temp.shifted({text}, {_days(int(treatment.argument), by)})"
    if treatment.kind == FORMAT:
        return formatted(treatment, text)
    return _expression("", treatment, f"pg_temp.folded({text})" if case == "fold" else text, case)


def _days(days: int, value: str) -> str:
    """Return the days of a shift: positive or negative, never zero, because 0.5 is rounded away from zero."""
    number = choice("shift", value)
    return f"(({number} % {2 * days} - {days - 0.5}::float8) * {1 + 1 / (2 * days)!r}::float8)::int"


def _plainer(column: str, treatment: Treatment, value: str, case: str) -> str:
    """Return the hash for a numeric column, the shift for a date column, or what replaces other than JSON."""
    if treatment.kind == "json":
        return _otherwise(column, treatment, value_of(column, case))
    if treatment.kind == "hash":
        return f"{number('hash', value)} % <modulus>"
    if treatment.kind == "shift":
        return f"{identifier(column)} + {_days(int(treatment.argument), value)}"
    return ""


def _otherwise(column: str, treatment: Treatment, value: str) -> str:
    """Return the new value of what is not a JSON document."""
    name, item = identifier(column), treatment.otherwise
    if item is None:
        return f"{name}::text"
    if item.kind == "constant":
        return f"CASE WHEN {name} IS NOT NULL THEN {literal(item.argument)} END"
    return "NULL" if item.kind == "null" else digest("hash", value)
