"""How many queries run at a time: in all, and for one person. The others wait in a queue that they can see.

Does not depend on Streamlit.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

WAIT_S = 0.1


@dataclass(eq=False)
class _Waiting:
    person: str


@dataclass
class Slots:
    """Slots for queries; thread-safe. First come, first served, except for who has too many running."""

    in_all: int
    per_person: int
    _running: Counter[str] = field(default_factory=Counter)
    _queue: list[_Waiting] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def slot(self, person: str, check: Callable[[], None], report: Callable[[str], None]) -> Iterator[None]:
        """Hold a slot. Until one is free, report why it waits, and call `check`, which raises to leave."""
        self._take(_Waiting(person), check, report)
        try:
            yield
        finally:
            with self._changed:
                self._running[person] -= 1
                self._changed.notify_all()

    def _take(self, waiting: _Waiting, check: Callable[[], None], report: Callable[[str], None]) -> None:
        with self._changed:
            self._queue.append(waiting)
            try:
                while True:
                    check()
                    if self._next() is waiting:
                        self._running[waiting.person] += 1
                        return
                    report(self._reason(waiting))
                    self._changed.wait(WAIT_S)
            finally:
                self._queue.remove(waiting)
                self._changed.notify_all()

    def _next(self) -> _Waiting | None:
        """Return the one that may run now."""
        if self._running.total() >= self.in_all:
            return None
        return next(filter(self._may_run, self._queue), None)

    def _may_run(self, waiting: _Waiting) -> bool:
        return self._running[waiting.person] < self.per_person

    def _reason(self, waiting: _Waiting) -> str:
        if not self._may_run(waiting):
            return f"Queued: {self.per_person} of your queries are running"
        before = self._queue[: self._queue.index(waiting)]
        ahead = sum(map(self._may_run, before))
        return f"Queued: {self._running.total()} queries are running, {ahead} ahead of this one"
