"""The gate's configuration, from the server's options, the secrets, and the settings.

The functions of Streamlit that sign and read its identity cookies are not public: Streamlit is pinned to one
minor version, and tests/browser/test_sign_in.py signs in for real.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st
from streamlit import auth_util
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from app.shared.access import gate_folder, sign_in_is_configured
from ops import settings
from ops.errors import SettingsError
from ops.gate import headers
from ops.gate.requests import is_loopback
from ops.gate.visit import House
from ops.settings import Settings


class StreamlitSignIn:
    """Sign-in with the provider of `.streamlit/secrets.toml`."""

    def __init__(self) -> None:
        redirect = urlsplit(auth_util.get_validated_redirect_uri() or "")
        self.hosts = frozenset({redirect.hostname} if redirect.hostname else ())
        self.secure = redirect.scheme == "https"

    def address(self) -> str:
        """Return the path of Streamlit's sign-in, with its signed parameter."""
        return f"/auth/login?provider={auth_util.encode_provider_token('default')}"

    def claims(self, received: Mapping[str, str]) -> Mapping[str, Any] | None:
        """Return the claims in Streamlit's identity cookie, which can be split into several."""

        def read(name: str) -> bytes | None:
            signed = received.get(name)
            return (
                decode_signed_value(get_cookie_secret(), name, signed.encode("latin-1")) if signed else None
            )

        value = auth_util.get_cookie_with_chunks(read, USER_COOKIE_NAME)
        claims = json.loads(value) if value else None
        return claims if isinstance(claims, dict) else None


def house() -> House:
    """Return what the gate of this server guards."""
    try:
        configured = settings.load()
    except SettingsError:  # every page shows it
        configured = Settings()
    folder = gate_folder(configured)
    sign_in = StreamlitSignIn() if sign_in_is_configured() else None
    loopback = is_loopback(str(st.get_option("server.address") or ""))
    return House(folder, settings.current, loopback, sign_in, _script_hashes())


def _script_hashes() -> tuple[str, ...]:
    page = Path(st.__file__).parent / "static/index.html"
    return headers.inline_script_hashes(page.read_text("utf-8"))
