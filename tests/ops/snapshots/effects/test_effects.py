"""A run that succeeds leaves no planted value wherever a server can hold one; another says where it is."""

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops.embedded.rds import mariadb
from ops.embedded.rds.mariadb import MariaDb
from ops.embedded.rds.postgres import VERSION, Postgres
from ops.embedded.rds.servers import DatabaseServers, Login
from ops.snapshots.compiler import REBUILD, compile_policy
from ops.snapshots.policy.model import parse_policy
from ops.snapshots.policy.scripts import SqlScript
from ops.snapshots.policy.suggest import suggest_treatments
from ops.snapshots.policy.text import with_suggestions
from ops.snapshots.report import report_from_log
from tests.ops.snapshots.effects import mariadb as of_mariadb
from tests.ops.snapshots.effects import postgres as of_postgres
from tests.ops.snapshots.effects.constructions import (
    TOKEN,
    Construction,
    can_log_in,
    planted_in_mysql,
    planted_in_postgres,
)
from tests.ops.snapshots.sanitizer import Sanitized, sanitize

PASSWORD = "correct-horse-1"
LOG_EVENT = 256 * 1024  # CloudWatch Logs splits a longer line
# Folders with the programs of other major versions of PostgreSQL: /usr/lib/postgresql/15/bin:…
OTHER_VERSIONS = "SLIPWAY_POSTGRES_BINARIES"


