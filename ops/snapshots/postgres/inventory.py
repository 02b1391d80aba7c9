"""The inventory of a PostgreSQL server: what can hold data and is no row of a table.

Each object is scanned like a value, reset, or kept by its name and with a reason in the policy. Names are
those of pg_identify_object: `function public.greeting(text)`, `default value for public.people.email`.
"""

from ops.snapshots.policy.model import Policy
from ops.snapshots.postgres.scan import VALUE, conditions
from ops.snapshots.postgres.text import array, functions, literal, values

FIRST_OID = 16384  # of an object that is not part of the system

# Accounts of the cloud: no password of production, and the master user cannot change them.
CLOUD_ROLES = ("rdsadmin", "rdsrepladmin", "rdsproxyadmin", "rdstopmgr", "rdswriteforwarduser")

_IDENTITY = "(SELECT i.type || ' ' || i.identity FROM pg_identify_object({}, {}, {}) i)"


def _of(catalog: str, oid: str = "x.oid", part: str = "0") -> str:
    return _IDENTITY.format(f"'{catalog}'::regclass", oid, part)


_IN_EXTENSION = (
    "EXISTS (SELECT FROM pg_depend e WHERE (e.classid, e.objid) = (x.classoid, x.objoid) AND e.deptype = 'e')"
)

# Texts of the catalog, by their object. A literal in the default of a treated column is a value of it.
_TEXTS = f"""\
SELECT {_of("pg_proc")} AS object, x.prosrc || coalesce(pg_get_function_arguments(x.oid), '')
    || coalesce(x.proconfig::text, '') AS content FROM pg_proc x
    WHERE x.oid >= {FIRST_OID} AND x.prokind <> 'a'
UNION ALL SELECT {_of("pg_class")}, pg_get_viewdef(x.oid) FROM pg_class x
    WHERE x.oid >= {FIRST_OID} AND x.relkind IN ('v', 'm')
UNION ALL SELECT {_of("pg_rewrite")}, pg_get_ruledef(x.oid) FROM pg_rewrite x
    WHERE x.oid >= {FIRST_OID} AND x.rulename <> '_RETURN'
UNION ALL SELECT {_of("pg_attrdef")}, pg_get_expr(x.adbin, x.adrelid) FROM pg_attrdef x
    WHERE x.oid >= {FIRST_OID}
UNION ALL SELECT {_of("pg_constraint")}, pg_get_constraintdef(x.oid) FROM pg_constraint x
    WHERE x.oid >= {FIRST_OID}
UNION ALL SELECT {_of("pg_trigger")}, pg_get_triggerdef(x.oid) || encode(x.tgargs, 'escape') FROM pg_trigger x
    WHERE NOT x.tgisinternal
UNION ALL SELECT {_of("pg_policy")}, concat(pg_get_expr(x.polqual, x.polrelid), ' ',
    pg_get_expr(x.polwithcheck, x.polrelid)) FROM pg_policy x
UNION ALL SELECT {_of("pg_class", "x.indexrelid")}, pg_get_indexdef(x.indexrelid) FROM pg_index x
    WHERE x.indexrelid >= {FIRST_OID}
UNION ALL SELECT {_of("pg_statistic_ext")}, pg_get_statisticsobjdef(x.oid) FROM pg_statistic_ext x
UNION ALL SELECT {_of("pg_class")}, concat(pg_get_expr(x.relpartbound, x.oid), ' ', x.reloptions)
    FROM pg_class x
    WHERE x.relpartbound IS NOT NULL OR x.oid >= {FIRST_OID} AND x.reloptions IS NOT NULL
UNION ALL SELECT {_of("pg_type")}, concat(x.typdefault, ' ', (SELECT string_agg(e.enumlabel, ' ')
    FROM pg_enum e WHERE e.enumtypid = x.oid)) FROM pg_type x
    WHERE x.oid >= {FIRST_OID} AND x.typtype IN ('d', 'e')
UNION ALL SELECT {_of("pg_foreign_server")}, concat(x.srvoptions) FROM pg_foreign_server x
UNION ALL SELECT {_of("pg_foreign_data_wrapper")}, concat(x.fdwoptions) FROM pg_foreign_data_wrapper x
UNION ALL SELECT {_of("pg_class", "x.ftrelid")}, concat(x.ftoptions) FROM pg_foreign_table x
UNION ALL SELECT {_of("pg_class", "x.attrelid", "x.attnum")}, concat(x.attoptions, ' ', x.attfdwoptions)
    FROM pg_attribute x WHERE x.attoptions IS NOT NULL OR x.attfdwoptions IS NOT NULL
UNION ALL SELECT {_of("pg_ts_dict")}, x.dictinitoption FROM pg_ts_dict x WHERE x.oid >= {FIRST_OID}
UNION ALL SELECT i.type || ' ' || i.identity, i.identity FROM (SELECT DISTINCT d.classid, d.objid, d.objsubid
    FROM pg_depend d WHERE d.objid >= {FIRST_OID} AND d.classid <> 'pg_largeobject'::regclass) d,
    LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) i WHERE i.identity IS NOT NULL
UNION ALL SELECT 'table column ' || format('%I.%I.%I', n.nspname, c.relname, a.attname), a.attname
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.oid >= {FIRST_OID}
UNION ALL SELECT 'security label of ' || objtype || ' ' || objname, label FROM pg_seclabels
UNION ALL SELECT 'comment on ' || {_IDENTITY.format("x.classoid", "x.objoid", "x.objsubid")}, x.description
    FROM pg_description x WHERE x.objoid < {FIRST_OID} OR {_IN_EXTENSION}"""

