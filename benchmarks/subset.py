"""A tenth of a database along foreign keys, compared with deleting nothing: time of each, and rows that stay.

    PYTHONPATH=. python benchmarks/subset.py [ORDERS] [postgres|mariadb]

The database is a shop: customers, orders, and two items with a note in each order.
"""

import sys
import tempfile
import time
from pathlib import Path

from benchmarks.sanitizing import PASSWORD, generated, seconds
from ops.embedded.rds import mariadb
from ops.embedded.rds.mariadb import MariaDb
from ops.embedded.rds.postgres import Postgres
from ops.embedded.rds.servers import DatabaseServers, Login
from ops.snapshots.mysql import subset as mysql_subset
from ops.snapshots.mysql import treat as mysql_treat
from ops.snapshots.policy.model import Policy, parse_policy
from ops.snapshots.postgres import subset as postgres_subset
from ops.snapshots.postgres import treat as postgres_treat

ORDERS = 200_000
TABLES = """
    CREATE TABLE customers (id INT PRIMARY KEY, mail VARCHAR(60));
    CREATE TABLE orders (id INT PRIMARY KEY, customer INT NOT NULL REFERENCES customers (id));
    CREATE TABLE items (id INT PRIMARY KEY, ordered INT NOT NULL REFERENCES orders (id), note VARCHAR(60));
    INSERT INTO customers SELECT n, CONCAT('c', n, '@corp.test') FROM {customers};
    INSERT INTO orders SELECT n, 1 + n % {half} FROM {orders};
    INSERT INTO items SELECT n, 1 + n % {count}, CONCAT('for c', n) FROM {items};
    CREATE INDEX by_customer ON orders (customer);
    CREATE INDEX by_order ON items (ordered);"""
POLICY = """
    engine = "{engine}"
    [subset]
    table = "orders"
    keep = "10 %"
    [tables.customers]
    id = "keep"
    mail = "fake email"
    [tables.orders]
    id = "keep"
    customer = "keep"
    [tables.items]
    id = "keep"
    ordered = "keep"
    note = "fake text"
    """


def fill(servers: DatabaseServers, login: Login, orders: int) -> None:
    is_postgres = isinstance(servers, Postgres)

    def numbers(count: int) -> str:
        return (
            f"generate_series(1, {count}) n" if is_postgres else f"(SELECT seq AS n FROM seq_1_to_{count}) s"
        )

    made = {name: numbers(count) for name, count in
            {"customers": orders // 2, "orders": orders, "items": 2 * orders}.items()}  # fmt: skip
    sql = TABLES.format(half=orders // 2, count=orders, **made)
    servers.load(login, ["DROP TABLE IF EXISTS items, orders, customers;", sql])
    servers.load(login, ["ANALYZE" if is_postgres else "ANALYZE TABLE customers, orders, items"])


def subset_seconds(servers: DatabaseServers, login: Login, policy: Policy) -> float:
    assert policy.subset
    start = time.perf_counter()
    if isinstance(servers, Postgres):
        generated(policy, login, postgres_subset.subset(policy.subset))
    else:
        servers.load(login, [generated(policy, login, mysql_subset.subset(policy.subset))])
    return time.perf_counter() - start


def measure(engine: str, orders: int) -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        servers = (Postgres if engine == "postgres" else MariaDb)(folder / engine, {"SALT": "a-salt"})
        port = servers.create("bench", "master", PASSWORD, "bench")
        login = Login(port, "master", PASSWORD, "bench")
        treat = postgres_treat if engine == "postgres" else mysql_treat
        policy = parse_policy(POLICY.format(engine=engine))
        try:
            fill(servers, login, orders)
            whole = seconds(servers, login, generated(policy, login, treat.treat(policy)))
            fill(servers, login, orders)
            cut = subset_seconds(servers, login, policy)
            tenth = seconds(servers, login, generated(policy, login, treat.treat(policy)))
        finally:
            servers.delete("bench")
    print(
        f"{engine}: {orders * 7 // 2:,} rows: treatment of the whole {whole:.1f} s; "
        f"subset of a tenth {cut:.1f} s, its treatment {tenth:.1f} s; ratio {(cut + tenth) / whole:.2f}"
    )


def main() -> None:
    orders = int(sys.argv[1]) if len(sys.argv) > 1 else ORDERS
    for engine in sys.argv[2:] or ["postgres", *(["mariadb"] if mariadb.find_server() else [])]:
        measure(engine, orders)


if __name__ == "__main__":
    main()
