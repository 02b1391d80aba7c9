"""DuckDB cursors, kept with their views for the next query that reads the same files.

A page runs a dozen queries per search, and creating the views takes longer than many of the queries.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

import duckdb

IDLE = 8  # cursors kept


class DuckDbSession:
    """A cursor with its views; after use, call `keep` to allow its reuse, or `close`."""

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, keep: Callable[["DuckDbSession"], None] | None
    ) -> None:
        self.cursor = cursor
        self._keep = keep

    def keep(self) -> None:
        if self._keep:
            self._keep(self)
        else:
            self.close()

    def close(self) -> None:
        self.cursor.close()


class DuckDbSessions:
    """The idle sessions; thread-safe. A session is used by one thread at a time."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        self._database = database
        self._idle: OrderedDict[DuckDbSession, Hashable] = OrderedDict()  # least recently used first
        self._lock = threading.Lock()

    def take(self, key: Hashable, prepare: Callable[[duckdb.DuckDBPyConnection], bool]) -> DuckDbSession:
        """Return a session for the key; `prepare` creates its views and returns whether it can be kept."""
        with self._lock:
            for session, known in reversed(self._idle.items()):
                if known == key:
                    del self._idle[session]
                    return session
        cursor = self._database.cursor()
        try:
            worth_it = prepare(cursor)
        except BaseException:
            cursor.close()
            raise
        return DuckDbSession(cursor, (lambda session: self._keep(session, key)) if worth_it else None)

    def close(self) -> None:
        """Close the idle sessions."""
        with self._lock:
            idle = list(self._idle)
            self._idle.clear()
        for session in idle:
            session.close()

    def _keep(self, session: DuckDbSession, key: Hashable) -> None:
        with self._lock:
            self._idle[session] = key
            oldest = self._idle.popitem(last=False)[0] if len(self._idle) > IDLE else None
        if oldest:
            oldest.close()