# Comments that a user wrote.
_COMMENTS = f"""\
SELECT x.classoid, x.objoid, x.objsubid, i.type, i.identity
FROM pg_description x, LATERAL pg_identify_object(x.classoid, x.objoid, x.objsubid) i
WHERE (x.objoid >= {FIRST_OID} OR x.objoid = 'public'::regnamespace
    AND lower(x.description) <> 'standard public schema')
    AND NOT {_IN_EXTENSION} AND x.classoid <> 'pg_extension'::regclass
UNION ALL SELECT x.classoid, x.objoid, 0, i.type, i.identity
FROM pg_shdescription x, LATERAL pg_identify_object(x.classoid, x.objoid, 0) i
WHERE x.objoid >= {FIRST_OID} AND (x.classoid <> 'pg_database'::regclass
    OR x.objoid = (SELECT oid FROM pg_database WHERE datname = current_database()))"""

# What is there at all: not scanned, or known to come from production.
_THINGS = f"""\
SELECT 'comment on ' || type || ' ' || identity AS object FROM ({_COMMENTS}) c
UNION ALL SELECT 'large objects' FROM pg_largeobject_metadata HAVING count(*) > 0
UNION ALL SELECT format('user mapping %I on server %I', usename, srvname) FROM pg_user_mappings
UNION ALL SELECT format('subscription %I', s.subname) FROM pg_subscription s
    JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = current_database()
UNION ALL SELECT format('prepared transaction %s', gid) FROM pg_prepared_xacts
    WHERE database = current_database()
UNION ALL SELECT {_of("pg_attrdef")} FROM pg_attrdef x JOIN pg_class c ON c.oid = x.adrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
        AND a.attnum = x.adnum
    JOIN treated t ON (t.schema, t.name, t.column_name) = (n.nspname, c.relname, a.attname)
    WHERE a.attgenerated = '' AND pg_get_expr(x.adbin, x.adrelid) ~ '''[^'']*[[:alnum:]][^'']*'''
        AND pg_get_expr(x.adbin, x.adrelid) NOT LIKE 'nextval(%'"""


