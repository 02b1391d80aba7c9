"""Run queries in background threads: with progress, a stop button, and results that survive a reload.

Does not depend on Streamlit.
"""

import threading
import time
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

import pyarrow as pa

from app.logs.slots import Slots
from ops.logs.lake.layout import Scope
from ops.logs.search.cursor import Cursor, Progress, QueryCanceled, QueryEngine
from ops.logs.search.estimate import Cost
from ops.logs.search.exploration import LogEvent
from ops.logs.search.query import Query

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

KEPT_S = 900.0  # for which a result is reused
KEPT_BYTES = 128_000_000
UNWATCHED_S = 120.0  # then a query is stopped; browsers run timers of background tabs once a minute
WAIT_S = 0.1
AT_ONCE = 6  # queries on this machine, one worker process each
PER_PERSON = 2  # of them: two people cannot take all slots
AT_ONCE_IN_AWS = 12
PER_PERSON_IN_AWS = 6  # a page asks Athena for all that it shows at a time


@dataclass(eq=False)
class BackgroundQuery(Generic[T_co]):
    """One result of one or several queries. Its thread writes it; the registry owns `askers` and `left`."""

    key: Hashable
    watched: float  # when a page last showed it
    started: float
    took_s: float = 0.0
    result: T_co | None = None
    error: BaseException | None = None
    weight: int = 0
    askers: set[str] = field(default_factory=set)  # sessions that wait for it
    left: set[str] = field(default_factory=set)  # sessions that stopped it
    cursors: list[Cursor] = field(default_factory=list)
    queued: str = ""  # why it waits
    ended: threading.Event = field(default_factory=threading.Event, repr=False)
    canceled: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def answer(self) -> T_co:
        """The result of a query that is `answered`."""
        return cast("T_co", self.result)

    @property
    def progress(self) -> Progress | None:
        if self.cursors:
            return self.cursors[-1].progress
        return Progress(self.queued) if self.queued else None

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(note for cursor in self.cursors for note in cursor.notes))

    @property
    def dollars(self) -> float:
        return sum(cursor.cost.dollars for cursor in self.cursors)

    @property
    def complete(self) -> bool:
        return all(cursor.complete for cursor in self.cursors)

    def cancel(self) -> None:
        """Cancel the running query, and those that would follow."""
        self.canceled.set()
        for cursor in list(self.cursors):
            cursor.cancel()

    def wait_in_queue(self, reason: str) -> None:
        """Show why the query waits."""
        self.queued = reason

    def check(self) -> None:
        """Raise QueryCanceled if the query was canceled."""
        if self.canceled.is_set():
            raise QueryCanceled("The query was stopped before it started.", hint="Retry.")

    @property
    def running(self) -> bool:
        return not self.ended.is_set()

    @property
    def answered(self) -> bool:
        return self.ended.is_set() and self.error is None

    def wait(self, seconds: float) -> None:
        """Wait for the query to end."""
        self.ended.wait(max(0.0, seconds))


@dataclass(frozen=True)
class RecordingEngine:
    """The engine of a background query, which keeps the cursors to show their progress and to cancel them."""

    engine: QueryEngine
    cursors: list[Cursor]
    canceled: threading.Event

    def estimate(self, scope: Scope) -> Cost:
        return self.engine.estimate(scope)

    def run(self, query: Query) -> Cursor:
        cursor = self.engine.run(query)
        self.cursors.append(cursor)
        if self.canceled.is_set():  # else `cancel` finds the cursor
            cursor.cancel()
        return cursor


class BackgroundQueries:
    """The registry of this process's queries. Sessions with the same query share it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._queries: dict[Hashable, BackgroundQuery[object]] = {}  # most recently shown last
        self._slots = {
            "athena": Slots(AT_ONCE_IN_AWS, PER_PERSON_IN_AWS),
            "duckdb": Slots(AT_ONCE, PER_PERSON),
        }

    def start(
        self,
        key: Hashable,
        session: str,
        engine: Callable[[], QueryEngine],
        work: Callable[[QueryEngine], T],
        after: BackgroundQuery[object] | None = None,
        *,
        person: str = "",
        where: str = "duckdb",
    ) -> BackgroundQuery[T]:
        """Return the query with that key, started if necessary; it waits until `after` has ended.

        It takes one of the person's slots on the engine `where`, for as long as it runs.
        A failed query is started again for a session that has not seen the failure, or has called `retry`.
        """
        with self._lock:
            now = self._clock()
            query = self._queries.pop(key, None)
            if query is None or not _serves(query, session, now):
                query = BackgroundQuery(key, now, now)
                threading.Thread(
                    target=self._run,
                    args=(query, engine, work, after, person, self._slots[where]),
                    daemon=True,
                    name="query",
                ).start()
            if session not in query.left:
                query.askers.add(session)
            query.watched = now
            self._queries[key] = query
            self._forget()
            return cast("BackgroundQuery[T]", query)  # a key belongs to one kind of work

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

    def _leave(self, session: str, which: Callable[[BackgroundQuery[object]], bool], *, seen: bool) -> None:
        with self._lock:
            for query in self._queries.values():
                if query.running and session in query.askers and which(query):
                    query.askers.discard(session)
                    if seen:
                        query.left.add(session)
                    if not query.askers:
                        query.cancel()

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
        query: BackgroundQuery[object],
        engine: Callable[[], QueryEngine],
        work: Callable[[QueryEngine], object],
        after: BackgroundQuery[object] | None,
        person: str,
        slots: Slots,
    ) -> None:
        watcher = threading.Thread(target=self._cancel_unwatched, args=(query,), daemon=True, name="watch")
        watcher.start()
        try:
            _await(query, after)
            with slots.slot(person, query.check, query.wait_in_queue):
                query.result = work(RecordingEngine(engine(), query.cursors, query.canceled))
                query.weight = _weight(query.result)
        except BaseException as error:  # the page shows it
            query.error = error
        query.took_s = self._clock() - query.started
        query.ended.set()

    def _cancel_unwatched(self, query: BackgroundQuery[object]) -> None:
        """Cancel the query when no page has shown it for a while."""
        while not query.ended.wait(WAIT_S):
            if self._clock() - query.watched > UNWATCHED_S:
                query.cancel()
                return


def _await(query: BackgroundQuery[object], after: BackgroundQuery[object] | None) -> None:
    """Wait for `after` to end. Raises QueryCanceled."""
    while after is not None and not after.ended.wait(WAIT_S):
        query.check()


def _serves(query: BackgroundQuery[object], session: str, now: float) -> bool:
    """Return whether the session can use the query as it is, without starting it again."""
    if session in query.left:
        return True
    if query.running:
        return not query.canceled.is_set()
    if query.error:
        return session in query.askers
    return now - query.started - query.took_s < KEPT_S


def _weight(result: object) -> int:
    """Estimate the memory that the result takes."""
    if isinstance(result, pa.Table):
        return int(result.nbytes)
    if isinstance(result, list):
        return sum(500 + len(one.message) for one in result if isinstance(one, LogEvent))
    return 1000
