"""Rewrites the tables of a PostgreSQL database and their statistics, and proves both.

An UPDATE leaves the old row version in the table file, and statistics contain sample values.
"""

from ops.snapshots.policy.model import Policy
from ops.snapshots.postgres.proof import holds
from ops.snapshots.postgres.text import OWN_TABLES, identifier, literal, shown

_OWN = f"FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {OWN_TABLES}"
_SHOWN = shown("n.nspname", "c.relname")


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
{_OWN} AND c.relkind = 'm' AND c.relispopulated
ORDER BY (SELECT max(steps) FROM depth WHERE view = c.oid), c.oid;
"""


def rewrite() -> str:
    """Return SQL that rewrites every table, and prints whether it has a new file and new statistics.

    Before version 15, the time of the statistics is known with a delay of half a second.
    """
    return f"""\
SELECT 'SELECT clock_timestamp() AS began \\gset';
SELECT format(E'SELECT pg_relation_filenode(%L) AS file \\\\gset\\nVACUUM (FULL, ANALYZE) %s;\\n'
    'SELECT json_build_object(''check'', ''rewritten'', ''table'', %L, ''column'', ''*'', ''rows'', 1, '
    '''bad'', (pg_relation_filenode(%L) = :file)::int, ''ok'', pg_relation_filenode(%L) <> :file);',
    c.oid::regclass, c.oid::regclass, {_SHOWN}, c.oid::regclass, c.oid::regclass)
{_OWN} AND c.relkind IN ('r', 'm') ORDER BY c.oid;
SELECT format('ANALYZE %s;', c.oid::regclass) {_OWN} AND c.relkind = 'p' ORDER BY c.oid;
SELECT format('VACUUM (FULL) %s;', c.oid::regclass) FROM pg_class c, pg_database b
WHERE c.oid IN ('pg_statistic'::regclass, 'pg_statistic_ext_data'::regclass, 'pg_largeobject'::regclass,
        'pg_description'::regclass) AND b.datname = current_database() AND pg_has_role(b.datdba, 'USAGE');
SELECT 'SELECT pg_sleep(1) \\g /dev/null' WHERE current_setting('server_version_num')::int < 150000;
SELECT format('SELECT json_build_object(''check'', ''statistics'', ''table'', %L, ''column'', ''*'', '
    '''rows'', 1, ''bad'', 1, ''ok'', false) WHERE '
    'coalesce(pg_stat_get_last_analyze_time(%s), ''-infinity'') < :''began'';',
    {_SHOWN}, c.oid) {_OWN} AND c.relkind IN ('r', 'm');
"""


# A row of zeros: ANALYZE replaces the statistics of a table that has a row, and keeps those of an empty one.
# The second ANALYZE only notes that the table is empty.
_ZERO = """\
CASE WHEN NOT (a.attnotnull OR t.typnotnull) THEN 'NULL' ELSE format('CAST(%s AS %s)', CASE
    WHEN t.typcategory = 'E' THEN (SELECT quote_literal(e.enumlabel) FROM pg_enum e
        WHERE e.enumtypid = a.atttypid ORDER BY e.enumsortorder LIMIT 1)
    WHEN t.typname IN ('time', 'timetz') THEN quote_literal('00:00')
    WHEN t.typname = 'uuid' THEN quote_literal('00000000-0000-0000-0000-000000000000')
    WHEN t.typname IN ('json', 'jsonb') THEN quote_literal('{}')
    ELSE quote_literal(CASE t.typcategory WHEN 'N' THEN '0' WHEN 'T' THEN '0' WHEN 'B' THEN 'false'
        WHEN 'D' THEN '1970-01-01' WHEN 'A' THEN '{}' WHEN 'I' THEN '0.0.0.0' WHEN 'R' THEN 'empty'
        WHEN 'G' THEN '(0,0)' ELSE '' END) END, format_type(a.atttypid, a.atttypmod)) END"""
# Extended statistics contain its zeros.
_ZEROS = "^([-:., +(){}0179]*|f|empty)$"
# Deletes the statistics of a column. Altering it to its own type does, with those of its indexes and extended
# statistics; but no column that a view or a partition key uses can be altered. Version 18 has a function.
_ALTER = """\
format('ALTER TABLE %s ALTER COLUMN %I TYPE %s;', c.oid::regclass, a.attname,
        format_type(a.atttypid, a.atttypmod))"""
_CLEAR = """\
CASE WHEN current_setting('server_version_num')::int >= 180000
    THEN format('PERFORM pg_clear_attribute_stats(%L, %L, %L, false), '
        'pg_clear_attribute_stats(%L, %L, %L, true);',
        n.nspname, c.relname, a.attname, n.nspname, c.relname, a.attname) ELSE 'RAISE;' END"""
# Whether the column, of a table or of a partition, selects the partition.
_IS_KEY = """\
EXISTS (SELECT FROM pg_partition_ancestors(c.oid) o JOIN pg_partitioned_table k ON k.partrelid = o.relid
    JOIN pg_attribute y ON y.attrelid = k.partrelid AND y.attnum = ANY (k.partattrs)
    WHERE y.attname = a.attname)"""


def forget_statistics() -> str:
    """Return SQL that replaces the statistics of empty tables, and deletes those of foreign tables.

    ANALYZE keeps the statistics of an empty table, with sample values. Partitions follow their root.
    """
    forget = f"CASE WHEN current_setting('server_version_num')::int >= 180000 THEN {_CLEAR} ELSE {_ALTER} END"
    return f"""\
