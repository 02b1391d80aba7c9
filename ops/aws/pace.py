"""When to call: calls of all threads spaced evenly, and the pauses before a throttled call is repeated.

botocore repeats a failed call. `Backoff` is for what botocore takes for a success, such as single records
that were rejected, and for more patience than its attempts have.
https://docs.aws.amazon.com/prescriptive-guidance/latest/cloud-design-patterns/retry-backoff.html
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from ops.errors import Throttled

R = TypeVar("R")
log = logging.getLogger(__name__)

FIRST_DELAY_S = 0.5
MAX_DELAY_S = 10.0
TIMEOUT_S = 300.0  # for one call that is throttled repeatedly


class Pace:
    """A call rate that threads share. Tests replace `sleep` and `clock`."""

    def __init__(
        self,
        per_second: float,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval_s = 1 / per_second
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._next = 0.0

    def call(self, function: Callable[[], R]) -> R:
        """Call `function` at this rate. Raises Throttled if it is still throttled after TIMEOUT_S."""
        backoff = Backoff("A call at a limited rate", FIRST_DELAY_S, MAX_DELAY_S, self._sleep)
        deadline = self._clock() + TIMEOUT_S
        while True:
            self._await_turn()
            try:
                return function()
            except Throttled:
                if self._clock() > deadline:
                    raise
            backoff.wait()

    def _await_turn(self) -> None:
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            self._next = turn + self._interval_s
        if turn > now:
            self._sleep(turn - now)


class Backoff:
    """Pauses for one call, each twice as long as the one before, up to `longest_s`. They are logged.

    A pause is shortened at random, by up to half: throttled callers do not all repeat their call at the same
    moment. `doing` starts the log message, such as "Putting records".
    """

    def __init__(
        self,
        doing: str,
        first_s: float,
        longest_s: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._doing = doing
        self._pause_s = first_s
        self._longest_s = longest_s
        self._sleep = sleep
        self._failed = 0

    def wait(self) -> None:
        """Pause after a failed attempt."""
        pause_s = random.uniform(self._pause_s / 2, self._pause_s)
        self._pause_s = min(2 * self._pause_s, self._longest_s)
        self._failed += 1
        log.info("%s: attempt %d failed; the next is in %.1f s", self._doing, self._failed, pause_s)
        self._sleep(pause_s)
