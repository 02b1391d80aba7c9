"""The headers of every response."""

import base64
import hashlib
import re
from collections.abc import Iterable

_INLINE_SCRIPT = re.compile(r"<script(?:\s[^>]*)?>(.*?)</script>", re.DOTALL)


def inline_script_hashes(page: str) -> tuple[str, ...]:
    """Return the Content-Security-Policy sources of the page's inline scripts."""
    scripts = [body for body in _INLINE_SCRIPT.findall(page) if body.strip()]
    return tuple(f"'sha256-{_digest(script)}'" for script in scripts)


def policy(script_hashes: Iterable[str], host: str) -> str:
    """Return the Content-Security-Policy of Streamlit's pages: nothing from another server, and no frames.

    Streamlit loads the scripts of components from blob: URLs, draws Graphviz graphs with WebAssembly, and
    writes style elements while it runs. `host` is a checked Host header: not every browser counts a websocket
    of the same origin as 'self'.
    """
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' blob: 'wasm-unsafe-eval' {' '.join(script_hashes)}".rstrip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            f"connect-src 'self' blob: data: ws://{host} wss://{host}",
            "media-src 'self' blob:",
            "worker-src 'self' blob:",
            "frame-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def own_policy(style: str) -> str:
    """Return the Content-Security-Policy of the gate's own pages: one style element, and nothing else."""
    return (
        f"default-src 'none'; style-src 'sha256-{_digest(style)}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def of_every_response(policy: str, *, secure: bool) -> list[tuple[bytes, bytes]]:
    headers = [
        ("content-security-policy", policy),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ]
    if secure:
        headers.append(("strict-transport-security", "max-age=31536000"))
    return [(name.encode(), value.encode("latin-1")) for name, value in headers]


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
