"""Builds a new database from a copy: schema first, then sanitized rows, then indexes and constraints.

The new server never holds an original row: the copy evaluates the expressions of the treatments, and only
their results are sent. What a role owns is created by the master user and changes its owner at the end.
"""

from ops.snapshots.policy.model import Policy
from ops.snapshots.postgres import unique
from ops.snapshots.postgres.formats import format_functions
from ops.snapshots.postgres.inventory import CLOUD_ROLES
from ops.snapshots.postgres.text import USER_TABLES, array, functions, literal, shown, values
from ops.snapshots.postgres.treat import new_values, sum_of

# Roles that the new server does not have.
_ROLES = f"""\
pg_roles r WHERE r.rolname <> current_user AND r.rolname <> ALL ({array(CLOUD_ROLES)})
    AND r.rolname NOT LIKE 'pg\\_%' AND (r.rolcanlogin OR r.rolname NOT LIKE 'rds\\_%')"""
# Settings whose value is a list of quoted names: PostgreSQL, variable_is_guc_list_quote.
_LISTS = ("local_preload_libraries", "search_path", "session_preload_libraries", "temp_tablespaces")


def roles() -> str:
    """Return SQL that prints how to create the roles, without passwords, and their memberships and settings.

    SUPERUSER, REPLICATION, and BYPASSRLS, which the master user cannot give, are left out.
    """
    is_new = "current_setting('server_version_num')::int >= 160000"
    return f"""\
SELECT format('CREATE ROLE %I %s %s %s %s CONNECTION LIMIT %s%s;', rolname,
    CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END,
    CASE WHEN rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END,
    CASE WHEN rolcreatedb THEN 'CREATEDB' ELSE 'NOCREATEDB' END,
    CASE WHEN rolcreaterole THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END, rolconnlimit,
    ' VALID UNTIL ' || quote_literal(rolvaliduntil))
FROM {_ROLES} ORDER BY rolname;
SELECT format('GRANT %I TO CURRENT_USER%s;', rolname, CASE WHEN {is_new} THEN ' WITH INHERIT TRUE' END)
FROM {_ROLES} ORDER BY rolname;
SELECT format('GRANT %I TO %I%s;', g.rolname, r.rolname,
    CASE WHEN bool_or(m.admin_option) THEN ' WITH ADMIN OPTION' END)
FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid, {_ROLES} AND r.oid = m.member
    AND (g.oid IN (SELECT r.oid FROM {_ROLES}) OR g.rolname <> current_user AND {is_new}
        AND pg_has_role(g.oid, 'MEMBER WITH ADMIN OPTION') OR g.rolname LIKE 'rds\\_%')
GROUP BY g.rolname, r.rolname ORDER BY g.rolname, r.rolname;
SELECT format('ALTER ROLE %I SET %I TO %s;', r.rolname, split_part(c.entry, '=', 1),
    CASE WHEN split_part(c.entry, '=', 1) = ANY ({array(_LISTS)})
        THEN substr(c.entry, strpos(c.entry, '=') + 1)
        ELSE quote_literal(substr(c.entry, strpos(c.entry, '=') + 1)) END)
FROM pg_db_role_setting s, unnest(s.setconfig) AS c (entry), {_ROLES} AND r.oid = s.setrole
    AND s.setdatabase = 0;
"""


# Tables whose rows are sent: not those that an extension fills, except the part that it declares as data.
_TABLES = f"""\
SELECT c.oid, c.relkind, e.condition, {shown("n.nspname", "c.relname")} AS shown,
    CASE c.relkind WHEN 'r' THEN 'ONLY ' ELSE '' END || format('%I.%I', n.nspname, c.relname) AS target,
    format('%I.%I', n.nspname, c.relname) AS name, n.nspname::text AS schema, c.relname::text AS bare
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN (SELECT d.objid, f.condition FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid
        LEFT JOIN LATERAL unnest(x.extconfig, x.extcondition) AS f (relation, condition)
            ON f.relation = d.objid
    WHERE d.deptype = 'e' AND d.classid = 'pg_class'::regclass) e ON e.objid = c.oid
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND {USER_TABLES}
    AND (e.objid IS NULL OR e.condition IS NOT NULL)"""

