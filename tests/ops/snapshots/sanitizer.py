"""Runs the shell program of the sanitizing task against a database, as the container does."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.embedded.ports import HOST
from ops.embedded.rds.postgres import BINARIES
from ops.embedded.rds.servers import Login
from ops.snapshots.policy.scripts import SqlScript
from ops.templates.snapshots.sanitize import program

SALT = "a-salt-of-the-tests"

# Texts with and without findings of the scan, when example.com is allowed.
ADDRESSES = (
    "jane@example.com.corp.test",
    "jane@example.com-corp.test",
    "jane@example.comé",
    "jane@example.com.é.test",
    "josé@corp.test",
    "jane@exämple.com",
)
NONE_OF_THEM = (
    "User@Example.com. Or (user@example.com), please",
    "“user@example.com” or user@example.com… or user@example.com — please",
)
# Card numbers next to another number, and numbers that only look like cards.
CARDS = (
    "4539 5787 6362 1486 12/27",
    "4539578763621486 12/27",
    "4539-5787-6362-1486 123",
    "77 3782 822463 10005",
    "x4539578763621486",
)
NO_CARDS = (
    "9e4539578763621486ab0123456789ab",  # pragma: allowlist secret
    "uuid 9e000000-4539-5787-6362-148600000000",
    "4539578763621487",
    "DE89370400440532013000ABCDEF0123",  # pragma: allowlist secret
    "2021 2022 2023 2024 2025",
)


@dataclass(frozen=True)
class Sanitized:
    """The result of the program. `checks` are the lines of the report."""

    status: int
    log: str
    checks: list[dict[str, Any]]

    def failed(self) -> list[dict[str, Any]]:
        return [check for check in self.checks if not check["ok"]]


def sanitize(
    login: Login, scripts: Sequence[SqlScript], client: str = "psql", salt: str = SALT, *, new_port: int = 0
) -> Sanitized:
    """Run the scripts; those of a rebuild need the port of the new server."""
    with tempfile.TemporaryDirectory() as folder:
        for number, script in enumerate(scripts, 1):
            (Path(folder) / f"{number:02d}-{script.name}.sql").write_text(script.text, "utf-8")
        done = subprocess.run(
            ["/bin/sh", "-ec", program(client)],
            env={
                "PATH": f"{BINARIES}:/usr/bin:/bin",
                "SCRIPTS": folder,
                "SALT": salt,
                "DB_HOST": HOST,
                "DB_PORT": str(login.port),
                "DB_USER": login.user,
                "DB_PASSWORD": login.password,
                "DB_NAME": login.database,
                "NEW_HOST": HOST if new_port else "",
                "NEW_PORT": str(new_port or ""),
            },
            capture_output=True,
            text=True,
        )
    lines = [line.removeprefix("REPORT ") for line in done.stdout.splitlines() if line.startswith("REPORT ")]
    if done.returncode in (0, 9):
        assert f"REPORT-END {len(lines)}" in done.stdout
    return Sanitized(done.returncode, done.stdout + done.stderr, [json.loads(line) for line in lines])