class OtherPostgres(Postgres):
    """A server of another major version, with the clients of the project's own."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._folder = folder
        super().__init__(root, {})

    def _program(self, name: str, *arguments: Any, **options: Any) -> str:
        options.setdefault("login", None)
        own = self._folder / name
        login = options.pop("login")
        if login or not own.exists():
            return super()._program(name, *arguments, login=login, **options)
        return self._run(own, *arguments, **options)


class Server:
    """A server with the empty database `shop`, which the master user does not necessarily own."""

    def __init__(self, servers: DatabaseServers, major: int) -> None:
        self.servers, self.major = servers, major
        self.is_postgres = isinstance(servers, Postgres)
        self.port = servers.create("effects", "master", PASSWORD, "shop")
        self.login = Login(self.port, "master", PASSWORD, "shop")

    def construct(self, construction: Construction) -> str:
        """Load the construction and return its policy, or the suggested one."""
        if construction.sql.count("CREATE TABLE mysql."):
            self.servers.execute(self.port, "GRANT ALL ON mysql.* TO master")
        self.servers.load(self.login, [construction.sql])
        if construction.server:
            self.servers.execute(self.port, construction.server)
        head = f'engine = "{"postgres" if self.is_postgres else "mariadb"}"\n'
        if construction.policy:
            return head + construction.policy
        survey = self.sanitize(compile_policy(parse_policy(head)))
        return with_suggestions(head, suggest_treatments(report_from_log(survey.log.splitlines())))

    def sanitize(self, scripts: Sequence[SqlScript]) -> Sanitized:
        return sanitize(self.login, scripts, "psql" if self.is_postgres else "mysql")

    def planted(self, port: int = 0) -> list[str]:
        search = planted_in_postgres if self.is_postgres else planted_in_mysql
        return list(search(port or self.port, (self.servers.root / "rdsadmin").read_text()))

    def files_with(self, name: str, text: str) -> list[str]:
        """Stop a server, and return its files that contain the text."""
        self.servers.stop(name)
        folder = str(self.servers.root / name)
        found = subprocess.run(["grep", "-rlia", text, folder], capture_output=True, text=True)
        assert found.returncode < 2, found.stderr
        return found.stdout.splitlines()


Start = Callable[[str], Server]


@pytest.fixture
def start(database_folder: Path) -> Iterator[Start]:
    """Start a new server of an engine: roles and databases of one construction are not those of the next."""
    started: list[Server] = []

    def start(engine: str) -> Server:
        folder = database_folder / f"effects-{BINARIES_OF.get(engine, engine)}"
        if engine == "postgres":
            server = Server(Postgres(folder, {}), int(VERSION))
        elif engine == "mariadb":
            server = Server(MariaDb(folder, {}), 10)
        else:
            major = int(BINARIES_OF[engine])
            servers = OtherPostgres(folder, Path(engine))
            servers.version = str(major)  # type: ignore[misc]
            server = Server(servers, major)
        started.append(server)
        return server

    yield start
    for server in started:
        server.servers.delete("effects")


def _major(folder: str) -> str:
    shown = subprocess.run([f"{folder}/postgres", "--version"], capture_output=True, text=True, check=True)
    return shown.stdout.split()[-1].partition(".")[0]


BINARIES_OF = {
    folder: _major(folder) for folder in filter(None, os.environ.get(OTHER_VERSIONS, "").split(":"))
}

NORMAL, THOROUGH = (), (pytest.mark.thorough,)
NO_MARIADB = pytest.mark.skipif(mariadb.find_server() is None, reason="mariadbd is not installed")
MATRIX = [
    pytest.param(engine, item, id=f"{engine}-{item}", marks=(*marks, *(NORMAL if item.quick else THOROUGH)))
    for engine, items, marks in (
        ("postgres", of_postgres.CONSTRUCTIONS, ()),
        ("mariadb", of_mariadb.CONSTRUCTIONS, (NO_MARIADB,)),
    )
    for item in items
] + [
    pytest.param(folder, item, id=f"postgres-{major}-{item}", marks=THOROUGH)
    for folder, major in BINARIES_OF.items()
    for item in of_postgres.CONSTRUCTIONS
]


@pytest.mark.parametrize(("engine", "construction"), MATRIX)
def test_a_run_leaves_nothing_or_says_where(start: Start, engine: str, construction: Construction) -> None:
    server = start(engine)
    done = server.sanitize(compile_policy(parse_policy(server.construct(construction))))
    assert max(map(len, done.log.splitlines())) < LOG_EVENT
    if construction.refused and server.major >= construction.before:
        assert done.status == 9, done.log
        failed = report_from_log(done.log.splitlines()).failed
        assert any(construction.refused in check.message for check in failed), failed
    else:
        assert (done.status, done.failed()) == (0, []), done.log
        assert server.planted() == []


REBUILDS = [
    pytest.param(*each.values, id=each.id, marks=(*each.marks, *THOROUGH))
    for each in MATRIX
    if each.values[0] in ("postgres", "mariadb")
]


@pytest.mark.parametrize(("engine", "construction"), REBUILDS)
def test_a_rebuild_leaves_nothing_or_says_where(
    start: Start, engine: str, construction: Construction
) -> None:
    copy = start(engine)
    policy = copy.construct(construction)
    new = copy.servers.create("new", "master", PASSWORD, "")
    try:
        scripts = compile_policy(parse_policy(policy), REBUILD)
        done = sanitize(copy.login, scripts, "psql" if copy.is_postgres else "mysql", new_port=new)
        if construction.refused and copy.major >= construction.before and done.status:
            assert done.status == 9, done.log
        else:
            assert (done.status, done.failed()) == (0, []), done.log
            assert copy.planted(new) == []
            assert copy.files_with("new", TOKEN) == []
    finally:
        copy.servers.delete("new")


def _without(scripts: Sequence[SqlScript], *names: str) -> list[SqlScript]:
    return [script for script in scripts if script.name not in names]


def _changed(scripts: Sequence[SqlScript], name: str, old: str, new: str) -> list[SqlScript]:
    assert any(script.name == name and old in script.sql for script in scripts)
    return [
        replace(script, sql=script.sql.replace(old, new)) if script.name == name else script
        for script in scripts
    ]


@pytest.mark.parametrize(
    ("name", "fault", "told"),
    [
        pytest.param(
            "owned by a role", lambda s: _without(s, "owners.gen"), '"statistics"', id="owners not joined"
        ),
        pytest.param(
            "emptied",
            lambda s: _changed(s, "rewrite.gen.plain.report", "VACUUM (FULL, ANALYZE)", "ANALYZE"),
            '"rewritten"',
            id="table not rewritten",
        ),
        pytest.param(
            "emptied", lambda s: _without(s, "statistics.gen"), '"statistics"', id="statistics of empty table"
        ),
        pytest.param(
            "materialized views",
            lambda s: _changed(s, "rewrite.gen.plain.report", "(FULL, ANALYZE)", "(FULL)"),
            '"statistics"',
            id="old statistics",
        ),
        pytest.param(
            "comments",
            lambda s: _without(s, "reset.gen"),
            "comment on table public.people",
            id="comment left",
        ),
    ],
)
@pytest.mark.thorough
def test_a_fault_of_the_run_is_found(
    start: Start, name: str, fault: Callable[[Sequence[SqlScript]], Sequence[SqlScript]], told: str
) -> None:
    (construction,) = (item for item in of_postgres.CONSTRUCTIONS if item.name == name)
    server = start("postgres")
    scripts = compile_policy(parse_policy(server.construct(construction)))
    done = server.sanitize(fault(scripts))
    assert done.status in (3, 9), done.log
    assert told in (done.log if done.status == 3 else str(done.failed()).replace("'", '"')), done.log


def test_an_unexpected_warning_fails_the_run(start: Start) -> None:
    server = start("postgres")
    policy = server.construct(Construction("", of_postgres.PEOPLE, of_postgres.PEOPLE_POLICY))
    warns = "before = \"DO $$ BEGIN RAISE WARNING 'skipping it'; END $$\"\n"
    done = server.sanitize(compile_policy(parse_policy(warns + policy)))
    assert done.status == 3 and "skipping it" in done.log and "warning" in done.log.splitlines()[-1]


def test_passwords_of_production_do_not_work_in_the_copy(start: Start) -> None:
    server = start("postgres")
    roles = (
        "CREATE ROLE app LOGIN PASSWORD 'of-production'; CREATE ROLE report LOGIN PASSWORD 'of-production'"
    )
    construction = Construction(
        "",
        of_postgres.PEOPLE + roles,
        of_postgres.PEOPLE_POLICY + '[objects]\n"role report" = "keep because QA"\n',
    )
    policy = server.construct(construction)
    logins = {name: replace(server.login, user=name, password="of-production") for name in ("app", "report")}
    assert all(map(can_log_in, logins.values()))
    done = server.sanitize(compile_policy(parse_policy(policy)))
    assert done.status == 0, done.log
    assert {name: can_log_in(login) for name, login in logins.items()} == {"app": False, "report": True}
    assert [check["table"] for check in done.checks if check["check"] == "role"] == ["role app"]


def test_a_database_name_that_does_not_exist_is_an_error_with_the_right_names(start: Start) -> None:
    server = start("postgres")
    server.login = replace(server.login, database="shopp")
    done = server.sanitize(compile_policy(parse_policy(of_postgres.PEOPLE_POLICY)))
    assert done.status == 3
    assert 'database "shopp" does not exist' in done.log
    assert "The databases of the server are: postgres, shop, template1" in done.log
