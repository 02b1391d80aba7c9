"""Sanitized snapshots in a real browser: open the page, refresh the snapshot, see the result."""

import re

from playwright.sync_api import Page, expect


def test_one_click_creates_a_sanitized_snapshot(page: Page, address: str) -> None:
    page.goto(f"{address}/snapshots?database=shop-production")
    page.get_by_role("button", name="Refresh snapshot").click()
    expect(page.get_by_role("button", name="Stop run")).to_be_visible()
    expect(page.get_by_role("button", name="Refresh snapshot")).to_be_disabled()
    run = page.url.partition("run=")[2].partition("&")[0]
    assert run.startswith("refresh-")

    page.reload()
    expect(page.get_by_text(run).first).to_be_visible()
    expect(page.locator("svg text", has_text="Wait for database").first).to_be_visible()

    expect(page.get_by_text(re.compile(rf"Succeeded.*{run}"))).to_be_visible()
    expect(page.get_by_text("Newest sanitized snapshot: created just now, shared with qa")).to_be_visible()
    expect(page.get_by_text("Sanitized and verified.").first).to_be_visible()
    expect(page.get_by_role("button", name="Refresh snapshot")).to_be_enabled()


def test_the_overview_links_to_the_pipeline(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.get_by_role("link", name="Snapshots").click()
    expect(page.get_by_role("heading", name="Snapshots", exact=True)).to_be_visible()
    page.get_by_role("button", name="Change pipeline").click()
    expect(page.get_by_role("button", name="Preview changes")).to_be_visible()