def _chosen(policy: Policy, *kinds: str) -> str:
    """Return the objects that the policy keeps or resets, as patterns for LIKE."""
    return values(
        [
            (
                name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%"),
                str(choice),
            )
            for name, choice in policy.objects.items()
            if choice.kind in kinds
        ],
        2,
    )


def inventory(policy: Policy, later: str = "") -> str:
    """Return SQL that prints a line for each object that was found and for each that is kept.

    `later` is the kind of objects that are reset later in the run, besides those that the policy resets.
    """
    treated = [(t.schema, t.name, c) for t in policy.tables for c in t.treated]
    unless = (
        f"WHERE t.object NOT LIKE '{later} %' AND NOT EXISTS "
        f"(SELECT FROM ({_chosen(policy, 'reset')}) AS r (pattern, choice) WHERE t.object LIKE r.pattern)"
    )
    return f"""\
{functions()}
WITH treated (schema, name, column_name) AS ({values(treated, 3)}),
{_judged(policy, _TEXTS, f"SELECT t.object FROM ({_THINGS}) t {unless if later else ''}")}"""


def _judged(policy: Policy, texts: str, things: str) -> str:
    """Return the end of a query: a line for each thing, and for each text with a finding."""
    findings = "\n    ".join(
        f"UNION ALL SELECT object, {literal(kind)} FROM texts WHERE {condition.replace(VALUE, 'content')}"
        for kind, condition in conditions(policy)
    )
    return f"""\
texts (object, content) AS MATERIALIZED ({texts}),
found (object, finding) AS (SELECT object, 'object' FROM ({things}) t
    {findings}),
judged AS (
    SELECT DISTINCT f.object, f.finding, (SELECT min(c.choice) FROM ({_chosen(policy, "keep")})
        AS c (pattern, choice) WHERE f.object LIKE c.pattern) AS reason FROM found f
)
SELECT json_build_object('check', 'inventory', 'table', object, 'column', '', 'kind',
    coalesce(reason, finding), 'rows', 1, 'bad', (reason IS NULL)::int, 'ok', reason IS NOT NULL)
FROM judged
UNION ALL SELECT json_build_object('check', 'catalog', 'table', '', 'column', '', 'kind', '',
    'rows', count(*), 'bad', 0, 'ok', true) FROM texts;
"""


# Settings of a database or role. Those of an application, which have a dot, can be secrets.
_SETTINGS = """\
SELECT concat_ws(' ', 'setting', split_part(c.entry, '=', 1), 'of', concat_ws(' in ',
        (SELECT 'role ' || quote_ident(rolname) FROM pg_roles WHERE oid = s.setrole),
        (SELECT 'database ' || quote_ident(datname) FROM pg_database WHERE oid = s.setdatabase))) AS object,
    split_part(c.entry, '=', 1) AS name, c.entry, s.setrole, s.setdatabase
FROM pg_db_role_setting s, unnest(s.setconfig) AS c (entry)"""
_SECRETS = f"""\
SELECT * FROM ({_SETTINGS}) x WHERE name LIKE '%.%' AND split_part(name, '.', 1) NOT IN
    ('auto_explain', 'pg_hint_plan', 'pg_stat_statements', 'pgaudit', 'plpgsql', 'rds')"""

# Accounts of production, and whether the master user can change them.
_ROLES = f"""\
SELECT r.rolname, 'role ' || quote_ident(r.rolname) AS object, r.rolcanlogin,
    NOT r.rolsuper AND m.rolcreaterole AND CASE WHEN current_setting('server_version_num')::int < 160000
        THEN NOT r.rolreplication ELSE pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION') END AS can_lock
FROM pg_roles r, pg_roles m
WHERE m.rolname = current_user AND r.rolname <> current_user AND r.rolname <> ALL ({array(CLOUD_ROLES)})
    AND r.rolname NOT LIKE 'pg\\_%' AND (r.rolcanlogin OR r.rolname NOT LIKE 'rds\\_%')"""


