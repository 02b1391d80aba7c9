"""Sanitized snapshots in a real browser: open the page, refresh the snapshot, see the result."""

import re

from playwright.sync_api import Page, expect

from tests.browser.still import wait_until_still


def test_one_click_creates_a_sanitized_snapshot(page: Page, address: str) -> None:
    page.goto(f"{address}/snapshots?database=shop-production")
    page.get_by_role("button", name="Refresh snapshot").click()
    expect(page.get_by_role("button", name="Stop run")).to_be_visible()
    expect(page.get_by_role("button", name="Refresh snapshot")).to_be_disabled()
    run = page.url.partition("run=")[2].partition("&")[0]
    assert run.startswith("refresh-")

    page.reload()
    expect(page.get_by_text(run).first).to_be_visible()
    expect(page.locator(".flow .node", has_text="Wait for database")).to_be_visible()

    expect(page.get_by_text(re.compile(rf"Succeeded.*{run}"))).to_be_visible()
    expect(page.get_by_text("Newest sanitized snapshot: created just now, shared with qa")).to_be_visible()
    expect(page.get_by_text("Sanitized and verified.").filter(visible=True).first).to_be_visible()
    expect(page.get_by_role("button", name="Refresh snapshot")).to_be_enabled()
    see_the_whole_run(page)


def see_the_whole_run(page: Page) -> None:
    """The diagram fits a laptop's screen at 13 px, a click shows a step, and a phone has a list."""
    page.set_viewport_size({"width": 1440, "height": 900})
    wait_until_still(page)
    port, node = page.locator(".flow .port"), page.locator(".flow .node", has_text="Preflight")
    height, inner, wide, inside = port.evaluate(
        "one => [one.offsetHeight, one.scrollHeight, one.clientWidth, one.scrollWidth]"
    )
    assert (inner, inside) == (height, wide) and height < 700
    assert node.evaluate("one => getComputedStyle(one.querySelector('.title')).fontSize") == "13px"
    node.click()
    expect(page.get_by_text(re.compile("Preflight · Succeeded"))).to_be_visible()
    assert "step=Preflight" in page.url

    page.set_viewport_size({"width": 400, "height": 900})
    wait_until_still(page)
    lefts = page.locator(".flow .node").evaluate_all("all => all.map(one => one.offsetLeft)")
    assert set(lefts) == {0} and len(lefts) > 10


def test_the_overview_links_to_the_pipeline(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.get_by_test_id("stMain").get_by_role("link", name="Snapshots").first.click()
    expect(page.get_by_role("heading", name="Snapshots", exact=True)).to_be_visible()
    page.get_by_role("button", name="Change pipeline").click()
    expect(page.get_by_role("button", name="Preview changes")).to_be_visible()
