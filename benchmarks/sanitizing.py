"""Sanitizing a large table by policy, compared with one UPDATE that sets the same columns to constants.

    PYTHONPATH=. python benchmarks/sanitizing.py [ROWS] [postgres|mariadb]

Both run in the same server, on copies of the same table, with the same number of columns changed.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ops.embedded.rds import mariadb
from ops.embedded.rds.mariadb import MariaDb
from ops.embedded.rds.postgres import BINARIES, Postgres, environment
from ops.embedded.rds.servers import DatabaseServers, Login
from ops.snapshots.mysql import treat as mysql_treat
from ops.snapshots.policy.model import parse_policy
from ops.snapshots.postgres import treat as postgres_treat

ROWS = 1_000_000
PASSWORD = "correct-horse-1"
TABLES = {
    "postgres": """
    CREATE TABLE people AS SELECT n AS id, 'person' || n || '@real.test' AS email, 'First' || n AS first_name,
        'Last' || n AS last_name, '+43660' || n AS phone, '1970-01-01'::date + (n % 9000) AS born,
        md5(n::text) AS secret FROM generate_series(1, {rows}) n;
    ALTER TABLE people ADD PRIMARY KEY (id);
    ANALYZE people""",
    "mariadb": """
    CREATE TABLE people (id INT PRIMARY KEY, email VARCHAR(60), first_name VARCHAR(40), last_name VARCHAR(40),
        phone VARCHAR(30), born DATE, secret VARCHAR(40));
    INSERT INTO people SELECT seq, CONCAT('person', seq, '@real.test'), CONCAT('First', seq),
        CONCAT('Last', seq), CONCAT('+43660', seq), DATE_ADD('1970-01-01', INTERVAL seq % 9000 DAY), MD5(seq)
        FROM seq_1_to_{rows};""",
}
ONE_UPDATE = """
    UPDATE people SET email = 'x@example.com', first_name = 'X', last_name = 'X', phone = '0',
        born = '2000-01-01', secret = 'x'"""
POLICY = """
    engine = "{engine}"
    [tables.people]
    id = "keep"
    email = "fake email"
    first_name = "fake first_name"
    last_name = "fake last_name"
    phone = "fake phone"
    born = "shift 30 by id"
    secret = "hash"
    """


def seconds(servers: DatabaseServers, login: Login, sql: str) -> float:
    start = time.perf_counter()
    servers.load(login, [sql])
    return time.perf_counter() - start


def sanitize_sql(policy_text: str, login: Login) -> str:
    """Return the SQL that the policy's generator prints, as the task runs it."""
    policy = parse_policy(policy_text)
    if policy.engine == "postgres":
        command, variables = [str(BINARIES / "psql"), "-XqAt", "-f", "-"], environment(login)
        return _output(command, variables, postgres_treat.treat(policy))
    address = ["--host=127.0.0.1", f"--port={login.port}", f"--user={login.user}", login.database]
    command = [
        "mariadb",
        "--no-defaults",
        "--batch",
        "--raw",
        "--skip-column-names",
        *address,
    ]
    statements = _output(command, {"MYSQL_PWD": login.password}, mysql_treat.treat(policy))
    return "SET @salt = 'a-salt';\n" + statements


def _output(command: list[str], variables: dict[str, str], sql: str) -> str:
    process = subprocess.run(command, input=sql, env=variables, capture_output=True, text=True, check=True)
    return process.stdout


def measure(engine: str, rows: int) -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server_class = Postgres if engine == "postgres" else MariaDb
        servers = server_class(folder / engine, {"SALT": "a-salt"})
        port = servers.create("bench", "master", PASSWORD, "bench")
        login = Login(port, "master", PASSWORD, "bench")
        try:
            if isinstance(servers, MariaDb):  # it must hold the locks of an UPDATE of 10 million rows
                servers.execute(port, "SET GLOBAL innodb_buffer_pool_size = 268435456")
            servers.load(login, [TABLES[engine].format(rows=rows)])
            sql = sanitize_sql(POLICY.format(engine=engine), login)
            by_policy = seconds(servers, login, sql)
            servers.load(login, ["DROP TABLE people;", TABLES[engine].format(rows=rows)])
            by_update = seconds(servers, login, ONE_UPDATE)
        finally:
            servers.delete("bench")
    print(
        f"{engine}: {rows:,} rows, 6 columns: policy {by_policy:.1f} s, one UPDATE {by_update:.1f} s, "
        f"ratio {by_policy / by_update:.2f}"
    )


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    engines = sys.argv[2:] or ["postgres", *(["mariadb"] if mariadb.find_server() else [])]
    for engine in engines:
        measure(engine, rows)


if __name__ == "__main__":
    main()
