"""Parts that change the emulator run in processes of their own, which print what they found as JSON lines."""

import json
import subprocess
import sys
from typing import Any

PATIENCE_S = 1200


def started(*arguments: str) -> subprocess.Popen[str]:
    """In a process of its own: the cloud inside it changes the emulator."""
    return subprocess.Popen(
        [sys.executable, "-m", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def answers(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    said, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors[-2000:]
    return [json.loads(line) for line in said.splitlines()]
