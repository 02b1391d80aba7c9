"""Who has entered: one file for each session, in a folder of the server.

The browser has only a random ID. A session ends when its file is deleted: from then on, its cookie opens
nothing, whoever has a copy of it. Servers that share the folder share the sessions.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ops import files

_KEY = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Session:
    """A session of the local user (`claims` is None), or of the user that the claims identify.

    `cookies` are the identity cookies of Streamlit, which stay on the server. `opened` is a Unix time.
    """

    opened: float
    claims: Mapping[str, Any] | None = None
    cookies: Mapping[str, str] = field(default_factory=dict)

    def expires(self, lifetime_h: int) -> float:
        """Return the Unix time at which it expires: of a user, counted from the issue of the token."""
        if self.claims is None:
            return float("inf")  # it ends with the server
        issued = self.claims.get("iat")
        if not isinstance(issued, int | float) or isinstance(issued, bool):
            return 0
        return issued + timedelta(hours=lifetime_h).total_seconds()


class Sessions:
    """The sessions in a folder, which nobody but this user may read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "sessions"

    def open(self, session: Session) -> str:
        """Store the session and return its ID, the value of its cookie."""
        id = secrets.token_urlsafe(32)
        files.write(self._path(key_of(id)), json.dumps(asdict(session)).encode())
        return id

    def read(self, key: str) -> Session | None:
        """Return the session, or None if it has ended."""
        if not _KEY.fullmatch(key):
            return None
        try:
            return Session(**json.loads(self._path(key).read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def is_open(self, key: str) -> bool:
        """Return whether the session exists, without reading it."""
        return self._path(key).exists()

    def end(self, key: str) -> None:
        """Delete the session. Its cookie is worth nothing from now on."""
        if _KEY.fullmatch(key):
            self._path(key).unlink(missing_ok=True)

    def end_all(self) -> None:
        for path in self.folder.glob("*.json"):
            path.unlink(missing_ok=True)

    def remove_expired(self, now: datetime, lifetime_h: int) -> None:
        """Delete the sessions that expired more than a day ago: until then, users see that theirs expired."""
        for path in self.folder.glob("*.json"):
            session = self.read(path.stem)
            if session is None or session.expires(lifetime_h) + 86_400 < now.timestamp():
                path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"


def key_of(id: str) -> str:
    """Return the key of the session with this ID. The folder does not contain IDs, so it opens nothing."""
    return hashlib.sha256(id.encode()).hexdigest()
