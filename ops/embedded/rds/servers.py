"""Database servers on loopback, one for each DB instance, with its own data folder and port.

Each engine is a subclass. The superuser `rdsadmin` belongs to the cloud, as on RDS; its password is stored
only beside the data.
"""

import os
import secrets
import shutil
import subprocess
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ops.embedded.ports import free_port
from ops.errors import EmbeddedError

SUPERUSER = "rdsadmin"
PORT_ATTEMPTS = 4


@dataclass(frozen=True)
class Login:
    """A user's connection to a server; an empty database means the engine's default."""

    port: int
    user: str
    password: str
    database: str = ""


class DatabaseServers(ABC):
    """Creates, starts, copies, and stops the servers of an engine; their data is in `root`."""

    product: ClassVar[str]
    version: ClassVar[str]  # of the template

    def __init__(self, root: Path, environment: Mapping[str, str], path: str) -> None:
        self.root = root
        self._environment = {"PATH": path, "LANG": "C.UTF-8", **environment}
        self._as = _unprivileged()
        self._lock = threading.RLock()
        root.mkdir(parents=True, exist_ok=True)
        if self._as:
            self._check_reachable()
            shutil.chown(root, self._as["user"], self._as["group"])
        self._password_file = root / SUPERUSER
        self._superuser = _secret(self._password_file)
        if self._as:
            shutil.chown(self._password_file, self._as["user"])

    def missing(self) -> str:
        """Return what is not installed and how to install it; empty if nothing is missing."""
        return ""

    @abstractmethod
    def version_of(self, engine: str, requested: str) -> str:
        """Return RDS's name for the version; `requested` comes from the request and may be empty."""

    @abstractmethod
    def create(self, name: str, user: str, password: str, database: str) -> int:
        """Create a server with its master user and, if named, a database; return its port."""

    @abstractmethod
    def stop(self, name: str) -> None:
        """Stop the server immediately. Does nothing if it is not running."""

    @abstractmethod
    def back_up(self, port: int, copy: str) -> None:
        """Create a consistent copy of a running server's data."""

    @abstractmethod
    def set_password(self, port: int, user: str, password: str) -> None: ...

    @abstractmethod
    def execute(self, port: int, sql: str) -> str:
        """Run SQL as the superuser and return the client's output."""

    @abstractmethod
    def load(self, login: Login, script: Iterable[str]) -> None:
        """Run a script as the login's user; stop at the first error."""

    @abstractmethod
    def _start_on(self, name: str, port: int) -> int: ...

    @abstractmethod
    def _initialize(self, directory: Path) -> None:
        """Fill a new folder with the data of an empty server."""

    def start(self, name: str, preferred_port: int = 0) -> int:
        """Start the server on its data; return its port, the preferred one if it is free."""
        with self._lock:  # two servers must not get the same free port
            for _ in range(PORT_ATTEMPTS - 1):
                try:
                    return self._start_on(name, free_port(preferred_port))
                except EmbeddedError:  # another program took the port after the check
                    preferred_port = 0
            return self._start_on(name, free_port())

    def delete(self, name: str) -> None:
        """Stop the server if it runs, and delete its data."""
        self.stop(name)
        shutil.rmtree(self.root / name, ignore_errors=True)

    def copy(self, source: str, target: str) -> None:
        """Copy data on which no server runs."""
        self._run("cp", "-a", self.root / source, self.root / target)

    def _template(self) -> str:
        """Return the initialized data folder that all servers copy, because initializing is slow."""
        template = self.root / f"template-{self.version}"
        with self._lock:
            if not template.exists():
                making = template.with_suffix(".part")
                shutil.rmtree(making, ignore_errors=True)
                self._initialize(making)
                making.rename(template)
        return template.name

    def _login(self, port: int) -> Login:
        return Login(port, SUPERUSER, self._superuser)

    def _run(
        self,
        program: str | Path,
        *arguments: str | Path,
        environment: Mapping[str, str] | None = None,
        stdin: str | None = None,
        check: bool = True,
    ) -> str:
        # A started server inherits the output: a pipe would stay open for as long as the server runs.
        with tempfile.TemporaryFile("w+") as output_file:
            done = subprocess.run(
                [str(program), *map(str, arguments)],
                input=stdin,
                text=True,
                stdin=subprocess.DEVNULL if stdin is None else None,
                stdout=output_file,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={**self._environment, **(environment or {})},
                start_new_session=True,  # Ctrl-C reaches only the cloud, which then stops its servers
                **self._as,
            )
            output_file.seek(0)
            output = output_file.read()
        if check and done.returncode:
            raise EmbeddedError(
                f"{Path(program).name} failed: {output.strip()[-2000:]}",
                hint="Retry. If it fails again, run `slipway embedded reset`.",
            )
        return output

    def _check_reachable(self) -> None:
        for folder in self.root.absolute().parents:
            if not folder.stat().st_mode & 0o001:
                raise EmbeddedError(
                    f"{self.product} cannot run as root, and the user nobody cannot access {folder}.",
                    hint=f"Run as another user, run `chmod o+x {folder}`, or change SLIPWAY_DATA.",
                )


def _unprivileged() -> dict[str, Any]:
    """Return subprocess arguments for another user if this is root, which database servers refuse."""
    if os.geteuid() != 0:
        return {}
    return {"user": "nobody", "group": "nogroup", "extra_groups": []}


def _secret(path: Path) -> str:
    """Return the password in the file; create the file if it does not exist."""
    try:
        return path.read_text()
    except FileNotFoundError:
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
        return path.read_text()
