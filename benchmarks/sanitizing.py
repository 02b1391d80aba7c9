"""Treating a large table by policy, against one UPDATE by hand that sets the same columns to constants.

    python benchmarks/sanitizing.py [ROWS]

Both run in the same server, on copies of the same table, with the same number of columns changed.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ops.embedded.postgres import BINARIES, Login, Postgres
from ops.snapshots.policy import parse
from ops.snapshots.postgres_treat import treat

ROWS = 1_000_000
PASSWORD = "correct-horse-1"
TABLE = """
    CREATE TABLE people AS SELECT n AS id, 'person' || n || '@real.test' AS email, 'First' || n AS first_name,
        'Last' || n AS last_name, '+43660' || n AS phone, '1970-01-01'::date + (n % 9000) AS born,
        md5(n::text) AS secret FROM generate_series(1, {rows}) n;
    ALTER TABLE people ADD PRIMARY KEY (id);
    ANALYZE people"""
BY_HAND = """
    UPDATE people SET email = 'x@example.com', first_name = 'X', last_name = 'X', phone = '0',
        born = '2000-01-01', secret = 'x'"""
POLICY = """
    [tables.people]
    id = "keep"
    email = "fake email"
    first_name = "fake first_name"
    last_name = "fake last_name"
    phone = "fake phone"
    born = "shift 30 by id"
    secret = "hash"
    """


def seconds(postgres: Postgres, login: Login, sql: str) -> float:
    began = time.perf_counter()
    postgres.load(login, [sql])
    return time.perf_counter() - began


def generated(postgres: Postgres, login: Login) -> str:
    """The statements that the policy's generator prints, as the task runs them."""
    done = subprocess.run(
        [BINARIES / "psql", "-XqAt", "-f", "-"],
        input=treat(parse(POLICY)),
        env=login.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres = Postgres(folder / "postgres", {"SALT": "a-salt"})
        port = postgres.create("bench", "master", PASSWORD, "bench")
        login = Login(port, "master", PASSWORD, "bench")
        try:
            postgres.load(login, [TABLE.format(rows=rows)])
            sql = generated(postgres, login)
            by_policy = seconds(postgres, login, sql)
            postgres.load(login, ["DROP TABLE people;", TABLE.format(rows=rows)])
            by_hand = seconds(postgres, login, BY_HAND)
        finally:
            postgres.delete("bench")
    print(
        f"{rows:,} rows, 6 columns: by policy {by_policy:.1f} s, by hand {by_hand:.1f} s, "
        f"ratio {by_policy / by_hand:.2f}"
    )


if __name__ == "__main__":
    main()
