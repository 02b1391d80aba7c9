"""Pages as a viewer sees them, and what users without access see, light and dark, wide and narrow.

Disabled actions state the required role, and axe-core finds nothing serious. Screenshots are in
test-artifacts/.
"""

import re
from collections.abc import Iterator
from functools import partial

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Locator, Page, expect

from tests.browser.provider import sign_in
from tests.browser.still import PATIENCE_MS, STILL
from tests.browser.test_walk import ARTIFACTS, serious
from tests.end_to_end.workbench import eventually

WIDTHS = (1280, 400)
HEIGHT = 1000
SCREEN = "main h1"  # what the gate answers is a document of its own, without the app
# (Path, {action that is disabled for a viewer: role that it needs}).
VIEWED: dict[str, tuple[str, dict[str, str]]] = {
    "overview": ("/", {}),
    "snapshots": (
        "/snapshots?database=shop-production",
        {"Refresh snapshot": "operator", "Restore snapshot": "administrator"},
    ),
    "snapshot pipeline": (
        "/snapshot_pipeline?database=shop-production",
        {"Preview changes": "administrator"},
    ),
    "rollouts": ("/rollouts", {"Freeze all rollouts|Unfreeze all rollouts": "operator"}),
    "rollouts plan": ("/rollouts?view=Plan", {"Preview changes": "operator"}),
    "log coverage": ("/log_export?view=Coverage", {"Unsubscribe": "administrator"}),
    "support stacks": ("/support_stacks", {}),
    "logs": ("/logs?q=timeout&t=1d", {}),
    "audit": ("/audit", {}),
    "settings": ("/settings", {}),
}


FIRST = ("snapshots", "log coverage")  # the others are like these


@pytest.fixture(scope="module", params=["light", pytest.param("dark", marks=pytest.mark.thorough)])
def theme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def context(browser: Browser, theme: str) -> Iterator[BrowserContext]:
    context = browser.new_context(
        viewport={"width": WIDTHS[0], "height": HEIGHT},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture(scope="module")
def viewer(context: BrowserContext, signed: str) -> Page:
    page = context.new_page()
    sign_in(page, signed, "vic")
    expect(page.get_by_text("vic@example.com · Viewer")).to_be_attached()
    return page


@pytest.fixture
def stranger(browser: Browser, theme: str) -> Iterator[Page]:
    """A page of a user who is not signed in; the gate's policy would refuse axe-core's own style."""
    context = browser.new_context(
        color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce", bypass_csp=True
    )
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def has_tooltip(button: Locator, reason: str) -> bool:
    """Return whether the button's tooltip shows the reason; False while the page is redrawn."""
    button.page.mouse.move(0, 0)
    try:
        button.hover(force=True)
    except Error:  # the progress of a run has moved it
        return False
    button.page.wait_for_timeout(100)
    return button.page.get_by_text(reason).first.is_visible()


def check_accessibility(page: Page, name: str, theme: str, drawn: str = STILL) -> list[str]:
    """Return the serious violations of the page, wide and narrow, when `drawn` is there; save screenshots."""
    ARTIFACTS.mkdir(exist_ok=True)
    violations = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.wait_for_selector(drawn)
        page.wait_for_timeout(300)  # for tables and charts to resize
        page.screenshot(path=ARTIFACTS / f"{name}-{theme}-{width}.png", full_page=True)
        violations += [f"{width}: {violation}" for violation in serious(page)]
    page.set_viewport_size({"width": WIDTHS[0], "height": HEIGHT})
    return violations


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FIRST else pytest.mark.thorough) for name in VIEWED]
)
def test_a_viewer_sees_why_actions_are_disabled(viewer: Page, signed: str, name: str, theme: str) -> None:
    path, off = VIEWED[name]
    viewer.goto(signed + path)
    viewer.wait_for_selector("h1")
    viewer.wait_for_selector(STILL)
    for label, role in off.items():
        button = viewer.get_by_role("button", name=re.compile(label)).first
        expect(button).to_be_disabled()
        assert eventually(partial(has_tooltip, button, f"Requires the role {role}. Your role is viewer."))
    viewer.mouse.move(0, 0)
    assert viewer.get_by_test_id("stException").count() == 0
    assert check_accessibility(viewer, f"viewer {name}", theme) == []


def test_before_signing_in(stranger: Page, signed: str, theme: str) -> None:
    stranger.goto(f"{signed}/snapshots")
    expect(stranger.get_by_role("link", name="Sign in")).to_be_visible()
    assert check_accessibility(stranger, "signed out", theme, SCREEN) == []


def test_signed_in_without_a_role(stranger: Page, signed: str, theme: str) -> None:
    sign_in(stranger, signed, "eve")
    expect(stranger.get_by_text("eve@example.com has no role in Slipway")).to_be_visible()
    assert check_accessibility(stranger, "without a role", theme) == []


def test_on_a_network_address_without_sign_in(stranger: Page, address: str, theme: str) -> None:
    stranger.set_extra_http_headers({"X-Forwarded-For": "203.0.113.7"})
    stranger.goto(f"{address}/snapshots")
    expect(stranger.get_by_text("The request came through a proxy")).to_be_visible()
    assert check_accessibility(stranger, "not open to the network", theme, SCREEN) == []
