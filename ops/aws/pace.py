"""Rate limiting: space the calls of all threads evenly, and retry calls that the service throttles."""

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from ops.errors import Throttled

R = TypeVar("R")

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
        delay_s = FIRST_DELAY_S
        deadline = self._clock() + TIMEOUT_S
        while True:
            self._await_turn()
            try:
                return function()
            except Throttled:
                if self._clock() > deadline:
                    raise
            # Exponential backoff with jitter, so that throttled threads do not retry at the same time.
            self._sleep(random.uniform(delay_s / 2, delay_s))
            delay_s = min(2 * delay_s, MAX_DELAY_S)

    def _await_turn(self) -> None:
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            self._next = turn + self._interval_s
        if turn > now:
            self._sleep(turn - now)
