"""Logs in a real browser: search, zoom into the histogram, open an event with its context, share a link."""

import re

from playwright.sync_api import Page, expect


def test_a_link_opens_the_same_search_range_and_event(page: Page, address: str) -> None:
    page.goto(f"{address}/logs?t=1d")
    search = page.get_by_placeholder("timeout")
    search.fill("order")
    search.press("Enter")
    expect(page).to_have_url(re.compile(r"q=order"))
    expect(page.locator(".line mark").first).to_have_text(re.compile("order", re.IGNORECASE))

    chart = page.locator(".stVegaLiteChart canvas, .stVegaLiteChart svg").first
    expect(chart).to_be_visible()
    box = chart.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.3, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, middle, steps=10)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"t=\d{4}-\d\d-\d\dT"))

    page.locator(".list > .item > .line").nth(1).click()
    expect(page).to_have_url(re.compile(r"open=\d+-"))
    context = page.locator(".around .here")
    expect(context).to_be_visible()
    message = page.locator(".item.open .whole").inner_text()

    page.get_by_role("button", name="Link").click()
    link = page.locator(".stCode code").filter(has_text="open=").inner_text()
    other = page.context.new_page()
    other.goto(link)
    expect(other.locator(".item.open .whole")).to_have_text(message, use_inner_text=True)
    expect(other.locator(".around .here")).to_be_visible()
    expect(other.get_by_placeholder("timeout")).to_have_value("order")
    other.close()
