"""Run queries in background threads: with progress, a stop button, and results that survive a reload.

Does not depend on Streamlit.
"""

import threading
import time
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ops.errors import SlipwayError
from ops.logs.engines.progress import QueryProgress, SqlEngine, TrackedEngine

KEPT_S = 900.0  # for which a result is reused
KEPT_BYTES = 256_000_000
UNWATCHED_S = 120.0  # then a query is stopped; browsers run timers of background tabs once a minute
ANSWER_BYTES = 64_000_000  # larger results are truncated
WAIT_S = 0.1
AT_ONCE = 6


class CanceledBeforeStart(SlipwayError):
    """The query was stopped before it started."""


@dataclass(eq=False)
class BackgroundQuery:
    """One query. Its thread writes progress and result; the registry owns `askers` and `left`."""

    key: Hashable
    watched: float  # when a page last showed it
    started: float
    took_s: float = 0.0
    progress: QueryProgress | None = None
    answer: Any = None
    error: BaseException | None = None
    notes: tuple[str, ...] = ()
    dollars: float = 0.0
    complete: bool = True
    weight: int = 0
    askers: set[str] = field(default_factory=set)  # sessions that wait for it
    left: set[str] = field(default_factory=set)  # sessions that stopped it
    ended: threading.Event = field(default_factory=threading.Event, repr=False)
    stop: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def running(self) -> bool:
        return not self.ended.is_set()

    @property
    def answered(self) -> bool:
        return self.ended.is_set() and self.error is None

    def wait(self, seconds: float) -> None:
        """Wait for the query to end."""
        self.ended.wait(max(0.0, seconds))


class BackgroundQueries:
    """The registry of this process's queries. Sessions with the same query share it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._queries: dict[Hashable, BackgroundQuery] = {}  # most recently shown last
        self._slots = threading.BoundedSemaphore(AT_ONCE)

    def start(
        self,
        key: Hashable,
        session: str,
        engine: Callable[[], SqlEngine],
        work: Callable[[TrackedEngine], Any],
        after: BackgroundQuery | None = None,
    ) -> BackgroundQuery:
        """Return the query with that key, started if necessary; it waits until `after` has ended.

        A failed query is started again for a session that has not seen the failure, or has called `retry`.
        """
        with self._lock:
            now = self._clock()
            query = self._queries.pop(key, None)
            if query is None or not _serves(query, session, now):
                query = BackgroundQuery(key, now, now)
                threading.Thread(
                    target=self._run, args=(query, engine, work, after), daemon=True, name="query"
                ).start()
            if session not in query.left:
                query.askers.add(session)
            query.watched = now
            self._queries[key] = query
            self._forget()
            return query

    def stop(self, session: str) -> None:
        """Stop the session's queries; those that other sessions wait for continue."""
        self._leave(session, lambda query: True, seen=True)

    def release(self, session: str, kept: Collection[Hashable]) -> None:
        """Stop the session's queries that are not in `kept`."""
        self._leave(session, lambda query: query.key not in kept, seen=False)

    def retry(self, session: str) -> None:
        """Start failed and stopped queries again when the session next needs them."""
        with self._lock:
            for query in self._queries.values():
                if query.error or session in query.left:
                    query.askers.discard(session)
                    query.left.discard(session)

    def forget(self, session: str) -> None:
        """Discard the results of the session's queries, so that the next use runs them again."""
        with self._lock:
            for query in [
                query for query in self._queries.values() if query.answered and session in query.askers
            ]:
                del self._queries[query.key]
        self.retry(session)

    def _leave(self, session: str, which: Callable[[BackgroundQuery], bool], *, seen: bool) -> None:
        with self._lock:
            for query in self._queries.values():
                if query.running and session in query.askers and which(query):
                    query.askers.discard(session)
                    if seen:
                        query.left.add(session)
                    if not query.askers:
                        query.stop.set()

    def _forget(self) -> None:
        """Discard old results, and the least recently shown ones if all results take too much memory."""
        ended = [query for query in self._queries.values() if not query.running]
        held = sum(query.weight for query in ended)
        for query in ended[:-1]:
            if held <= KEPT_BYTES and query.watched > self._clock() - KEPT_S:
                break
            held -= query.weight
            del self._queries[query.key]

    def _run(
        self,
        query: BackgroundQuery,
        engine: Callable[[], SqlEngine],
        work: Callable[[TrackedEngine], Any],
        after: BackgroundQuery | None,
    ) -> None:
        def cancelled() -> bool:
            return query.stop.is_set() or self._clock() - query.watched > UNWATCHED_S

        def report(progress: QueryProgress) -> None:
            query.progress = progress

        try:
            self._await_turn(after, cancelled)
            try:
                tracked = TrackedEngine(engine(), report, cancelled, ANSWER_BYTES)
                query.answer = work(tracked)
                query.notes, query.dollars = tracked.notes, tracked.dollars
                query.complete, query.weight = tracked.complete, _weight(query.answer)
            finally:
                self._slots.release()
        except BaseException as error:  # the page shows it
            query.error = error
        query.took_s = self._clock() - query.started
        query.ended.set()

    def _await_turn(self, after: BackgroundQuery | None, cancelled: Callable[[], bool]) -> None:
        """Wait for `after` and for a free slot, and take it. Raises CanceledBeforeStart."""
        while after is not None and not after.ended.wait(WAIT_S):
            if cancelled():
                raise _canceled()
        while not self._slots.acquire(timeout=WAIT_S):
            if cancelled():
                raise _canceled()
        if cancelled():
            self._slots.release()
            raise _canceled()


def _serves(query: BackgroundQuery, session: str, now: float) -> bool:
    """Return whether the session can use the query as it is, without starting it again."""
    if session in query.left:
        return True
    if query.running:
        return not query.stop.is_set()
    if query.error:
        return session in query.askers
    return now - query.started - query.took_s < KEPT_S


def _weight(answer: Any) -> int:
    """Estimate the memory that the result takes."""
    if isinstance(answer, pa.Table):
        return int(answer.nbytes)
    if isinstance(answer, list):
        return sum(500 + len(getattr(one, "message", "")) for one in answer)
    return 1000


def _canceled() -> CanceledBeforeStart:
    return CanceledBeforeStart("The query was stopped before it started.", hint="Retry.")
