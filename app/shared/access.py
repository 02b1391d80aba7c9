"""Who is at the page: the signed-in person, or on this machine alone the local user."""

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
    """Whoever acts on this page now. Raises NotAllowed where nobody may."""
    if sign_in_is_configured():
        if not st.user.is_logged_in:
            raise NotAllowed("Nobody is signed in.", hint="Open the page anew and sign in.")
        return identify(st.user.to_dict(), settings, datetime.now(UTC), via="page", origin=_origin())
    if not is_local():
        raise NotAllowed("Sign-in is not configured.", hint="docs/sign-in.md says how.")
    return Actor.local("page", settings.local_role)


def sign_in_is_configured() -> bool:
    return bool(st.secrets.load_if_toml_exists()) and "auth" in st.secrets


def is_local() -> bool:
    """Whether only this machine can be at the other end: bound to loopback, asked for by a loopback name
    (another name may be a stranger's that leads here), and not through a proxy."""
    headers = st.context.headers
    host = urlsplit(f"//{headers.get('Host', LOOPBACK[0])}").hostname
    return (
        st.get_option("server.address") in LOOPBACK
        and host in LOOPBACK
        and not any(name in headers for name in FORWARDED)
    )


def _origin() -> str:
    """The address at the other end; what a proxy says of it is said as such."""
    forwarded = st.context.headers.get("X-Forwarded-For", "")
    return f"{st.context.ip_address or LOOPBACK[0]}{f' for {forwarded}' if forwarded else ''}"[:200]
