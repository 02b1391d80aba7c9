"""Logs in a real browser: search, zoom into the histogram, open an event with its context, share a link."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.still import STILL


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


LIST = """() => {
  const find = (root) => [...root.querySelectorAll("*")].flatMap(
    (one) => one.matches(".list") ? [one] : one.shadowRoot ? find(one.shadowRoot) : []);
  const list = find(document)[0];
  const message = list.querySelector(".message");
  const letter = document.createElement("span");
  letter.textContent = "0".repeat(100);
  message.append(letter);
  const hundred = letter.getBoundingClientRect().width;
  letter.remove();
  const bottom = Math.min(innerHeight, list.getBoundingClientRect().bottom);
  const lines = [...list.querySelectorAll(":scope > .item > .line")];
  const places = lines.map((one) => one.getBoundingClientRect());
  return {
    top: places[0].top, rows: places.filter((one) => one.bottom <= bottom).length, loaded: places.length,
    characters: 100 * message.clientWidth / hundred,
  };
}"""


def test_a_laptop_shows_thirty_rows_of_long_messages_and_is_used_by_keys(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{address}/logs?t=1d")
    lines = page.locator(".list > .item > .line")
    expect(page.locator(".stVegaLiteChart canvas, .stVegaLiteChart svg").first).to_be_visible()
    expect(page.locator(".facets .label", has_text="Unknown")).to_be_visible()
    page.wait_for_selector(STILL)
    seen = page.evaluate(LIST)
    assert seen["top"] < 300
    assert seen["rows"] >= 30
    assert seen["characters"] >= 100

    for key, number in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
        page.keyboard.press(key)
        expect(lines.nth(number)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".item.open .whole")).to_be_visible()
    expect(lines.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".item.open")).to_have_count(0)
    page.keyboard.press("c")
    expect(page.locator(".around .here")).to_be_visible()
    expect(page.locator(".around")).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_placeholder("timeout")).to_be_focused()
    page.keyboard.type("j")  # a text, and no key
    expect(page.get_by_placeholder("timeout")).to_have_value("j")

    page.goto(f"{address}/logs?t=1d")
    page.wait_for_selector(STILL)
    newest = lines.first.text_content()
    page.locator(".list").evaluate("list => { list.scrollTop = list.scrollHeight / 2 }")
    expect(lines.first).not_to_have_text(newest or "")
    expect(lines.first).to_be_attached()
    assert page.evaluate(LIST)["loaded"] <= 1000
    page.locator(".list").evaluate("list => { list.scrollTop = 0 }")
    expect(lines.first).to_have_text(newest or "")

    page.get_by_role("button", name=re.compile("^Unknown")).click()
    expect(page).to_have_url(re.compile("q=level"))
    expect(page.locator(".list .line:not(.none)")).to_have_count(0)


def test_a_link_with_sql_shows_it_and_runs_it_on_a_click(page: Page, address: str) -> None:
    page.goto(f"{address}/logs?t=1d&view=sql&sql=SELECT+count(*)+AS+counted+FROM+events")
    expect(page.get_by_role("textbox", name="SQL")).to_have_value("SELECT count(*) AS counted FROM events")
    expect(page.get_by_text("This query has not run yet")).to_be_visible()
    expect(page.get_by_text("Completed in")).to_have_count(0)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("1 row", exact=True)).to_be_visible()
    expect(page.get_by_text("Completed in")).to_be_visible()
    page.reload()  # another session of the page is another reader of the link
    expect(page.get_by_text("This query has not run yet")).to_be_visible()


def test_sql_that_may_not_run_is_an_error_in_words(page: Page, address: str) -> None:
    page.goto(f"{address}/logs?t=1d&view=sql&sql=SELECT+getenv('HOME')+AS+home")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("The function getenv() is not allowed")).to_be_visible()


@pytest.mark.thorough  # a choice can be lost while the page is redrawn
def test_columns_are_chosen_and_wrapped_traces_are_folded(page: Page, address: str) -> None:
    page.goto(f"{address}/logs?t=1d&q=Traceback&wrap=1&columns=time,level,group&compare=1")
    line = page.locator(".list > .item > .line").first
    expect(line.locator(".cell.group")).not_to_be_empty()
    expect(line.locator(".fold")).to_have_text(re.compile(r"^\d+ lines of the stack trace$"))
    expect(line).not_to_contain_text("File ")
    line.click()
    frames = page.locator(".item.open .whole .frames")
    expect(frames).not_to_have_attribute("open", "")
    frames.locator("summary").click()
    expect(page.locator(".item.open .whole")).to_contain_text("File ")
    page.goto(f"{address}/logs?t=1d&q=%24.level%3A*")
    page.locator(".list > .item > .line").first.click()
    expect(page.locator(".item.open .branch .leaf").first).to_be_visible()
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("combobox", name="Columns before the message").click()
    page.get_by_role("option", name="$.level", exact=True).click()
    expect(page).to_have_url(re.compile(r"columns=time%2Clevel%2C%24\.level"))
    expect(page.locator(".list > .item > .line").first.locator(".cell")).to_have_count(3)
