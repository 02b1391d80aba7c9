"""MariaDB servers for MariaDB and MySQL instances, with the programs that the machine provides."""

import re
import shutil
import signal
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

from ops.embedded.ports import HOST
from ops.embedded.rds.servers import SUPERUSER, DatabaseServers, Login
from ops.errors import EmbeddedError
from ops.text.quoting import identifier, literal

PATIENCE_S = 180.0  # recovery of a copy is slow on a busy machine
SYSTEM_PATH = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
MYSQL_VERSIONS = {"mysql": "8.4.7", "aurora-mysql": "8.0.mysql_aurora.3.10.1"}
_MISSING = (
    "MariaDB and MySQL instances need a local MariaDB server, but mariadbd is not installed. "
    "Install it, on Debian with: apt-get install mariadb-server"
)

# The master user's privileges: RDS User Guide, "Master user account privileges".
_PRIVILEGES = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, "
    "SHOW DATABASES, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION CLIENT, CREATE VIEW, "
    "SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER, REPLICATION SLAVE"
)
# RDS procedures that the sanitizing scripts call: RDS User Guide, "MySQL stored procedure reference".
_ROTATE = """\
CREATE PROCEDURE mysql.rds_rotate_{log}() BEGIN
    DROP TABLE IF EXISTS mysql.{log}_backup;
    CREATE TABLE mysql.{log}_new LIKE mysql.{log};
    RENAME TABLE mysql.{log} TO mysql.{log}_backup, mysql.{log}_new TO mysql.{log};
END//
"""
_OPTIONS = (
    f"--bind-address={HOST}",
    "--socket=server.sock",  # relative to the data folder, whose path may exceed the limit for socket paths
    "--pid-file=server.pid",
    "--skip-name-resolve",
    "--character-set-server=utf8mb4",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=16M",
    "--aria-pagecache-buffer-size=1M",
    "--key-buffer-size=1M",
    "--max-connections=30",
    "--performance-schema=OFF",
    "--log-output=TABLE",  # RDS's default
)


# The shell exits immediately, so the server has no parent here; it prints the server's process ID.
_IN_BACKGROUND = 'log=$1; shift; "$@" >>"$log" 2>&1 </dev/null & echo $!'


def find_server() -> Path | None:
    """Return the path of the server's program if it is installed."""
    path = shutil.which("mariadbd", path=SYSTEM_PATH)
    return Path(path) if path else None


