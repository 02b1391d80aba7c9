"""The current user: whose session the gate has let through, with the role that the settings give them now."""

from datetime import UTC, datetime
from pathlib import Path

import streamlit as st

from ops import settings
from ops.audit import Actor
from ops.errors import NotAllowed, SessionExpired
from ops.gate import mark, tokens
from ops.gate.people import actor_of
from ops.gate.sessions import Session, Sessions
from ops.settings import Settings


def current_actor() -> Actor:
    """Return the current user. What is shown and what is done both ask this function, each time.

    Raises NotAllowed if the request did not pass the gate or the user has no role, SessionExpired if the
    session has ended.
    """
    configured = settings.current()
    return actor_of(current_session(configured), configured, datetime.now(UTC), origin=_origin())


def current_session(configured: Settings) -> Session:
    """Return the session in which the gate has let this page through."""
    key = mark.read(st.context.headers.get(mark.HEADER, ""))
    if key is None:
        raise NotAllowed(
            "Slipway does not show its pages here: the request did not pass its gate.",
            hint="Start Slipway with the command slipway run, and open the link that it prints.",
        )
    if (session := Sessions(gate_folder(configured)).read(key)) is None:
        raise SessionExpired("Your session has ended.", hint="Reload the page and sign in again.")
    return session


def gate_folder(configured: Settings) -> Path:
    """Return the folder of this server's token and sessions."""
    return tokens.folder(configured.data, int(st.get_option("server.port")))


def sign_in_is_configured() -> bool:
    return bool(st.secrets.load_if_toml_exists()) and "auth" in st.secrets


def _origin() -> str:
    """Return the client's IP address, and separately the one that a proxy reports, which could be forged."""
    forwarded = st.context.headers.get("X-Forwarded-For", "")
    return f"{st.context.ip_address or '127.0.0.1'}{f' for {forwarded}' if forwarded else ''}"[:200]
