"""Records what happens in the embedded cloud: API calls, events of executions, log lines, delivered objects.

Off unless the server is started with `--record FILE`: then every record is a line of JSON in that file, in
the order in which things happened. Nothing here decides or changes anything. The records hold requests and
responses in full, secrets included: the file is for tests.
"""

import gzip
import json
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from ministack import app
from ministack.core import iam_actions
from ministack.core.iam_evaluator import caller_arn
from ministack.core.responses import get_account_id, get_region

from ops.embedded.firehose import objects
from ops.embedded.logs import events as log_events
from ops.embedded.stepfunctions import history

SEAMS = (
    "ministack.app._dispatch_service_request",
    "ministack.app._routing_params",
    "ministack.app.detect_service",
    "ministack.core.iam_actions.extract_iam_action",
    "ministack.core.iam_evaluator.caller_arn",
)
GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"

Record = dict[str, Any]
Sink = Callable[[Record], None]


def to_file(path: Path) -> Sink:
    """Return a sink that appends each record to the file as one line."""
    file, lock = path.open("a", encoding="utf-8"), threading.Lock()

    def write(record: Record) -> None:
        line = json.dumps(record, default=str) + "\n"
        with lock:
            file.write(line)
            file.flush()

    return write


def install(sink: Sink) -> None:
    """Pass every record to the sink. Install after the overlays: it observes what they make of a call."""
    _record_calls(sink)
    _record_executions(sink)
    _record_lines(sink)
    put = objects._put

    def put_and_record(bucket: str, key: str, body: bytes) -> None:
        put(bucket, key, body)
        sink(_record("delivery", bucket=bucket, key=key, body=text_of(body)))

    vars(objects)["_put"] = put_and_record


def call_record(
    service: str,
    operation: str,
    asked: tuple[str, Mapping[str, Any], Mapping[str, str], bytes],
    answer: tuple[int, Any],
) -> Record:
    """Return the record of an API call. `asked`: path, query, headers, body; `answer`: status and body."""
    path, query, headers, body = asked
    status, response = answer
    return _record(
        "call",
        service=service,
        operation=operation,
        caller=str(caller_arn()),
        agent=headers.get("user-agent", ""),
        path=path,
        request=_parameters(query, headers, body),
        body=text_of(body),
        status=status,
        response=text_of(response),
    )


def text_of(data: Any) -> str:
    """Return a body as text: unpacked if it is compressed, and empty if it is an archive of code."""
    if not isinstance(data, bytes):
        return data if isinstance(data, str) else ""
    if data.startswith(GZIP):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            pass  # cut off on purpose: as it is
    return "" if data.startswith(ZIP) else data.decode("utf-8", "backslashreplace")


def _record(kind: str, **more: Any) -> Record:
    return {"kind": kind, "at": time.time(), "account": get_account_id(), "region": get_region(), **more}


def _parameters(query: Mapping[str, Any], headers: Mapping[str, str], body: bytes) -> Record:
    found: Record = {name: value[0] if isinstance(value, list) else value for name, value in query.items()}
    kind = headers.get("content-type", "")
    if "json" in kind:
        try:
            parsed = json.loads(body or b"{}")
        except ValueError:
            return found
        return {**found, **parsed} if isinstance(parsed, dict) else found
    if "form" in kind:
        found |= dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return found


def _record_calls(sink: Sink) -> None:
    dispatch = app._dispatch_service_request

    async def dispatch_and_record(
        method: str, path: str, headers: dict[str, str], body: bytes, query: Record, request_id: str
    ) -> Any:
        answer = await dispatch(method, path, headers, body, query, request_id)
        routing = app._routing_params(method, path, headers, body, query)
        service = app.detect_service(method, path, headers, routing)
        action = iam_actions.extract_iam_action(service, method, path, headers, body, routing)
        operation = (action or f"{service}:{method}").partition(":")[2]
        sink(call_record(service, operation, (path, query, headers, body), (answer[0], answer[2])))
        return answer

    app._dispatch_service_request = dispatch_and_record


def _record_executions(sink: Sink) -> None:
    append, complete = history._append, history.record_parameters

    def append_and_record(execution: Record, event_type: str, details: Record) -> Record:
        event = append(execution, event_type, details)
        sink(_record("state", execution=execution["executionArn"], event=dict(event)))
        return event

    def complete_and_record(execution: Record, parameters: Any) -> None:
        complete(execution, parameters)
        event = {"type": "TaskParameters", "parameters": parameters}
        sink(_record("state", execution=execution["executionArn"], event=event))

    vars(history).update(_append=append_and_record, record_parameters=complete_and_record)


def _record_lines(sink: Sink) -> None:
    def record(group: str, stream: str, events: list[Record]) -> None:
        sink(_record("lines", group=group, stream=stream, events=[dict(event) for event in events]))

    log_events.on_stored(record, first=True)  # before a subscription passes them on