def server(policy: Policy) -> str:
    """Return SQL that checks what belongs to no database: roles, settings, replication slots, and names."""
    texts = f"""\
SELECT object, entry AS content FROM ({_SETTINGS}) s
UNION ALL SELECT object, rolname FROM ({_ROLES}) r
UNION ALL SELECT 'database ' || quote_ident(datname), datname FROM pg_database"""
    things = f"""\
SELECT object FROM ({_ROLES}) r WHERE rolcanlogin AND NOT can_lock
UNION ALL SELECT object FROM ({_SECRETS}) s
    WHERE NOT EXISTS (SELECT FROM ({_chosen(policy, "reset")}) AS r (pattern, choice)
        WHERE object LIKE r.pattern)
UNION ALL SELECT 'replication slot ' || quote_ident(slot_name) FROM pg_replication_slots"""
    return f"{functions()}\nWITH {_judged(policy, texts, things)}"


def lock_roles(policy: Policy) -> str:
    """Return SQL that deletes the password of each role of production,
    and settings that the policy resets."""
    return f"""\
SELECT format(E'ALTER ROLE %I PASSWORD NULL;\\nSELECT json_build_object(''check'', ''role'', ''table'', %L, '
    '''column'', '''', ''rows'', 1, ''bad'', 0, ''ok'', true);', rolname, object)
FROM ({_ROLES}) r WHERE can_lock AND NOT EXISTS
    (SELECT FROM ({_chosen(policy, "keep")}) AS k (pattern, choice) WHERE object LIKE k.pattern);
SELECT format('ALTER %s RESET %s;', CASE WHEN setrole = 0 THEN format('DATABASE %I', datname)
    ELSE format('ROLE %I', rolname) || coalesce(format(' IN DATABASE %I', datname), '') END, s.name)
FROM ({_SECRETS}) s LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase
WHERE EXISTS (SELECT FROM ({_chosen(policy, "reset")}) AS r (pattern, choice) WHERE object LIKE r.pattern);
"""


def reset(policy: Policy) -> str:
    """Return SQL that deletes comments that are not kept, and what the policy resets."""
    is_chosen = (
        f"EXISTS (SELECT FROM ({_chosen(policy, 'reset')}) AS r (pattern, choice) WHERE %s LIKE r.pattern)"
    )
    return f"""\
SELECT format('COMMENT ON %s %s IS NULL;', CASE WHEN type LIKE '% column' THEN 'COLUMN'
        WHEN type LIKE '% constraint' THEN 'CONSTRAINT' WHEN type = 'statistics object' THEN 'STATISTICS'
        WHEN type = 'composite type' THEN 'TYPE' ELSE upper(type) END,
    CASE type WHEN 'domain constraint' THEN replace(identity, ' on ', ' ON DOMAIN ') ELSE identity END)
FROM ({_COMMENTS}) c WHERE NOT EXISTS (SELECT FROM ({_chosen(policy, "keep")}) AS k (pattern, choice)
    WHERE 'comment on ' || type || ' ' || identity LIKE k.pattern)
    AND NOT EXISTS (SELECT FROM pg_namespace n
        WHERE (c.classoid, c.objoid) = ('pg_namespace'::regclass, n.oid)
        AND NOT pg_has_role(n.nspowner, 'USAGE'));
SELECT format('SELECT lo_unlink(%s) \\g /dev/null', oid) FROM pg_largeobject_metadata
WHERE {is_chosen.replace("%s", "'large objects'")};
SELECT format('DROP USER MAPPING FOR %s SERVER %I;', CASE WHEN umuser = 0 THEN 'PUBLIC'
    ELSE quote_ident(usename) END,
    srvname) FROM pg_user_mappings
WHERE {is_chosen.replace("%s", "format('user mapping %I on server %I', usename, srvname)")};
SELECT format('SELECT %s() \\g /dev/null', oid::regproc) FROM pg_proc p
WHERE proname = 'pg_stat_statements_reset' AND has_function_privilege(oid, 'EXECUTE');
"""
