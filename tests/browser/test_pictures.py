"""Screenshots of the pages for the guides, with the embedded cloud's sample data."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pictures import WIDTH, take
from tests.browser.still import STILL

pytestmark = pytest.mark.thorough  # the walk and the stories visit the same pages
PAGES = {
    "overview": ("/", "Review cleanup", 1000),
    "snapshot-pipeline": ("/snapshot_pipeline?database=shop-production", "Preview changes", 860),
    "rollouts": ("/rollouts", "Decision log", 1000),
    "support-stacks": ("/support_stacks", "orphaned resources", 760),
    "audit": ("/audit", "of the latest", 760),
}


@pytest.mark.parametrize("name", PAGES)
def test_take_a_page(page: Page, address: str, name: str) -> None:
    where, seen, height = PAGES[name]
    page.goto(address + where)
    expect(page.get_by_text(seen).first).to_be_visible()
    page.wait_for_selector(STILL)
    take(page, name, height=height)


def test_take_the_logs_with_an_open_event(page: Page, address: str) -> None:
    page.goto(f"{address}/logs?t=1d&q=failed")
    page.locator(".list > .item > .line").nth(1).click()
    expect(page.locator(".around .here")).to_be_visible()
    page.wait_for_selector(STILL)
    take(page, "logs", height=1000)


def test_take_the_permissions_of_an_account(page: Page, address: str) -> None:
    page.goto(f"{address}/settings")
    page.get_by_role("tab", name="Permissions").click()
    expect(page.get_by_text("from the IAM policy simulator")).to_be_visible()
    page.wait_for_selector(STILL)
    take(page, "settings", height=860)


def test_take_a_finished_run(page: Page, address: str) -> None:
    page.set_viewport_size({"width": WIDTH, "height": 1400})
    page.goto(f"{address}/snapshots?database=shop-production")
    page.get_by_role("button", name="Refresh snapshot").click()
    expect(page.get_by_role("button", name="Stop run")).to_be_visible()
    expect(page.get_by_text("Newest sanitized snapshot: created just now")).to_be_visible()
    page.wait_for_selector(STILL)
    take(page, "snapshots", height=1400)
