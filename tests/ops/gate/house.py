"""A gate in front of a small application, and a client that sends it what a browser or an attacker would."""

import asyncio
import json
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from ops.gate import mark, tokens
from ops.gate.asgi import IDENTITY, Gate
from ops.gate.visit import House, Message, Receive, Scope, Send
from ops.settings import Settings

HOST = "127.0.0.1:8501"
SITE = "slipway.example.com"
TOKEN_PATH = "/?token={token}"


def completed(answer: Coroutine[Any, Any, None]) -> None:
    """Run to the end, in another thread: a browser test of the same process leaves an event loop running."""
    with ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, answer).result()


class Inside:
    """What the gate protects: it records every request, and answers as Streamlit does where it matters."""

    def __init__(self) -> None:
        self.seen: list[Scope] = []
        self.claims: Mapping[str, Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        self.seen.append(scope)
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            while (await receive())["type"] == "websocket.receive":
                await send({"type": "websocket.send", "bytes": b"answer"})
            return
        headers = [(b"access-control-allow-origin", b"*"), (b"set-cookie", b"_streamlit_xsrf=x; Path=/")]
        if scope["path"] == "/oauth2callback":
            value = quote(json.dumps(self.claims))
            headers.append((b"set-cookie", f"{IDENTITY}={value}; Path=/; HttpOnly".encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"inside"})


@dataclass(frozen=True)
class Provider:
    """Sign-in whose identity cookies are not signed."""

    hosts: frozenset[str] = frozenset({SITE})
    secure: bool = True

    def address(self) -> str:
        return "/auth/login?provider=signed"

    def claims(self, received: Mapping[str, str]) -> Mapping[str, Any] | None:
        return dict(json.loads(unquote(received[IDENTITY])))


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value.decode() for key, value in self.headers if key.decode() == name]

    def one(self, name: str) -> str:
        (value,) = self.all(name)
        return value


@dataclass
class Client:
    """Sends requests to a gate; keeps no cookies."""

    gate: Gate
    inside: Inside
    folder: Path
    settings: list[Settings] = field(default_factory=lambda: [Settings()])
    host: str = HOST
    scheme: str = "http"

    @classmethod
    def of(cls, folder: Path, *, sign_in: bool = False, loopback: bool = True) -> "Client":
        inside, settings = Inside(), [Settings()]
        house = House(folder, lambda: settings[0], loopback, Provider() if sign_in else None)
        host, scheme = (SITE, "https") if sign_in else (HOST, "http")
        return cls(Gate(inside, house), inside, folder, settings, host, scheme)

    def get(
        self, path: str, *more: tuple[str, str], cookie: str = "", method: str = "GET", **given: str
    ) -> Reply:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request", "body": b""}

        scope = self._scope("http", path, more, cookie, given)
        scope["method"] = method
        completed(self.gate(scope, receive, send))
        start, body = sent
        return Reply(start["status"], start["headers"], body["body"])

    def websocket(
        self, *more: tuple[str, str], cookie: str = "", messages: Sequence[Any] = (), **given: str
    ) -> list[str]:
        """Open a websocket, send the messages, and return the types of the answers; callables run between."""
        sent: list[str] = []
        waiting = list(messages)

        async def send(message: Message) -> None:
            sent.append(message["type"])

        async def receive() -> Message:
            if not sent and not waiting_connected:
                waiting_connected.append(True)
                return {"type": "websocket.connect"}
            while waiting and callable(waiting[0]):
                await asyncio.to_thread(waiting.pop(0))
            if not waiting:
                return {"type": "websocket.disconnect", "code": 1000}
            return {"type": "websocket.receive", "bytes": waiting.pop(0)}

        waiting_connected: list[bool] = []
        given.setdefault("origin", f"{self.scheme}://{self.host}")
        completed(self.gate(self._scope("websocket", "/_stcore/stream", more, cookie, given), receive, send))
        return sent

    def start(self) -> None:
        """Start the server again."""

        async def nothing(*_: object) -> Message:
            return {}

        completed(self.gate({"type": "lifespan"}, nothing, nothing))  # type: ignore[arg-type]

    def enter(self) -> str:
        """Open the link with the token, and return the Cookie header that a browser sends from then on."""
        token = tokens.create(self.folder)
        return cookie_of(self.get(f"/?token={token}"))

    def sign_in(self, **claims: Any) -> str:
        """Return the Cookie header of somebody whom the provider has identified."""
        self.inside.claims = claims
        return cookie_of(self.get("/oauth2callback?code=1&state=2"))

    def key(self) -> str:
        """Return the session that the gate named to the application in the last request."""
        headers = dict(self.inside.seen[-1]["headers"])
        key = mark.read(headers[mark.HEADER.lower().encode()].decode())
        assert key is not None
        return key

    def _scope(
        self, kind: str, path: str, more: Sequence[tuple[str, str]], cookie: str, given: Mapping[str, str]
    ) -> dict[str, Any]:
        address, _, query = path.partition("?")
        headers = {"host": self.host, **({"cookie": cookie} if cookie else {})}
        headers |= {name.replace("_", "-"): value for name, value in given.items()}
        pairs = [(name, value) for name, value in headers.items() if value != ABSENT]
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in [*pairs, *more]]
        return {"type": kind, "path": address, "query_string": query.encode(), "headers": raw}


ABSENT = "(absent)"


def cookie_of(reply: Reply) -> str:
    """Return the Cookie header for the session that a reply has set."""
    (pair,) = [text.partition(";")[0] for text in reply.all("set-cookie") if "slipway" in text]
    return pair
