"""The handler of the fault matrix of rollouts, which wraps the controller's handler in its package.

A file lists the faults of a rollout: the action, the kind of fault, how often, and on which target. Each
fault that strikes leaves a mark in a file of its own. The controller's code is unchanged.
"""

import io
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session

from ops.functions.rollouts import handler as rollouts
from ops.functions.rollouts import rollback, store, targets
from ops.functions.rollouts.aws import Denied, NotReady, TargetFailed, Throttled, Unreachable
from ops.rollouts.rules.decisions import TargetState

FOLDER = Path(os.environ.get("FAULTS", "/nonexistent"))
PATIENCE_S = 200.0  # less than the function's time limit

INSTEAD = {
    "crash before": RuntimeError("killed before it began"),
    "throttled": Throttled("Rate exceeded"),
    "unreachable": Unreachable("Could not connect to the endpoint URL"),
    "denied": Denied("AccessDenied"),
    "cannot": TargetFailed("a test does not let it"),
}


def handler(event: dict[str, Any], context: object) -> Any:
    on = event.get("on") or {}
    name = str(on.get("run", "")).rpartition("-")[0].rpartition("-")[0]
    fault = _take(name, event["action"], on)
    if fault in INSTEAD:
        raise INSTEAD[fault]
    if fault == "late":
        _wait_for(FOLDER / f"{name}.done")
    with _interference(fault, event["action"], FOLDER / f"{name}.done"):
        return rollouts.handler(event, context)


@contextmanager
def _interference(fault: str, action: str, done: Path) -> Iterator[None]:
    """Interfere with the first request or write of the state, each once, or with the end of the action."""
    original = rollouts.ACTIONS
    actions: dict[str, Any] = {**original}
    act = actions[action]
    if fault in ("crash after", "stopped"):
        actions[action] = lambda on: _end(act(on), fault, done)
    send, update = URLLib3Session.send, store.update
    waiting = [fault]

    def faulty_send(self: URLLib3Session, request: Any) -> Any:
        strikes = bool(waiting) and request.method == "POST"
        if strikes and waiting.pop() == "skew":
            return _skewed(request)
        answer = send(self, request)
        if strikes:
            raise ReadTimeoutError(endpoint_url=request.url)
        return answer

    def killed_update(*arguments: Any, **more: Any) -> bool:
        os.kill(os.getpid(), signal.SIGKILL)  # as Lambda ends a function that is out of memory
        return False

    if fault in ("lost", "skew"):
        URLLib3Session.send = faulty_send  # type: ignore[method-assign]
    if fault == "half":
        store.update = killed_update
    if fault == "claims early":
        actions[action] = _claim
    rollouts.ACTIONS = actions
    try:
        yield
    finally:
        URLLib3Session.send, store.update = send, update  # type: ignore[method-assign]
        rollouts.ACTIONS = original


def _end(answer: Any, fault: str, done: Path) -> Any:
    """End the action as the fault says, before its outcome is reported to the state machine."""
    if fault == "crash after":
        raise RuntimeError("killed after all was done, before it could answer")
    _wait_for(done)
    return answer


def _claim(event: dict[str, Any]) -> Any:
    """A broken controller: records the rollback as done as soon as it has begun."""
    try:
        return rollback.roll_back(event)
    except NotReady:
        targets.set_state(event, TargetState.ROLLED_BACK, "rolled back", "as good as done")
        raise


def _skewed(request: Any) -> AWSResponse:
    code, message = "RequestTimeTooSkewed", "the clock is wrong, on purpose"
    body = json.dumps({"__type": code, "message": message})
    if "X-Amz-Target" not in request.headers:
        body = (
            f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        )
    return AWSResponse(request.url, 403, HTTPHeaders(), _Raw(body.encode()))


class _Raw(io.BytesIO):
    """A response body in the form of urllib3."""

    def stream(self, **_more: Any) -> Iterator[bytes]:
        yield self.read()


def _wait_for(mark: Path) -> None:
    """The test stops the execution, or changes the stack, while the call goes on."""
    deadline = time.monotonic() + PATIENCE_S
    while not mark.exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def _take(name: str, action: str, on: dict[str, Any]) -> str:
    """The fault that this call meets: the first that is not used up."""
    path = FOLDER / f"{name}.json"
    if not path.exists():
        return ""
    for number, fault in enumerate(json.loads(path.read_text())):
        if fault["action"] == action and fault["target"] in ("", on.get("target", "")):
            met = FOLDER / f"{name}.{number}.met"
            if (len(met.read_text()) if met.exists() else 0) < fault["times"]:
                with met.open("a") as file:
                    file.write("x")
                return str(fault["kind"])
    return ""
