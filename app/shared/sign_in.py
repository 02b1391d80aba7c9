"""What stands before every page: signing in, and why somebody may not."""

import streamlit as st

from app.shared.access import actor, is_local, sign_in_is_configured
from app.shared.components import empty_state, plain, show_error
from ops.audit import Actor
from ops.errors import NotAllowed, SessionExpired
from ops.settings import Settings


def guard(settings: Settings) -> Actor:
    """The actor; where there is none, says why and what to do, and ends the page."""
    if sign_in_is_configured() and not st.user.is_logged_in:
        st.title("Slipway")
        st.markdown("Sign in to go on.")
        _offer_sign_in()
        st.stop()
    if not sign_in_is_configured() and not is_local():
        st.title("Slipway is not open to the network")
        empty_state(
            "Sign-in is not configured",
            "These pages can change production, so on a network address they are shown to people who have "
            "signed in only. Add an [auth] section to .streamlit/secrets.toml as docs/sign-in.md says, or "
            "start Slipway on 127.0.0.1.",
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


def show_actor(person: Actor) -> None:
    """In the sidebar: as whom one works here, and the way out."""
    st.caption(f"{plain(person.name)}, {person.role}")
    if sign_in_is_configured():
        _offer_sign_out()


def _offer_sign_in() -> None:
    if st.button("Sign in", type="primary", icon=":material/login:", key="sign-in"):
        st.login()


def _offer_sign_out() -> None:
    if st.button("Sign out", icon=":material/logout:", key="sign-out"):
        st.logout()
