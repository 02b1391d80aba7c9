"""The files that the sanitizing task copies from S3: the scripts of a policy, and the policy itself."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from ops.snapshots.compiler import compile_policy
from ops.snapshots.policy.model import parse_policy

POLICY_FILE = "policy.toml"


@dataclass(frozen=True)
class ScriptFile:
    """A file. The scripts run in order of name."""

    name: str
    content: bytes


def script_files(policy: str, method: str) -> tuple[ScriptFile, ...]:
    """Compile a policy, which is TOML. Raises InputError."""
    scripts = compile_policy(parse_policy(policy), method)
    return (
        ScriptFile(POLICY_FILE, policy.encode()),
        *(
            ScriptFile(f"{number:02d}-{script.name}.sql", script.text.encode())
            for number, script in enumerate(scripts, 1)
        ),
    )


def script_prefix(database: str, files: Iterable[ScriptFile]) -> str:
    """Return the S3 prefix of the files. It contains their hash, so the scripts of a run never change."""
    content = json.dumps([[file.name, file.content.decode()] for file in files])
    return f"snapshots/{database}/{hashlib.sha256(content.encode()).hexdigest()[:16]}"
