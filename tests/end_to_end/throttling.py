"""A Cloud that AWS throttles: beyond all retries where a test says so, or once a call, which retries bear."""

import io
from collections import Counter
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from ops.aws.cloud import Cloud

# What each service calls it: the services' API references, "Common errors".
CODES = {"account": "TooManyRequestsException", "cloudformation": "Throttling", "s3": "SlowDown"}
OTHERS = "ThrottlingException"

# Whether this call, by service and operation, is throttled; the number says how many there were before.
Throttles = Callable[[str, int], bool]


def never(_name: str, _before: int) -> bool:
    return False


class ThrottledCloud(Cloud):
    """The same accounts and endpoint as of `cloud`, with only `regions` enabled in each account."""

    def __init__(self, cloud: Cloud, regions: Sequence[str]) -> None:
        super().__init__(cloud.settings, cloud.endpoint)
        self.begin(never)
        self._regions = [{"RegionName": region, "RegionOptStatus": "ENABLED"} for region in regions]
        self._watched: set[int] = set()

    def begin(self, throttles: Throttles) -> None:
        """From now on; counts anew."""
        self.throttles = throttles
        self.calls: Counter[str] = Counter()
        self.throttled: Counter[str] = Counter()

    def client(self, service: str, account: str = "", region: str = "") -> Any:
        with self._lock:
            made = super().client(service, account, region)
            if id(made) not in self._watched:
                self._watched.add(id(made))
                made.meta.events.register("before-call", self._answer)
        return made

    def _answer(self, model: Any, **_more: Any) -> Any:
        """In the place of botocore's own call, all its retries included."""
        service = model.service_model.service_name
        name = f"{service}.{model.name}"
        with self._lock:
            before = self.calls[name]
            self.calls[name] += 1
            if self.throttles(name, before):
                self.throttled[name] += 1
                error = {"Code": CODES.get(service, OTHERS), "Message": "Rate exceeded"}
                return SimpleNamespace(status_code=400), {"Error": error, "ResponseMetadata": {}}
        if name == "account.ListRegions":
            return SimpleNamespace(status_code=200), {"Regions": self._regions}
        return None


class StumblingCloud(ThrottledCloud):
    """Each operation of each client is throttled once on the wire: botocore's retries bear that."""

    def __init__(self, cloud: Cloud, regions: Sequence[str]) -> None:
        super().__init__(cloud, regions)
        self._stumbled: set[tuple[int, str]] = set()

    def client(self, service: str, account: str = "", region: str = "") -> Any:
        with self._lock:
            new = super().client(service, account, region)
            if (id(new), "") not in self._stumbled:
                self._stumbled.add((id(new), ""))

                def stumble(request: Any, event_name: str, **_more: Any) -> AWSResponse | None:
                    operation = event_name.rpartition(".")[2]
                    with self._lock:
                        if (id(new), operation) in self._stumbled:
                            return None
                        self._stumbled.add((id(new), operation))
                        self.throttled[f"{service}.{operation}"] += 1
                    return AWSResponse(request.url, 503, HTTPHeaders(), _Raw())

                new.meta.events.register("before-send", stumble)
        return new


class _Raw(io.BytesIO):
    """An empty body as urllib3 streams it."""

    def stream(self, **_more: Any) -> Any:
        yield b""
