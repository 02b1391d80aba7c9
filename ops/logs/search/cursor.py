"""The seam between those who ask and the query engines: `QueryEngine.run(query) -> Cursor`.

Does not load Arrow: a command that only describes a query must start fast.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from ops.errors import SlipwayError
from ops.logs.lake.layout import Partition, Scope
from ops.logs.search.estimate import Cost
from ops.logs.search.query import Query

if TYPE_CHECKING:
    import pyarrow as pa

INTERRUPT_EVERY_S = 0.05


class QueryCanceled(SlipwayError):
    """The query was canceled."""


@dataclass(frozen=True)
class Progress:
    """The progress of a query: bytes read of those to read, if known, and a text for users."""

    text: str
    done_bytes: int = 0
    total_bytes: int | None = None

    @property
    def share(self) -> float | None:
        """The part that has been read, from 0 to 1; None if unknown."""
        if self.total_bytes is None:
            return None
        return min(1.0, self.done_bytes / self.total_bytes) if self.total_bytes else 1.0


class Cursor:
    """A query on an engine: its result as Arrow batches, its progress and cost, and a way to cancel it.

    Reading the batches runs the query, in the reader's thread; everything else may be used from other threads
    meanwhile. A result without rows is one empty batch, so that its columns are known. Reading raises
    QueryCanceled after `cancel`, and the engine's errors.

    An engine passes a function that yields the batches; it gets the cursor to report to.
    """

    def __init__(
        self,
        read: Callable[["Cursor"], Generator["pa.RecordBatch", None, None]],
        limit_bytes: int = 0,
        canceled_hint: str = "",
    ) -> None:
        self.progress = Progress("Queued")
        self.notes: tuple[str, ...] = ()  # messages for the user about what was not read, or differs
        self.unread: tuple[str, ...] = ()  # those of them about objects that were not read, or only in part
        self.partly_read: frozenset[Partition] = frozenset()  # the hours of these objects
        self.complete = True  # False if the result was truncated to the query's `limit_bytes`
        self._batches = self._read(read(self), limit_bytes)
        self._canceled_hint = canceled_hint
        self._canceled = threading.Event()
        self._interrupt: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self._spent = Cost(0, 0, 0.0, 0.0)

    def __iter__(self) -> Iterator["pa.RecordBatch"]:
        return self._batches

    def table(self) -> "pa.Table":
        """Read the whole result."""
        import pyarrow as pa  # slow to import; an engine has already done so

        return pa.Table.from_batches(list(self))

    @property
    def cost(self) -> Cost:
        """What the query has read and cost so far; `objects` is 0 if the engine does not count them."""
        return self._spent

    @property
    def canceled(self) -> bool:
        return self._canceled.is_set()

    def cancel(self) -> None:
        """Cancel the query: the reader gets QueryCanceled instead of the next batch."""
        self._canceled.set()
        with self._lock:
            busy = self._interrupt is not None
        if busy:
            threading.Thread(target=self._keep_interrupting, daemon=True, name="cancel").start()

    # For engines.

    def report(self, progress: Progress) -> None:
        """Set the progress; reports of parallel downloads that overtook each other are ignored."""
        with self._lock:
            if progress.done_bytes >= self.progress.done_bytes:
                self.progress = progress

    def note(self, *notes: str) -> None:
        self.notes = tuple(dict.fromkeys((*self.notes, *notes)))

    def note_unread(self, notes: Iterable[str], hours: Iterable[Partition]) -> None:
        """Add notes about objects that were not read, or only in part, and the hours of these objects."""
        self.unread = tuple(dict.fromkeys((*self.unread, *notes)))
        self.partly_read |= frozenset(hours)
        self.note(*self.unread)

    def spend(self, objects: int, size_bytes: int, dollars: float = 0.0) -> None:
        """Add to the cost."""
        cost = self._spent
        self._spent = replace(
            cost,
            objects=cost.objects + objects,
            size_bytes=cost.size_bytes + size_bytes,
            dollars=cost.dollars + dollars,
        )

    def pause(self, seconds: float) -> None:
        """Wait, but not longer than until the query is canceled."""
        self._canceled.wait(seconds)

    def check(self) -> None:
        """Raise QueryCanceled if the query was canceled."""
        if self.canceled:
            raise QueryCanceled("The query was canceled.", hint=self._canceled_hint)

    @contextmanager
    def interruptible(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """Call `interrupt` if the query is canceled meanwhile. Raises QueryCanceled if it was before."""
        with self._lock:
            self.check()
            self._interrupt = interrupt
        try:
            yield
        finally:
            with self._lock:
                self._interrupt = None

    def _keep_interrupting(self) -> None:
        """Interrupt until the engine returns: DuckDB ignores an interrupt just before a statement starts."""
        while True:
            with self._lock:  # not after `interruptible` has ended: the connection may run another query then
                if self._interrupt is None:
                    return
                self._interrupt()
            time.sleep(INTERRUPT_EVERY_S)

    def _read(
        self, batches: Generator["pa.RecordBatch", None, None], limit_bytes: int
    ) -> Iterator["pa.RecordBatch"]:
        begin, size = time.monotonic(), 0
        empty: pa.RecordBatch | None = None
        try:
            for batch in batches:
                self.check()
                if batch.num_rows == 0:
                    empty = batch
                    continue
                if limit_bytes and size > limit_bytes:
                    self.complete = False
                    break
                yield batch
                size += batch.nbytes
            self.check()
            if not size and empty is not None:
                yield empty
            self.progress = replace(self.progress, total_bytes=self.progress.done_bytes)
        finally:
            batches.close()
            self._spent = replace(self._spent, seconds=time.monotonic() - begin)


class QueryEngine(Protocol):
    """Answers queries over the relation `events` of one dataset; thread-safe."""

    def estimate(self, scope: Scope) -> Cost:
        """Estimate what a query over the scope reads and costs."""

    def run(self, query: Query) -> Cursor:
        """Return the query's cursor; nothing is read before its first batch.

        Raises InputError for invalid SQL, and QueryError for SQL that the engine does not support.
        """
