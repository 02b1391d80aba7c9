"""The embedded cloud's services inside the test's process: real botocore, no sockets, nothing started.

S3, KMS, CloudFormation and CodePipeline, with their overlays.
"""

import asyncio
import functools
import io
import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from ministack import app
from ministack.core.responses import request_scope
from ministack.services import cloudformation, kms, s3

from ops.aws.cloud import Cloud, Endpoint
from ops.embedded.cloudformation import resource_types
from ops.embedded.context import OverlayContext
from ops.embedded.services import codepipeline, s3_copy
from ops.settings import Account, Settings

NOWHERE = Endpoint("http://127.0.0.1:9", "test", "test")  # nobody listens: what is not answered here fails

SERVICES = ThreadPoolExecutor(1)
HANDLERS = {"resource-groups-tagging-api": "tagging"}  # the emulator's names, where they differ from AWS's

# Interference with a call, by "service:Operation": an error's code and HTTP status, or None to make the call.
Refuse = Callable[[str, str, str], tuple[str, int] | None]


def _refuse_nothing(_call: str, _account: str, _region: str) -> None:
    return None


class InProcessCloud(Cloud):
    """A Cloud whose clients are answered in this process; `calls` are the calls made, in order.

    `refuse` is asked before each call, with the call's name, account, and region.
    """

    def __init__(self, accounts: tuple[Account, ...]) -> None:
        super().__init__(Settings(accounts=accounts, concurrency=1), NOWHERE)
        _install()
        self.calls: list[str] = []
        self.refuse: Refuse = _refuse_nothing

    def reset(self) -> None:
        """Delete all resources of all accounts, and forget the calls."""
        for service in (s3, kms, cloudformation):
            service.reset()
        codepipeline._pipelines.clear()
        self.calls.clear()
        self.refuse = _refuse_nothing

    def client(self, service: str, account: str = "", region: str = "") -> Any:
        owner, place = self.account(account).id, region or self.settings.home_region
        made = super().client(service, account, region)
        # Registering again with the same id does nothing.
        made.meta.events.register(
            "before-send", lambda **sent: self._answer(owner, place, **sent), unique_id="in-process"
        )
        return made

    def _answer(self, account: str, region: str, request: Any, event_name: str, **_more: Any) -> AWSResponse:
        _, service, operation = event_name.split(".")
        call = f"{service}:{operation}"
        self.calls.append(call)
        if refused := self.refuse(call, account, region):
            return _response(request.url, refused[1], _error_headers(request), _error(call, *refused))
        status, headers, body = self._serve(service, account, region, request)
        return _response(request.url, status, headers, body)

    def _serve(
        self, service: str, account: str, region: str, request: Any
    ) -> tuple[int, dict[str, str], Any]:
        split = urlsplit(request.url)
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else body.read()
        query = parse_qs(split.query, keep_blank_values=True)

        def serve() -> Any:
            with request_scope(account, region):
                handler = app.SERVICE_HANDLERS[HANDLERS.get(service, service)]
                return asyncio.run(_completed(handler(request.method, split.path, headers, body, query)))

        # In a thread of its own: a browser test of the same process leaves an event loop running in this one.
        return SERVICES.submit(serve).result()  # type: ignore[no-any-return]


@functools.cache
def _install() -> None:
    """Change the emulator of this process, once."""
    logging.getLogger("ministack").setLevel(logging.ERROR)
    context = OverlayContext(Path(tempfile.gettempdir()), 0, 0.0)
    for overlay in (codepipeline, resource_types, s3_copy):
        overlay.install(context)


async def _completed(answer: Any) -> Any:
    """Return the answer after everything that the call has started, such as the creation of a stack."""
    answered = await answer
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
    return answered


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _error(call: str, code: str, _status: int) -> str:
    if call.startswith("s3:"):
        return f"<Error><Code>{code}</Code><Message>{code} on purpose</Message></Error>"
    if call.startswith("cloudformation:"):
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{code} on purpose</Message></Error>"
        return f"<ErrorResponse>{error}<RequestId>0</RequestId></ErrorResponse>"
    return json.dumps({"__type": code, "message": f"{code} on purpose"})


def _error_headers(request: Any) -> dict[str, str]:
    return {"content-type": _text(request.headers.get("Content-Type", "text/xml"))}


def _response(url: str, status: int, headers: dict[str, str], body: bytes | str) -> AWSResponse:
    content = body.encode() if isinstance(body, str) else body
    return AWSResponse(url, status, HTTPHeaders.from_dict(headers), _Raw(content))


class _Raw(io.BytesIO):
    def stream(self, *_arguments: Any, **_more: Any) -> Iterator[bytes]:
        yield self.read()
