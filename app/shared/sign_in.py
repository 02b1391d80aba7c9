"""Sign-in before every page."""

import streamlit as st

from app.shared.access import actor, is_local, sign_in_is_configured
from app.shared.components import empty_state, plain, show_error
from ops.audit import Actor
from ops.errors import NotAllowed, SessionExpired
from ops.settings import Settings


def require_sign_in(settings: Settings) -> Actor:
    """Return the current user. If there is none, show why and what to do, and stop the page."""
    if sign_in_is_configured() and not st.user.is_logged_in:
        st.title("Slipway")
        st.markdown("Sign in to continue.")
        _offer_sign_in()
        st.stop()
    if not sign_in_is_configured() and not is_local():
        st.title("Sign-in required")
        empty_state(
            "Sign-in is not configured",
            "Slipway can change production, so its pages are served on the network to signed-in users only. "
            "Configure sign-in in .streamlit/secrets.toml as described in docs/sign-in.md, or start Slipway "
            "on 127.0.0.1.",
        )
        st.stop()
    try:
        return actor(settings)
    except SessionExpired as error:
        st.title("Slipway")
        show_error(error)
        _offer_sign_in()
    except NotAllowed as error:
        st.title("Slipway")
        show_error(error)
        _offer_sign_out()
    st.stop()


def show_user(user: Actor) -> None:
    """Show the user's name and role, and the sign-out button."""
    st.caption(f"{plain(user.name)} · {user.role.capitalize()}")
    if sign_in_is_configured():
        _offer_sign_out()


def _offer_sign_in() -> None:
    if st.button("Sign in", type="primary", icon=":material/login:", key="sign-in"):
        st.login()


def _offer_sign_out() -> None:
    if st.button("Sign out", icon=":material/logout:", key="sign-out"):
        st.logout()