_LARGE_OBJECTS = """\
SELECT {line} FROM (SELECT
    'COPY (SELECT oid, lo_get(oid) FROM pg_largeobject_metadata) TO STDOUT;' AS sent,
    'CREATE TEMP TABLE slipway_large (number oid, content bytea); COPY slipway_large FROM STDIN; '
        'SELECT lo_from_bytea(number, content) FROM slipway_large' AS received,
    'SELECT 1 WHERE false;' AS compared) l
WHERE EXISTS (SELECT FROM pg_largeobject_metadata);
"""


def rows(policy: Policy) -> str:
    """Return SQL that prints, for each table, what the copy sends, what the new server receives, and a check.

    A line has three texts in Base64: the SQL of the copy, that of the new server, and that of the check,
    which reads the numbers that the copy printed. The largest tables come first.
    """
    treated = [table for table in policy.tables if table.treated and table.rows != "truncate"]
    truncated = values([(t.schema, t.name) for t in policy.tables if t.rows == "truncate"], 2)
    new = "\n".join(
        "INSERT INTO slipway_new SELECT relation, number, treatment, new, is_exact, column_name "
        f"FROM ({new_values(table, policy.case, 'slipway_fakes')}) v;"
        for table in treated
    )
    line = " || ' ' || ".join(
        f"translate(encode(convert_to({part}, 'UTF8'), 'base64'), E'\\n', '')"
        for part in ("sent", "received", "compared")
    )
    return f"""\
{unique.fake_columns(policy)}
CREATE TEMP TABLE slipway_new (relation oid, number int, treatment text, new text, is_exact boolean,
    column_name text);
{new}
CREATE TEMP TABLE slipway_draws AS {unique.draws()};
SELECT {line}
FROM (
    SELECT t.oid, pg_relation_size(t.oid) AS size,
        {literal(functions() + format_functions())} || E'BEGIN;\\n' || coalesce((
            SELECT E'SET LOCAL enable_hashagg = off;\\n' || string_agg(d.statement, E'\\n')
                || E'\\nRESET enable_hashagg;\\n'
            FROM slipway_draws d WHERE d.moved IN (SELECT f.moved FROM slipway_fakes f
                WHERE (f.schema, f.name) = (t.schema, t.bare))), '')
        || format(E'COPY (SELECT %s FROM %s %s) TO STDOUT;\\n\\\\o numbers\\n', c.sent, t.target, t.condition)
        || format('SELECT E''\\\\set slipway_rows '' || count(*)%s FROM %s %s;', c.sums, t.target,
            t.condition)
        || E'\\nCOMMIT;\\n' AS sent,
        format('COPY %s%s FROM STDIN', t.name, ' (' || c.names || ')') AS received,
        format('SELECT unnest(ARRAY[json_build_object(''check'', ''rows'', ''table'', %L, ''column'', ''*'', '
            '''rows'', count(*), ''bad'', abs(count(*) - :slipway_rows), '
            '''ok'', count(*) = :slipway_rows)%s]) FROM %s %s;', t.shown, c.checks, t.target, t.condition)
            AS compared
    FROM ({_TABLES}) t CROSS JOIN LATERAL (
        SELECT string_agg(coalesce(n.new, format('%I', a.attname)), ', ' ORDER BY a.attnum) AS sent,
            string_agg(format('%I', a.attname), ', ' ORDER BY a.attnum) AS names,
            string_agg(format(' || E''\\n\\\\set slipway_%s '' || {sum_of("%s")}', n.number, n.new), '')
                FILTER (WHERE n.is_exact) AS sums,
            string_agg(format(
                ', json_build_object(''check'', ''exact'', ''table'', %L, ''column'', %L, ''treatment'', %L, '
                '''rows'', count(*), ''bad'', CASE WHEN %s = :slipway_%s THEN 0 ELSE count(*) END, '
                '''ok'', %s = :slipway_%s)', t.shown, n.column_name, n.treatment, s.stored, n.number,
                s.stored, n.number), '') FILTER (WHERE n.is_exact) AS checks
        FROM pg_attribute a LEFT JOIN slipway_new n ON n.relation = a.attrelid AND n.number = a.attnum
        CROSS JOIN LATERAL (SELECT format('{sum_of("%I")}', a.attname)) AS s (stored)
        WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') c
    WHERE (t.schema, t.bare) NOT IN ({truncated})
) lines ORDER BY size DESC, oid;
{_LARGE_OBJECTS.format(line=line)}"""


