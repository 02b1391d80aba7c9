"""Back and forward go one step at a time, through tabs, choices, and pages."""

import re

from playwright.sync_api import Page, expect


def open_page(page: Page, name: str) -> None:
    page.get_by_test_id("stSidebar").get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


def test_back_and_forward_go_one_step(page: Page, address: str) -> None:
    page.goto(f"{address}/snapshots")
    expect(page.get_by_role("heading", name="Snapshots", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Refresh snapshot")).to_be_visible()
    assert page.url == f"{address}/snapshots"  # defaults are not written

    open_page(page, "Log export")
    page.get_by_role("tab", name="Coverage").click()
    expect(page).to_have_url(f"{address}/log_export?view=Coverage")
    page.get_by_role("tab", name="Failed").click()
    expect(page).to_have_url(f"{address}/log_export?view=Failed")
    open_page(page, "Settings")
    page.go_back()
    expect(page.get_by_role("tab", name="Failed")).to_have_attribute("aria-selected", "true")
    page.go_back()
    expect(page.get_by_role("tab", name="Coverage")).to_have_attribute("aria-selected", "true")
    page.go_back()
    expect(page.get_by_role("tab", name="Pipeline")).to_have_attribute("aria-selected", "true")
    expect(page).to_have_url(f"{address}/log_export")
    page.go_back()
    expect(page.get_by_role("heading", name="Snapshots", exact=True)).to_be_visible()
    expect(page).to_have_url(f"{address}/snapshots")

    page.go_forward()
    page.go_forward()
    expect(page.get_by_role("tab", name="Coverage")).to_have_attribute("aria-selected", "true")


def test_back_returns_to_the_account_before(page: Page, address: str) -> None:
    page.goto(f"{address}/snapshots")
    expect(page.get_by_role("button", name="Refresh snapshot")).to_be_visible()
    page.get_by_role("combobox", name=re.compile("Account")).click()
    page.get_by_role("option", name="qa").click()
    expect(page).to_have_url(f"{address}/snapshots?account=qa")
    expect(page.get_by_role("button", name="Refresh snapshot")).to_have_count(0)
    page.go_back()
    expect(page).to_have_url(f"{address}/snapshots")
    expect(page.get_by_role("button", name="Refresh snapshot")).to_be_visible()
