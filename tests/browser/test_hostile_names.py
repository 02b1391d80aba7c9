"""Hostile names and texts on every page, in a real browser: they are shown as text and do nothing.

All tests share one browser session.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Request

from ops.aws.cloud import Cloud
from ops.aws.logs.audit_trail import open_audit
from ops.embedded.lifecycle import RunningCloud
from ops.embedded.ports import free_port
from ops.logs.search.output import FORMULA as FORMULA_STARTS
from tests.browser.conftest import serving
from tests.browser.hostile_cloud import DATABASE, DATASET, MARKUP, RUN, hostile_cloud
from tests.browser.still import PATIENCE_MS, STILL

# Collects elements that an injected text has created, in all roots including shadow roots.
FIND_INJECTED = """() => {
  const roots = [document], found = window.pwned ? ["a script ran"] : [];
  let text = "";
  const look = (root) => {
    const made = 'a[href*="evil.example"], img[src*="evil"], img[src="x"], [onerror], [srcdoc], .katex';
    for (const each of root.querySelectorAll(made)) found.push(each.outerHTML.slice(0, 200));
    for (const each of root.querySelectorAll("b, strong, em, a, span")) {
      const alone = ["bold-mark", "strong-mark", "link-mark", "red-mark"].includes(each.textContent.trim());
      const icon = each.dataset.testid === "stIconMaterial" && each.textContent.trim() === "skull";
      if (alone || icon) found.push(each.outerHTML.slice(0, 200));
    }
    for (const each of root.querySelectorAll("*")) if (each.shadowRoot) look(each.shadowRoot);
    text += [...(root.body || root).childNodes].map((each) => each.textContent).join(" ");
  };
  look(document);
  if (document.body.innerText.includes("😄")) found.push("a smile");
  for (const each of document.querySelectorAll("input, textarea")) text += " " + each.value;
  return [found, text];
}"""
PATIENCE_S = 180  # many times what it takes, for a busy machine
MARK, LINE = "strong-mark", "window.pwned="  # in a name; in a log line
HERE = quote(MARKUP, safe="")
# (Path, tabs to open, hostile text that must be visible, if any).
PLACES = (
    ("/", (), MARK),
    (f"/snapshots?database={DATABASE}", (), MARK),
    (f"/snapshots?database={HERE}&run={HERE}&account={HERE}&region={HERE}", (), MARK),
    (f"/snapshots?database={DATABASE}&run={HERE}", (), MARK),
    (f"/snapshot_pipeline?database={HERE}", (), MARK),
    (f"/snapshot_pipeline?database={DATABASE}", (), MARK),
    (f"/rollouts?view=Runs&run={quote(RUN)}", (), MARK),
    ("/rollouts?view=Plan", (), ""),
    (f"/rollouts?view={HERE}&run={HERE}", (), ""),
    ("/support_stacks", ("Graph", "Cleanup", "Shared replication buckets", "Migration"), ""),
    ("/logs?t=1d", (), LINE),
    ("/logs?t=1d&view=patterns", (), LINE),
    (f"/logs?t=1d&q={HERE}", (), MARK),
    (f"/logs?t={HERE}&zone={HERE}&view={HERE}&open={HERE}&dataset={HERE}", (), ""),
    ("/log_export?view=Pipeline", (), ""),
    ("/log_export?view=Coverage", (), ""),
    ("/log_export?view=Ledger", (), ""),
    ("/log_export?view=Failed", (), MARK),
    ("/log_export?view=Backfill", (), ""),
    ("/log_export?view=Retention", (), ""),
    ("/log_export?view=Deployment", (), ""),
    ("/audit?text=bold-mark", (), MARK),
    (f"/audit?text={HERE}", (), MARK),
    (f"/settings?account={HERE}", ("Permissions", "Settings"), ""),
)


FIRST = (0, 6, 9, 10, 17)


@pytest.fixture(scope="module")
def address(embedded: RunningCloud, cloud: Cloud, data: Path) -> Iterator[str]:
    with (
        hostile_cloud(embedded, open_audit(cloud)),
        serving(data, free_port(), SLIPWAY_LOGS=DATASET) as url,
    ):
        yield url


@pytest.fixture(scope="module")
def foreign_requests() -> list[str]:
    return []


@pytest.fixture(scope="module")
def view(browser: Browser, foreign_requests: list[str], address: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 2400}, accept_downloads=True)

    def note(request: Request) -> None:
        if urlsplit(request.url).hostname == "evil.example":
            foreign_requests.append(request.url)

    context.on("request", note)
    page = context.new_page()
    page.add_init_script("delete window.showSaveFilePicker")  # makes the page download the file instead
    page.set_default_timeout(PATIENCE_MS)
    yield page
    context.close()


def injected_elements(page: Page, seen: str) -> list[str]:
    """Return the injected elements once `seen` is visible: charts and tables appear after the script ends."""
    for _ in range(PATIENCE_S * 10):
        page.wait_for_selector(STILL)
        page.wait_for_timeout(100)
        found, text = page.evaluate(FIND_INJECTED)
        if seen in text:
            return list(found)
    raise AssertionError(f"{seen} is not seen in: {text}")


@pytest.mark.parametrize(
    "where, tabs, seen",
    [
        # One place of each kind: an overview, a graph, tables, log lines, and a filter.
        pytest.param(
            *place, id=place[0].replace(HERE, "…"), marks=() if number in FIRST else pytest.mark.thorough
        )
        for number, place in enumerate(PLACES)
    ],
)
def test_hostile_texts_are_shown_as_text(
    view: Page, address: str, foreign_requests: list[str], where: str, tabs: tuple[str, ...], seen: str
) -> None:
    view.goto(address + where)
    view.wait_for_selector("h1")
    found = injected_elements(view, seen)
    for tab in tabs:
        view.get_by_role("tab", name=tab).click()
        found += injected_elements(view, "")
    assert view.get_by_test_id("stException").all_inner_texts() == []
    assert found == []
    assert foreign_requests == []


def test_a_hostile_filter_is_shown_as_text(view: Page, address: str) -> None:
    view.goto(f"{address}/log_export?view=Coverage")
    word = view.get_by_label("Log group contains")
    word.fill(MARKUP)
    word.press("Enter")
    assert injected_elements(view, MARK) == []


def cells(page: Page, button: Locator) -> list[str]:
    """Return the cells of the CSV file that the button downloads."""
    with page.expect_download() as waiting:
        button.click()
    text = waiting.value.path().read_text("utf-8-sig")
    return [cell for row in csv.reader(io.StringIO(text)) for cell in row]


def test_no_download_contains_a_formula(view: Page, address: str) -> None:
    view.goto(f"{address}/logs?t=1d")
    view.get_by_role("button", name="Download", exact=True).click()
    view.get_by_role("button", name="Prepare download").click()
    files = cells(view, view.get_by_role("button", name="Download CSV", exact=True))
    view.goto(f"{address}/audit?text=calc")
    view.get_by_test_id("stDataFrame").hover()
    files += cells(view, view.get_by_role("button", name="Download as CSV"))
    assert sum(MARK in cell for cell in files) > 1 and any(cell.startswith("'=") for cell in files)
    assert [cell for cell in files if cell.startswith(FORMULA_STARTS)] == []
