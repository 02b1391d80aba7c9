"""Log lines with markup and scripts, on every view of the page Logs: they are shown and saved as text."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Download, Page, expect

from ops.aws.cloud import Cloud
from ops.logs.search.output import FORMULA
from tests.ops.logs import hostile

BUCKET, ACCOUNT, REGION = "hostile-page", "111111111111", "eu-west-1"
SQL = "SELECT+message,+log_group,+log_stream,+[message]+AS+many,+message+AS+%22%3Cb%3E%3D1%22+FROM+events"
# Elements that only an injected log line can have created.
INJECTED = (
    "img[src='x'], img[src*='evil'], a[href*='evil'], a[href^='javascript'], "
    "iframe[srcdoc], svg[onload], .katex"
)
OPENED = (0, 1, 6, 13)  # script, attribute breakout, terminal escapes, JSON


@pytest.fixture(scope="module")
def hostile_logs(cloud: Cloud) -> str:
    hostile.put(cloud.client("s3", ACCOUNT, REGION), BUCKET, ACCOUNT, REGION)
    return f"production=s3://{BUCKET}/"


@pytest.fixture
def watched(page: Page) -> Iterator[Page]:
    """A page that fails the test if a log line runs code or triggers a request."""
    unexpected: list[str] = []
    page.on("dialog", lambda dialog: unexpected.append(dialog.message))
    page.on("request", lambda request: unexpected.append(request.url) if "evil" in request.url else None)
    yield page
    for opened in page.context.pages:
        assert opened.evaluate("[window.pwned, ({}).polluted]") == [None, None]
        assert opened.locator(INJECTED).count() == 0
    assert unexpected == []


def cells(download: Download) -> list[str]:
    with Path(download.path()).open(newline="", encoding="utf-8") as file:
        return [cell for row in csv.reader(file) for cell in row]


def test_events_are_text_and_their_download_has_no_formulas(
    watched: Page, address: str, hostile_logs: str
) -> None:
    watched.goto(f"{address}/logs?t=1d&dataset={hostile_logs}")
    lines = watched.locator(".list > .item > .line")
    expect(lines).to_have_count(len(hostile.MESSAGES))
    shown = "\n".join(lines.all_inner_texts())
    for text in (
        hostile.MESSAGES[0],
        hostile.BREAKOUT,
        "**bold** [link]",
        ":red[alarm]",
        "$\\frac{1}{2}$",
    ):
        assert text in shown
    assert "\\u{1b}]0;title" in shown
    assert "\\u{202e}gnp.exe" in shown
    assert not re.search(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
    for number in OPENED:
        line = lines.nth(len(hostile.MESSAGES) - 1 - number)
        line.click()
        expect(watched.locator(".item.open .whole")).to_be_visible()
        expect(watched.locator(".item.open .around .here")).to_be_visible()
        line.click()
        expect(watched.locator(".item.open")).to_have_count(0)
    expect(
        watched.locator(".facets .label", has_text="<img src=x onerror=window.pwned=1>").first
    ).to_be_visible()

    watched.get_by_role("button", name="Download", exact=True).click()
    watched.get_by_role("button", name="Prepare download").click()
    with watched.expect_download() as saved:
        watched.get_by_role("button", name="Download CSV", exact=True).click()
    found = cells(saved.value)
    assert "'=cmd|' /C calc'!A0" in found
    assert not [cell for cell in found if cell.startswith(FORMULA)]


@pytest.mark.thorough
def test_patterns_and_rows_are_text(watched: Page, address: str, hostile_logs: str) -> None:
    watched.goto(f"{address}/logs?t=1d&view=patterns&dataset={hostile_logs}")
    expect(watched.get_by_text(re.compile(r"\d+ patterns"))).to_be_visible()
    expect(watched.locator(".stDataFrame").first).to_be_visible()
    watched.goto(f"{address}/logs?t=1d&view=sql&sql={SQL}&dataset={hostile_logs}")
    watched.get_by_role("button", name="Run", exact=True).click()
    expect(watched.get_by_text(f"{len(hostile.MESSAGES)} rows")).to_be_visible()
    with watched.expect_download() as saved:
        watched.get_by_role("button", name="Download CSV", exact=True).click()
    assert not [cell for cell in cells(saved.value) if cell.startswith(FORMULA)]
    watched.locator("[data-testid=stDataFrame]").last.hover()
    expect(watched.get_by_role("button", name="Search", exact=True).last).to_be_visible()
    expect(watched.get_by_role("button", name="Download as CSV")).to_have_count(0)  # the table's own download
    watched.get_by_role("button", name="Recent").click()
    expect(watched.get_by_text(re.compile("SQL · SELECT message")).first).to_be_visible()


def test_a_search_for_markup_is_a_text_search(watched: Page, address: str, hostile_logs: str) -> None:
    watched.goto(f"{address}/logs?t=1d&dataset={hostile_logs}")
    search = watched.get_by_placeholder("timeout")
    search.fill('"<script>" -"**nothing**"')
    search.press("Enter")
    expect(watched.locator(".list > .item > .line mark").first).to_have_text("<script>")
    search.fill("/(<img src=x onerror=window.pwned=1>/")  # the error message quotes the text
    search.press("Enter")
    expect(watched.get_by_text("<img src=x onerror=window.pwned=1>").first).to_be_visible()
