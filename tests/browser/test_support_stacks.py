"""Support stacks in a real browser: a cleanup is stopped and resumed, then shared buckets are set up."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from ops.embedded.accounts import PRODUCTION
from ops.embedded.ports import free_port
from ops.embedded.sample.pipelines import support_stack
from ops.settings import Settings
from tests.browser.conftest import serving
from tests.browser.still import STILL, wait_until_still
from tests.end_to_end import sample_pipelines

ORPHANS = 8  # enough stacks that their cleanup can be stopped before it completes
ARTIFACTS = Path(__file__).parents[2] / "test-artifacts"


@pytest.fixture(scope="module")
def own(data: Path, plant: Callable[..., Path]) -> Iterator[str]:
    """A workbench with its own embedded cloud: other tests need the resources that this one deletes."""
    ARTIFACTS.mkdir(exist_ok=True)
    settings = Settings(data=data / "clean-up")
    with sample_pipelines.serving(plant(settings.embedded_data, sample_pipelines.pipelines)) as running:
        for number in range(ORPHANS):
            sample_pipelines.deploy(
                running, support_stack(f"Old{number}", PRODUCTION.id, "us-east-1", artifacts=1)
            )
        with serving(settings.data, free_port()) as address:
            yield address


def plan(page: Page) -> Locator:
    """Open the dialog with the plan for all orphaned resources."""
    page.get_by_role("spinbutton", name="Minimum idle days").fill("0")
    page.get_by_role("spinbutton", name="Minimum idle days").press("Enter")
    page.get_by_role("tab", name="Cleanup").click()
    page.get_by_role("button", name="Select all").click()
    page.get_by_role("button", name="Show plan").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    return dialog


def confirm(dialog: Locator) -> None:
    box = dialog.get_by_role("textbox")
    word = (box.get_attribute("aria-label") or "").removeprefix("Type ").removesuffix(" to confirm")
    box.fill(word)
    box.press("Enter")
    dialog.get_by_role("button", name=re.compile("^Delete .* resources?$")).click()


def test_a_cleanup_is_stopped_and_resumed(page: Page, own: str) -> None:
    page.goto(f"{own}/support_stacks")
    expect(page.get_by_role("tab", name="Cleanup")).to_be_visible()
    confirm(plan(page))
    page.get_by_role("tabpanel").get_by_role("button", name="Stop").click()  # not that of Streamlit
    expect(page.get_by_text("Stopped by a user.")).to_be_visible()
    # The inventory is read again. What is selected before that can be less than what is then orphaned.
    wait_until_still(page)
    expect(page.get_by_role("button", name="Refresh")).to_be_enabled()
    wait_until_still(page)
    page.screenshot(path=ARTIFACTS / "support stacks-stopped.png", full_page=True)
    confirm(plan(page))
    expect(page.get_by_text("No orphaned resources")).to_be_visible()
    page.screenshot(path=ARTIFACTS / "support stacks-clean.png", full_page=True)


def test_shared_buckets_are_set_up_and_their_code_is_shown(page: Page, own: str) -> None:
    page.goto(f"{own}/support_stacks")
    page.get_by_role("tab", name="Shared replication buckets").click()
    for region in ("eu-west-1", "us-east-1"):
        page.get_by_label("Regions").fill(region)
        page.get_by_label("Regions").press("Enter")
    page.get_by_label("Regions").press("Escape")
    page.get_by_role("tabpanel", name="Shared replication buckets").get_by_role(
        "button", name="Show plan"
    ).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Set up").click()
    expect(page.get_by_text("crossRegionReplicationBuckets").first).to_be_visible()
    page.wait_for_selector(STILL)
    page.screenshot(path=ARTIFACTS / "support stacks-shared.png", full_page=True)
