"""Calls at a service's rate: in even turns for all threads, and again where the service throttles."""

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from ops.errors import Throttled

R = TypeVar("R")

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
PATIENCE_S = 300.0  # for one call that is throttled again and again


class Pace:
    """One rate that many threads share. `sleep` and `clock` stand for those of `time`."""

    def __init__(
        self,
        per_second: float,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._between_s = 1 / per_second
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._next = 0.0

    def call(self, function: Callable[[], R]) -> R:
        """What `function` answers, called when it is its turn. Raises Throttled after PATIENCE_S of it."""
        pause_s = FIRST_PAUSE_S
        end = self._clock() + PATIENCE_S
        while True:
            self._await_turn()
            try:
                return function()
            except Throttled:
                if self._clock() > end:
                    raise
            self._sleep(random.uniform(pause_s / 2, pause_s))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _await_turn(self) -> None:
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            self._next = turn + self._between_s
        if turn > now:
            self._sleep(turn - now)
