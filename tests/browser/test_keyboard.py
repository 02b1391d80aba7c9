"""The main action of each job with the keyboard alone."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from ops.aws.cloud import Cloud
from ops.embedded.lifecycle import RunningCloud
from ops.rollouts import controller, runs
from tests.browser.keys import Keys
from tests.browser.made_pipeline import make_database, make_machine, make_stack
from tests.browser.still import STILL, wait_until_still
from tests.ops.embedded.overlay import REGION, client

REDRAWS = 3
DATABASE = "slow"
# Has nothing to clean up; otherwise it runs until it is stopped.
SLOW = {
    "StartAt": "Clean up only?",
    "States": {
        "Clean up only?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.clean_up", "IsPresent": True, "Next": "Done"}],
            "Default": "Copy",
        },
        "Copy": {"Type": "Wait", "Seconds": 600, "Next": "Done"},
        "Done": {"Type": "Succeed"},
    },
}


@pytest.fixture
def keys(page: Page) -> Keys:
    return Keys(page)


@pytest.fixture
def slow_pipeline(embedded: RunningCloud) -> Iterator[None]:
    def connect(service: str, region: str = REGION) -> Any:
        return client(embedded, service, region=region)

    with ExitStack() as undo:
        make_database(connect, undo.callback, DATABASE, {})
        machine = make_machine(connect, undo.callback, DATABASE, SLOW)
        make_stack(connect, undo.callback, DATABASE, machine, {"SourceDatabase": DATABASE})
        yield


def open_page(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("h1")
    page.wait_for_selector(STILL)


def wait_for_redraws(page: Page, counter: Locator) -> None:
    """Wait until the elapsed time behind the dialog has changed that many times."""
    for _ in range(REDRAWS):
        expect(counter).not_to_have_text(counter.inner_text())


@pytest.mark.thorough
def test_refresh_a_snapshot_and_stop_the_run(
    page: Page, keys: Keys, address: str, slow_pipeline: None
) -> None:
    open_page(page, f"{address}/snapshots?database={DATABASE}")
    keys.push("Refresh snapshot")
    expect(page.get_by_role("button", name="Stop run")).to_be_visible()
    run = page.url.partition("run=")[2].partition("&")[0]
    keys.push("Stop run")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    wait_for_redraws(page, page.get_by_text(re.compile(rf"{run} · .* · started")))
    keys.reach(dialog.get_by_role("checkbox"))
    keys.press("Space")
    keys.push("Stop run", within=dialog)
    expect(dialog).to_have_count(0)
    expect(page.get_by_text(re.compile(rf"Stopped.*{run}"))).to_be_visible()


@pytest.fixture
def baking(cloud: Cloud) -> str:
    """The run that the embedded cloud starts with, among those of other tests."""
    found = runs.list_runs(cloud, controller.find_controller(cloud))
    return next(each.run for each in found if each.rollout == "welcome")


@pytest.mark.thorough
def test_pause_and_resume_a_rollout(page: Page, keys: Keys, address: str, baking: str) -> None:
    open_page(page, f"{address}/rollouts?run={baking}")
    for command, seen in (("Pause rollout", True), ("Resume rollout", False)):
        keys.push(command)
        expect(page.get_by_text("Paused: Pause rollout, requested by")).to_have_count(int(seen))


def test_dialog_input_survives_redraws_of_the_page(page: Page, keys: Keys, address: str, baking: str) -> None:
    open_page(page, f"{address}/rollouts?run={baking}")
    keys.push("Skip bake")
    dialog = page.get_by_role("dialog")
    reason = dialog.get_by_label("Reason (kept in the decision log)")
    keys.reach(reason)
    keys.write("half a sen")
    took = page.get_by_text(re.compile("· started .* by embedded cloud ·"))
    wait_for_redraws(page, took)
    expect(reason).to_have_value("half a sen")
    expect(reason).to_be_focused()
    keys.write("tence")
    name = dialog.get_by_label(re.compile("^Type .* to confirm$"))
    keys.reach(name)
    keys.write("welcome-")
    wait_for_redraws(page, took)
    expect(name).to_have_value("welcome-")
    expect(reason).to_have_value("half a sentence")
    keys.push("Skip bake", within=dialog)
    expect(dialog.get_by_text("Type the name of the run. Nothing has been changed.")).to_be_visible()
    keys.press("Escape")
    expect(dialog).to_have_count(0)


def test_plan_a_clean_up(page: Page, keys: Keys, address: str) -> None:
    open_page(page, f"{address}/support_stacks")
    keys.reach(page.get_by_role("tab", name="Inventory"))
    keys.press("ArrowRight", "ArrowRight")
    expect(page.get_by_role("tab", name="Cleanup")).to_have_attribute("aria-selected", "true")
    keys.push("Select all")
    keys.push("Show plan")
    dialog = page.get_by_role("dialog")
    typed = dialog.get_by_label(re.compile("^Type .* to confirm$"))
    keys.reach(typed)
    keys.write("something else")
    keys.press("Enter")
    expect(dialog.get_by_role("button", name=re.compile("^Delete .* resources?$"))).to_be_disabled()
    keys.press("Escape")
    expect(dialog).to_have_count(0)


@pytest.mark.thorough
def test_search_logs_and_open_an_event(page: Page, keys: Keys, address: str) -> None:
    open_page(page, f"{address}/logs?t=1d")
    keys.reach(page.get_by_placeholder("timeout"))
    keys.write("order")
    keys.press("Enter")
    expect(page).to_have_url(re.compile("q=order"))
    line = page.locator(".list > .item > .line").first
    expect(line.locator("mark").first).to_be_visible()
    page.wait_for_selector(STILL)
    keys.reach(line)
    keys.press("Enter")
    expect(page.locator(".item.open .whole").first).to_be_visible()


@pytest.mark.thorough  # a choice can be lost while the page is redrawn
def test_shortcuts_change_the_page_and_do_nothing_while_somebody_types(page: Page, address: str) -> None:
    open_page(page, f"{address}/audit")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_have_count(0)
    wait_until_still(page)  # a dialog that closes keeps the page inert for some frames
    page.keyboard.press("/")
    field = page.get_by_test_id("stMain").locator("input[type=text]").first
    expect(field).to_be_focused()
    page.keyboard.type("gs?")
    expect(field).to_have_value("gs?")
    field.blur()
    page.keyboard.press("g")
    page.keyboard.press("t")
    expect(page.get_by_role("heading", name="Settings", exact=True)).to_be_visible()
    expect(page).to_have_url(f"{address}/settings")
