"""Tests that change the emulator run in separate processes, which print their results as JSON lines."""

import json
import subprocess
import sys
from typing import Any

PATIENCE_S = 1200


def started(*arguments: str) -> subprocess.Popen[str]:
    """Start a module in a separate process, because its cloud changes the emulator."""
    return subprocess.Popen(
        [sys.executable, "-m", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def answers(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    said, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors[-2000:]
    return [json.loads(line) for line in said.splitlines()]
