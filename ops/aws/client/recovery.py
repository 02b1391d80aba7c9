"""Recovery from an outage: calls fail fast while nothing answers, and rejected credentials are replaced.

A connection that cannot be opened is retried once, and not at all on this machine: botocore's five attempts
with growing pauses would block a page for half a minute. A response that is lost after the connection was
opened is retried as botocore does.
"""

import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from botocore import exceptions as boto

from ops.aws.calls import EXPIRED

UNOPENED = (boto.EndpointConnectionError, boto.ConnectTimeoutError, boto.ProxyConnectionError)
ATTEMPTS = 2
DOWN_S = (
    2.0  # how long calls to a host that could not be reached fail, and credentials are not replaced again
)


class Recovery:
    """Handlers for the events of a Cloud's clients. Thread-safe.

    `local` is for an endpoint on this machine, which answers immediately or is not running.
    """

    def __init__(self, *, local: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._local = local
        self._clock = clock
        self._down: dict[str, float] = {}
        self._renewed: dict[str, float] = {}
        self._lock = threading.Lock()

    def watch(self, client: Any, role: str, renew: Callable[[], None]) -> None:
        """Handle the client's failures. `renew` replaces the credentials of its role if AWS rejects them."""

        def on_failure(
            attempts: int, caught_exception: Exception | None, response: Any, **_: Any
        ) -> float | None:
            if isinstance(caught_exception, UNOPENED):
                self._unopened(attempts, caught_exception)
            elif response and attempts == 1 and response[1].get("Error", {}).get("Code") in EXPIRED:
                if self._may_renew(role):
                    renew()
                return 0.0  # seconds until the retry, which is signed again
            return None

        client.meta.events.register("needs-retry", on_failure, unique_id="recovery")
        client.meta.events.register("before-send", self._before_send, unique_id="recovery-before-send")

    def _unopened(self, attempts: int, error: boto.BotoCoreError) -> None:
        """Raise the error unless the call may be made again."""
        host = urlsplit(str(error.kwargs.get("endpoint_url", ""))).netloc
        with self._lock:
            if self._is_down(host):  # not made at all, or too late to matter: this must not prolong the pause
                raise error
            if self._local or attempts >= ATTEMPTS:
                self._down[host] = self._clock()
                raise error

    def _may_renew(self, role: str) -> bool:
        """Whether the role's credentials were not replaced just now: of many calls that fail, one does it."""
        with self._lock:
            now = self._clock()
            if now - self._renewed.get(role, -DOWN_S) < DOWN_S:
                return False
            self._renewed[role] = now
            return True

    def _before_send(self, request: Any, **_: Any) -> None:
        """Fail immediately if the host could not be reached just now."""
        host = urlsplit(request.url).netloc
        with self._lock:
            if not self._local and self._is_down(host):
                raise boto.EndpointConnectionError(endpoint_url=request.url)

    def _is_down(self, host: str) -> bool:
        return self._clock() - self._down.get(host, -DOWN_S) < DOWN_S
