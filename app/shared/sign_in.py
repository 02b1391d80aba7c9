"""The user in front of every page: the gate has let them through, but they may have no role."""

import streamlit as st

from app.shared.access import current_actor, sign_in_is_configured
from app.shared.components import plain, show_error
from ops.audit import Actor
from ops.errors import NotAllowed


def require_user() -> Actor:
    """Return the current user. If they have no role, show why and what to do, and stop the page."""
    try:
        return current_actor()
    except NotAllowed as error:
        st.title("Slipway")
        show_error(error)
        if sign_in_is_configured():
            _offer_sign_out()
        st.stop()


def show_user(user: Actor) -> None:
    """Show the user's name and role, and the sign-out button."""
    st.caption(f"{plain(user.name)} · {user.role.capitalize()}")
    if sign_in_is_configured():
        _offer_sign_out()


def _offer_sign_out() -> None:
    if st.button("Sign out", icon=":material/logout:", key="sign-out"):
        st.logout()