SELECT format(E'DO $slipway$ BEGIN\\n    INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE VALUES (%s);\\n'
        '    ANALYZE %s;\\n    DELETE FROM ONLY %s;\\n    ANALYZE %s;\\n'
        'EXCEPTION WHEN OTHERS THEN\\n    BEGIN %s\\n'
        '    EXCEPTION WHEN OTHERS THEN %s END;\\nEND $slipway$;',
    c.oid::regclass, string_agg(format('%I', a.attname), ', ' ORDER BY a.attnum),
    string_agg({_ZERO}, ', ' ORDER BY a.attnum), c.oid::regclass, c.oid::regclass, c.oid::regclass,
    string_agg({_ALTER}, ' '), string_agg({_CLEAR}, ' '))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
JOIN pg_type t ON t.oid = a.atttypid
WHERE {OWN_TABLES} AND c.relkind = 'r' AND NOT c.relispartition AND c.reltuples = 0
GROUP BY c.oid;
SELECT format('DO $slipway$ BEGIN %s END $slipway$;', string_agg({forget}, ' '))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE {OWN_TABLES} AND (c.relkind = 'f' OR c.reltuples = 0 AND (c.relkind = 'p' AND NOT c.relispartition
        OR current_setting('server_version_num')::int >= 180000 AND (c.relispartition OR c.relkind = 'm')))
    AND NOT (current_setting('server_version_num')::int < 180000 AND {_IS_KEY})
GROUP BY c.oid;
"""


def statistics(policy: Policy) -> str:
    """Return SQL that checks that statistics hold no value that a treatment replaced.

    Where a table is empty, no statistics of it or its indexes have values; those of a treated column have
    values that match its treatment.
    """
    return f"""\
SELECT json_build_object('check', 'statistics', 'table', {_SHOWN}, 'column', '*', 'rows', count(*), 'bad',
    count(*) FILTER (WHERE has_values), 'ok', count(*) FILTER (WHERE has_values) = 0)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN LATERAL (
    SELECT (s.most_common_vals
        IS NOT NULL OR s.histogram_bounds IS NOT NULL OR s.most_common_elems IS NOT NULL)
        AND NOT (a.attnum IS NOT NULL AND t.typcategory IN ('B', 'D', 'T', 'N') AND {_IS_KEY}) AS has_values
    FROM pg_stats s LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = s.attname
    LEFT JOIN pg_type t ON t.oid = a.atttypid
    WHERE s.schemaname = n.nspname AND (s.tablename = c.relname OR EXISTS (SELECT FROM pg_index i
        JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid AND x.relname = s.tablename))
    UNION ALL SELECT EXISTS (SELECT FROM unnest(s.most_common_vals) AS v WHERE v !~ {literal(_ZEROS)})
    FROM pg_stats_ext s
    WHERE (s.schemaname, s.tablename) = (n.nspname, c.relname)
) s ON true
WHERE c.relkind IN ('r', 'p', 'm') AND c.reltuples = 0 AND {OWN_TABLES}
GROUP BY n.nspname, c.relname;
{_of_treated(policy)}"""


# The hash of another type has no pattern.
_OF_TEXT = """
    AND EXISTS (SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE t.typcategory = 'S'
        AND a.attrelid = format('%I.%I', s.schemaname, s.tablename)::regclass AND a.attname = s.attname)"""


_LENGTH = """coalesce((SELECT coalesce(nullif(a.atttypmod, -1), nullif(t.typtypmod, -1)) - 4
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attname = s.attname
        AND a.attrelid = format('%I.%I', s.schemaname, s.tablename)::regclass), 1000000000)"""


def _of_treated(policy: Policy) -> str:
    return "\n".join(
        f"""\
SELECT json_build_object('check', 'statistics', 'table', {literal(table.full_name)}, 'column',
    {literal(column)}, 'rows', count(*), 'bad', count(*), 'ok', false)
FROM pg_stats s, unnest(coalesce(s.most_common_vals::text::text[], ARRAY[]::text[])
    || coalesce(s.histogram_bounds::text::text[], ARRAY[]::text[])) AS r (padded),
    rtrim(r.padded) AS v ({identifier(column)})
WHERE (s.schemaname, s.tablename, s.attname)
    = ({literal(table.schema)}, {literal(table.name)},
        {literal(column)}){_OF_TEXT if item.kind == "hash" else ""}
    AND NOT ({holds(column, item).replace("<longest>", _LENGTH)})
HAVING count(*) > 0;"""
        for table in policy.tables
        if table.rows != "truncate"
        for column, item in table.treated.items()
        if item.kind in ("fake", "hash")
    )
