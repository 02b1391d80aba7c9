"""The sample databases: loaded into a real PostgreSQL, sanitized by their SQL, and compared by value."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from ops.embedded.ports import HOST
from ops.embedded.rds.postgres import BINARIES, Postgres, environment
from ops.embedded.rds.servers import Login
from ops.embedded.sample import production_databases
from ops.embedded.sample.shop import shop_sql
from ops.snapshots.policy.model import parse_policy
from ops.snapshots.policy.scripts import SqlScript
from ops.snapshots.postgres.compiler import compile_policy
from tests.contents import PERSONAL, STATISTICS, Contents, count_rows, read_contents, values
from tests.ops.snapshots.sanitizer import Sanitized, sanitize

SAKILA = Path(__file__).parents[5] / "shared/data/databases/postgres"
SAKILA_POLICY = Path(__file__).parents[3] / "data/sakila_policy.toml"
SHOP = production_databases()[0]
PASSWORD = "correct-horse-1"
SAKILA_PERSONAL = """
    SELECT email FROM customer UNION SELECT email FROM staff
    UNION SELECT first_name || ' ' || last_name FROM staff
    UNION (SELECT first_name || ' ' || last_name FROM customer
           EXCEPT SELECT first_name || ' ' || last_name FROM actor) -- one customer is called like an actress
    UNION SELECT password FROM staff UNION SELECT address FROM address
    UNION SELECT phone FROM address WHERE length(phone) > 6"""
ROWS = {
    "customers": 2_400,
    "employees": 40,
    "categories": 24,
    "products": 420,
    "orders": 6_000,
    "reviews": 2_500,
    "support_tickets": 1_500,
    "newsletter_subscriptions": 1_800,
    "audit_log": 5_000,
}


def scripts(policy: str) -> list[SqlScript]:
    """Return the scripts without the checks of other databases and roles, which other tests use."""
    others = ("unlisted.others.check", "server.check")
    return [script for script in compile_policy(parse_policy(policy)) if script.name not in others]


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server with the shop and copies of it."""

    postgres: Postgres
    port: int

    def login(self, database: str, user: str = "shop_admin") -> Login:
        return Login(self.port, user, PASSWORD, database)

    def connect(self, database: str) -> psycopg.Connection:
        """Connect as the cloud's superuser."""
        password = (self.postgres.root / "rdsadmin").read_text()
        return psycopg.connect(
            host=HOST, port=self.port, dbname=database, user="rdsadmin", password=password, autocommit=True
        )

    def copy(self, source: str, target: str) -> None:
        with self.connect("postgres") as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER shop_admin").format(
                    sql.Identifier(target), sql.Identifier(source)
                )
            )

    def sanitize(self, database: str, policy: str) -> Sanitized:
        return sanitize(self.login(database), scripts(policy))

    def contents(self, database: str) -> Contents:
        with self.connect(database) as connection:
            return read_contents(connection)

    def values(self, database: str, query: str) -> list[str]:
        with self.connect(database) as connection:
            return values(connection, query)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    # Not pytest's folder: only its owner can access that, and the server runs as another user.
    folder = Path(tempfile.mkdtemp(prefix="slipway-sample-"))
    folder.chmod(0o755)
    postgres = Postgres(folder / "postgres", {})
    yield Server(postgres, postgres.create("sample", "shop_admin", PASSWORD, "shop"))
    postgres.delete("sample")
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def shop(server: Server) -> Contents:
    """The database "shop" as in production."""
    server.postgres.load(server.login("shop"), SHOP.sql())
    return server.contents("shop")


@pytest.fixture(scope="module")
def sanitized(server: Server, shop: Contents) -> Contents:
    """The database "sanitized", a copy of the shop after its policy was applied."""
    server.copy("shop", "sanitized")
    done = server.sanitize("sanitized", SHOP.policy)
    assert (done.status, done.failed()) == (0, []), done.log
    return server.contents("sanitized")


def digest_in_new_process(**environment: str) -> str:
    program = (
        "import hashlib; from ops.embedded.sample.shop import shop_sql;"
        "print(hashlib.sha256(''.join(shop_sql()).encode()).hexdigest())"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def luhn_valid(number: str) -> bool:
    """Check from the right, as the textbooks do, not with the SQL's formula."""
    digits = [int(digit) for digit in reversed(number)]
    return (sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])) % 10 == 0


def test_the_same_seed_gives_the_same_bytes_everywhere() -> None:
    here = digest_in_new_process(PYTHONHASHSEED="1", TZ="Asia/Tokyo", LC_ALL="C")
    there = digest_in_new_process(PYTHONHASHSEED="2", TZ="America/Lima", LC_ALL="C.UTF-8")
    assert here == there


def test_another_seed_gives_other_people() -> None:
    first, second = ("".join(islice(shop_sql(seed), 2)) for seed in (1, 2))
    assert first != second


def test_production_has_the_shop() -> None:
    (database,) = production_databases()
    assert (database.identifier, database.engine) == ("shop-production", "postgres")
    assert (database.db_name, database.master_user) == ("shop", "shop_admin")


def test_the_shop_has_the_expected_rows(shop: Contents) -> None:
    assert {table: shop.counts[table] for table in ROWS} == ROWS
    assert len(shop.counts) == 13
    assert sum(shop.counts.values()) > 40_000
    assert all(shop.counts.values())


