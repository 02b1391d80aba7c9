"""Clouds with throttled calls: in spite of all retries where a test says so, or once per operation."""

import io
from collections import Counter
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from ops.aws.cloud import Cloud

# The error code of each service: API references, "Common errors".
CODES = {"account": "TooManyRequestsException", "cloudformation": "Throttling", "s3": "SlowDown"}
DEFAULT_CODE = "ThrottlingException"

# Whether a call is throttled, by `service.Operation` and the number of earlier calls.
Throttles = Callable[[str, int], bool]


def never(_name: str, _before: int) -> bool:
    return False


class ThrottledCloud(Cloud):
    """The accounts and endpoint of `cloud`, with only `regions` enabled in each account."""

    def __init__(self, cloud: Cloud, regions: Sequence[str]) -> None:
        super().__init__(cloud.settings, cloud.endpoint)
        self.begin(never)
        self._regions = [{"RegionName": region, "RegionOptStatus": "ENABLED"} for region in regions]
        self._watched: set[int] = set()

    def begin(self, throttles: Throttles) -> None:
        """Throttle calls by this rule from now on, and reset the counters."""
        self.throttles = throttles
        self.calls: Counter[str] = Counter()
        self.throttled: Counter[str] = Counter()

    def client(self, service: str, account: str = "", region: str = "") -> Any:
        with self._lock:
            client = super().client(service, account, region)
            if id(client) not in self._watched:
                self._watched.add(id(client))
                client.meta.events.register("before-call", self._answer)
        return client

    def _answer(self, model: Any, **_more: Any) -> Any:
        """Replace the call with an error, after which botocore does not retry; None to make the call."""
        service = model.service_model.service_name
        name = f"{service}.{model.name}"
        with self._lock:
            before = self.calls[name]
            self.calls[name] += 1
            if self.throttles(name, before):
                self.throttled[name] += 1
                error = {"Code": CODES.get(service, DEFAULT_CODE), "Message": "Rate exceeded"}
                return SimpleNamespace(status_code=400), {"Error": error, "ResponseMetadata": {}}
        if name == "account.ListRegions":
            return SimpleNamespace(status_code=200), {"Regions": self._regions}
        return None


class ThrottledOnceCloud(ThrottledCloud):
    """Throttles each operation of each client once, in the HTTP response, so that botocore retries it."""

    def __init__(self, cloud: Cloud, regions: Sequence[str]) -> None:
        super().__init__(cloud, regions)
        self._throttled_once: set[tuple[int, str]] = set()

    def client(self, service: str, account: str = "", region: str = "") -> Any:
        with self._lock:
            client = super().client(service, account, region)
            if (id(client), "") not in self._throttled_once:
                self._throttled_once.add((id(client), ""))

                def throttle_once(request: Any, event_name: str, **_more: Any) -> AWSResponse | None:
                    operation = event_name.rpartition(".")[2]
                    with self._lock:
                        if (id(client), operation) in self._throttled_once:
                            return None
                        self._throttled_once.add((id(client), operation))
                        self.throttled[f"{service}.{operation}"] += 1
                    return AWSResponse(request.url, 503, HTTPHeaders(), _Raw())

                client.meta.events.register("before-send", throttle_once)
        return client


class _Raw(io.BytesIO):
    """An empty response body in the form of urllib3."""

    def stream(self, **_more: Any) -> Any:
        yield b""
