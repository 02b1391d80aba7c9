"""Write files so that a crash leaves the old or the new content, never half of it."""

import os
import secrets
from pathlib import Path

PRIVATE = 0o600  # only this user may read it


def write(path: Path, content: bytes, *, mode: int = PRIVATE) -> None:
    """Write the file, and create its folder with the same permissions. Replaces an existing file."""
    path.parent.mkdir(mode=0o700 if mode == PRIVATE else 0o755, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