def sequences() -> str:
    """Return SQL that prints, for each sequence, SQL that prints how to set it to its value."""
    return f"""\
SELECT format('SELECT format(''SELECT setval(%%L, %%s, %%L) \\g /dev/null'', %L, last_value, is_called) '
    'FROM %s;', format('%I.%I', n.nspname, c.relname), format('%I.%I', n.nspname, c.relname))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND {USER_TABLES} AND NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.oid;
"""


def owners() -> str:
    """Return SQL that prints how to give everything to its owner: the database and its schemas first.

    A new owner needs CREATE in the schema. One that lacks it has it meanwhile.
    """
    return f"""\
CREATE TEMP TABLE slipway_owned AS
SELECT i.type, i.identity, r.rolname, coalesce(i.schema, '') AS schema, d.classid = 'pg_namespace'::regclass
    AS is_schema
FROM pg_shdepend d JOIN pg_database b ON b.oid = d.dbid AND b.datname = current_database()
JOIN pg_roles r ON r.oid = d.refobjid
CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) i
WHERE d.deptype = 'o' AND d.refclassid = 'pg_authid'::regclass AND r.rolname <> current_user
    AND d.classid NOT IN ('pg_default_acl'::regclass, 'pg_user_mapping'::regclass, 'pg_extension'::regclass,
        'pg_subscription'::regclass)
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE (e.classid, e.objid, e.objsubid) = (d.classid, d.objid, 0)
        AND (e.deptype IN ('e', 'i') OR e.deptype = 'a' AND i.type = 'sequence'));
CREATE TEMP TABLE slipway_lacking AS
SELECT DISTINCT format('SCHEMA %I', n.nspname) AS place, o.rolname FROM slipway_owned o
JOIN pg_namespace n ON n.nspname = replace(trim(both '"' from o.schema), '""', '"')
WHERE NOT has_schema_privilege(o.rolname, n.oid, 'CREATE');
SELECT format('ALTER DATABASE %I OWNER TO %I;', datname, rolname)
FROM pg_database JOIN pg_roles r ON r.oid = datdba
WHERE datname = current_database() AND r.oid IN (SELECT r.oid FROM {_ROLES});
SELECT format('GRANT CREATE ON %s TO %I;', place, rolname) FROM slipway_lacking ORDER BY 1;
SELECT format('ALTER %s %s OWNER TO %I;', CASE type WHEN 'statistics object' THEN 'STATISTICS'
    WHEN 'composite type' THEN 'TYPE' ELSE upper(replace(type, '-', ' ')) END, identity, rolname)
FROM slipway_owned ORDER BY is_schema DESC, type, identity;
SELECT format('REVOKE CREATE ON %s FROM %I;', place, rolname) FROM slipway_lacking ORDER BY 1;
"""


def analyze() -> str:
    """Return SQL that creates the statistics of the new tables."""
    return f"""\
SELECT format('ANALYZE %I.%I;', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND {USER_TABLES} AND pg_has_role(c.relowner, 'USAGE') ORDER BY c.oid;
"""
