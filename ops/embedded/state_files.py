"""Files of saved state, each with a checksum; a damaged one is set aside, never read as empty."""

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

from ops.errors import EmbeddedError

DAMAGED = 65  # exit status of a process that found damaged files: EX_DATAERR in sysexits.h
SUFFIX = ".damaged"
# The emulator's reader ignores the first key, so that a file with a checksum is still a file of its format.
_HEAD = re.compile(rb'\{"sha256": "([0-9a-f]{64})", ')
_WITHOUT_CHECKSUM = b'{"__ministack_format__": '  # written before state files had one


def write(path: Path, document: str) -> None:
    """Write a JSON object with its checksum. A crash leaves the former file or the new one, never a part."""
    rest = document[1:].encode()
    part = path.with_name(f"{path.name}.tmp")
    part.write_bytes(b'{"sha256": "' + _checksum(rest).encode() + b'", ' + rest)
    part.replace(path)


def set_aside_damaged(folder: Path) -> list[Path]:
    """Rename each damaged state file in the folder, and return all that are set aside.

    These include what an earlier start has set aside: without the file, its service would start empty. The
    user decides, by restoring the file or deleting what was set aside.
    """
    for path in sorted(folder.glob("*.json")):
        if not _is_whole(path.read_bytes()):
            path.replace(path.with_name(path.name + SUFFIX))
    return missing(folder)


def missing(folder: Path) -> list[Path]:
    """Return the files that are set aside and have not been restored."""
    set_aside = sorted(folder.glob(f"*.json{SUFFIX}"))
    return [path for path in set_aside if not path.with_suffix("").exists()]


def damage(files: Iterable[Path]) -> EmbeddedError:
    """Return the error that names the damaged files."""
    paths = list(files)
    services = ", ".join(path.name.partition(".")[0] for path in paths)
    return EmbeddedError(
        f"Cannot start the embedded cloud: its saved state of {services} is damaged. "
        f"It was set aside: {', '.join(map(str, paths))}.",
        hint=f"Restore the state from a backup, to its name without {SUFFIX}. To start without it, delete "
        "what was set aside. To start over, run `slipway embedded reset`.",
    )


def _is_whole(content: bytes) -> bool:
    if head := _HEAD.match(content):
        return head[1].decode() == _checksum(content[head.end() :])
    if not content.startswith(_WITHOUT_CHECKSUM):
        return False
    try:
        json.loads(content)
    except ValueError:
        return False
    return True


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
