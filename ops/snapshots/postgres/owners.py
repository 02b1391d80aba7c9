"""Makes the master user a member of every role that owns something in the database.

Only an owner can rewrite a table, recreate its statistics, disable a trigger, or remove a comment. The master
user of RDS is no superuser. Before PostgreSQL 16, CREATEROLE lets it join every role; since then, only the
roles for which it has the ADMIN OPTION. A role that it cannot join fails the run before anything is treated.
"""

from ops.snapshots.postgres.text import USER_TABLES

# Owners of what is in this database, except what belongs to an extension.
_OWNERS = f"""\
SELECT r.oid, r.rolname,
    pg_has_role(r.oid, 'USAGE') AS is_member,
    NOT r.rolsuper AND CASE WHEN current_setting('server_version_num')::int < 160000
        THEN (SELECT rolcreaterole FROM pg_roles WHERE rolname = current_user)
        ELSE pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION') END AS can_join
FROM pg_roles r
WHERE r.oid IN (
    SELECT d.refobjid FROM pg_shdepend d JOIN pg_database b ON b.oid = d.dbid
    WHERE d.deptype = 'o' AND b.datname = current_database() AND d.refclassid = 'pg_authid'::regclass
        AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid
                        AND e.deptype IN ('e', 'i'))
        AND d.classid <> 'pg_extension'::regclass
    UNION SELECT c.relowner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm') AND {USER_TABLES}
        AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = c.oid AND e.deptype = 'e'))"""


def owners() -> str:
    """Return SQL that prints a line for each owner: whether the master user is or can become a member."""
    return f"""\
SELECT json_build_object('check', 'owner', 'table', rolname, 'column', '*', 'rows', 1,
    'bad', (NOT (is_member OR can_join))::int, 'ok', is_member OR can_join)
FROM ({_OWNERS}) o ORDER BY rolname;
"""


def join_owners() -> str:
    """Return SQL that makes the master user a member of the owners. In the copy, it stays one."""
    return f"""\
SELECT format('GRANT %I TO CURRENT_USER%s;', rolname,
    CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT TRUE' END)
FROM ({_OWNERS}) o WHERE NOT is_member ORDER BY rolname;
"""
