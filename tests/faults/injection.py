"""How each fault of the snapshot matrix strikes a call."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from ministack.services import stepfunctions as sf

from tests.faults.cells import CREATES, FAULTY, LAMBDA, OF_TASKS, Cell, Scenario
from tests.faults.cloud import Call, refused, timed_out
from tests.faults.runs import Pipeline

TOKEN = "empty-page"


@dataclass
class Injection:
    """Injects the fault into calls with a name, in one state of one execution."""

    pipeline: Pipeline
    scenario: Scenario
    cell: Cell | None = None
    seen: list[tuple[str, str]] | None = None
    struck: int = 0

    def around(self, name: str, state: str, make: Callable[[], Any]) -> Any:
        self._see(state, name)
        if self.pipeline.current["name"] == FAULTY and state == "Sanitize" and self.scenario.before:
            if self.scenario.before == "stop":
                self.pipeline.stop = True
                return make()
            raise sf._ExecutionError("States.TaskFailed", "the task failed on purpose")
        if not self._strikes(state, name):
            return make()
        assert self.cell
        if self.cell.fault == "twice" and self.struck:
            return make()  # once: each retry is another call
        self.struck += 1
        if self.cell.fault in ("twice", "short", *OF_TASKS):
            return self._invoked(self.cell.fault, make)
        service = "Lambda" if name == LAMBDA else "ECS"
        if self.cell.fault in ("timeout", "stop"):
            answer = make()
            self.pipeline.stop = self.cell.fault == "stop"
            if self.pipeline.stop:
                return answer
        names = {
            "error": f"{service}.AccessDeniedException",
            "throttled": f"{service}.TooManyRequestsException",
            "timeout": "Sandbox.Timedout" if name == LAMBDA else "States.Timeout",
            "missing": f"{service}.ResourceNotFoundException",
        }
        if self.cell.fault == "missing" and name != LAMBDA:
            return {"TaskArn": "arn:aws:ecs:eu-west-1:1:task/cluster/" + "0" * 32}  # it never ran
        raise sf._ExecutionError(names[self.cell.fault], f"{self.cell.fault} on purpose")

    def _invoked(self, fault: str, make: Callable[[], Any]) -> Any:
        if fault == "twice":
            make()
            return make()
        self.pipeline.task_ends = "killed" if fault in OF_TASKS else fault
        try:
            answer = make()
        finally:
            self.pipeline.task_ends = ""
        if fault in OF_TASKS:
            raise sf._ExecutionError("States.TaskFailed", OF_TASKS[fault])
        return answer

    def interfere(self, call: Call, make: Callable[[], None]) -> tuple[int, bytes] | None:
        running = self.pipeline.current and self.pipeline.current["status"] == "RUNNING"
        if not running or self.pipeline.inside:
            return None
        _without_token(call)
        self._see(self.pipeline.state(), call.name)
        if not self._strikes(self.pipeline.state(), call.name):
            return None
        assert self.cell
        if self.cell.fault in ("lost", "stale", "page", "blip", "skew") and self.struck:
            return None  # once
        fault: Callable[[Call, Callable[[], None]], tuple[int, bytes] | None]
        fault = getattr(self, f"_{self.cell.fault}")
        self.struck += 1
        return fault(call, make)

    def _see(self, state: str, name: str) -> None:
        if self.seen is not None and self.pipeline.current["name"] == self.scenario.faulty:
            self.seen.append((state, name))

    def _strikes(self, state: str, name: str) -> bool:
        return bool(
            self.cell
            and (self.cell.state, self.cell.call) == (state, name)
            and self.pipeline.current["name"] == self.scenario.faulty
        )

    def _error(self, call: Call, make: Callable[[], None]) -> tuple[int, bytes]:
        return refused(call, "AccessDenied", 403)

    _blip = _error

    def _quota(self, call: Call, make: Callable[[], None]) -> tuple[int, bytes]:
        return refused(
            call, "SnapshotQuotaExceeded" if "Snapshot" in call.operation else "StorageQuotaExceeded"
        )

    def _skew(self, call: Call, make: Callable[[], None]) -> tuple[int, bytes]:
        return refused(call, "RequestTimeTooSkewed", 403)

    def _throttled(self, call: Call, make: Callable[[], None]) -> tuple[int, bytes]:
        codes = {"s3": "SlowDown", "rds": "Throttling", "sns": "Throttling"}
        return refused(
            call, codes.get(call.service, "ThrottlingException"), 503 if call.service == "s3" else 400
        )

    def _timeout(self, call: Call, make: Callable[[], None]) -> None:
        """The worst case: the call succeeds, but the response is lost."""
        make()
        raise timed_out()

    _lost = _timeout

    def _stop(self, call: Call, make: Callable[[], None]) -> None:
        make()
        self.pipeline.stop = True

    def _stale(self, call: Call, make: Callable[[], None]) -> tuple[int, bytes] | None:
        """A read that does not see what was written just before; only a new resource can be invisible."""
        if call.service == "logs":
            return refused(call, "ResourceNotFoundException")
        named = [value for key, value in call.parameters.items() if key.endswith("Identifier")]
        if not named or named[0].startswith("prod"):
            self.struck = 0
            return None
        return _nothing(call, named)

    def _page(self, call: Call, make: Callable[[], None]) -> tuple[int, bytes] | None:
        if any(key.endswith("Identifier") for key in call.parameters):
            self.struck = 0
            return None  # not a list
        if call.service == "logs":
            return 200, f'{{"events": [], "nextForwardToken": "{TOKEN}"}}'.encode()
        if call.service == "s3":
            more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{TOKEN}</NextContinuationToken>"
            return 200, f"<ListBucketResult>{more}</ListBucketResult>".encode()
        thing = call.operation.removeprefix("Describe")
        inner = f"<{call.operation}Result><{thing}/><Marker>{TOKEN}</Marker></{call.operation}Result>"
        return 200, f"<{call.operation}Response>{inner}</{call.operation}Response>".encode()

    def _missing(self, call: Call, make: Callable[[], None]) -> tuple[int, bytes] | None:
        named = [value for key, value in call.parameters.items() if key.endswith("Identifier")]
        if call.service != "rds":
            codes = {"s3": "NoSuchBucket", "sns": "NotFound", "kms": "NotFoundException"}
            return refused(call, codes.get(call.service, "ResourceNotFoundException"), 404)
        if call.operation.startswith("Describe"):
            return _nothing(call, named)
        if call.operation.startswith(CREATES):
            make()
            made = next(name for name in named if name != "prod" and "arn:" not in name)
            self.pipeline.vanish(_target(call) or made)
            return None
        self.pipeline.vanish(_target(call))
        return None


def _without_token(call: Call) -> None:
    """Ask for the first page after the empty one."""
    request = call.raw
    if call.parameters.get("Marker") == TOKEN:
        rest = {key: value for key, value in call.parameters.items() if key != "Marker"}
        request.body = urlencode(rest).encode()
    elif call.service == "logs" and request.body and TOKEN.encode() in request.body:
        request.body = request.body.replace(f', "nextToken": "{TOKEN}"'.encode(), b"")
    elif TOKEN in request.url:
        request.url = request.url.replace(f"&continuation-token={TOKEN}", "")


def _target(call: Call) -> str:
    """Return the resource that the call creates or changes."""
    asked = call.parameters
    if "ResourceName" in asked:
        return str(asked["ResourceName"]).rpartition(":")[2]
    of_snapshot = "Snapshot" in call.operation and not call.operation.startswith("Restore")
    names = ["TargetDBSnapshot", "TargetDBClusterSnapshot", "DBSnapshot", "DBClusterSnapshot"]
    names = names if of_snapshot else ["DBInstance", "DBCluster"]
    return str(next(asked[f"{name}Identifier"] for name in names if f"{name}Identifier" in asked))


def _nothing(call: Call, named: list[str]) -> tuple[int, bytes]:
    thing = call.operation.removeprefix("Describe").removesuffix("s")
    if named and f"{thing}Identifier" in call.parameters:
        return refused(call, f"{thing}NotFoundFault" if "Cluster" in thing else f"{thing}NotFound", 404)
    inner = f"<{call.operation}Result><{thing}s/></{call.operation}Result>"
    return 200, f"<{call.operation}Response>{inner}</{call.operation}Response>".encode()
