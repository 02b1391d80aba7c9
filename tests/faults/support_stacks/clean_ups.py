"""The faults of a clean-up of support stacks, injected into the requests that the workbench sends.

denied     every call of this name is denied
blip       one call is denied
throttled  every call is throttled
lost       one response is lost, although the call succeeds
page       a list begins with an empty page and a token
skew       one call is refused, because the clock of this machine is wrong
killed     the workbench is killed before the call
half       the workbench is killed after the call, before it can note its success
used       a pipeline begins to use the bucket before the call
full       the disk is full when the audit log is written
"""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session

from ops.audit import FileAudit, Record
from tests.end_to_end.throttling import CODES, DEFAULT_CODE, ThrottledCloud

ONCE = ("blip", "lost", "page", "skew", "killed", "half", "used")
TOKEN = "empty-page"
# What a list answers for an empty page that is not the last one.
PAGES = {
    "codepipeline.ListPipelines": json.dumps({"pipelines": [], "nextToken": TOKEN}),
    "s3.ListObjectVersions": (
        "<ListVersionsResult><IsTruncated>true</IsTruncated>"
        f"<NextKeyMarker>{TOKEN}</NextKeyMarker><NextVersionIdMarker>{TOKEN}</NextVersionIdMarker>"
        "</ListVersionsResult>"
    ),
    "kms.ListAliases": json.dumps({"Aliases": [], "Truncated": True, "NextMarker": TOKEN}),
    "cloudformation.ListStackResources": (
        "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries/>"
        f"<NextToken>{TOKEN}</NextToken></ListStackResourcesResult></ListStackResourcesResponse>"
    ),
}
CHANGES = (
    "cloudformation.DeleteStack",
    "s3.AbortMultipartUpload",
    "s3.DeleteObjects",
    "s3.DeleteBucket",
)
READS = (
    "cloudformation.DescribeStacks",
    "cloudformation.DescribeStackResources",
    "codepipeline.ListPipelines",
    "s3.GetBucketPolicy",
    "s3.HeadBucket",
    "s3.ListObjectVersions",
)


class Killed(BaseException):
    """The process ends here."""


@dataclass(frozen=True)
class Cell:
    operation: str
    fault: str


def cells() -> list[Cell]:
    """Return every fault of every call that applies to it."""
    found = []
    for operation in (*READS, *CHANGES):
        kinds = ["denied", "blip", "throttled", "lost", "skew", "killed"]
        kinds += ["half"] if operation in CHANGES else []
        kinds += ["page"] if operation in PAGES else []
        kinds += ["used"] if operation == "codepipeline.ListPipelines" else []
        found += [Cell(operation, kind) for kind in kinds]
    return [*found, *(Cell(f"audit.{number}", "full") for number in range(1, 8))]


def one_of_each(every: list[Cell]) -> list[Cell]:
    """Return one cell of each fault; where a fault can strike a deletion, that one."""
    changes = {cell.fault: cell for cell in every if cell.operation == "s3.DeleteBucket"}
    return list(({cell.fault: cell for cell in every} | changes).values())


@dataclass
class Fault:
    """The fault of a cell, while it is armed. `use` makes a pipeline use the bucket."""

    cell: Cell
    use: Callable[[], None]
    armed: bool = False
    struck: int = 0

    def strike(self, operation: str, request: Any) -> AWSResponse | None:
        """Return the response instead of the call, None to make the call; raise what the caller sees."""
        if not self.armed or operation != self.cell.operation or (self.struck and self.cell.fault in ONCE):
            return None
        self.struck += 1
        service = operation.partition(".")[0]
        if self.cell.fault in ("denied", "blip"):
            return _error(request, service, "AccessDenied", 403)
        if self.cell.fault == "skew":
            return _error(request, service, "RequestTimeTooSkewed", 403)
        if self.cell.fault == "throttled":
            return _error(request, service, CODES.get(service, DEFAULT_CODE), 503 if service == "s3" else 400)
        if self.cell.fault == "page":
            return _response(request, 200, PAGES[operation])
        if self.cell.fault in ("lost", "half"):
            URLLib3Session().send(request)
            raise ReadTimeoutError(endpoint_url=request.url) if self.cell.fault == "lost" else Killed
        if self.cell.fault == "killed":
            raise Killed
        self.use()
        return None


class FaultyCloud(ThrottledCloud):
    """The accounts of a cloud; `fault` strikes its requests."""

    fault: Fault | None = None

    def client(self, service: str, account: str = "", region: str = "") -> Any:
        with self._lock:
            known = set(self._watched)
            client = super().client(service, account, region)
            if self._watched - known:
                client.meta.events.register("before-send", self._strike)
                client.meta.events.register("provide-client-params", _without_token)
        return client

    def _strike(self, request: Any, event_name: str, **_more: Any) -> AWSResponse | None:
        service, operation = event_name.split(".")[1:]
        with self._lock:
            return self.fault.strike(f"{service}.{operation}", request) if self.fault else None


@dataclass
class RecordedAudit(FileAudit):
    """An audit log that is also a part of the cloud's record; `full`: the write with this number fails."""

    path: Path
    record: Path
    full: int = 0
    writes: int = field(default=0, init=False)

    def write(self, record: Record) -> None:
        self.writes += 1
        path = self.path
        if self.writes == self.full:
            self.path = Path("/dev/full")
        try:
            super().write(record)
        finally:
            self.path = path
        names = {"step": record.step, "result": record.result, "actor": record.actor, "reason": record.reason}
        line = {"kind": "audit", "account": record.account, "region": record.region, **names}
        with self.record.open("a") as file:
            file.write(json.dumps(line) + "\n")


def _without_token(params: dict[str, Any], **_more: Any) -> dict[str, Any]:
    """Ask for the first page after the empty one."""
    return {name: value for name, value in params.items() if value != TOKEN}


def _error(request: Any, service: str, code: str, status: int) -> AWSResponse:
    message = f"{code} on purpose"
    if service in ("codepipeline", "kms"):
        return _response(request, status, json.dumps({"__type": code, "message": message}))
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return _response(request, status, error if service == "s3" else f"<ErrorResponse>{error}</ErrorResponse>")


def _response(request: Any, status: int, body: str) -> AWSResponse:
    return AWSResponse(request.url, status, HTTPHeaders(), _Raw(body.encode()))


class _Raw(io.BytesIO):
    """A response body in the form of urllib3."""

    def stream(self, **_more: Any) -> Any:
        yield self.read()
