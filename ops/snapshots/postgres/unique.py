"""Keeps unique columns of PostgreSQL unique, however few fakes there are.

A fake depends only on its value, so two values can draw the same one. If a column in a unique key is treated
this way, all its values draw their fakes before any is changed. Of the values with the same fake, all but one
get a free one; so do values whose fake already is a value of such a column, because the UPDATE would conflict
with it. A table records these replacements until the transaction ends. Every column with the same kind of
fakes uses it, so joins still match.
"""

from ops.snapshots.policy import fakes
from ops.snapshots.policy.model import Policy
from ops.snapshots.postgres.fakes import MODULUS, numbered_fakes
from ops.snapshots.postgres.text import COLUMNS, values

# Whether the column `p` is in a unique key: of the table, of a partition, or over an expression.
IS_UNIQUE = """\
EXISTS (SELECT FROM pg_index i JOIN pg_attribute k ON k.attrelid = i.indrelid AND k.attname = p.column_name
        WHERE (i.indisunique OR i.indisexclusion)
        AND (i.indrelid = p.relation OR i.indrelid IN (SELECT relid FROM pg_partition_tree(p.relation)))
        AND (k.attnum = ANY (i.indkey) OR EXISTS (SELECT FROM pg_depend d
            LEFT JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
            WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid AND d.refobjsubid = k.attnum
            AND (f.adnum = ANY (i.indkey) OR d.classid = 'pg_class'::regclass AND (d.objid = i.indexrelid
                OR d.objid = i.indrelid AND d.objsubid = ANY (i.indkey))))))"""


def fake_columns(policy: Policy) -> str:
    """Return SQL that creates a table, in the generator's session, of the columns that need distinct fakes.

    `moved` is the table of the values that got another fake, `new` the expression for the new value. Few
    values have one, so the expression first tests for it with a hashed subplan.
    """
    rows = [
        (
            table.schema, table.name, column, str(treatment), way.family, way.kind, str(way.room.start),
            str(way.room.base), str(way.room.width), way.digest, way.drawn, way.fake, way.taken,
        )
        for table in policy.tables
        if table.rows != "truncate"
        for column, treatment in table.treated.items()
        for way in numbered_fakes(column, treatment, policy.case)
    ]  # fmt: skip
    filled = (
        "replace(replace(replace({}, '<space>', s.space::text), '<width>', s.width::text), '<tail>', s.tail)"
    )
    return f"""\
CREATE TEMP TABLE slipway_fakes AS
SELECT schema, name, shown, column_name, treatment, target, kind, space, is_unique, moved, digest,
    drawn, taken,
    replace(fake, '<drawn>', format('CASE WHEN EXISTS (SELECT FROM %s m WHERE m.slipway_digest = %s::uuid) '
        'THEN (SELECT m.slipway_drawn FROM %s m WHERE m.slipway_digest = %s::uuid) ELSE %s END',
        moved, digest, moved, digest, drawn)) AS new
FROM (SELECT r.schema, r.name, p.shown, r.column_name, r.treatment, p.target, r.kind, s.space, u.is_unique,
        r.digest,
        {filled.format("r.drawn")} AS drawn,
        {filled.format("r.taken")} AS taken,
        {filled.format("r.fake")} AS fake,
        format('pg_temp.slipway_%s_%s', r.kind, s.space) AS moved,
        bool_or(u.is_unique) OVER (PARTITION BY r.kind, s.space) AS is_needed
    FROM ({values(rows, 13)}) AS r (schema, name, column_name, treatment, family, kind, start, base, most,
        digest, drawn, fake, taken)
    JOIN ({COLUMNS}) p ON (p.schema, p.name, p.column_name) = (r.schema, r.name, r.column_name)
    CROSS JOIN LATERAL (SELECT greatest(0, least(r.most::int,
        CASE WHEN p.plain_type LIKE 'character%(%' THEN p.modifier - 4 - r.start::int END))) AS w (width)
    CROSS JOIN LATERAL (SELECT w.width, CASE r.family WHEN 'number' THEN ({MODULUS})::numeric
        ELSE trunc(r.base::numeric ^ w.width) END,
        trunc(10::numeric ^ (r.most::int - w.width))::text) AS s (width, space, tail)
    CROSS JOIN LATERAL (SELECT {IS_UNIQUE}) AS u (is_unique)
    WHERE p.generated = '' AND s.space < {fakes.COLLISION_FREE}
        AND (r.family = '' OR (r.family = 'number') = (p.category = 'N'))) each
WHERE is_needed;
"""


