"""Sanitizing a large table by policy, compared with one UPDATE that sets the same columns to constants.

    PYTHONPATH=. python benchmarks/sanitizing.py [ROWS] [postgres|mariadb]

Both run in the same server, on copies of the same table, with the same number of columns changed. The scan of
the kept columns follows, of all rows and of the sample that a policy scans by default.

A rebuild without its checks is compared with a dump of the same table that another server restores.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ops.embedded.ports import HOST
from ops.embedded.rds import mariadb
from ops.embedded.rds.mariadb import MariaDb
from ops.embedded.rds.postgres import BINARIES, Postgres, environment
from ops.embedded.rds.servers import DatabaseServers, Login
from ops.snapshots.compiler import REBUILD, compile_policy
from ops.snapshots.mysql import scan as mysql_scan
from ops.snapshots.mysql import treat as mysql_treat
from ops.snapshots.policy.model import Policy, parse_policy
from ops.snapshots.postgres import scan as postgres_scan
from ops.snapshots.postgres import treat as postgres_treat
from ops.templates.snapshots.sanitize import program

ROWS = 1_000_000
PASSWORD = "correct-horse-1"
TABLES = {
    "postgres": """
    CREATE TABLE people AS SELECT n AS id, 'person' || n || '@real.test' AS email, 'First' || n AS first_name,
        'Last' || n AS last_name, '+43660' || n AS phone, '1970-01-01'::date + (n % 9000) AS born,
        md5(n::text) AS secret, 'Order ' || n || ' ships with a blue cover, size ' || n % 40
        || ', until 2024-05-' || 10 + n % 20 AS note FROM generate_series(1, {rows}) n;
    ALTER TABLE people ADD PRIMARY KEY (id);
    ANALYZE people""",
    "mariadb": """
    CREATE TABLE people (id INT PRIMARY KEY, email VARCHAR(60), first_name VARCHAR(40), last_name VARCHAR(40),
        phone VARCHAR(30), born DATE, secret VARCHAR(40), note TEXT);
    INSERT INTO people SELECT seq, CONCAT('person', seq, '@real.test'), CONCAT('First', seq),
        CONCAT('Last', seq), CONCAT('+43660', seq), DATE_ADD('1970-01-01', INTERVAL seq % 9000 DAY), MD5(seq),
        CONCAT('Order ', seq, ' ships with a blue cover, size ', seq % 40, ', until 2024-05-', 10 + seq % 20)
        FROM seq_1_to_{rows}; ANALYZE TABLE people;""",
}
ONE_UPDATE = """
    UPDATE people SET email = 'x@example.com', first_name = 'X', last_name = 'X', phone = '0',
        born = '2000-01-01', secret = 'x'"""
POLICY = """
    engine = "{engine}"
    scan_rows = {scanned}
    [tables.people]
    id = "keep"
    email = "fake email"
    first_name = "fake first_name"
    last_name = "fake last_name"
    phone = "fake phone"
    born = "shift 30 by id"
    secret = "hash"
    note = "keep"
    """
SAMPLE = 100_000
# A dump of the database of the first server, restored in the second.
BARE = {
    "postgres": "PGPORT=$DB_PORT pg_dump --create bench | PGPORT=$NEW_PORT psql -Xq -d postgres > /dev/null",
    "mariadb": 'dump() { mariadb-dump --no-defaults -h127.0.0.1 -umaster -P"$DB_PORT" --single-transaction '
    '--databases bench; }; dump | mariadb --no-defaults -h127.0.0.1 -umaster -P"$NEW_PORT"',
}


def seconds(servers: DatabaseServers, login: Login, sql: str) -> float:
    start = time.perf_counter()
    servers.load(login, [sql])
    return time.perf_counter() - start


def generated(policy: Policy, login: Login, sql: str) -> str:
    """Return the SQL that a generator of the policy prints, as the task runs it."""
    if policy.engine == "postgres":
        command, variables = [str(BINARIES / "psql"), "-XqAt", "-f", "-"], environment(login)
        return _output(command, {**variables, "SALT": "a-salt-of-the-benchmark"}, sql)
    address = ["--host=127.0.0.1", f"--port={login.port}", f"--user={login.user}", login.database]
    command = [
        "mariadb",
        "--no-defaults",
        "--batch",
        "--raw",
        "--skip-column-names",
        *address,
    ]
    statements = _output(command, {"MYSQL_PWD": login.password}, sql)
    return "SET @salt = 'a-salt';\n" + statements


def _output(command: list[str], variables: dict[str, str], sql: str) -> str:
    process = subprocess.run(command, input=sql, env=variables, capture_output=True, text=True, check=True)
    return process.stdout


def measure(engine: str, rows: int) -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server_class = Postgres if engine == "postgres" else MariaDb
        servers = server_class(folder / engine, {"SALT": "a-salt-of-the-benchmark"})
        port = servers.create("bench", "master", PASSWORD, "bench")
        login = Login(port, "master", PASSWORD, "bench")
        try:
            if isinstance(servers, MariaDb):  # it must hold the locks of an UPDATE of 10 million rows
                servers.execute(port, "SET GLOBAL innodb_buffer_pool_size = 268435456")
            servers.load(login, [TABLES[engine].format(rows=rows)])
            treat, scan = (
                (postgres_treat, postgres_scan) if engine == "postgres" else (mysql_treat, mysql_scan)
            )
            whole, sampled = (
                parse_policy(POLICY.format(engine=engine, scanned=count)) for count in (2 * rows, SAMPLE)
            )
            by_policy = seconds(servers, login, generated(whole, login, treat.treat(whole)))
            scanned, sample = (
                seconds(servers, login, generated(policy, login, scan.scan(policy)))
                for policy in (whole, sampled)
            )
            servers.load(login, ["DROP TABLE people;", TABLES[engine].format(rows=rows)])
            by_update = seconds(servers, login, ONE_UPDATE)
        finally:
            servers.delete("bench")
    print(
        f"{engine}: {rows:,} rows, 6 columns: policy {by_policy:.1f} s, one UPDATE {by_update:.1f} s, "
        f"ratio {by_policy / by_update:.2f}; scan of all rows {scanned:.1f} s, "
        f"ratio {scanned / by_update:.2f}; scan of a sample of {min(rows, SAMPLE):,} rows {sample:.1f} s; "
        f"policy and sample {(by_policy + sample) / by_update:.2f}"
    )


def measure_rebuild(engine: str, rows: int) -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        servers = (Postgres if engine == "postgres" else MariaDb)(folder / engine, {})
        copy = Login(servers.create("copy", "master", PASSWORD, "bench"), "master", PASSWORD, "bench")
        others = {name: servers.create(name, "master", PASSWORD, "") for name in ("bare", "new")}
        try:
            if isinstance(servers, MariaDb):
                for port in (copy.port, *others.values()):
                    servers.execute(port, "SET GLOBAL innodb_buffer_pool_size = 268435456")
            servers.load(copy, [TABLES[engine].format(rows=rows)])
            bare = _timed(BARE[engine], copy, others["bare"], folder)
            policy = parse_policy(POLICY.format(engine=engine, scanned=SAMPLE))
            for number, script in enumerate(compile_policy(policy, REBUILD)):
                if not {"check", "report"} & set(script.name.split(".")):
                    (folder / f"{number:02}-{script.name}.sql").write_text(script.text, "utf-8")
            client = "psql" if engine == "postgres" else "mysql"
            rebuilt = _timed(program(client), copy, others["new"], folder)
        finally:
            for name in ("copy", *others):
                servers.delete(name)
    print(
        f"{engine}: {rows:,} rows, 6 columns: rebuild {rebuilt:.1f} s, dump and restore {bare:.1f} s, "
        f"ratio {rebuilt / bare:.2f}"
    )


def _timed(shell: str, copy: Login, other: int, folder: Path) -> float:
    """Return the duration of a shell program between two servers, in seconds."""
    variables = {
        **environment(copy),
        "PATH": f"{BINARIES}:/usr/bin:/bin",
        "MYSQL_PWD": copy.password,
        "SCRIPTS": str(folder),
        "SALT": "a-salt-of-the-benchmark",
        "DB_HOST": HOST,
        "DB_PORT": str(copy.port),
        "DB_USER": copy.user,
        "DB_PASSWORD": copy.password,
        "DB_NAME": copy.database,
        "NEW_HOST": HOST,
        "NEW_PORT": str(other),
    }
    start = time.perf_counter()
    subprocess.run(["/bin/sh", "-ec", shell], env=variables, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    engines = sys.argv[2:] or ["postgres", *(["mariadb"] if mariadb.find_server() else [])]
    for engine in engines:
        measure(engine, rows)
        measure_rebuild(engine, rows)


if __name__ == "__main__":
    main()
