"""Database servers on loopback, one a DB instance: each has its data directory and its port.

What an engine adds is a subclass. The superuser `rdsadmin` is the cloud's own, as on RDS; its password lies
beside the data and nowhere else.
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

from ops.embedded.ports import HOST, free_port
from ops.errors import EmbeddedError

SUPERUSER = "rdsadmin"
PORT_ATTEMPTS = 4


@dataclass(frozen=True)
class Login:
    """Who connects where; an empty database is the engine's own."""

    port: int
    user: str
    password: str
    database: str = ""

    def task_environment(self) -> dict[str, str]:
        """What the sanitizing task is told."""
        return {
            "DB_HOST": HOST,
            "DB_PORT": str(self.port),
            "DB_USER": self.user,
            "DB_PASSWORD": self.password,
            "DB_NAME": self.database,
        }


class Servers(ABC):
    """Makes, starts, copies and stops the servers of an engine; their data lies under `root`."""

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
        """What this machine lacks to run such servers, and how to get it; empty where nothing is missing."""
        return ""

    @abstractmethod
    def version_of(self, engine: str, asked: str) -> str:
        """What RDS calls the version; `asked` is the request's, which may be empty."""

    @abstractmethod
    def create(self, name: str, user: str, password: str, database: str) -> int:
        """A new server with its master user and, where `database` is not empty, a database; its port."""

    @abstractmethod
    def stop(self, name: str) -> None:
        """Stops the server at once; no error where it does not run."""

    @abstractmethod
    def back_up(self, port: int, copy: str) -> None:
        """A consistent copy of a running server's data."""

    @abstractmethod
    def set_password(self, port: int, user: str, password: str) -> None: ...

    @abstractmethod
    def execute(self, port: int, sql: str) -> str:
        """Runs SQL as the superuser and returns what the client prints."""

    @abstractmethod
    def load(self, login: Login, script: Iterable[str]) -> None:
        """Runs a script as the user of the login; an error ends it."""

    @abstractmethod
    def _start_on(self, name: str, port: int) -> int: ...

    @abstractmethod
    def _initialize(self, directory: Path) -> None:
        """Fills a new folder with an empty server's data."""

    def start(self, name: str, preferred_port: int = 0) -> int:
        """Starts the server on its data; returns its port, the preferred one where that is free."""
        with self._lock:  # two servers must not be given the same free port
            for _ in range(PORT_ATTEMPTS - 1):
                try:
                    return self._start_on(name, free_port(preferred_port))
                except EmbeddedError:  # another program has taken the port since it was found free
                    preferred_port = 0
            return self._start_on(name, free_port())

    def delete(self, name: str) -> None:
        """Stops the server, where there is one, and deletes the data."""
        self.stop(name)
        shutil.rmtree(self.root / name, ignore_errors=True)

    def copy(self, source: str, target: str) -> None:
        """A copy of data on which no server runs."""
        self._run("cp", "-a", self.root / source, self.root / target)

    def _template(self) -> str:
        """An initialized, empty data directory; making one takes longest of all, so it is made once."""
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
        # A program that starts a server hands it the output: a pipe would stay open as long as that runs.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [str(program), *map(str, arguments)],
                input=stdin,
                text=True,
                stdin=subprocess.DEVNULL if stdin is None else None,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={**self._environment, **(environment or {})},
                start_new_session=True,  # Ctrl-C reaches the cloud, which stops its servers in order
                **self._as,
            )
            output.seek(0)
            said = output.read()
        if check and done.returncode:
            raise EmbeddedError(
                f"{Path(program).name} failed: {said.strip()[-2000:]}",
                hint="Reset with `python -m ops embedded reset` if it stays so.",
            )
        return said

    def _check_reachable(self) -> None:
        for folder in self.root.absolute().parents:
            if not folder.stat().st_mode & 0o001:
                raise EmbeddedError(
                    f"{self.product} cannot run as root, and the user nobody may not enter {folder}.",
                    hint=f"Run as an ordinary user, `chmod o+x {folder}`, or set SLIPWAY_DATA to another.",
                )


def _unprivileged() -> dict[str, Any]:
    """Database servers refuse to run as root: the arguments that make their processes another user's."""
    if os.geteuid() != 0:
        return {}
    return {"user": "nobody", "group": "nogroup", "extra_groups": []}


def _secret(path: Path) -> str:
    """The password in the file, which is made where it is missing."""
    try:
        return path.read_text()
    except FileNotFoundError:
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
        return path.read_text()
