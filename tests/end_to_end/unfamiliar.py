"""A database without a prepared policy in the complete pipeline, compared value by value."""

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import psycopg
import pymysql
import pytest

from ops.aws.cloud import Place
from ops.embedded.rds import mariadb
from ops.embedded.rds.mariadb import MariaDb
from ops.embedded.rds.servers import Login
from ops.snapshots.pipeline import catalog
from ops.snapshots.policy.model import parse_policy
from ops.snapshots.policy.suggest import Suggestion, suggest_treatments, suggestions_as_toml
from ops.snapshots.policy.table import TablePolicy
from ops.snapshots.runs import control as runs
from tests.end_to_end.workbench import PASSWORD, Workbench

PATIENCE_S = 600.0  # for many tables on a busy machine
# Treatments with few values: the new value of a row can be the old one of another row, but not its own.
SHARED = ("shift ", "fake ip", "fake postcode", "constant ", "null")


class Server(ABC):
    """An instance, accessed as its master user."""

    engine: ClassVar[str]

    def __init__(self, workbench: Workbench, place: Place, name: str) -> None:
        found = workbench.available(place, name)
        self.workbench = workbench
        self.address = {"host": found["Endpoint"]["Address"], "port": found["Endpoint"]["Port"]}

    @abstractmethod
    def rows(self, query: str) -> list[tuple[Any, ...]]: ...

    @abstractmethod
    def quoted(self, name: str) -> str: ...

    def where(self, table: TablePolicy) -> str:
        return f"{self.quoted(table.schema or 'app')}.{self.quoted(table.name)}"

    @abstractmethod
    def load(self, script: str) -> None: ...

    @abstractmethod
    def key(self, table: TablePolicy) -> list[str]:
        """Return the columns of the primary key of a table."""

    @abstractmethod
    def check_keys(self) -> int:
        """Check every foreign key, and return their number."""

    def values(self, table: TablePolicy, column: str) -> dict[tuple[str, ...], list[str]]:
        """Return the values as text, by key; of the key only its kept columns."""
        key = [name for name in self.key(table) if table.columns[name].kind == "keep"]
        ordered = ", ".join(map(self.quoted, [*key, column]))
        found: dict[tuple[str, ...], list[str]] = {}
        for *place, value in self.rows(f"SELECT {ordered} FROM {self.where(table)}"):
            if value not in (None, "", b""):
                found.setdefault(tuple(map(str, place)), []).append(str(value))
        return found

    def count(self, table: TablePolicy) -> int:
        return int(self.rows(f"SELECT COUNT(*) FROM {self.where(table)}")[0][0])


