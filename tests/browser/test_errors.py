"""Errors that no page catches: the browser shows an id, and the log has the record with that id."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ops.embedded.ports import free_port
from ops.gate import tokens
from tests.browser.conftest import ENTERED, enter
from tests.end_to_end.workbench import eventually

ROOT = Path(__file__).parents[2]
SECRET = "hunter2-of-a-customer"
# In place of app/main.py: a script whose parts fail as a user clicks.
SCRIPT = f"""\
import logging
import streamlit as st

st.title("Ready")

def fail(part):
    raise ValueError("{SECRET} " + part)

st.button("Callback", on_click=fail, args=["callback"])

@st.fragment
def fragment():
    if st.button("Fragment"):
        fail("fragment")

fragment()
if st.button("Script"):
    fail("script")
if st.button("Library"):
    logging.getLogger("streamlit.anything").warning("a warning of Streamlit")
"""


@dataclass(frozen=True)
class Served:
    url: str
    log: Path

    @property
    def records(self) -> list[dict[str, Any]]:
        """The log's records. Every line that is no greeting of Streamlit's must be JSON."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line and not line.startswith(" ")]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The program that serves the pages, with SCRIPT as its script."""
    folder, port = tmp_path_factory.mktemp("served"), free_port()
    shutil.copytree(ROOT / "app", folder / "app")
    (folder / "app/main.py").write_text(SCRIPT)
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(folder / "app/serve.py")]
    flags = ["--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true"]
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{ROOT}", "SLIPWAY_LOG_LEVEL": "info"}
    served = Served(f"http://127.0.0.1:{port}", folder / "log")
    with (folder / "output").open("wb") as output, served.log.open("wb") as log:
        process = subprocess.Popen([*command, *flags], cwd=folder, env=environment, stdout=output, stderr=log)
    try:
        token = eventually(lambda: tokens.read(tokens.folder(folder / ".slipway", port)))
        ENTERED.append(enter(tokens.url(served.url, token)))
        yield served
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize("part", ["Script", "Fragment", "Callback"])
def test_an_error_that_no_page_caught_has_an_id_that_the_log_has_once(
    served: Served, page: Page, part: str
) -> None:
    page.goto(served.url)
    page.get_by_role("button", name=part, exact=True).click()
    alert = page.get_by_role("alert").filter(has_text="Error ID")
    expect(alert).to_contain_text(f"{SECRET} {part.lower()}")
    id = alert.locator("strong").inner_text()
    (record,) = [record for record in served.records if record.get("id") == id]
    assert (record["level"], record["error"]) == ("ERROR", "ValueError")
    assert any(frame.endswith("in fail") for frame in record["traceback"])
    assert [r for r in served.records if r["level"] == "ERROR" and "id" not in r] == []  # not logged twice


def test_a_library_s_records_are_in_the_same_format_and_no_secret_is_in_the_log(
    served: Served, page: Page
) -> None:
    page.goto(f"{served.url}/?q={SECRET}")
    page.get_by_role("button", name="Library", exact=True).click()
    eventually(lambda: any(r["message"] == "a warning of Streamlit" for r in served.records))
    assert SECRET not in served.log.read_text()
