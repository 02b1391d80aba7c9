"""A read that takes long, in a background thread, and its latest result, which all sessions share."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, TypeVar

from ops.own_log import record_failure

R = TypeVar("R")
K = TypeVar("K")
P = TypeVar("P")


@dataclass
class Scan(Generic[R, K, P]):
    """The latest result, and the progress of the read in progress by its part `K`: a phase, or a place.

    A failed read leaves the result before.
    """

    started_at: datetime | None = None
    result: R | None = None
    error: BaseException | None = None
    progress: dict[K, P] = field(default_factory=dict)
    running: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _thread: threading.Thread | None = field(default=None, repr=False)
    _next: Callable[[datetime, Callable[[K, P], None]], R] | None = field(default=None, repr=False)

    @property
    def unread(self) -> bool:
        """Whether no read has ended yet."""
        return self.result is None and self.error is None

    def start(self, read: Callable[[datetime, Callable[[K, P], None]], R]) -> bool:
        """Start to read, unless a read is in progress; return whether one was started.

        `read` is passed the time, and a function that notes the progress of a part.
        """
        with self._lock:
            if self.running:
                return False
            self._begin(read)
            return True

    def restart(self, read: Callable[[datetime, Callable[[K, P], None]], R]) -> None:
        """Read what has just changed: after the read in progress, which may have missed the change."""
        with self._lock:
            if self.running:
                self._next = read
            else:
                self._begin(read)

    def wait(self, seconds: float) -> None:
        """Wait up to this long for the read in progress."""
        if self._thread:
            self._thread.join(seconds)

    def _begin(self, read: Callable[[datetime, Callable[[K, P], None]], R]) -> None:
        self.running = True
        self.progress = {}
        self.started_at = datetime.now(UTC)
        self._thread = threading.Thread(
            target=self._run, args=(read, self.started_at), daemon=True, name="scan"
        )
        self._thread.start()

    def _run(self, read: Callable[[datetime, Callable[[K, P], None]], R], now: datetime) -> None:
        try:
            self.result = read(now, self._note)
            self.error = None
        except BaseException as error:
            self.error = error
            record_failure(error)  # also if nobody opens the page that shows it
        with self._lock:
            self.running = False
            if self._next:
                following, self._next = self._next, None
                self._begin(following)

    def _note(self, part: K, progress: P) -> None:
        self.progress[part] = progress
