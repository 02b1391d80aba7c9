"""An OpenID Connect provider on this machine, in a process of its own; a user signs in by choosing a name."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from playwright.sync_api import Page

from ops.embedded.ports import free_port
from tests.end_to_end.workbench import eventually

ADA = {"email": "ada@example.com", "email_verified": True}
# Each name is the button on the provider's page, and the claim `sub`.
USERS: dict[str, dict[str, Any]] = {
    "ada": ADA,
    "ada, not verified": {**ADA, "email_verified": False},
    "ada, days ago": {**ADA, "iat": 1_700_000_000, "exp": 4_000_000_000},
    "eve": {**ADA, "email": "eve@example.com"},
    "eve in bold": {**ADA, "email": "<b>eve</b>@example.com"},
    "vic": {**ADA, "email": "vic@example.com", "groups": ["readers"]},
}


@contextmanager
def provider(log: Path) -> Iterator[str]:
    """Yield the address of a running provider that knows USERS."""
    port = free_port()
    users = [
        argument
        for name, claims in USERS.items()
        for argument in ("--user-claims", json.dumps({"sub": name, **claims}))
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), *users],
            stdout=output,
            stderr=output,
        )
    try:
        issuer = f"http://127.0.0.1:{port}"
        eventually(lambda: _answers(f"{issuer}/.well-known/openid-configuration"))
        yield issuer
    finally:
        process.terminate()
        process.wait(30)


def _answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=10) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def sign_in(page: Page, address: str, user: str) -> None:
    page.goto(address)
    page.get_by_role("link", name="Sign in").click()
    choose(page, user)


def choose(page: Page, user: str) -> None:
    """Sign in on the provider's page."""
    page.get_by_role("button", name=user, exact=True).first.click()
