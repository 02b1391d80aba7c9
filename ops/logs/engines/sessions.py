"""Cursors of one database, kept with the views that a question needed for the next that reads the same.

A page asks a dozen questions of one search; making views costs more than many of the answers.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

import duckdb

IDLE = 8  # cursors kept


class Session:
    """A cursor with its views; `close` when it is no longer used, `keep` where it is as good as new."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, keep: Callable[["Session"], None] | None) -> None:
        self.cursor = cursor
        self._keep = keep

    def keep(self) -> None:
        if self._keep:
            self._keep(self)
        else:
            self.close()

    def close(self) -> None:
        self.cursor.close()


class Sessions:
    """Safe for many threads; a session is one thread's at a time."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        self._database = database
        self._idle: OrderedDict[Session, Hashable] = OrderedDict()  # used longest ago first
        self._lock = threading.Lock()

    def take(self, key: Hashable, prepare: Callable[[duckdb.DuckDBPyConnection], bool]) -> Session:
        """A session that `prepare` has prepared for the key, now or before; it says whether to keep it."""
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
        return Session(cursor, (lambda session: self._keep(session, key)) if worth_it else None)

    def _keep(self, session: Session, key: Hashable) -> None:
        with self._lock:
            self._idle[session] = key
            oldest = self._idle.popitem(last=False)[0] if len(self._idle) > IDLE else None
        if oldest:
            oldest.close()
