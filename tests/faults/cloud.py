"""The embedded cloud inside one process: its services and overlays, real botocore, no sockets, no waiting.

What its databases hold is a word, `original` or `clean`, that copies take along: so it is plain to see what
a snapshot would give away. Time passes when a state machine waits, and only then.
"""

import asyncio
import contextvars
import io
import json
import logging
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import botocore.endpoint
import botocore.retries.bucket
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ReadTimeoutError
from ministack import app
from ministack.core.responses import request_scope
from ministack.services import rds

from ops.embedded import recording
from ops.embedded.context import OverlayContext
from ops.embedded.logs import events as log_events
from ops.embedded.rds import common as rds_common
from ops.embedded.rds import service as databases
from ops.embedded.rds.common import DATA, mark_failed
from tests.faults.monitor.judge import Judge
from tests.faults.monitor.records import Call as Made
from tests.faults.monitor.records import Item, parse

REGION = "eu-west-1"
ORIGINAL, HALF, CLEAN, EMPTY = "original", "half", "clean", "empty"
ENDPOINT = "http://127.0.0.1:9"  # nobody listens there: what is not answered here fails

Record = dict[str, Any]


class Contents:
    """Replaces the servers: the contents of each data folder, and its port."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}
        self.ports: dict[int, str] = {}
        self.root = Path(tempfile.gettempdir())

    def version_of(self, engine: str, asked: str) -> str:
        return asked or "18"

    def create(self, name: str, user: str, password: str, database: str) -> int:
        self.held[name] = ORIGINAL if database else EMPTY
        return self.start(name)

    def start(self, name: str, preferred_port: int = 0) -> int:
        port = 10_000 + len(self.ports)
        self.ports[port] = name
        return port

    def stop(self, name: str) -> None:
        pass

    def delete(self, name: str) -> None:
        self.held.pop(name, None)

    def back_up(self, port: int, copy: str) -> None:
        self.held[copy] = self.held[self.ports[port]]

    def copy(self, source: str, target: str) -> None:
        self.held[target] = self.held[source]

    def set_password(self, port: int, user: str, password: str) -> None:
        pass


class Storage(rds_common.DatabaseStorage):
    """Storage whose slow operations finish when the simulated time passes."""

    def __init__(self, context: OverlayContext) -> None:
        self.paper = Contents()
        self.delay_s = 0.0
        self.waiting: list[Callable[[], None]] = []

    def servers_of(self, record: Record) -> Any:
        return self.paper

    def check_engine(self, engine: str) -> None:
        return None

    def run_later(self, action: Callable[[], None], database: dict[str, Any] | None = None) -> None:
        scope = contextvars.copy_context()

        def run() -> None:
            try:
                action()
            except Exception as error:
                if database is not None:
                    mark_failed(database, error)

        self.waiting.append(lambda: scope.run(run))

    def pass_time(self) -> None:
        due, self.waiting = self.waiting, []
        for work in due:
            work()


@dataclass
class Call:
    """An AWS API call before it is made."""

    service: str
    operation: str
    parameters: Record
    raw: Any = None  # the request of botocore, as it is sent

    @property
    def name(self) -> str:
        return f"{self.service}:{self.operation}"


# Interference with a call: a response (status, body), an exception, or None to make the call.
Interfere = Callable[[Call, Callable[[], None]], tuple[int, bytes] | None]


@dataclass
class Cloud:
    """The cloud of a process, with isolated accounts."""

    storage: Storage
    account: str = "111111111111"
    interfere: Interfere = lambda call, make: None
    started: list[tuple[str, Record]] = field(default_factory=list)
    clients: dict[str, Any] = field(default_factory=dict)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    judge: Judge = field(default_factory=Judge)
    acting: bool = False  # whether the product is running: the other calls are those of the test

    def client(self, service: str, **_more: Any) -> Any:
        """Replace boto3.client: one client per service, answered in this process."""
        if service not in self.clients:
            self.clients[service] = made = _boto3_client(
                service,
                region_name=REGION,
                endpoint_url=ENDPOINT,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=_more.get("config"),
            )
            made.meta.events.register("before-parameter-build", self._note)
            made.meta.events.register("before-send", self._answer)
        return self.clients[service]

    def _note(self, params: Record, model: Any, context: Record, **_more: Any) -> None:
        context["asked"] = params

    def _answer(self, request: Any, event_name: str, **_more: Any) -> AWSResponse:
        _, service, operation = event_name.split(".")
        call = Call(_NAMES.get(service, service), operation, _asked(request), request)
        answered: list[tuple[int, Record, bytes]] = []

        def make() -> None:
            answered.append(self._recorded(call, request))

        changed = self.interfere(call, make)
        if changed:
            status, body = changed
            return _response(request.url, status, {"content-type": _content_type(request)}, body)
        if not answered:
            make()
        status, headers, body = answered[-1]
        return _response(request.url, status, headers, body)

    def record(self, record: Record) -> None:
        """Pass a record to the judge."""
        item = parse(record)
        self.observe(replace(item, product=self.acting) if isinstance(item, Made) else item)

    def observe(self, item: Item) -> None:
        self.judge.take(item)

    @contextmanager
    def product(self) -> Iterator[None]:
        """Inside the block, the product runs: its calls are judged."""
        before, self.acting = self.acting, True
        try:
            yield
        finally:
            self.acting = before

    def _recorded(self, call: Call, request: Any) -> tuple[int, Record, bytes]:
        split = urlsplit(request.url)
        headers = {key.lower(): _text(value) for key, value in request.headers.items()}
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else body.read()
        query = parse_qs(split.query, keep_blank_values=True)
        answer = self._serve(call, request, split.path, headers, body, query)
        with request_scope(self.account, REGION):
            asked = (split.path, query, headers, body)
            self.record(recording.call_record(call.service, call.operation, asked, (answer[0], answer[2])))
        return answer

    def _serve(
        self, call: Call, request: Any, path: str, headers: Record, body: bytes, query: Record
    ) -> tuple[int, Record, bytes]:
        if call.service == "states" and not call.operation.startswith("SendTask"):
            return self._states(call, request)
        with request_scope(self.account, REGION):
            if call.service == "rds":
                answer: Any = rds._handle_request_sync(request.method, path, headers, body, query)
                return answer  # type: ignore[no-any-return]
            handler = app.SERVICE_HANDLERS[call.service]
            answer = self.loop.run_until_complete(handler(request.method, path, headers, body, query))
        return answer  # type: ignore[no-any-return]

    def _states(self, call: Call, request: Any) -> tuple[int, Record, bytes]:
        """Record the executions that the handler starts."""
        asked = json.loads(request.body)
        if call.operation == "DescribeExecution":
            return 200, {}, json.dumps({"status": "FAILED", "startDate": 0, **asked}).encode()
        self.started.append((asked["name"], json.loads(asked["input"])))
        return 200, {}, json.dumps({"executionArn": asked["name"], "startDate": 0}).encode()

    @contextmanager
    def scope(self) -> Iterator[None]:
        with request_scope(self.account, REGION):
            yield

    def contents(self, record: Record) -> str:
        return str(self.storage.paper.held[record[DATA]])


_boto3_client: Any = boto3.client
_NAMES = {"sfn": "states", "secrets-manager": "secretsmanager", "cloudwatch-logs": "logs"}


def _asked(request: Any) -> Record:
    """Return the parameters of a Query request that an interference needs."""
    body = request.body
    body = body.decode() if isinstance(body, bytes) else body
    if not isinstance(body, str) or body.startswith("{"):
        return {}
    return {key: values[0] for key, values in parse_qs(body).items()}


def _content_type(request: Any) -> str:
    return _text(request.headers.get("Content-Type", "text/xml"))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _response(url: str, status: int, headers: Record, body: bytes | str) -> AWSResponse:
    content = body.encode() if isinstance(body, str) else body
    return AWSResponse(url, status, HTTPHeaders.from_dict(headers), _Raw(content))


class _Raw(io.BytesIO):
    def stream(self, *_arguments: Any, **_more: Any) -> Iterator[bytes]:
        yield self.read()


def refused(call: Call, code: str, status: int = 400) -> tuple[int, bytes]:
    """Return the error response of a denied call, in the protocol of the service."""
    if call.service in ("rds", "sns"):
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{code} on purpose</Message></Error>"
        return status, f"<ErrorResponse>{error}<RequestId>0</RequestId></ErrorResponse>".encode()
    if call.service == "s3":
        return status, f"<Error><Code>{code}</Code><Message>{code} on purpose</Message></Error>".encode()
    return status, json.dumps({"__type": code, "message": f"{code} on purpose"}).encode()


def timed_out() -> ReadTimeoutError:
    return ReadTimeoutError(endpoint_url=ENDPOINT)


def start() -> Cloud:
    """Install the database overlays with simulated servers. Call once per process."""
    assert "pytest" not in sys.modules, "it changes the emulator: in a process of its own"
    logging.disable()  # the emulator logs every request
    vars(databases)["DatabaseStorage"] = Storage
    made = databases.install(OverlayContext(Path(tempfile.gettempdir()), 0, 0.0))
    storage = made.storage
    assert isinstance(storage, Storage)
    # botocore retries immediately, without waiting.
    still = types.SimpleNamespace(**{**vars(time), "sleep": lambda seconds: None})
    botocore.endpoint.time = still  # type: ignore[attr-defined]
    botocore.retries.bucket.time = still  # type: ignore[attr-defined]
    log_events.install(OverlayContext(Path(tempfile.gettempdir()), 0))
    cloud = Cloud(storage)
    recording.install(cloud.record)
    return cloud