class PostgresServer(Server):
    engine = "postgres"

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(**self.address, user="master", password=PASSWORD, dbname="app") as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def quoted(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def load(self, script: str) -> None:
        self.rows(script)

    def key(self, table: TablePolicy) -> list[str]:
        relation = self.where(table).replace("'", "''")
        return [
            name
            for (name,) in self.rows(
                "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid "
                f"AND attnum = ANY (indkey) WHERE indisprimary AND indrelid = '{relation}'::regclass"
            )
        ]

    def check_keys(self) -> int:
        """Drop and recreate each key, which fails if it is violated."""
        keys = self.rows(
            "SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) "
            "FROM pg_constraint WHERE contype = 'f' AND conparentid = 0"
        )
        for table, name, definition in keys:
            self.rows(f"ALTER TABLE {table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} {definition}")
        return len(keys)


class MariaDbServer(Server):
    engine = "mariadb"

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        login = {"user": "master", "password": PASSWORD, "database": "app"}
        with closing(pymysql.connect(**self.address, **login, autocommit=True)) as connection:
            cursor = connection.cursor()
            cursor.execute(query)
            return list(cursor.fetchall())

    def quoted(self, name: str) -> str:
        return "`" + name.replace("`", "``") + "`"

    def load(self, script: str) -> None:
        servers = MariaDb(self.workbench.data / "embedded/mariadb", {})
        servers.load(Login(self.address["port"], "master", PASSWORD, "app"), [script])

    def key(self, table: TablePolicy) -> list[str]:
        return [
            row[4] for row in self.rows(f"SHOW INDEX FROM {self.where(table)} WHERE Key_name = 'PRIMARY'")
        ]

    def check_keys(self) -> int:
        """Check with joins: to recreate a key, MariaDB would rebuild the table."""
        keys = self.rows("""
            SELECT CONCAT('`', TABLE_SCHEMA, '`.`', REPLACE(TABLE_NAME, '`', '``'), '`'),
                CONCAT('`', REFERENCED_TABLE_SCHEMA, '`.`', REPLACE(REFERENCED_TABLE_NAME, '`', '``'), '`'),
                GROUP_CONCAT('c.`', COLUMN_NAME, '` = p.`', REFERENCED_COLUMN_NAME, '`' SEPARATOR ' AND '),
                GROUP_CONCAT('c.`', COLUMN_NAME, '` IS NOT NULL' SEPARATOR ' AND ')
            FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_NAME IS NOT NULL
            GROUP BY CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME""")
        for child, parent, joined, given in keys:
            found = f"SELECT 1 FROM {parent} p WHERE {joined}"
            lost = self.rows(f"SELECT COUNT(*) FROM {child} c WHERE {given} AND NOT EXISTS ({found})")
            assert lost == [(0,)], (child, parent, joined)
        return len(keys)


SERVERS = {
    "postgres": PostgresServer,
    "mariadb": pytest.param(
        MariaDbServer,
        marks=pytest.mark.skipif(mariadb.find_server() is None, reason="mariadbd is not installed"),
    ),
}


@dataclass(frozen=True)
class Unfamiliar:
    """`adjusted` is what a reader corrects of the suggestions, by `table.column`; `rows` what goes, by table.

    `follow` are tables whose rows go with those of sampled ones; `joined` counts rows that find each other by
    treated columns; `keys` is how many foreign keys there are at least.
    """

    adjusted: Mapping[str, str]
    rows: Mapping[str, str]
    follow: Collection[str]
    joined: str
    keys: int

    def policy(self, suggested: Collection[Suggestion]) -> str:
        """Return the suggestions with the corrections of a reviewer."""
        names = {f"{each.table.rpartition('.')[2]}.{each.column}" for each in suggested}
        assert not self.adjusted.keys() - names
        text = suggestions_as_toml(
            replace(
                each,
                treatment=self.adjusted.get(f"{each.table.rpartition('.')[2]}.{each.column}", each.treatment),
            )
            for each in suggested
        )
        for table, rows in self.rows.items():
            header = re.compile(rf'^\[tables\.(?:{table}|"(?:\w+\.)?{table}")\]$', re.MULTILINE)
            text, found = header.subn(rf'\g<0>\n"*" = "{rows}"', text)
            assert found == 1, table
        return text


def sanitize(workbench: Workbench, production: Server, name: str, database: Unfamiliar) -> int:
    """Run the pipeline from the first run to the restore in QA. Return the number of compared values."""
    cloud, head = workbench.cloud, f'engine = "{production.engine}"\n'
    pipeline = workbench.deploy(workbench.pipeline(name, head))
    survey = workbench.run(pipeline, PATIENCE_S)
    assert survey.execution.status == "FAILED"
    policy = head + database.policy(
        suggest_treatments(runs.report_from_lines(runs.task_log(cloud, pipeline, survey.task)))
    )

    pipeline = workbench.deploy(workbench.pipeline(name, policy))
    watched = workbench.run(pipeline, PATIENCE_S)
    log = "\n".join(workbench.log(pipeline, watched))
    assert watched.execution.status == "SUCCEEDED", f"{watched.execution.cause}\n{log[-20000:]}"
    assert workbench.left(pipeline) == []
    (made,) = workbench.sanitized(pipeline)
    report = catalog.read_report(cloud, pipeline, made)
    assert report.failed == () and min(report.durations) > 0

    restored, rds = f"qa-{name}", workbench.rds(workbench.qa)
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier=restored, DBSnapshotIdentifier=made.snapshot.arn
    )
    workbench.available(workbench.qa, restored)
    rds.modify_db_instance(DBInstanceIdentifier=restored, MasterUserPassword=PASSWORD, ApplyImmediately=True)
    compared = compare(production, type(production)(workbench, workbench.qa, restored), policy, database)
    for where, left in ((workbench.qa, restored), (workbench.production, name)):
        workbench.rds(where).delete_db_instance(DBInstanceIdentifier=left, SkipFinalSnapshot=True)
    return compared


def compare(production: Server, restored: Server, policy: str, database: Unfamiliar) -> int:
    """Compare every treated value, the numbers of rows, and the foreign keys."""
    compared = 0
    for table in parse_policy(policy).tables:
        before, after = production.count(table), restored.count(table)
        if table.rows == "truncate":
            assert (before > 0, after) == (True, 0)
        elif table.rows == "sample" or table.name in database.follow:
            assert 0.15 * before < after < 0.25 * before, table.name
        else:
            assert after == before, table.name
        for column, treatment in table.treated.items() if table.rows == "keep" else ():
            originals, left = production.values(table, column), restored.values(table, column)
            kept = [place for place, values in originals.items() if set(values) & set(left.get(place, ()))]
            if not str(treatment).startswith("constant "):  # which some rows have held before
                assert not kept, (table.name, column, len(kept))
            if not str(treatment).startswith(SHARED) and column != "total":  # a million numbers at most
                old, new = ({v for vs in d.values() for v in vs} for d in (originals, left))
                assert not old & new, (table.name, column)
            compared += len(originals)
    assert restored.rows(database.joined) == production.rows(database.joined)
    assert restored.rows(database.joined)[0][0] > 0
    assert restored.check_keys() >= database.keys
    return compared
