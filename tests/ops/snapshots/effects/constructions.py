"""Small databases with planted values, and the search for them after a run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pymysql

from ops.embedded.ports import HOST
from ops.embedded.rds.servers import SUPERUSER, Login
from ops.text.quoting import identifier

TOKEN = "Zorvane"  # a name that nobody has; every planted value begins with it
_PATTERN = re.compile(f"{TOKEN}|{TOKEN.encode().hex()}", re.IGNORECASE)

# What a view of the catalog shows in a form of its own.
_DEFINITIONS = """\
SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef
UNION ALL SELECT pg_get_constraintdef(oid) FROM pg_constraint
UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index
UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger
UNION ALL SELECT pg_get_ruledef(oid) FROM pg_rewrite UNION ALL SELECT pg_get_statisticsobjdef(oid)
FROM pg_statistic_ext UNION ALL SELECT pg_get_expr(relpartbound, oid) FROM pg_class"""
# Of the running server, not of the data.
_VOLATILE = {"pg_stat_activity", "pg_backend_memory_contexts", "pg_shmem_allocations_numa"}


@dataclass(frozen=True)
class Construction:
    """A database: SQL of the master user and of the superuser, and a policy, or suggestions if it is empty.

    `refused` is a word of the failed check if the run must fail; with `before`, only from that version on.
    """

    name: str
    sql: str
    policy: str = ""
    server: str = ""
    refused: str = ""
    before: int = 0
    quick: bool = False

    def __str__(self) -> str:
        return self.name


def planted_in_postgres(port: int, password: str) -> Iterator[str]:
    """Yield every relation, statistic, and definition of the server in which a planted value is left."""

    def connect(database: str) -> psycopg.Connection:
        return psycopg.connect(
            host=HOST,
            port=port,
            user=SUPERUSER,
            password=password,
            dbname=database,
            autocommit=True,
            options="-c statement_timeout=0 -c search_path=pg_catalog",
        )

    with connect("postgres") as connection:
        databases = connection.execute("SELECT datname FROM pg_database WHERE datallowconn").fetchall()
    for (database,) in databases:
        with connect(database) as connection:
            names = connection.execute(
                "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'm', 'v') ORDER BY 1"
            ).fetchall()
            for (name,) in names:
                if name in _VOLATILE:
                    continue
                rows = connection.execute(f"SELECT t::text FROM {name} t".encode()).fetchall()
                yield from (f"{database} {name}: {row[:200]}" for (row,) in rows if _PATTERN.search(row))
            for (text,) in connection.execute(_DEFINITIONS).fetchall():
                if _PATTERN.search(text or ""):
                    yield f"{database}: {text}"


def planted_in_mysql(port: int, password: str) -> Iterator[str]:
    """Yield every table of the server, including those of the catalog, in which a planted value is left."""
    connection = pymysql.connect(
        host=HOST,
        port=port,
        user=SUPERUSER,
        password=password,
        init_command="SET SESSION max_statement_time = 0",
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES ORDER BY 1, 2")
        for schema, name in cursor.fetchall():
            if name.upper() == "PROCESSLIST":
                continue
            cursor.execute(f"SELECT * FROM {identifier(schema, 'mysql')}.{identifier(name, 'mysql')}")
            for row in cursor.fetchall():
                if _PATTERN.search(str(row)):
                    yield f"{schema}.{name}: {str(row)[:200]}"


def can_log_in(login: Login) -> bool:
    try:
        psycopg.connect(
            host=HOST, port=login.port, user=login.user, password=login.password, dbname=login.database
        ).close()
    except psycopg.OperationalError:
        return False
    return True
