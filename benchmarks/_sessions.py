"""A client of Streamlit's browser protocol: a WebSocket, script runs, and fragments that rerun automatically.

https://docs.streamlit.io/develop/concepts/architecture/architecture
"""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

FAST_RERUN_S = 1.0  # a fragment that reruns more often waits for a result that belongs to the response
TIMEOUT_S = 60.0
ERROR = 1  # format of an alert


COOKIES: dict[str, str] = {}  # by address, of the servers that run


def enter(address: str, token: str) -> None:
    """Exchange the token of a server for the cookie of its sessions, as a browser does."""
    connection = HTTPConnection(address, timeout=30)
    connection.request("GET", f"/?token={token}")
    COOKIES[address] = str(connection.getresponse().headers["set-cookie"]).partition(";")[0]
    connection.close()


@dataclass
class Session:
    """A browser tab. `durations` contains the seconds of each interaction, by its name."""

    address: str  # 127.0.0.1:8501
    durations: dict[str, list[float]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    _socket: Any = None
    _url: str = ""
    _fragments: dict[str, float] = field(default_factory=dict)
    _timers: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _requested: dict[str, float] = field(default_factory=dict)  # fragment → time of the rerun request
    _page: asyncio.Event = field(default_factory=asyncio.Event)
    _reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Session":
        self._socket = await websockets.connect(
            f"ws://{self.address}/_stcore/stream",
            origin=f"http://{self.address}",  # type: ignore[arg-type]
            additional_headers={"Cookie": COOKIES[self.address]},
            subprotocols=["streamlit"],  # type: ignore[list-item]
            max_size=None,
            compression=None,
        )
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in filter(None, [*self._timers.values(), self._reader]):
            task.cancel()
        await self._socket.close()

    async def open(self, name: str, page: str, **query: str) -> None:
        """Open the page and wait until it is rendered with its results."""
        self._url = f"http://{self.address}/{page}"
        start = time.monotonic()
        await self._run(page, urlencode(query))
        self.durations.setdefault(name, []).append(time.monotonic() - start)

    async def _run(self, page: str, query: str) -> None:
        self._page.clear()
        message = BackMsg()
        message.rerun_script.page_name = page
        message.rerun_script.query_string = query
        message.rerun_script.context_info.url = self._url
        await self._socket.send(message.SerializeToString())
        try:
            await asyncio.wait_for(self._page.wait(), TIMEOUT_S)
        except TimeoutError:
            self.errors.append(f"{page}: no response within {TIMEOUT_S} s")

    async def _read(self) -> None:
        with suppress(websockets.ConnectionClosedOK):
            async for data in self._socket:
                message = ForwardMsg()
                message.ParseFromString(data)
                self._handle(message)

    def _handle(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session" and not message.metadata.run.fragment_ids:
            self._forget()
        elif kind == "auto_rerun":
            self._follow(message.auto_rerun.fragment_id, message.auto_rerun.interval)
        elif kind == "stop_auto_rerun":
            self._forget(message.stop_auto_rerun.fragment_ids)
        elif kind == "delta":
            self._note_errors(message.delta)
        elif kind == "script_finished":
            self._finished(message.script_finished, message.metadata.run.fragment_ids)

    def _finished(self, status: int, fragments: Iterable[str]) -> None:
        if status == ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY:
            for requested in filter(None, (self._requested.pop(fragment, None) for fragment in fragments)):
                self.durations.setdefault("update progress", []).append(time.monotonic() - requested)
        elif status == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
            self.errors.append("the script cannot be compiled")
        if status != ForwardMsg.FINISHED_EARLY_FOR_RERUN and not any(
            interval < FAST_RERUN_S for interval in self._fragments.values()
        ):
            self._page.set()

    def _note_errors(self, delta: Any) -> None:
        element = delta.new_element
        if element.WhichOneof("type") == "exception":
            self.errors.append(f"{self._url}: {element.exception.type}: {element.exception.message}")
        elif element.WhichOneof("type") == "alert" and element.alert.format == ERROR:
            self.errors.append(f"{self._url}: {element.alert.body}")

    def _forget(self, fragments: Iterable[str] = ()) -> None:
        """Stop the automatic reruns of these fragments, or of all."""
        for fragment in list(fragments) or list(self._timers):
            if timer := self._timers.pop(fragment, None):
                timer.cancel()
            self._fragments.pop(fragment, None)
            self._requested.pop(fragment, None)

    def _follow(self, fragment: str, interval: float) -> None:
        self._fragments[fragment] = interval
        if fragment not in self._timers:
            self._timers[fragment] = asyncio.create_task(self._rerun(fragment, interval))

    async def _rerun(self, fragment: str, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            message = BackMsg()
            message.rerun_script.fragment_id = fragment
            message.rerun_script.is_auto_rerun = True
            message.rerun_script.context_info.url = self._url
            self._requested.setdefault(fragment, time.monotonic())
            await self._socket.send(message.SerializeToString())
