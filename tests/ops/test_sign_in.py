"""Who somebody is and may do, from the claims of a token and the settings."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.audit import Actor
from ops.errors import NotAllowed, SessionExpired
from ops.roles import Role
from ops.settings import Settings
from ops.sign_in import identify

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ADA = {"sub": "1", "email": "ada@example.com", "email_verified": True, "iat": NOW.timestamp() - 60}
SETTINGS = Settings(administrators=("ada@example.com",), operators=("ops",), viewers=("readers", "77"))


def who(settings: Settings = SETTINGS, **claims: Any) -> Actor:
    return identify({**ADA, **claims}, settings, NOW, via="page", origin="192.0.2.1")


def test_the_highest_role_that_is_given_counts() -> None:
    assert who() == Actor("ada@example.com", "page", Role.ADMINISTRATOR, "192.0.2.1")
    assert who(email="bob@example.com", groups=["readers", "ops"]).role is Role.OPERATOR
    assert who(email="bob@example.com", groups="readers").role is Role.VIEWER
    assert who(email="bob@example.com", sub="77").role is Role.VIEWER


@pytest.mark.parametrize("verified", [False, None, "false", 0])
def test_an_unverified_address_names_nobody(verified: object) -> None:
    with pytest.raises(NotAllowed, match=r"ada@example.com has no role"):
        who(email_verified=verified)


def test_everybody_is_everybody_who_signed_in() -> None:
    assert who(Settings(viewers=("*",))).role is Role.VIEWER


def test_without_any_role_in_the_settings_nobody_may_do_anything() -> None:
    with pytest.raises(NotAllowed) as refused:
        who(Settings())
    assert "administrators" in refused.value.hint


@pytest.mark.parametrize("issued", [None, "yesterday", (NOW - timedelta(hours=12, seconds=1)).timestamp()])
def test_an_old_sign_in_has_expired(issued: object) -> None:
    with pytest.raises(SessionExpired, match="12 hours"):
        who(iat=issued)


def test_another_claim_can_name_the_groups() -> None:
    settings = Settings(operators=("ops",), roles_claim="https://corp.example/teams")
    assert who(settings, **{"https://corp.example/teams": ["ops"]}).role is Role.OPERATOR
    with pytest.raises(NotAllowed):
        who(settings, groups=["ops"])


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
JSON = SCALARS | st.lists(SCALARS, max_size=3)


@given(st.dictionaries(st.sampled_from(["sub", "email", "email_verified", "groups", "iat", "x"]), JSON))
def test_claims_that_name_nobody_in_the_settings_never_get_a_role(claims: dict[str, Any]) -> None:
    with pytest.raises(NotAllowed):
        identify(claims, Settings(administrators=("\0nobody\0",)), NOW, via="page")


def test_each_role_has_the_rights_of_those_before_it() -> None:
    table = {(has, needs): has.includes(needs) for has in Role for needs in Role}
    assert [needs for (has, needs), may in table.items() if has is Role.VIEWER and may] == [Role.VIEWER]
    assert [needs for (has, needs), may in table.items() if has is Role.OPERATOR and may] == list(Role)[:2]
    assert all(may for (has, _), may in table.items() if has is Role.ADMINISTRATOR)
