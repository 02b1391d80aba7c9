"""Log export in a real browser: the pipeline's graph, and unsubscribing and subscribing a log group."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation.deploy import plan_delete, plan_preview
from ops.aws.cloudformation.stacks import read_stack
from ops.logs.export.deployment.stacks import STACK, central_spec
from tests.browser.pictures import take
from tests.browser.still import STILL, wait_until_still
from tests.end_to_end.workbench import Workbench, eventually

STEM = f"/story-{uuid4().hex[:6]}"
GROUP = f"{STEM}/orders"
REGION = "us-east-1"
TRIES, LOOK_MS, TAKES_MS = 5, 500, 4_000
ARTIFACTS = Path(__file__).parents[2] / "test-artifacts"


@pytest.fixture(scope="module", autouse=True)
def artifacts() -> None:
    ARTIFACTS.mkdir(exist_ok=True)


@pytest.fixture(scope="module")
def logs(cloud: Cloud, data: Path) -> Iterator[Any]:
    """An export in a separate account and region, with events in transit."""
    bench, place = Workbench(cloud, data), Place(cloud.account("development"), REGION)
    logs = cloud.client("logs", place.account.id, place.region)
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="s")
    wanted = {"LogGroupNamePrefix": STEM, "BufferIntervalHint": "1", "ProcessorBufferIntervalHint": "0"}
    spec = central_spec(place, wanted)
    bench.deploy_stack(spec, plan_preview(cloud, spec, ()))
    eventually(lambda: logs.describe_subscription_filters(logGroupName=GROUP)["subscriptionFilters"])
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": f"order {number} " + "x" * 400} for number in range(500)]
    logs.put_log_events(logGroupName=GROUP, logStreamName="s", logEvents=events)
    stack = read_stack(cloud, place.account.id, place.region, STACK)
    assert stack
    bucket = stack.outputs["Bucket"].rpartition(":")[2]
    s3 = cloud.client("s3", place.account.id, place.region)
    eventually(lambda: s3.list_objects_v2(Bucket=bucket, Prefix="logs/json/").get("Contents"))
    yield logs
    bench.must(plan_delete(cloud, stack, place.account.id, place.region))


def test_the_pipeline_graph_shows_the_flow(page: Page, address: str, logs: Any) -> None:
    def shows_health() -> bool:
        page.goto(f"{address}/log_export")
        page.wait_for_selector(STILL)
        return page.get_by_text("The export is healthy.").is_visible()

    eventually(shows_health)  # the app remembers for a while that there was no export
    stages = page.locator(".flow .node")
    expect(stages).to_have_count(5)
    expect(stages.locator(".title")).to_have_text(["Log groups", "Stream", "Processor", "Delivery", "Bucket"])
    expect(stages.nth(3)).to_contain_text("B/s")
    expect(stages.nth(4)).to_contain_text("No failed records")
    take(page, "log-export", height=1120)


def choose_first(page: Page, action: str) -> Locator:
    """Select the first row with its checkbox; return the button that this enables.

    The table may not have been drawn yet when it is clicked, and a second click would clear the selection. So
    each click gets time to take effect, and its effect must last.
    """
    button = page.get_by_role("button", name=action)
    for _ in range(TRIES):
        box = page.get_by_test_id("stDataFrame").bounding_box()
        assert box
        page.mouse.click(box["x"] + 18, box["y"] + 36 + 17)
        _settle(page)
        try:
            expect(button).to_be_enabled(timeout=TAKES_MS)
        except AssertionError:
            continue
        _settle(page)
        if button.count() and button.is_enabled():
            return button
    raise AssertionError(f"no row can be chosen for {action}")


def _settle(page: Page) -> None:
    """Wait until the click has been processed and the page has been redrawn."""
    page.wait_for_timeout(LOOK_MS)
    page.wait_for_selector(STILL)


def open_coverage(page: Page, address: str) -> None:
    """Open the coverage of the test's log group and refresh it: another test may have read it earlier."""
    page.goto(f"{address}/log_export?view=Coverage")
    page.get_by_role("button", name="Refresh").click()
    _settle(page)
    expect(page.get_by_text("about 5 per second")).to_have_count(0)
    wait_until_still(page)  # the page is redrawn with what was read
    page.get_by_label("Log group contains").fill(GROUP)
    page.get_by_label("Log group contains").press("Enter")
    expect(page.get_by_test_id("stDataFrame")).to_have_count(1)  # the previous table is gone
    _settle(page)


def test_unsubscribe_and_subscribe_a_group(page: Page, address: str, logs: Any) -> None:
    def filters() -> list[str]:
        found = logs.describe_subscription_filters(logGroupName=GROUP)["subscriptionFilters"]
        return [each["filterName"] for each in found]

    open_coverage(page, address)
    page.screenshot(path=ARTIFACTS / "log coverage-story.png", full_page=True)
    choose_first(page, "Unsubscribe").click()
    dialog = page.get_by_role("dialog")
    typed = dialog.get_by_label(re.compile("^Type .* to confirm$"))
    typed.fill(GROUP)
    typed.press("Enter")
    dialog.get_by_role("button", name="Unsubscribe").click()
    eventually(lambda: filters() == [])
    expect(page.get_by_text("Unsubscribed · 1")).to_be_visible()

    open_coverage(page, address)
    choose_first(page, "Subscribe 1 log group").click()
    dialog.get_by_role("button", name="Subscribe").click()
    eventually(lambda: filters() == [f"slipway-{REGION}"])
    expect(page.get_by_text("Subscribed · 1", exact=True)).to_be_visible()
    page.screenshot(path=ARTIFACTS / "log coverage-back.png", full_page=True)
