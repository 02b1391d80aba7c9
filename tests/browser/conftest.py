"""Fixtures for a real browser in front of `slipway run`, as `make run` starts it."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from ops.embedded.lifecycle import RunningCloud
from ops.embedded.ports import free_port
from tests.browser.provider import provider
from tests.browser.still import PATIENCE_MS
from tests.end_to_end.workbench import eventually

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SHOWN_CHARACTERS = 4_000  # of the page of a failed test
ROOT = Path(__file__).parents[2]
QUIET = (  # no requests except the page's: without a network, the browser would retry its own forever
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)

SECRETS = """\
[auth]
redirect_uri = "http://127.0.0.1:{port}/oauth2callback"
cookie_secret = "a-secret-of-the-tests-that-is-long-enough"
client_id = "slipway"
client_secret = "client-secret"
server_metadata_url = "{issuer}/.well-known/openid-configuration"
"""

ROLES = {"SLIPWAY_OPERATORS": "ada@example.com", "SLIPWAY_VIEWERS": "readers"}


ENTERED: list[dict[str, str]] = []  # the cookies of the servers that run, for every browser context


def enter(link: str) -> dict[str, str]:
    """Exchange the token in the link for a cookie, as a browser does."""
    address = urlsplit(link)
    connection = HTTPConnection(address.netloc, timeout=30)
    connection.request("GET", f"/?{address.query}")
    reply = connection.getresponse()
    assert reply.status == 303
    name, _, value = str(reply.headers["set-cookie"]).partition(";")[0].partition("=")
    connection.close()
    return {"name": name, "value": value, "url": f"{address.scheme}://{address.netloc}"}


@contextmanager
def serving(data: Path, port: int, **environment: str) -> Iterator[str]:
    """Yield the address of a workbench that uses the embedded cloud below `data`."""
    log = data / f"run-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ops", "run", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, "SLIPWAY_DATA": str(data), "SLIPWAY_EMBEDDED_DELAY": "0.2", **environment},
            stdout=output,
            stderr=output,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(
            lambda: (
                f"Slipway is running at {url}" in log.read_text() and "(already running)" in log.read_text()
            )
        )
        if link := re.search(rf"{url}/\?token=\S+", log.read_text()):
            ENTERED.append(enter(link[0]))
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.fixture(scope="session")
def address(embedded: RunningCloud, data: Path) -> Iterator[str]:
    with serving(data, free_port()) as url:
        yield url


@pytest.fixture(scope="module")
def issuer(data: Path) -> Iterator[str]:
    with provider(data / "provider.log") as address:
        yield address


@pytest.fixture(scope="module")
def signed(issuer: str, embedded: RunningCloud, data: Path) -> Iterator[str]:
    """The address of a workbench with sign-in."""
    port = free_port()
    secrets = data / "secrets.toml"
    secrets.write_text(SECRETS.format(port=port, issuer=issuer))
    with serving(data, port, STREAMLIT_SECRETS_FILES=str(secrets), **ROLES) as url:
        yield url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("no Chromium on the PATH: apt-get install chromium")
    flags = [*QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        new_context = browser.new_context

        def entered_context(**options: Any) -> BrowserContext:
            context = new_context(**options)
            context.add_cookies(ENTERED)  # type: ignore[arg-type]
            return context

        browser.new_context = entered_context  # type: ignore[method-assign]
        yield browser
        browser.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the page of a failed test showed: a timeout alone does not tell what was waited for."""
    report = yield
    page = getattr(item, "funcargs", {}).get("page")
    if report.when == "call" and report.failed and isinstance(page, Page) and not page.is_closed():
        shown = page.locator("body").inner_text()
        report.sections.append(("page", f"{page.url}\n{shown[:SHOWN_CHARACTERS]}"))
    return report


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a new browser context, without cookies or cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 1400})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    yield page
    context.close()
