"""Keeps a part of the rows of a PostgreSQL database: `ops.snapshots.policy.subset` has the rules.

The rows that stay are known by the values of their keys. For each foreign key to the table or to one that it
refers to, a temporary table collects the values of the rows that stay; a row with one of them stays too.
"""

from ops.snapshots.policy.subset import Subset
from ops.snapshots.postgres.fakes import choice
from ops.snapshots.postgres.text import OWN_TABLES, functions, identifier, literal, name, shown, values

# Keys with their columns: `given` and `joined` are conditions on c, the child, and p, the parent.
_KEYS = """\
CREATE TEMP TABLE slipway_keys AS
SELECT row_number() OVER () AS number, child::regclass AS child, parent::regclass AS parent,
    (SELECT string_agg(format('c.%I', x), ', ' ORDER BY n) FROM unnest(own) WITH ORDINALITY AS u (x, n))
        AS own,
    (SELECT string_agg(format('c.%I', x), ', ' ORDER BY n) FROM unnest(other) WITH ORDINALITY AS u (x, n))
        AS other,
    (SELECT string_agg(format('c.%I IS NOT NULL', x), ' AND ') FROM unnest(own) AS x) AS given,
    (SELECT string_agg(format('c.%I = p.%I', x, y), ' AND ') FROM unnest(own, other) AS u (x, y)) AS joined
FROM (SELECT conrelid AS child, confrelid AS parent,
        (SELECT array_agg(a.attname::text ORDER BY n) FROM unnest(conkey) WITH ORDINALITY AS u (x, n)
         JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = x) AS own,
        (SELECT array_agg(a.attname::text ORDER BY n) FROM unnest(confkey) WITH ORDINALITY AS u (x, n)
         JOIN pg_attribute a ON a.attrelid = confrelid AND a.attnum = x) AS other
    FROM pg_constraint WHERE contype = 'f' AND conparentid = 0
    UNION ALL SELECT format('%I.%I', r[1], r[2])::regclass, format('%I.%I', r[4], r[5])::regclass,
        ARRAY[r[3]], ARRAY[r[6]] FROM (<references>) AS v (a, b, c, d, e, f), LATERAL (SELECT
            ARRAY[a, b, c, d, e, f]) AS x (r)) k;"""

# Rows and sizes before. `is_up`: the table refers to it, directly or through others. `is_down`: it refers to
# the table in that way, and the table does not refer to it.
_TABLES = f"""\
CREATE TEMP TABLE slipway_tables AS
WITH RECURSIVE up (t) AS (SELECT parent FROM slipway_keys WHERE child = <table>
    UNION SELECT k.parent FROM slipway_keys k JOIN up ON up.t = k.child),
down (t) AS (SELECT child FROM slipway_keys WHERE parent = <table>
        AND child <> <table> AND child NOT IN (SELECT t FROM up)
    UNION SELECT k.child FROM slipway_keys k JOIN down ON down.t = k.parent
        WHERE k.child <> <table> AND k.child NOT IN (SELECT t FROM up))
SELECT c.oid::regclass AS t, {shown("n.nspname", "c.relname")} AS shown, c.oid IN (SELECT t FROM up) AS is_up,
    c.oid IN (SELECT t FROM down) AS is_down, 0::bigint AS before, 0::bigint AS after, ''::text AS kept,
    coalesce((SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree(c.oid)),
        pg_total_relation_size(c.oid)) AS bytes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND {OWN_TABLES};"""

