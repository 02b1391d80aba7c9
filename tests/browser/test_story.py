"""The story of sanitized snapshots in a real browser: open the page, press the button, see the snapshot."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from ops.embedded.lifecycle import Running
from ops.embedded.ports import free_port
from tests.end_to_end.workbench import eventually

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ROOT = Path(__file__).parents[2]
RUN_MS = 60_000  # the promise: a finished, shared snapshot within a minute
QUIET = (  # nothing but the page is asked for: a closed network would be tried again and again
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium on the PATH: apt-get install chromium")


@pytest.fixture(scope="module")
def address(embedded: Running, data: Path) -> Iterator[str]:
    """`python -m ops run`, as `make run` starts it; it finds the embedded cloud that runs."""
    port = free_port()
    log = data / "run.log"
    environment = {**os.environ, "SLIPWAY_DATA": str(data), "SLIPWAY_EMBEDDED_DELAY": "0.2"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ops", "run", "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    url = f"http://127.0.0.1:{port}"
    eventually(
        lambda: f"Slipway is at {url}" in log.read_text() and "it was running already" in log.read_text()
    )
    yield url
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    flags = [*QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 1400})
    page.set_default_timeout(30_000)
    expect.set_options(timeout=30_000)
    yield page
    page.close()


def test_one_click_makes_a_sanitized_snapshot(page: Page, address: str) -> None:
    page.goto(f"{address}/snapshots")
    page.get_by_role("button", name="Refresh snapshot").click()
    expect(page.get_by_role("button", name="Stop run")).to_be_visible()
    expect(page.get_by_role("button", name="Refresh snapshot")).to_be_disabled()
    run = page.url.partition("run=")[2].partition("&")[0]
    assert run.startswith("refresh-")

    page.reload()
    expect(page.get_by_text(run).first).to_be_visible()
    expect(page.locator("svg text", has_text="Wait for database").first).to_be_visible()

    expect(page.get_by_text("succeeded", exact=True).first).to_be_visible(timeout=RUN_MS)
    expect(page.get_by_text("newest sanitized snapshot was made just now, shared with qa")).to_be_visible()
    expect(page.get_by_text("Sanitized and proven.")).to_be_visible()
    expect(page.get_by_role("button", name="Refresh snapshot")).to_be_enabled()


def test_the_overview_leads_to_it(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.get_by_role("link", name="Snapshots").click()
    expect(page.get_by_role("heading", name="shop-production")).to_be_visible()
    page.get_by_role("button", name="Change pipeline").click()
    expect(page.get_by_role("button", name="Preview changes")).to_be_visible()
