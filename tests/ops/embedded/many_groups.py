"""An account of the embedded cloud with very many log groups, and services that throttle."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from tests.ops.embedded.overlay import REGION, client

ACCOUNT = "444444444444"  # used by no other test


def make_groups(embedded: Any, count: int, stem: str = "/many") -> list[str]:
    logs = client(embedded, "logs", account=ACCOUNT)
    names = [f"{stem}/{number:04}" for number in range(count)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: logs.create_log_group(logGroupName=name), names))
    return names


class Throttling:
    """A client that throttles every seventh call and counts the calls that reach the service."""

    def __init__(self, service: Any) -> None:
        self._service = service
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._active = 0
        self.most_at_once = 0
        self.throttled = 0
        self.answered: dict[str, int] = {}

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._service, name)

        def throttled_call(**arguments: Any) -> Any:
            with self._lock:
                if next(self._numbers) % 7 == 0:
                    self.throttled += 1
                    raise ClientError(
                        {"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, name
                    )
                self._active += 1
                self.most_at_once = max(self.most_at_once, self._active)
            try:
                response = call(**arguments)
            finally:
                with self._lock:
                    self._active -= 1
                    self.answered[name] = self.answered.get(name, 0) + 1
            return response

        return throttled_call


__all__ = ["ACCOUNT", "REGION", "Throttling", "make_groups"]
