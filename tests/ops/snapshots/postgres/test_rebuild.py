"""A rebuild on real servers: the new database has the same rows as a copy that was treated in place."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from ops.embedded.ports import HOST
from ops.embedded.rds.postgres import Postgres
from ops.embedded.rds.servers import Login
from ops.errors import InputError
from ops.snapshots.compiler import IN_PLACE, REBUILD, compile_policy
from ops.snapshots.policy.model import parse_policy
from ops.snapshots.policy.scripts import SqlScript
from tests.ops.snapshots.effects.constructions import TOKEN, planted_in_postgres
from tests.ops.snapshots.sanitizer import Sanitized, sanitize

PASSWORD = "correct-horse-1"
ROLES = "CREATE ROLE app LOGIN PASSWORD 'production-1' CREATEDB; CREATE ROLE readers; GRANT readers TO app;\n"
# The planted values are in rows of every kind, in rows that are deleted, in a comment, and in a large object.
SHOP = """
    GRANT app TO master; GRANT readers TO master;
    CREATE SCHEMA "My.Shop" AUTHORIZATION app;
    CREATE TYPE state AS ENUM ('open', 'paid');
    CREATE FUNCTION tell(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT upper($1) $$;
    CREATE TABLE people (
        id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email varchar(40) UNIQUE, name text NOT NULL,
        code int UNIQUE, born date, notes text, doc jsonb,
        initial text GENERATED ALWAYS AS (left(name, 1)) STORED, CHECK (length(name) > 1));
    INSERT INTO people (email, name, code, born, notes, doc)
        SELECT 'Zorvane' || n || '@real.test', 'Zorvane ' || n, n, '1980-01-01'::date + n,
            CASE WHEN n % 3 > 0 THEN E'Zorvane\\t' || n || E'\\n\\\\.' END,
            json_build_object('mail', 'Zorvane' || n || '@real.test', 'size', n)
        FROM generate_series(1, 300) n;
    COMMENT ON TABLE people IS 'ask Zorvane';
    CREATE TABLE "My.Shop"."or""ders" (id bigserial, person int REFERENCES people ON DELETE CASCADE,
        at date NOT NULL, email text, state state DEFAULT 'open', raw bytea,
        PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
    CREATE TABLE "My.Shop".old PARTITION OF "My.Shop"."or""ders" FOR VALUES FROM (MINVALUE) TO ('2020-01-01');
    CREATE TABLE "My.Shop".new PARTITION OF "My.Shop"."or""ders" FOR VALUES FROM ('2020-01-01') TO (MAXVALUE);
    INSERT INTO "My.Shop"."or""ders" (person, at, email, raw) SELECT 1 + n % 300, '2019-12-01'::date + n % 60,
        'Zorvane' || (1 + n % 300) || '@real.test', 'Zorvane'::bytea FROM generate_series(1, 900) n;
    ALTER TABLE "My.Shop"."or""ders" OWNER TO app;
    CREATE TABLE lines (id int PRIMARY KEY, parent int REFERENCES lines DEFERRABLE,
        person int REFERENCES people);
    INSERT INTO lines SELECT n, CASE WHEN n > 100 THEN n - 100 END, 1 + n % 300
        FROM generate_series(1, 600) n;
    CREATE TABLE base (a text); CREATE TABLE child (b text) INHERITS (base);
    INSERT INTO base VALUES ('Zorvane'); INSERT INTO child VALUES ('Zorvane', 'Zorvane');
    CREATE TABLE history (line text); INSERT INTO history VALUES ('Zorvane');
    CREATE TABLE empty ();
    CREATE MATERIALIZED VIEW emails AS SELECT email FROM people;
    CREATE INDEX ON people (tell(name));
    CREATE STATISTICS spread ON name, email FROM people;
    CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO history VALUES (NEW.email); RETURN NEW; END $$;
    CREATE TRIGGER logging AFTER INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION log();
    ALTER TABLE people ENABLE ROW LEVEL SECURITY;
    CREATE POLICY all_rows ON people USING (true);
    GRANT SELECT ON people TO readers;
    SELECT lo_from_bytea(0, 'Zorvane');
    SELECT setval('"My.Shop"."or""ders_id_seq"', 5000);
    ANALYZE;
"""
POLICY = """
engine = "postgres"
[objects]
"large objects" = "reset"
[tables.people]
"*" = "delete where id % 50 = 7"
id = "keep"
email = "fake email"
name = "fake name"
code = "hash"
born = "shift 30 by id"
notes = "sql left(md5(notes), 6)"
"doc $.mail" = "fake email"
[tables.'"My.Shop"."or""ders"']
id = "keep"
person = "keep"
at = "shift 30 by person"
email = "keep format email"
state = "keep"
raw = "null"
[tables.lines]
"*" = "sample 90"
id = "keep"
parent = "keep"
person = "keep"
[tables.base]
a = "hash"
[tables.child]
a = "hash"
b = "null"
[tables.history]
"*" = "truncate"
"""
# What a rebuild must carry over: everything that a dump of the schema shows.
QUERIES = (
    "SELECT * FROM people ORDER BY id",
    'SELECT tableoid::regclass::text, * FROM "My.Shop"."or""ders" ORDER BY id',
    "SELECT * FROM lines ORDER BY id",
    "SELECT tableoid::regclass::text, * FROM base ORDER BY 1",
    "SELECT * FROM child",
    "SELECT count(*) FROM history",
    "SELECT * FROM emails ORDER BY 1",
    'SELECT nextval(\'people_id_seq\'), nextval(\'"My.Shop"."or""ders_id_seq"\')',
    "SELECT c.oid::regclass::text, pg_get_userbyid(relowner), relkind, relacl::text, relrowsecurity "
    "FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
    "WHERE nspname IN ('public', 'My.Shop') ORDER BY 1",
    "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid > 0 ORDER BY 1, 2",
    "SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "SELECT nspname, pg_get_userbyid(nspowner), nspacl::text FROM pg_namespace "
    "WHERE nspname !~ '^pg_' ORDER BY 1",
    "SELECT rolname, rolcanlogin, rolcreatedb, pg_has_role('app', 'readers', 'MEMBER') "
    "FROM pg_roles WHERE rolname IN ('app', 'readers') ORDER BY 1",
    "SELECT pg_encoding_to_char(encoding), datcollate, pg_get_userbyid(datdba) FROM pg_database "
    "WHERE datname = 'shop'",
)


Change = Callable[[tuple[SqlScript, ...]], tuple[SqlScript, ...]]


class Servers:
    """A copy with production data, its twin that is treated in place, and a new server."""

    def __init__(self, postgres: Postgres) -> None:
        self.postgres = postgres
        self.ports = {name: postgres.create(name, "master", PASSWORD, "") for name in ("copy", "new")}

    def rebuild(self, policy: str, change: Change = tuple, *, method: str = REBUILD) -> Sanitized:
        """Run the scripts of the policy, after `change`."""
        scripts = change(compile_policy(parse_policy(policy), method))
        return sanitize(self.login("copy"), scripts, new_port=self.ports["new"])

    def login(self, server: str, database: str = "shop") -> Login:
        return Login(self.ports[server], "master", PASSWORD, database)

    def rows(self, server: str, query: str) -> list[tuple[object, ...]]:
        login = self.login(server)
        with psycopg.connect(
            host=HOST, port=login.port, user=login.user, password=login.password, dbname=login.database
        ) as connection:
            return connection.execute(query.encode()).fetchall()

    def superuser(self, server: str, sql: str) -> None:
        self.postgres.execute(self.ports[server], sql)

    def planted(self, server: str) -> list[str]:
        return list(planted_in_postgres(self.ports[server], (self.postgres.root / "rdsadmin").read_text()))

    def files_with(self, server: str, text: str) -> list[str]:
        """Return the files in the data folder of a server that contain the text, after a checkpoint."""
        self.superuser(server, "CHECKPOINT")
        found = subprocess.run(
            ["grep", "-rlia", text, str(self.postgres.root / server)], capture_output=True, text=True
        )
        assert found.returncode < 2, found.stderr
        return found.stdout.splitlines()


@pytest.fixture
def servers(database_folder: Path) -> Iterator[Servers]:
    started = Servers(Postgres(database_folder / "rebuild", {}))
    started.superuser("copy", ROLES + "GRANT app, readers TO master WITH ADMIN OPTION")
    started.superuser("copy", "CREATE DATABASE shop OWNER master")
    yield started
    for name in ("copy", "new", "twin"):
        started.postgres.delete(name)


def test_a_rebuild_has_the_rows_of_the_treatment_in_place(servers: Servers) -> None:
    servers.postgres.load(servers.login("copy"), [SHOP])
    assert servers.planted("copy") and servers.files_with("copy", TOKEN)
    servers.postgres.back_up(servers.ports["copy"], "twin")
    servers.ports["twin"] = servers.postgres.start("twin")
    in_place = sanitize(servers.login("twin"), compile_policy(parse_policy(POLICY)))
    assert (in_place.status, in_place.failed()) == (0, []), in_place.log
    done = servers.rebuild(POLICY)
    assert (done.status, done.failed()) == (0, []), done.log
    for query in QUERIES:
        assert servers.rows("new", query) == servers.rows("twin", query), query
    assert servers.planted("new") == []
    assert servers.files_with("new", TOKEN) == []


NOTES = """
    CREATE TABLE notes (id int PRIMARY KEY, email text, line text);
    INSERT INTO notes SELECT n, 'n' || n || '@real.test', 'a' || n FROM generate_series(1, 60) n;
    CREATE TABLE history (line text);
    INSERT INTO history VALUES ('a');
"""
OF_NOTES = """
engine = "postgres"
[tables.notes]
id = "keep"
email = "fake email"
line = "keep"
[tables.history]
line = "keep"
"""


@pytest.fixture(scope="module")
def two(database_folder: Path) -> Iterator[Servers]:
    started = Servers(Postgres(database_folder / "rebuilds", {}))
    yield started
    for name in ("copy", "new"):
        started.postgres.delete(name)


@pytest.fixture
def notes(two: Servers) -> Iterator[Servers]:
    two.superuser("copy", "CREATE DATABASE shop OWNER master")
    two.postgres.load(two.login("copy"), [NOTES])
    yield two
    for server in ("copy", "new"):
        two.superuser(server, "DROP DATABASE IF EXISTS shop WITH (FORCE)")


def _mutated(old: str, new: str) -> Change:
    def change(scripts: tuple[SqlScript, ...]) -> tuple[SqlScript, ...]:
        assert sum(script.sql.count(old) for script in scripts) == 1
        return tuple(replace(script, sql=script.sql.replace(old, new)) for script in scripts)

    return change


def test_rows_that_are_not_sent_fail_the_run(notes: Servers) -> None:
    done = notes.rebuild(OF_NOTES, _mutated("FROM %s %s) TO STDOUT", "FROM %s %s LIMIT 50) TO STDOUT"))
    assert done.status == 9
    assert [(check["check"], check["table"], check["bad"]) for check in done.failed()] == [
        ("rows", "public.notes", 10)
    ]


def test_a_table_whose_sender_fails_is_not_complete(notes: Servers) -> None:
    done = notes.rebuild(OF_NOTES.replace('line = "keep"', 'line = "sql (1 / (id - 50))::text"', 1))
    assert done.status == 3
    assert "division by zero" in done.log and "A table was not sent." in done.log


def test_the_new_database_is_proven_and_not_the_copy(notes: Servers) -> None:
    done = notes.rebuild("after = \"INSERT INTO history VALUES ('jane@real.test')\"" + OF_NOTES)
    assert done.status == 9
    assert [(check["check"], check["table"], check["kind"]) for check in done.failed()] == [
        ("scan", "public.history", "email")
    ]


def test_large_objects_that_the_policy_keeps_are_sent(notes: Servers) -> None:
    notes.postgres.load(notes.login("copy"), ["SELECT lo_from_bytea(77777, '\\x00ff0a5c')"])
    done = notes.rebuild('objects = {"large objects" = "keep because they are logos"}' + OF_NOTES)
    assert (done.status, done.failed()) == (0, []), done.log
    assert notes.rows("new", "SELECT encode(lo_get(77777), 'hex')") == [("00ff0a5c",)]


def test_scripts_and_servers_of_different_methods_fail(notes: Servers) -> None:
    done = notes.rebuild(OF_NOTES, method=IN_PLACE)
    assert done.status == 3 and "not those of a rebuild" in done.log
    done = sanitize(notes.login("copy"), compile_policy(parse_policy(OF_NOTES), REBUILD))
    assert done.status != 0 and "The pipeline has no new server." in done.log


def test_an_expression_that_reads_another_table_is_refused() -> None:
    policy = 'sql_tables = ["history"]' + OF_NOTES.replace(
        'line = "keep"', 'line = "sql (SELECT max(h.line) FROM history h)"', 1
    )
    assert compile_policy(parse_policy(policy))
    with pytest.raises(InputError, match=r"public\.notes\.line reads another table"):
        compile_policy(parse_policy(policy), REBUILD)
