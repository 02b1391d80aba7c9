"""Pace and backoff: many threads, one rate; pauses grow, and a throttled call is given up in the end."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ops.aws.pace import TIMEOUT_S, Backoff, Pace
from ops.errors import NotFound, Throttled


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        with self._lock:
            self.now = max(self.now, until)


def paced(per_second: float) -> tuple[Pace, Clock]:
    clock = Clock()
    return Pace(per_second, sleep=clock.sleep, clock=clock), clock


def test_many_threads_keep_one_rate() -> None:
    pace, clock = paced(5)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: pace.call(lambda: None), range(101)))
    assert clock.now == pytest.approx(100 / 5)


def test_a_throttled_call_is_repeated() -> None:
    pace, _ = paced(100)
    refusals = [Throttled("wait"), Throttled("wait")]

    def call() -> str:
        if refusals:
            raise refusals.pop()
        return "done"

    assert pace.call(call) == "done"


def test_what_is_throttled_for_ever_is_given_up() -> None:
    pace, clock = paced(100)

    def call() -> None:
        raise Throttled("wait")

    with pytest.raises(Throttled):
        pace.call(call)
    assert TIMEOUT_S < clock.now < TIMEOUT_S + 20


def test_another_error_is_not_repeated() -> None:
    pace, clock = paced(100)

    def call() -> None:
        raise NotFound("gone")

    with pytest.raises(NotFound):
        pace.call(call)
    assert clock.now == 0


def test_pauses_double_up_to_the_longest(caplog: pytest.LogCaptureFixture) -> None:
    pauses: list[float] = []
    backoff = Backoff("Putting records", 1.0, 10.0, pauses.append)
    with caplog.at_level(logging.INFO, "ops.aws.pace"):
        for _ in range(6):
            backoff.wait()
    longest = [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert all(limit / 2 <= pause <= limit for limit, pause in zip(longest, pauses, strict=True))
    assert [record.getMessage().split("; ")[0] for record in caplog.records][4:] == [
        "Putting records: attempt 5 failed",
        "Putting records: attempt 6 failed",
    ]


def test_two_callers_do_not_pause_equally_long() -> None:
    pauses: list[float] = []
    for _ in range(20):
        Backoff("Putting records", 1.0, 10.0, pauses.append).wait()
    assert len(set(pauses)) > 10
