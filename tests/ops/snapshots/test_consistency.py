"""The same fakes for the same person: in two databases, two runs, and both engines."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.embedded.rds.mariadb import MariaDb
from ops.embedded.rds.postgres import Postgres
from ops.snapshots.policy.treatment import FAKES
from tests.ops.snapshots.databases import ENGINES, PASSWORD, Database, Start, passes, treated
from tests.ops.snapshots.mysql import test_compiler as test_mysql
from tests.ops.snapshots.postgres import test_compiler as test_postgres

SHARED = "a-secret-that-two-pipelines-share"  # pragma: allowlist secret
PEOPLE = """
    CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(60), born DATE, mail VARCHAR(60));
    INSERT INTO people VALUES (1, 'Ada Stone', '1980-05-06', 'ada@corp.test')"""
PEOPLE_POLICY = """
    [tables.people]
    id = "keep"
    name = "fake name"
    born = "shift 90 by mail"
    mail = "keep format email"
    """
# Texts that databases could fold, cut, or count in different ways.
VALUES = ("Jane Doe", "JANE DOE", "jane@corp.test", "+43 660 1234567", "José Ñandú", "李小龙", "", "4711")
TREATMENTS = {kind: f"fake {kind}" for kind in FAKES} | {"hashed": "hash", "format": "keep format"}


def person(start: Start, salt: str) -> tuple[object, ...]:
    database = start()
    database.run(PEOPLE)
    passes(treated(database, PEOPLE_POLICY, salt=salt))
    (row,) = database.rows("SELECT name, born, mail FROM people")
    return row


@pytest.mark.thorough
def test_a_kept_secret_gives_a_person_the_same_fakes_in_two_databases_and_runs(start: Start) -> None:
    one = person(start, SHARED)
    assert person(start, SHARED) == one
    assert person(start, SHARED + "2")[2] != one[2]


@pytest.mark.thorough
def test_without_a_kept_secret_two_runs_differ(start: Start) -> None:
    assert person(start, "")[2] != person(start, "")[2]


def test_a_secret_that_can_be_guessed_fails_the_run(start: Start) -> None:
    database = start()
    database.run(PEOPLE)
    done = treated(database, PEOPLE_POLICY, salt="guessme")
    assert done.status == 3 and "The fake secret has fewer than 16 characters." in done.log
    assert database.one("SELECT name FROM people") == "Ada Stone"


@pytest.fixture
def both(database_folder: Path) -> Iterator[list[Database]]:
    """Return an empty database of each engine."""
    if ENGINES == ["postgres"]:
        pytest.skip("MariaDB is not installed")
    postgres, mariadb = Postgres(database_folder / "one", {}), MariaDb(database_folder / "other", {})
    ports = [servers.create("both", "master", PASSWORD, "shop") for servers in (postgres, mariadb)]
    yield [test_postgres.Database(postgres, ports[0], "shop"), test_mysql.Database(mariadb, ports[1])]
    for servers in (postgres, mariadb):
        servers.delete("both")


def test_both_engines_create_the_same_fakes(both: list[Database]) -> None:
    columns = ", ".join(f"{name} VARCHAR(60)" for name in TREATMENTS)
    policy = "\n".join(f'{name} = "{treatment}"' for name, treatment in TREATMENTS.items())
    results = []
    for database in both:
        database.run(f"CREATE TABLE people (id INT PRIMARY KEY, number BIGINT, born DATE, {columns})")
        for place, value in enumerate((*VALUES, None)):
            cell = "NULL" if value is None else f"'{value}'"
            cells = ", ".join([cell] * len(TREATMENTS))
            database.run(f"INSERT INTO people VALUES ({place}, {place}, '1980-05-06', {cells})")
        passes(treated(database, f"""
            [tables.people]
            "*" = "sample 60"
            id = "keep"
            number = "hash"
            born = "shift 90 by id"
            {policy}
            """))  # fmt: skip
        results.append(database.rows("SELECT * FROM people ORDER BY id"))
    assert results[0] == results[1] and 0 < len(results[0]) < len(VALUES) + 1
