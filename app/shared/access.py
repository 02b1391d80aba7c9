"""The current user: the signed-in user, or the local user if the pages are served on localhost."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

import streamlit as st

from ops.audit import Actor
from ops.errors import NotAllowed
from ops.settings import Settings
from ops.sign_in import identify

LOOPBACK = ("127.0.0.1", "localhost", "::1")
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip")


def actor(settings: Settings) -> Actor:
    """Return the current user. Raises NotAllowed if nobody is signed in or the user has no role."""
    if sign_in_is_configured():
        if not st.user.is_logged_in:
            raise NotAllowed("You are not signed in.", hint="Reload the page and sign in.")
        return identify(st.user.to_dict(), settings, datetime.now(UTC), via="page", origin=_origin())
    if not is_local():
        raise NotAllowed("Sign-in is not configured.", hint="Configure it as described in docs/sign-in.md.")
    return Actor.local("page", settings.local_role)


def sign_in_is_configured() -> bool:
    return bool(st.secrets.load_if_toml_exists()) and "auth" in st.secrets


def is_local() -> bool:
    """Return whether the request can only come from this machine.

    The server must be bound to loopback, and the request must not come through a proxy. Its host must be
    loopback too: another site's DNS name can resolve to 127.0.0.1 (DNS rebinding).
    """
    headers = st.context.headers
    host = urlsplit(f"//{headers.get('Host', LOOPBACK[0])}").hostname
    return (
        st.get_option("server.address") in LOOPBACK
        and host in LOOPBACK
        and not any(name in headers for name in FORWARDED)
    )


def _origin() -> str:
    """Return the client's IP address, and separately the one that a proxy reports, which could be forged."""
    forwarded = st.context.headers.get("X-Forwarded-For", "")
    return f"{st.context.ip_address or LOOPBACK[0]}{f' for {forwarded}' if forwarded else ''}"[:200]
