"""A request as the gate sees it, and what the gate guards."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, urlencode

from ops.gate import cookies
from ops.settings import Settings

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class SignIn(Protocol):
    """Sign-in by OpenID Connect, as the pages' server does it."""

    @property
    def hosts(self) -> frozenset[str]:
        """The host names at which the provider's answer arrives."""

    @property
    def secure(self) -> bool:
        """Whether users reach the pages over TLS."""

    def address(self) -> str:
        """Return the path at which signing in starts. It is valid for a short time."""

    def claims(self, received: Mapping[str, str]) -> Mapping[str, Any] | None:
        """Return the claims in the server's identity cookies, or None if they are not authentic."""


@dataclass(frozen=True)
class House:
    """What the gate guards. Without sign-in, and not on loopback only, nothing is served.

    `folder` holds the token and the sessions; `load` returns the current settings; `script_hashes` are the
    sources of inline scripts for the Content-Security-Policy.
    """

    folder: Path
    load: Callable[[], Settings]
    loopback: bool
    sign_in: SignIn | None = None
    script_hashes: tuple[str, ...] = ()

    @property
    def local(self) -> bool:
        return self.loopback and self.sign_in is None


@dataclass(frozen=True)
class Visit:
    """A request, or the handshake of a websocket. `port` is the one in its Host header."""

    scope: Scope
    websocket: bool
    method: str
    path: str
    headers: tuple[tuple[bytes, bytes], ...]
    query: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, scope: Scope) -> "Visit":
        return cls(
            scope,
            scope["type"] == "websocket",
            scope.get("method", "GET"),
            scope["path"],
            tuple(scope["headers"]),
            tuple(parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)),
        )

    @cached_property
    def cookies(self) -> Mapping[str, str]:
        return cookies.read(self.headers)

    @property
    def scheme(self) -> str:
        """The scheme of the connection, http or https: behind a proxy, not the one in the browser."""
        return "https" if self.scope.get("scheme") in ("https", "wss") else "http"

    @property
    def host(self) -> str:
        """The Host header. Only after it has been checked is it safe to use."""
        return next((value.decode("latin-1") for name, value in self.headers if name.lower() == b"host"), "")

    @property
    def port(self) -> str:
        digits = self.host.rpartition(":")[2]
        return digits if digits.isdecimal() else "80"

    def without(self, parameter: str) -> str:
        """Return the path and the query without a parameter; never the address of another server."""
        rest = urlencode([(name, value) for name, value in self.query if name != parameter])
        path = "/" + quote(self.path.lstrip("/\\"))
        return f"{path}?{rest}" if rest else path
