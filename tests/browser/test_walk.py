"""Every page of the menu in a real browser, light and dark, wide and narrow.

Each loads without an error, nothing lies over a control, and axe-core finds nothing serious. Screenshots are
saved in test-artifacts/.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.still import PATIENCE_MS, wait_until_still

ARTIFACTS = Path(__file__).parents[2] / "test-artifacts"
PAGES = {
    "overview": "/",
    "snapshots": "/snapshots",
    "snapshot pipeline": "/snapshot_pipeline?database=shop-production",
    "log export": "/log_export",
    "log coverage": "/log_export?view=Coverage",
    "log ledger": "/log_export?view=Ledger",
    "log retention": "/log_export?view=Retention",
    "logs": "/logs?t=1d",
    "rollouts": "/rollouts",
    "support stacks": "/support_stacks",
    "audit": "/audit",
    "settings": "/settings",
    # empty states and errors
    "snapshots without databases": "/snapshots?account=development&region=us-east-1",
    "logs without events": "/logs?t=1d&q=nothing-of-that-kind",
    "logs with a mistake": "/logs?t=1d&q=%22open",
    "logs of no bucket": "/logs?dataset=s3%3A%2F%2Fno-such-bucket-anywhere%2F",
    "rollouts plan": "/rollouts?view=Plan",
    "rollouts simulation": "/rollouts?view=Simulate",
    "audit without records": "/audit?text=nothing-of-that-kind",
}
# The selection rectangle over a chart, to which Vega gives no accessible name.
VEGA_BRUSH = {"exclude": [['[class*="brush_brush"]']]}
SERIOUS = ("serious", "critical")
# On a page that refreshes itself, Streamlit dims for a moment what it is about to redraw.
UNDIMMED = '[data-stale="true"] { opacity: 1 !important; transition: none !important; }'


# Controls that something lies over. Those of a chart's or table's toolbar are there while one points at it.
COVERED = """() => [...document.querySelectorAll(
    "[data-testid=stMain] :is(button:not([kind=elementToolbar]), [role=tab], [role=radiogroup] label)"
  )].filter((control) => {
    if (!control.checkVisibility({ opacityProperty: true, visibilityProperty: true })) return false;
    const { x, y, width, height } = control.getBoundingClientRect();
    const top = width && height && document.elementFromPoint(x + width / 2, y + height / 2);
    return top && !control.contains(top) && !top.contains(control);
  }).map((control) => control.outerHTML.slice(0, 200))"""


def serious(page: Page) -> list[str]:
    """Return axe-core's violations that prevent people from using the page."""
    page.add_style_tag(content=UNDIMMED)
    return [
        f"{violation['id']}: {violation['help']}: {violation['nodes'][0]['html']}"
        for violation in Axe().run(page, context=VEGA_BRUSH).response["violations"]
        if violation["impact"] in SERIOUS
    ]


LOOKS = [(theme, width) for theme in ("light", "dark") for width in (1280, 400)]
# Each page in one of the looks, which take turns; the others are thorough.
VISITS = [
    pytest.param(
        look,
        name,
        id=f"{name}-{look[0]}-{look[1]}",
        marks=[] if look == LOOKS[number % len(LOOKS)] else pytest.mark.thorough,
    )
    for number, name in enumerate(PAGES)
    for look in LOOKS
]


@pytest.fixture(scope="module")
def look(request: pytest.FixtureRequest) -> tuple[str, int]:
    theme, width = request.param
    return theme, width


@pytest.fixture(scope="module")
def view(browser: Browser, look: tuple[str, int]) -> Iterator[Page]:
    theme, width = look
    context = browser.new_context(
        viewport={"width": width, "height": 1000},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    yield page
    context.close()


@pytest.mark.parametrize("look, name", VISITS, indirect=["look"])
def test_a_page_loads_and_is_accessible(view: Page, address: str, name: str, look: tuple[str, int]) -> None:
    theme, width = look
    view.goto(address + PAGES[name])
    view.wait_for_selector("h1")
    wait_until_still(view)
    ARTIFACTS.mkdir(exist_ok=True)
    view.screenshot(path=ARTIFACTS / f"{name}-{theme}-{width}.png", full_page=True)
    assert view.get_by_test_id("stException").count() == 0
    assert view.evaluate(COVERED) == []
    assert serious(view) == []
