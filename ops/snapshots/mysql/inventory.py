"""The inventory of a MySQL or MariaDB server: what can hold data and is no row of a table.

`ops.snapshots.postgres.inventory` explains it. Objects are named like `procedure shop.greet`,
`default value of shop.people.email`, or `account app@%`.
"""

from ops.snapshots.mysql.scan import conditions
from ops.snapshots.mysql.text import (
    HEAD,
    SYSTEM,
    exact,
    json_boolean,
    literal,
    rows,
    shown,
)
from ops.snapshots.policy.model import Policy

_COLUMN = ("schema_name", "table_name", "column_name")

# Tables of the schema mysql: MySQL 8.4 Reference Manual, "The mysql System Schema", and MariaDB's; RDS's own
# begin with rds_.
_SYSTEM_TABLES = """\
' column_stats columns_priv component db default_roles engine_cost event func general_log general_log_backup
 global_grants global_priv
     gtid_executed gtid_slave_pos ha_health_check help_category help_keyword help_relation
 help_topic host index_stats innodb_dynamic_metadata innodb_index_stats innodb_table_stats ndb_binlog_index
 password_history plugin proc procs_priv proxies_priv replication_asynchronous_connection_failover
 replication_asynchronous_connection_failover_managed replication_group_configuration_version
 replication_group_member_actions role_edges roles_mapping server_cost servers slave_master_info
 slave_relay_log_info slave_worker_info slow_log slow_log_backup table_stats tables_priv time_zone
 time_zone_leap_second
     time_zone_name time_zone_transition time_zone_transition_type transaction_registry user '"""

# Accounts of the server and the cloud.
_ACCOUNTS = """\
SELECT u.User AS name, u.Host AS host, u.plugin, CONCAT('account ', u.User, '@', u.Host) AS object
FROM mysql.user u
WHERE u.User NOT IN ('rdsadmin', 'rdsrepladmin', 'rds_superuser_role', 'mysql.sys', 'mysql.session',
        'mysql.infoschema', 'mariadb.sys')
    AND CONCAT(u.User, '@', u.Host) <> CURRENT_USER() /*M! AND u.is_role = 'N' */"""

_TEXTS = f"""\
SELECT CONCAT(LOWER(ROUTINE_TYPE), ' ', {shown("ROUTINE_SCHEMA", "ROUTINE_NAME")}) AS object,
    CONCAT_WS(' ', ROUTINE_NAME, ROUTINE_DEFINITION, ROUTINE_COMMENT) AS content
    FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA NOT IN {SYSTEM}
UNION ALL SELECT CONCAT('view ', {shown("TABLE_SCHEMA", "TABLE_NAME")}), VIEW_DEFINITION
    FROM information_schema.VIEWS WHERE TABLE_SCHEMA NOT IN {SYSTEM}
UNION ALL SELECT CONCAT('trigger ', {shown("TRIGGER_SCHEMA", "TRIGGER_NAME")}), ACTION_STATEMENT
    FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA NOT IN {SYSTEM}
UNION ALL SELECT CONCAT('event ', {shown("EVENT_SCHEMA", "EVENT_NAME")}),
    CONCAT_WS(' ', EVENT_NAME, EVENT_DEFINITION, EVENT_COMMENT) FROM information_schema.EVENTS
UNION ALL SELECT CONCAT('default value of ', {shown("TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME")}),
    COLUMN_DEFAULT
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA NOT IN {SYSTEM} AND COLUMN_DEFAULT IS NOT NULL
UNION ALL SELECT CONCAT('column ', {shown("TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME")}), CONCAT_WS(' ',
    COLUMN_NAME, COLUMN_COMMENT, GENERATION_EXPRESSION, IF(DATA_TYPE IN ('enum', 'set'), COLUMN_TYPE, NULL))
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA NOT IN {SYSTEM}
UNION ALL SELECT CONCAT('table ', {shown("TABLE_SCHEMA", "TABLE_NAME")}), CONCAT_WS(' ', TABLE_SCHEMA,
    TABLE_NAME, TABLE_COMMENT, CREATE_OPTIONS) FROM information_schema.TABLES
        WHERE TABLE_SCHEMA NOT IN {SYSTEM}
UNION ALL SELECT CONCAT('index ', {shown("TABLE_SCHEMA", "TABLE_NAME", "INDEX_NAME")}), CONCAT_WS(' ',
    INDEX_NAME, INDEX_COMMENT /*!80013 , EXPRESSION */) FROM information_schema.STATISTICS
    WHERE TABLE_SCHEMA NOT IN {SYSTEM}
UNION ALL SELECT CONCAT('constraint ', {shown("CONSTRAINT_SCHEMA", "CONSTRAINT_NAME")}), CHECK_CLAUSE
    FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA NOT IN {SYSTEM}
UNION ALL SELECT CONCAT('partition ', {shown("TABLE_SCHEMA", "TABLE_NAME", "PARTITION_NAME")}), CONCAT_WS(' ',
    PARTITION_NAME, PARTITION_EXPRESSION, PARTITION_DESCRIPTION, PARTITION_COMMENT)
    FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA NOT IN {SYSTEM} AND PARTITION_NAME IS NOT NULL
UNION ALL SELECT object, name FROM ({_ACCOUNTS}) a"""