def draw() -> str:
    """Return SQL that assigns free fakes to values with the same fake, for each kind and number of fakes."""
    return f"""\
SELECT 'SET LOCAL enable_hashagg = off;';
SELECT statement FROM ({draws()}) d ORDER BY kind, space;
SELECT 'RESET enable_hashagg;';
"""


def draws() -> str:
    """Return a query for the statement that assigns fakes in each table of moved values.

    Values get the lowest free numbers. Of as many numbers as were drawn or taken, at least as many are free
    as are needed, so no others are considered. Duplicates are found by sorting: parallel hashing took minutes
    when many numbers were taken.
    """
    return """\
SELECT kind, space, moved,
    format('CREATE TEMP TABLE slipway_all AS SELECT DISTINCT drawn, digest FROM (%s) v (drawn, digest);',
    string_agg(format('SELECT %s, %s::uuid FROM %s WHERE %I IS NOT NULL '
        'UNION ALL SELECT %s, NULL FROM %s WHERE %s IS NOT NULL',
        drawn, digest, target, column_name, taken, target, taken), ' UNION ALL '))
    || format(E'\\nCREATE TEMP TABLE %s (slipway_digest uuid PRIMARY KEY, slipway_drawn bigint) '
        'ON COMMIT DROP;\\nINSERT INTO %s SELECT m.digest, f.number FROM '
        '(SELECT digest, row_number() OVER (ORDER BY digest) AS place FROM (SELECT digest, row_number() '
        'OVER (PARTITION BY drawn ORDER BY digest NULLS FIRST) AS turn FROM slipway_all) a WHERE turn > 1) m '
        'JOIN (SELECT number, row_number() OVER (ORDER BY number) AS place FROM '
        '(SELECT generate_series(0, (SELECT count(*) - 1 FROM slipway_all)) AS number) n '
        'WHERE NOT EXISTS (SELECT FROM slipway_all a WHERE a.drawn = n.number)) f USING (place);'
        '\\nDROP TABLE slipway_all;\\nANALYZE %s;', moved, moved, moved) AS statement
FROM slipway_fakes WHERE is_unique GROUP BY kind, space, moved"""


def space(policy: Policy) -> str:
    """Return SQL that checks that there are enough fakes for the unique columns that share them.

    Values that already equal a fake count too. Distinct values are counted only if there might be too many.
    """
    value = "lower(%I::text)" if policy.case == "fold" else "%I::text"
    return f"""\
{fake_columns(policy)}
SELECT format('WITH many AS (SELECT (%s) AS rows), found AS (SELECT '
    'CASE WHEN rows * 2 <= %s THEN rows ELSE (SELECT count(*) FROM (%s) d) END AS rows, '
    'CASE WHEN rows * 2 <= %s THEN 0 ELSE (SELECT count(*) FROM (%s) d) END AS taken FROM many) '
    'SELECT json_build_object(''check'', ''space'', ''table'', t.name, ''column'', t.column_name, '
    '''treatment'', t.treatment, ''rows'', rows, ''bad'', greatest(0, rows + taken - %s), '
    '''ok'', rows + taken <= %s) FROM found, (VALUES %s) AS t (name, column_name, treatment);',
    string_agg(format('(SELECT count(%I) FROM %s)', column_name, target), ' + '), space,
    string_agg(format('SELECT DISTINCT {value} FROM %s WHERE %I IS NOT NULL',
        column_name, target, column_name), ' UNION '), space,
    string_agg(format('SELECT DISTINCT %s FROM %s WHERE %s IS NOT NULL', taken, target, taken), ' UNION '),
    space, space,
    string_agg(format('(%L, %L, %L)', shown, column_name, treatment), ', '))
FROM slipway_fakes WHERE is_unique GROUP BY kind, space ORDER BY kind, space;
"""