_KEEP = """\
DO $slipway$
DECLARE
    start regclass := <table>;
    chosen text := <chosen>;
    key record;
    item record;
    added bigint;
    total bigint;
    step int;
BEGIN
    FOR item IN SELECT t FROM slipway_tables LOOP
        EXECUTE format('UPDATE slipway_tables SET before = (SELECT count(*) FROM %s) '
            'WHERE t = %L::regclass', item.t, item.t);
    END LOOP;
    UPDATE slipway_tables s SET kept = concat_ws(' OR ', CASE WHEN t = start THEN chosen END,
        (SELECT string_agg(format('(%s) IN (SELECT * FROM slipway_kept_%s)', other, number), ' OR ')
         FROM slipway_keys k WHERE k.parent = s.t AND (k.child = start OR EXISTS (SELECT FROM slipway_tables o
            WHERE o.t = k.child AND (o.is_up OR o.is_down)))))
    WHERE t = start OR is_up;
    FOR key IN SELECT k.* FROM slipway_keys k JOIN slipway_tables p ON p.t = k.parent
            WHERE p.is_up OR p.t = start LOOP
        EXECUTE format('CREATE TEMP TABLE slipway_kept_%s ON COMMIT DROP AS SELECT %s FROM %s c LIMIT 0',
            key.number, key.own, key.child);
        EXECUTE format('CREATE UNIQUE INDEX ON slipway_kept_%s (%s)', key.number, replace(key.own, 'c.', ''));
    END LOOP;
    FOR step IN 1..2 LOOP
        LOOP
            total := 0;
            FOR key IN SELECT k.*, c.kept, c.is_down FROM slipway_keys k
                    JOIN slipway_tables c ON c.t = k.child JOIN slipway_tables p ON p.t = k.parent
                    WHERE (p.is_up OR p.t = start)
                        AND (c.is_up OR c.t = start OR c.is_down AND step = 2) LOOP
                EXECUTE format('INSERT INTO slipway_kept_%s SELECT DISTINCT %s FROM %s c WHERE %s AND (%s) '
                    'ON CONFLICT DO NOTHING', key.number, key.own, key.child, key.given,
                    CASE WHEN key.is_down THEN 'true' ELSE key.kept END);
                GET DIAGNOSTICS added = ROW_COUNT;
                total := total + added;
            END LOOP;
            EXIT WHEN total = 0;
        END LOOP;
        -- First the table and what refers to it, then the tables that it refers to.
        FOR item IN SELECT * FROM slipway_tables 
                WHERE t = start AND step = 1 OR is_up AND t <> start AND step = 2 LOOP
            EXECUTE format('DELETE FROM %s c WHERE (%s) IS NOT TRUE', item.t, item.kept);
        END LOOP;
        LOOP
            total := 0;
            FOR key IN SELECT k.* FROM slipway_keys k JOIN slipway_tables c ON c.t = k.child
                    WHERE step = 2 OR c.is_down LOOP
                EXECUTE format('DELETE FROM %s c WHERE %s AND NOT EXISTS (SELECT FROM %s p WHERE %s)',
                    key.child, key.given, key.parent, key.joined);
                GET DIAGNOSTICS added = ROW_COUNT;
                total := total + added;
            END LOOP;
            EXIT WHEN total = 0;
        END LOOP;
    END LOOP;
    FOR item IN SELECT t FROM slipway_tables LOOP
        EXECUTE format('UPDATE slipway_tables SET after = (SELECT count(*) FROM %s) '
            'WHERE t = %L::regclass', item.t, item.t);
    END LOOP;
END $slipway$;"""

_REPORT = """\
SELECT json_build_object('check', 'subset', 'table', shown, 'column', '*', 'treatment',
    format('%s (%s of %s)', after, pg_size_pretty(kept), pg_size_pretty(bytes)), 'rows', before, 'bad', 0,
    'ok', place = 2 OR <apply>)
FROM (SELECT 1 AS place, 'all tables' AS shown, sum(before) AS before, sum(after) AS after,
        sum(bytes)::bigint AS bytes,
        sum(CASE WHEN before > 0 THEN bytes * after / before ELSE bytes END)::bigint AS kept
    FROM slipway_tables
    UNION ALL SELECT 2, shown, before, after, bytes::bigint,
        CASE WHEN before > 0 THEN bytes * after / before ELSE bytes END::bigint
    FROM slipway_tables WHERE after < before OR t = <table>) r
ORDER BY place, shown;"""


def subset(given: Subset) -> str:
    """Return SQL that deletes all other rows, and prints how many rows stay and about how large they are."""
    start = f"{literal(name(given.table))}::regclass"
    sql = "\n".join([functions(), _chosen_key(given), _KEYS, _TABLES, _KEEP, _REPORT])
    references = values([(*each.child, *each.parent) for each in given.references], 6)
    for placeholder, text in (
        ("<references>", references),
        ("<apply>", str(not given.is_forecast).lower()),
        ("<chosen>", "current_setting('slipway.chosen')"),
        ("<table>", start),
    ):
        sql = sql.replace(placeholder, text)
    return sql


def _chosen_key(given: Subset) -> str:
    """Set the condition on a row: by its primary key, or by all its values without one."""
    if given.where:
        return f"SELECT set_config('slipway.chosen', {literal(f'({given.where})')}, false) \\g /dev/null"
    chosen = choice("subset", "concat_ws('-', %s)").replace("'", "''")
    return f"""\
SELECT set_config('slipway.chosen', format('({chosen} %% 10000 < {int(given.percent * 100)})',
    coalesce((SELECT string_agg(format('c.%I::text', a.attname), ', ' ORDER BY a.attnum)
        FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
        WHERE i.indisprimary AND i.indrelid = <table>), 'c::text')), false) \\g /dev/null"""


def references(given: Subset) -> str:
    """Return SQL that checks that every reference that no constraint declares refers to an existing row."""
    return (
        "\n".join(
            f"""\
SELECT json_build_object('check', 'foreign key', 'table', {literal(".".join(each.child[:2]))}, 'column',
    {literal(each.name)}, 'rows', count(*), 'bad', count(*) FILTER (WHERE p.found IS NULL),
    'ok', count(*) FILTER (WHERE p.found IS NULL) = 0)
FROM {_table(each.child)} c LEFT JOIN (SELECT DISTINCT {identifier(each.parent[2])} AS key, 1 AS found
    FROM {_table(each.parent)}) p ON p.key = c.{identifier(each.child[2])}
WHERE c.{identifier(each.child[2])} IS NOT NULL;"""
            for each in given.references
        )
        or "SELECT WHERE false;\n"
    )


def _table(side: tuple[str, str, str]) -> str:
    return f"{identifier(side[0])}.{identifier(side[1])}"