class MariaDb(DatabaseServers):
    product = "MariaDB"
    version = "1"

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        super().__init__(root, environment, SYSTEM_PATH)

    def missing(self) -> str:
        return "" if find_server() else _MISSING

    def version_of(self, engine: str, requested: str) -> str:
        """Return MariaDB's own version; for MySQL, which MariaDB replaces, the requested or default one."""
        if engine != "mariadb":
            return requested or MYSQL_VERSIONS[engine]
        match = re.search(r"Ver ([0-9.]+)-MariaDB", self._run(_server(), "--version"))
        return match[1] if match else requested

    def create(self, name: str, user: str, password: str, database: str) -> int:
        self.copy(self._template(), name)
        port = self.start(name)
        account = f"{literal(user, 'mysql')}@'%'"
        self.execute(
            port,
            f"CREATE USER {account} IDENTIFIED BY {literal(password, 'mysql')}; "
            f"GRANT {_PRIVILEGES} ON *.* TO {account} WITH GRANT OPTION",
        )
        if database:
            self.execute(port, f"CREATE DATABASE {identifier(database, 'mysql')}")
        return port

    def _start_on(self, name: str, port: int) -> int:
        directory = self.root / name
        (directory / "server.pid").unlink(missing_ok=True)
        log = directory / "server.log"
        # A separate temporary folder: at startup, a server deletes other servers' files in a shared one.
        options = (f"--datadir={directory}", f"--tmpdir={directory}", f"--port={port}")
        arguments = (_server(), "--no-defaults", *options, *_OPTIONS)
        pid = int(self._run("/bin/sh", "-c", _IN_BACKGROUND, "sh", log, *arguments))
        deadline = time.monotonic() + PATIENCE_S
        while not self._answers(port, directory):
            if not psutil.pid_exists(pid) or time.monotonic() > deadline:
                self.stop(name)
                output = log.read_text("utf-8", "replace")[-2000:]
                raise EmbeddedError(
                    f"MariaDB did not start: {output}", hint="Retry, or reset the embedded cloud."
                )
            time.sleep(0.05)
        return port

    def _answers(self, port: int, directory: Path) -> bool:
        """Return whether this server answers: another program might have taken the port."""
        if not (directory / "server.pid").exists():
            return False
        output = self._client(self._login(port), stdin="SELECT @@datadir", check=False)
        return output.strip().rstrip("/") == str(directory)

    def stop(self, name: str) -> None:
        self._terminate(name, gently=True)

    def delete(self, name: str) -> None:
        self._terminate(name, gently=False)  # a clean shutdown would write data that is about to be deleted
        super().delete(name)

    def _terminate(self, name: str, *, gently: bool) -> None:
        process = self._process(name)
        if process and gently:
            process.terminate()
            if _has_ended(process, PATIENCE_S):
                return
        if process:
            process.kill()
            _has_ended(process, PATIENCE_S)

    def _process(self, name: str) -> psutil.Process | None:
        try:
            process = psutil.Process(int((self.root / name / "server.pid").read_text()))
            return process if str(self.root / name) in " ".join(process.cmdline()) else None
        except (FileNotFoundError, ValueError, psutil.Error):
            return None

    def back_up(self, port: int, copy: str) -> None:
        """Copy the data of a paused server, as a volume snapshot does; the copy recovers when it starts."""
        source = Path(self.execute(port, "SELECT @@datadir").strip())
        process = self._process(source.name)
        if process is None:
            raise EmbeddedError(f"The server on port {port} has exited.", hint="Restart the embedded cloud.")
        process.send_signal(signal.SIGSTOP)
        try:
            self.copy(source.name, copy)
        finally:
            process.send_signal(signal.SIGCONT)

    def set_password(self, port: int, user: str, password: str) -> None:
        account = f"{literal(user, 'mysql')}@'%'"
        self.execute(port, f"ALTER USER {account} IDENTIFIED BY {literal(password, 'mysql')}")

    def execute(self, port: int, sql: str) -> str:
        return self._client(self._login(port), stdin=sql)

    def load(self, login: Login, script: Iterable[str]) -> None:
        self._client(login, stdin="".join(script))

    def _client(self, login: Login, *, stdin: str, check: bool = True) -> str:
        return self._run(
            "mariadb", "--no-defaults", "--batch", "--raw", "--skip-column-names", "--binary-mode",
            "--comments",
            "--default-character-set=utf8mb4", f"--host={HOST}", f"--port={login.port}",
            f"--user={login.user}",
            *([f"--database={login.database}"] if login.database else []),
            environment={"MYSQL_PWD": login.password},
            stdin=stdin,
            check=check,
        )  # fmt: skip

    def _initialize(self, directory: Path) -> None:
        _server()
        self._run("mkdir", directory)
        tmpdir = f"--tmpdir={directory}"  # its own, as in _start_on
        self._run(
            "mariadb-install-db", "--no-defaults", f"--datadir={directory}", tmpdir, "--skip-test-db",
            "--skip-name-resolve", "--auth-root-authentication-method=normal", "--innodb-log-file-size=16M",
        )  # fmt: skip
        superuser = f"{SUPERUSER}@'%'"
        self._run(
            _server(),
            "--no-defaults",
            "--bootstrap",
            f"--datadir={directory}",
            tmpdir,
            "--innodb-log-file-size=16M",
            stdin="FLUSH PRIVILEGES;\n"
            f"CREATE USER {superuser} IDENTIFIED BY {literal(self._superuser, 'mysql')};\n"
            f"GRANT ALL ON *.* TO {superuser} WITH GRANT OPTION;\n"
            f"DELETE FROM mysql.global_priv WHERE User = 'root' OR User = '';\n",
        )
        port = self.start(directory.name)
        definitions = "".join(_ROTATE.format(log=log) for log in ("general_log", "slow_log"))
        self.execute(port, f"DELIMITER //\n{definitions}")
        self.stop(directory.name)


def _has_ended(process: psutil.Process, within_s: float) -> bool:
    """Wait for the process to exit. It has no parent to reap it, so a zombie counts as exited."""
    deadline = time.monotonic() + within_s
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _server() -> Path:
    if path := find_server():
        return path
    raise EmbeddedError(_MISSING)
