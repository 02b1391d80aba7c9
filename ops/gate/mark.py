"""The mark by which pages recognize a request that the gate has let through, and its session.

The mark is a request header with a secret of this process. The gate removes what the client sends under its
name.
"""

import hmac
import secrets

HEADER = "X-Slipway-Gate"
_SECRET = secrets.token_urlsafe(32)


def write(key: str) -> tuple[bytes, bytes]:
    """Return the header for a request in the session with this key."""
    return HEADER.lower().encode(), f"{_SECRET}.{key}".encode()


def read(value: str) -> str | None:
    """Return the key of the session from the header's value, or None if the gate has not written it."""
    secret, _, key = value.rpartition(".")
    return key if hmac.compare_digest(secret.encode(), _SECRET.encode()) else None