# What no pattern can clear: bodies that the master user cannot read, other servers, and unknown tables.
_THINGS = f"""\
SELECT CONCAT(LOWER(ROUTINE_TYPE), ' ', {shown("ROUTINE_SCHEMA", "ROUTINE_NAME")}) AS object
    FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA NOT IN {SYSTEM} AND ROUTINE_DEFINITION IS NULL
UNION ALL SELECT CONCAT('server ', Server_name) FROM mysql.servers
UNION ALL SELECT CONCAT('table ', TABLE_SCHEMA, '.', TABLE_NAME) FROM information_schema.TABLES
    WHERE TABLE_TYPE = 'BASE TABLE' AND (TABLE_SCHEMA = 'sys' AND TABLE_NAME <> 'sys_config'
        OR TABLE_SCHEMA = 'mysql' AND TABLE_NAME NOT LIKE 'rds\\\\_%'
            AND {_SYSTEM_TABLES} NOT REGEXP CONCAT('[[:space:]]', TABLE_NAME, '[[:space:]]'))
UNION ALL SELECT CONCAT('default value of ', {shown("c.TABLE_SCHEMA", "c.TABLE_NAME", "c.COLUMN_NAME")})
    FROM information_schema.COLUMNS c JOIN <treated> t ON t.schema_name = {exact("c.TABLE_SCHEMA")}
        AND t.table_name = {exact("c.TABLE_NAME")} AND t.column_name = {exact("c.COLUMN_NAME")}
    WHERE c.DATA_TYPE LIKE '%char' AND c.COLUMN_DEFAULT REGEXP '[[:alnum:]]' AND c.COLUMN_DEFAULT <> 'NULL'"""


def _chosen(policy: Policy, kind: str) -> str:
    """Return the objects that the policy keeps or resets, as patterns for LIKE."""
    cells = [
        (name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%"), str(choice))
        for name, choice in policy.objects.items()
        if choice.kind == kind
    ]
    return rows(cells, "pattern", "choice")


def inventory(policy: Policy) -> str:
    """Return SQL that prints a line for each object that was found and for each that is kept."""
    treated = rows([(t.schema, t.name, c) for t in policy.tables for c in t.treated], *_COLUMN)
    findings = "\n    ".join(
        f"UNION ALL SELECT object, {literal(kind)} FROM texts WHERE {condition.replace('<value>', 'content')}"
        for kind, condition in [*conditions(policy), *NUMBERS]
    )
    reason = f"(SELECT MIN(c.choice) FROM {_chosen(policy, 'keep')} c WHERE f.object LIKE c.pattern)"
    return f"""\
{HEAD}
WITH texts AS (SELECT {exact("object")} AS object, {exact("content")} AS content FROM ({_TEXTS}) t),
found (object, finding) AS (SELECT {exact("object")}, 'object' FROM ({
        _THINGS.replace("<treated>", treated)
    }) t
    {findings}),
judged AS (SELECT DISTINCT f.object, f.finding, {reason} AS reason FROM found f)
SELECT JSON_OBJECT('check', 'inventory', 'table', object, 'column', '', 'kind', COALESCE(reason, finding),
    'rows', 1, 'bad', (reason IS NULL) + 0, 'ok', {json_boolean("reason IS NOT NULL")}) FROM judged
UNION ALL SELECT JSON_OBJECT('check', 'catalog', 'table', '', 'column', '', 'kind', '', 'rows', COUNT(*),
    'bad', 0, 'ok', {json_boolean("TRUE")}) FROM texts;
"""


# Card numbers and IBANs in a text of the catalog, without their check digits.
NUMBERS = (
    ("card", "content REGEXP '(?<![0-9])[3-6](?:[ -]?[0-9]){12,18}(?![0-9])'"),
    ("iban", "content REGEXP '(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){3,7}(?![A-Za-z0-9])'"),
)


def lock_accounts(policy: Policy) -> str:
    """Return SQL that locks each account of production, and replaces its password: its hash can be read."""
    account = "CONCAT(QUOTE(name), '@', QUOTE(host))"
    known = "'', 'mysql_native_password', 'caching_sha2_password', 'sha256_password', 'ed25519'"
    return f"""\
{HEAD}
SELECT CONCAT('ALTER USER ', {account}, IF(plugin IN ({known}),
        CONCAT(' IDENTIFIED BY ', QUOTE(SHA2(CONCAT(@salt, {account}), 256))), ''),
            ' ACCOUNT LOCK;\\nSELECT ',
    'JSON_OBJECT(''check'', ''role'', ''table'', ', QUOTE(object), ', ''column'', '''', ''rows'', 1, ',
    '''bad'', 0, ''ok'', JSON_EXTRACT(''true'', ''$''));')
FROM ({_ACCOUNTS}) a
WHERE NOT EXISTS (SELECT 1 FROM {_chosen(policy, "keep")} k WHERE a.object LIKE k.pattern);
"""
