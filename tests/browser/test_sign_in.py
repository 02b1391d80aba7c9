"""Sign-in through an OpenID Connect provider in a real browser, and what users without a role see."""

from playwright.sync_api import Page, expect

from tests.browser.provider import choose, sign_in


def test_nothing_is_shown_before_sign_in(page: Page, signed: str) -> None:
    page.goto(f"{signed}/snapshots")
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    expect(page.get_by_text("shop-production")).to_have_count(0)


def test_an_operator_signs_in_works_and_signs_out(page: Page, signed: str, issuer: str) -> None:
    sign_in(page, signed, "ada")
    expect(page.get_by_text("ada@example.com · Operator")).to_be_visible()
    page.get_by_role("link", name="Snapshots").click()
    expect(page.get_by_role("button", name="Refresh snapshot")).to_be_enabled()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{issuer}/oauth2/end_session?*")
    page.get_by_role("button", name="End session").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    assert page.url.startswith(signed)


def test_a_user_without_a_role_is_told_to_ask_an_administrator(page: Page, signed: str) -> None:
    sign_in(page, signed, "eve in bold")
    expect(page.get_by_text("<b>eve</b>@example.com has no role in Slipway")).to_be_visible()
    expect(page.get_by_text("Ask an administrator to add you")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_an_unverified_email_address_gets_no_role(page: Page, signed: str) -> None:
    sign_in(page, signed, "ada, not verified")
    expect(page.get_by_text("ada@example.com has no role in Slipway")).to_be_visible()


def test_an_expired_sign_in_is_requested_again(page: Page, signed: str) -> None:
    sign_in(page, signed, "ada, days ago")
    expect(page.get_by_text("Your session is older than 12 hours")).to_be_visible()
    page.get_by_role("link", name="Sign in").click()
    choose(page, "ada")
    expect(page.get_by_text("ada@example.com · Operator")).to_be_visible()


def test_a_network_address_without_sign_in_shows_an_explanation_only(page: Page, address: str) -> None:
    page.set_extra_http_headers({"X-Forwarded-For": "203.0.113.7"})
    page.goto(f"{address}/snapshots")
    expect(page.get_by_text("The request came through a proxy")).to_be_visible()
    expect(page.get_by_text("shop-production")).to_have_count(0)
