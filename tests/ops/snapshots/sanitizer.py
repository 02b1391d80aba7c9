"""Runs the sanitizing task's own shell program against a database, as the container does."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.embedded.postgres import BINARIES, Login
from ops.snapshots.scripts import Script
from ops.templates.snapshots.task import SANITIZE

SALT = "a-salt-of-the-tests"


@dataclass(frozen=True)
class Sanitized:
    """`checks` are the report's lines."""

    status: int
    log: str
    checks: list[dict[str, Any]]

    def failed(self) -> list[dict[str, Any]]:
        return [check for check in self.checks if not check["ok"]]


def sanitize(login: Login, scripts: Sequence[Script]) -> Sanitized:
    with tempfile.TemporaryDirectory() as folder:
        for number, script in enumerate(scripts, 1):
            (Path(folder) / f"{number:02d}-{script.name}.sql").write_text(script.sql, "utf-8")
        done = subprocess.run(
            ["/bin/sh", "-ec", SANITIZE],
            env={"PATH": f"{BINARIES}:/usr/bin:/bin", "SCRIPTS": folder, "SALT": SALT, **login.environment()},
            capture_output=True,
            text=True,
        )
    lines = [line.removeprefix("REPORT ") for line in done.stdout.splitlines() if line.startswith("REPORT ")]
    if done.returncode in (0, 9):
        assert f"REPORT-END {len(lines)}" in done.stdout
    return Sanitized(done.returncode, done.stdout + done.stderr, [json.loads(line) for line in lines])
