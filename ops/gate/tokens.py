"""The token of local mode, which the server makes when it starts and `slipway run` shows.

Who can read the token's file may enter: only this user, who can use the AWS credentials of this machine
without Slipway too.
"""

import hmac
import html
import json
import secrets
from pathlib import Path
from urllib.parse import urlencode

from ops import files

PARAMETER = "token"
_TOKEN, _OPENER = "token", "open.html"


def folder(data: Path, port: int) -> Path:
    """Return the folder of a server's gate: its token and its sessions."""
    return data / "gate" / str(port)


def create(folder: Path) -> str:
    """Create a token, store it in the folder, and return it. It replaces an earlier one."""
    token = secrets.token_urlsafe(32)
    files.write(folder / _TOKEN, token.encode())
    return token


def read(folder: Path) -> str:
    """Return the token of the server that runs, or an empty string if it has none."""
    try:
        return (folder / _TOKEN).read_text("utf-8")
    except FileNotFoundError:
        return ""


def remove(folder: Path) -> None:
    """Delete the token and the page that contains it."""
    for name in (_TOKEN, _OPENER):
        (folder / name).unlink(missing_ok=True)


def matches(given: str, token: str) -> bool:
    """Compare in a time that does not depend on where the texts differ. An empty token matches nothing."""
    return bool(token) and hmac.compare_digest(given.encode(), token.encode())


def url(address: str, token: str) -> str:
    """Return the URL that enters: it can be used until the server stops."""
    return f"{address}/?{urlencode({PARAMETER: token})}"


def opener(folder: Path, entering: str) -> Path:
    """Write a page that leads to the URL, and return its path.

    A browser is started with the path of this page: every user of the machine can read the arguments of a
    process.
    """
    path = folder / _OPENER
    target = html.escape(json.dumps(entering), quote=False)
    link = html.escape(entering)
    files.write(
        path,
        f'<!doctype html><meta charset="utf-8"><title>Slipway</title><script>location.replace({target})'
        f'</script><a href="{link}">Open Slipway</a>\n'.encode(),
    )
    return path
