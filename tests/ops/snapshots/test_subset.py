"""Subsets along foreign keys on real servers of every engine: every key stays valid."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from ops.embedded.rds.postgres import Postgres
from ops.embedded.sample.shop import shop_sql
from ops.errors import InputError
from ops.snapshots.compiler import compile_policy
from ops.snapshots.policy.model import parse_policy
from ops.snapshots.report import ReportCheck, report_from_log
from tests.ops.snapshots.databases import PASSWORD, Database, Start, numbers, passes, treated
from tests.ops.snapshots.postgres import test_compiler as test_postgres
from tests.ops.snapshots.sanitizer import sanitize

SHOP = """
    CREATE TABLE regions (id INT PRIMARY KEY, boss INT);
    CREATE TABLE customers (id INT PRIMARY KEY, region INT REFERENCES regions (id), mail VARCHAR(60) UNIQUE,
        recruiter INT);
    CREATE TABLE products (id INT PRIMARY KEY);
    CREATE TABLE orders (id INT PRIMARY KEY, customer INT, replaces INT);
    CREATE TABLE items (orders INT, place INT, product INT, PRIMARY KEY (orders, place),
        FOREIGN KEY (orders) REFERENCES orders (id) {action},
        FOREIGN KEY (product) REFERENCES products (id));
    CREATE TABLE parts (id INT PRIMARY KEY, orders INT, place INT, packer INT,
        FOREIGN KEY (packer) REFERENCES customers (id),
        FOREIGN KEY (orders, place) REFERENCES items (orders, place));
    CREATE TABLE tickets (id INT PRIMARY KEY, mail VARCHAR(60));
    INSERT INTO regions SELECT n, n * 20 FROM {regions};
    INSERT INTO customers SELECT n, 1 + n % 10, CONCAT('c', n, '@corp.test'), CASE WHEN n > 1 THEN n - 1 END
        FROM {customers};
    INSERT INTO products SELECT n FROM {regions};
    INSERT INTO orders SELECT n, 1 + n % 200, CASE WHEN n % 50 = 0 THEN n - 7 END FROM {orders};
    INSERT INTO items SELECT n, p.id, p.id FROM {orders} CROSS JOIN products p WHERE p.id < 3;
    INSERT INTO parts SELECT n * 10, n, 1, CASE WHEN n = 3 THEN 7 END FROM {orders};
    INSERT INTO tickets SELECT n, CONCAT('c', n, '@corp.test') FROM {customers};
    INSERT INTO tickets VALUES (999, NULL);
    ALTER TABLE regions ADD FOREIGN KEY (boss) REFERENCES customers (id);
    ALTER TABLE orders ADD FOREIGN KEY (customer) REFERENCES customers (id);
    ALTER TABLE orders ADD FOREIGN KEY (replaces) REFERENCES orders (id);"""
POLICY = """
    [subset]
    table = "orders"
    {chosen}
    references = ["tickets.mail = customers.mail"]
    [tables.orders]
    id = "keep"
    customer = "keep"
    replaces = "keep"
    [tables.items]
    orders = "keep"
    place = "keep"
    product = "keep"
    [tables.parts]
    id = "keep"
    orders = "keep"
    place = "keep"
    packer = "keep"
    [tables.customers]
    id = "keep"
    region = "keep"
    mail = "fake email"
    recruiter = "null"
    [tables.regions]
    id = "keep"
    boss = "keep"
    [tables.products]
    id = "keep"
    [tables.tickets]
    id = "keep"
    mail = "same as customers.mail"
    """


def shop(start: Start, action: str = "") -> Database:
    database = start()
    made = {name: numbers(database, count) for name, count in SIZES.items()}
    database.run(SHOP.format(action=action, **made))
    return database


SIZES = {"regions": 10, "customers": 200, "orders": 1000}
BROKEN = {
    "orders": "SELECT COUNT(*) FROM orders c WHERE customer NOT IN (SELECT id FROM customers)",
    "replaces": "SELECT COUNT(*) FROM orders c WHERE replaces NOT IN (SELECT id FROM orders)",
    "items": "SELECT COUNT(*) FROM items c WHERE orders NOT IN (SELECT id FROM orders)",
    "parts": "SELECT COUNT(*) FROM parts c WHERE orders NOT IN (SELECT orders FROM items)",
    "customers": "SELECT COUNT(*) FROM customers c WHERE region NOT IN (SELECT id FROM regions)",
    "regions": "SELECT COUNT(*) FROM regions c WHERE boss NOT IN (SELECT id FROM customers)",
    "tickets": "SELECT COUNT(*) FROM tickets c WHERE mail NOT IN (SELECT mail FROM customers)",
}


def counts(database: Database) -> dict[str, int]:
    tables = ("orders", "items", "parts", "customers", "regions", "products", "tickets")
    return {table: int(str(database.one(f"SELECT COUNT(*) FROM {table}"))) for table in tables}


@pytest.mark.each_engine
def test_chosen_rows_stay_with_all_that_they_refer_to(start: Start) -> None:
    """Order 50 needs 43; orders need customers, as do their parts; regions need bosses."""
    database = shop(start, "ON DELETE CASCADE")
    passes(done := treated(database, POLICY.format(chosen='where = "id in (50, 3)"')))
    assert [row[0] for row in database.rows("SELECT id FROM orders ORDER BY id")] == [3, 43, 50]
    # Of the orders 4, 44, 51, of a part 7; of their regions 5, 2, 8 the bosses 100, 40, 160; and of
    # the region 1 of these the boss 20.
    customers = [row[0] for row in database.rows("SELECT id FROM customers ORDER BY id")]
    assert customers == [4, 7, 20, 40, 44, 51, 100, 160]
    assert [row[0] for row in database.rows("SELECT id FROM regions ORDER BY id")] == [1, 2, 5, 8]
    assert [row[0] for row in database.rows("SELECT id FROM parts ORDER BY id")] == [30, 430, 500]
    assert database.rows("SELECT id FROM tickets ORDER BY id") == [
        (id,) for id in (4, 7, 20, 40, 44, 51, 100, 160, 999)
    ]
    assert counts(database)["items"] == 6 and counts(database)["products"] == 10
    assert {name: database.one(query) for name, query in BROKEN.items()} == dict.fromkeys(BROKEN, 0)
    lines = [
        check.message for check in report_from_log(done.log.splitlines()).checks if check.kind == "subset"
    ]
    assert any("orders: 3 (" in line and "of 1000 rows stay" in line for line in lines), lines


def test_a_tenth_keeps_every_key_valid(start: Start) -> None:
    database = shop(start)
    passes(treated(database, POLICY.format(chosen='keep = "10 %"')))
    found = counts(database)
    assert 60 < found["orders"] < 160 and found["items"] == 2 * found["orders"], found
    assert {name: database.one(query) for name, query in BROKEN.items()} == dict.fromkeys(BROKEN, 0)


def test_a_forecast_reports_rows_and_stops(start: Start) -> None:
    database = shop(start)
    done = treated(database, POLICY.format(chosen='keep = "10 %"\nmode = "forecast"'))
    assert done.status == 9, done.log
    (message,) = [check.message for check in report_from_log(done.log.splitlines()).failed]
    assert message.startswith("forecast of the subset: ") and "rows stay" in message
    mail = str(database.one("SELECT mail FROM customers ORDER BY id LIMIT 1"))
    assert mail.endswith("@corp.test"), "nothing is treated"


WRONG = {
    'table = "nowhere"\nkeep = "1 %"': "is 'nowhere', which is not in the policy",
    'table = "t"': "needs one of keep and where",
    'table = "t"\nkeep = "1 %"\nwhere = "true"': "needs one of keep and where",
    'table = "t"\nkeep = "100 %"': "is not between 0 and 100 %",
    'table = "t"\nkeep = "some"': "which is not a percentage",
    'table = "t"\nwhere = "now() > x"': "is a condition that",
    'table = "t"\nkeep = "1 %"\nreferences = ["t.y = t.id"]': "names t.y, which is not in the policy",
    'table = "t"\nkeep = "1 %"\nreferences = ["t.x = t.id"]': "whose columns have different treatments",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_subset_is_named(text: str) -> None:
    with pytest.raises(InputError, match=WRONG[text].replace("(", "\\(")):
        parse_policy(f"[subset]\n{text}\n[tables.t]\nid = 'keep'\nx = 'null'")


SAKILA = Path(__file__).parents[4] / "shared/data/databases"
TAKE_TABLES = """
    DO $$ DECLARE taken regclass; BEGIN
        FOR taken IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace
                AND relkind IN ('r', 'p') LOOP
            EXECUTE format('ALTER TABLE %s OWNER TO master', taken);
        END LOOP;
    END $$"""
STEPS = ("undo.save", "relax.gen", "subset.report", "subset.gen.tell", "undo.saved", "keys.gen.check")


def subset_alone(database: Database, policy: str) -> list[ReportCheck]:
    """Run the subset without treatments, and return its checks; every foreign key must be valid."""
    is_postgres = isinstance(database, test_postgres.Database)
    scripts = [s for s in compile_policy(parse_policy(policy)) if s.name in STEPS]
    done = sanitize(database.login, scripts, "psql" if is_postgres else "mysql")
    passes(done)
    checks = report_from_log(done.log.splitlines()).checks
    assert len([check for check in checks if check.kind == "foreign key" and check.rows]) > 9
    return [check for check in checks if check.kind == "subset"]


def kept(checks: list[ReportCheck]) -> dict[str, int]:
    return {check.table.rpartition(".")[2]: int(check.detail.split()[0]) for check in checks}


@pytest.mark.thorough
@pytest.mark.skipif(not SAKILA.is_dir(), reason=f"the Sakila dump is not at {SAKILA}")
def test_a_tenth_of_sakila_keeps_every_key_valid(start: Start) -> None:
    database = start()
    is_postgres = isinstance(database, test_postgres.Database)
    folder = SAKILA / ("postgres" if is_postgres else "mysql")
    parts = [(folder / part).read_text("utf-8") for part in ("sakila-schema.sql", "sakila-data.sql")]
    if isinstance(database, test_postgres.Database):  # the dump disables system triggers
        for part in parts:
            database.superuser("shop", re.sub(r"(?m)^(.* OWNER TO .*|GRANT .*|REVOKE .*)$", "", part))
        database.superuser("shop", TAKE_TABLES)
    else:
        for part in parts:
            database.run(part)
    table = "rental" if is_postgres else "sakila.rental"
    name = "public.rental" if is_postgres else "sakila.rental"
    checks = subset_alone(
        database,
        f"engine = '{'postgres' if is_postgres else 'mariadb'}'\n[subset]\ntable = '{table}'\nkeep = '10 %'\n"
        f"[tables.'{name}']\nrental_id = 'keep'\nlast_update = 'null'\n",
    )
    rows = kept(checks)
    assert 1400 < rows["rental"] < 1800 and rows["all tables"] < 16_000, checks


@pytest.mark.thorough
def test_a_tenth_of_the_sample_shop_keeps_every_key_valid(database_folder: Path) -> None:
    postgres = Postgres(database_folder / "shop", {})
    port = postgres.create("shop", "master", PASSWORD, "shop")
    try:
        database = test_postgres.Database(postgres, port, "shop")
        postgres.load(database.login, shop_sql())
        policy = (files("ops.embedded.sample") / "shop_policy.toml").read_text("utf-8")
        before = int(str(database.one("SELECT count(*) FROM orders")))
        rows = kept(subset_alone(database, policy + '\n[subset]\ntable = "orders"\nkeep = "10 %"\n'))
        assert before / 20 < rows["orders"] < before / 6, rows
    finally:
        postgres.delete("shop")
