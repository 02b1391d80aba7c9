"""What the gate itself shows: a page without scripts that says what is wrong and what to do."""

import html
from dataclasses import dataclass

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 36rem; margin: 18vh auto 0; padding: 0 1.5rem; }
h1 { font-size: 1.75rem; }
a { display: inline-block; margin-top: 1rem; padding: .5rem 1rem; border-radius: .5rem; background: #0f766e;
    color: #fff; text-decoration: none; }
a:focus-visible { outline: 3px solid #5eead4; outline-offset: 2px; }
"""


@dataclass(frozen=True)
class Screen:
    """A page with an HTTP status; `link` is the address and the label of its button.

    `again` is what to do in a page that is open already: it shows this text when its connection is refused.
    """

    status: int
    title: str
    text: str
    link: tuple[str, str] | None = None
    again: str = ""

    @property
    def body(self) -> bytes:
        button = f'<a href="{html.escape(self.link[0])}">{html.escape(self.link[1])}</a>' if self.link else ""
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{html.escape(self.title)} · Slipway</title><style>{STYLE}</style></head><body><main>"
            f"<h1>{html.escape(self.title)}</h1><p>{html.escape(self.text)}</p>{button}"
            "</main></body></html>\n"
        ).encode()


def refused(reason: str, hint: str) -> Screen:
    return Screen(403, "Request refused", f"{reason} {hint}")


def token_required(*, given: bool) -> Screen:
    reason = "Slipway serves its pages only to the user who started it."
    if given:
        reason = "The token in this link is not valid: Slipway makes a new one when it starts."
    hint = "Open the link with ?token= that Slipway printed when it started."
    return Screen(401, "Link required", f"{reason} {hint}", again=f"Slipway has started again. {hint}")


def sign_in(address: str, *, expired_h: int = 0) -> Screen:
    """Ask to sign in; `expired_h` is the lifetime of the session that has expired."""
    text = "Sign in to continue."
    if expired_h:
        text = f"Your session is older than {expired_h} hours. Sign in again."
    again = "Your session has ended. Reload the page to sign in again."
    return Screen(401, "Slipway", text, (address, "Sign in"), again)


NOT_CONFIGURED = Screen(
    403,
    "Sign-in required",
    "Sign-in is not configured. Slipway can change production, so it serves its pages on the network to "
    "signed-in users only. Configure sign-in in .streamlit/secrets.toml as described in docs/sign-in.md, or "
    "start Slipway on 127.0.0.1.",
)
UNAVAILABLE = Screen(404, "Not found", "Slipway does not serve this address.")
NOT_PERMITTED = Screen(
    403, "Not allowed", "Your role does not permit uploads. Ask an administrator for the role."
)