def test_the_shop_has_constraints_and_triggers(server: Server, shop: Contents) -> None:
    with server.connect("shop") as connection:
        kinds = Counter(kind for (kind,) in connection.execute("SELECT contype::text FROM pg_constraint"))
        triggers = connection.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal").fetchall()
    assert kinds["f"] == 17
    assert kinds["c"] > 8
    assert {name for (name,) in triggers} == {"customers_touch", "orders_touch", "customers_audit"}


def test_new_rows_get_new_ids(server: Server, shop: Contents) -> None:
    with server.connect("shop") as connection:
        for table in sorted(shop.counts.keys() - {"order_items"}):
            query = sql.SQL("SELECT nextval(pg_get_serial_sequence({name}, 'id')) - max(id) FROM {table}")
            row = connection.execute(query.format(name=table, table=sql.Identifier(table))).fetchone()
            assert row == (1,), table


def test_card_numbers_pass_the_luhn_check(server: Server, shop: Contents) -> None:
    assert all(map(luhn_valid, server.values("shop", PERSONAL["cards"])))


def test_no_personal_data_is_left(server: Server, shop: Contents, sanitized: Contents) -> None:
    originals = {kind: server.values("shop", query) for kind, query in PERSONAL.items()}
    everything = {original.casefold() for values in originals.values() for original in values}
    assert min(map(len, originals.values())) > 500
    assert shop.found(everything) == everything
    assert sanitized.found(everything) == set()


def test_no_card_number_is_left_in_groups_of_digits(
    server: Server, shop: Contents, sanitized: Contents
) -> None:
    cards = server.values("shop", PERSONAL["cards"])
    grouped = Contents("\n".join(server.values("shop", PERSONAL["ticket notes"])), {})
    assert len(grouped.compact().found(cards)) > len(grouped.found(cards)) > 100
    assert sanitized.compact().found(cards) == set()


def test_the_statistics_held_personal_data_before(server: Server, shop: Contents) -> None:
    held = Contents("\n".join(server.values("shop", STATISTICS)), {})
    assert len(held.found(server.values("shop", PERSONAL["e-mails"]))) > 100


def test_sanitizing_keeps_all_rows_except_in_truncated_tables(shop: Contents, sanitized: Contents) -> None:
    assert sanitized.counts == {**shop.counts, "audit_log": 0}


def test_a_sanitized_shop_can_be_dumped_and_restored(server: Server, sanitized: Contents) -> None:
    """A restore checks every unique, foreign key, and check constraint again."""
    server.copy("template0", "restored")
    program = subprocess.run(
        [BINARIES / "pg_dump"],
        env={**os.environ, **environment(server.login("sanitized"))},
        capture_output=True,
        text=True,
        check=True,
    )
    server.postgres.load(server.login("restored"), [program.stdout])
    assert server.contents("restored").counts == sanitized.counts


def test_fake_cards_are_in_the_test_range_and_pass_the_luhn_check(
    server: Server, sanitized: Contents
) -> None:
    cards = server.values("sanitized", PERSONAL["cards"])
    assert all(luhn_valid(card) and len(card) == 16 and card.startswith("400000") for card in cards)


@pytest.mark.thorough
def test_fakes_are_the_same_in_every_run(server: Server, sanitized: Contents) -> None:
    fakes = "SELECT (id, first_name, last_name, email, phone, birth_date)::text FROM customers ORDER BY id"
    server.copy("shop", "again")
    assert server.sanitize("again", SHOP.policy).status == 0
    assert server.values("again", fakes) == server.values("sanitized", fakes)


def test_the_audit_trigger_works_again_after_sanitizing(server: Server, sanitized: Contents) -> None:
    with server.connect("sanitized") as connection, connection.transaction(force_rollback=True):
        connection.execute("UPDATE customers SET phone = '1' WHERE id = 1")
        assert count_rows(connection, "audit_log") == sanitized.counts["audit_log"] + 1


@pytest.mark.thorough
@pytest.mark.skipif(not SAKILA.is_dir(), reason=f"the Sakila dump is not at {SAKILA}")
def test_the_real_sakila_is_sanitized(server: Server) -> None:
    # The dump's owner is a role "postgres" and needs a superuser; sanitizing must not.
    with server.connect("postgres") as connection:
        connection.execute(f"CREATE ROLE postgres LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
    server.copy("template0", "sakila")
    for part in ("sakila-schema.sql", "sakila-data.sql"):
        server.postgres.load(server.login("sakila", "postgres"), [(SAKILA / part).read_text("utf-8")])
    with server.connect("sakila") as connection:
        connection.execute("ALTER ROLE postgres NOSUPERUSER")
        connection.execute("VACUUM ANALYZE")
    before = server.contents("sakila")
    originals = server.values("sakila", SAKILA_PERSONAL)
    policy = SAKILA_POLICY.read_text("utf-8")
    done = sanitize(server.login("sakila", "postgres"), scripts(policy))
    assert (done.status, done.failed()) == (0, []), done.log
    after = server.contents("sakila")
    assert before.found(originals) == {original.casefold() for original in originals}
    assert after.found(originals) == set()
    assert after.counts == before.counts
