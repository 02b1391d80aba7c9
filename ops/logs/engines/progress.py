"""Run queries on an engine with progress, cancellation, and collected notes and cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from ops.aws.athena import RunningQuery
from ops.logs.engines.estimate import athena_dollars
from ops.logs.engines.loading import LoadProgress
from ops.logs.lake.layout import Listing, Scope


@dataclass(frozen=True)
class QueryProgress:
    """The progress of a query as text; `share` is the part that has been read, if known."""

    text: str
    share: float | None = None


class SqlEngine(Protocol):
    """An engine that runs SQL: DuckDbEngine or AthenaEngine."""

    name: str
    has_patterns: bool

    def sql(
        self,
        scope: Scope,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        report: Callable[[Any], None],
        cancelled: Callable[[], bool],
    ) -> Any: ...


class TrackedEngine:
    """Runs queries on an engine; `notes`, `dollars`, and `complete` cover all of its queries so far."""

    def __init__(
        self,
        engine: SqlEngine,
        report: Callable[[QueryProgress], None] = lambda progress: None,
        cancelled: Callable[[], bool] = lambda: False,
        most_bytes: int = 0,
    ) -> None:
        self.name = engine.name
        self.has_patterns = engine.has_patterns
        self.notes: tuple[str, ...] = ()
        self.dollars = 0.0
        self.complete = True
        self._engine: Any = engine
        self._report = report
        self._cancelled = cancelled
        self._most_bytes = most_bytes

    def query(self, scope: Scope, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """Return all rows, or the first `most_bytes` of them if that is set."""
        return self._rows(scope, sql, parameters)

    def query_holding(
        self, scope: Scope, sql: str, parameters: Mapping[str, Any], needles: Sequence[str]
    ) -> pa.Table:
        """Return the same for a query for events that contain all of the texts: the engine may read less."""
        return self._rows(scope, sql, parameters, **({"needles": needles} if self.has_patterns else {}))

    def glance(self, scope: Scope) -> Listing | None:
        """Return the objects that a query over the scope reads if the engine remembers them, else None."""
        known: Listing | None = self._engine.glance(scope) if hasattr(self._engine, "glance") else None
        return known

    def uncut(self) -> "TrackedEngine":
        """Return this engine without its size limit."""
        self._most_bytes = 0
        return self

    def _rows(self, scope: Scope, sql: str, parameters: Mapping[str, Any] | None, **more: Any) -> pa.Table:
        result = self._engine.sql(
            scope, sql, parameters, report=self._on_progress, cancelled=self._cancelled, **more
        )
        batches: list[pa.RecordBatch] = []
        size = 0
        for batch in result.batches:
            batches.append(batch)
            size += batch.nbytes
            if self._most_bytes and size > self._most_bytes:
                self.complete = False
                result.batches.close()
                break
        self.notes = tuple(dict.fromkeys((*self.notes, *result.notes)))
        self.dollars += getattr(result, "dollars", 0.0)
        return pa.Table.from_batches(batches, result.schema)

    def _on_progress(self, progress: LoadProgress | RunningQuery) -> None:
        self._report(_loading(progress) if isinstance(progress, LoadProgress) else _running(progress))


def _loading(progress: LoadProgress) -> QueryProgress:
    if progress.done >= progress.total:
        return QueryProgress("Searching", 1.0)
    share = progress.bytes_done / progress.bytes_total if progress.bytes_total else 0.0
    return QueryProgress(
        f"Read {progress.done:,} of {progress.total:,} objects, "
        f"{progress.bytes_done / 1e6:,.1f} of {progress.bytes_total / 1e6:,.1f} MB",
        min(1.0, share),
    )


def _running(query: RunningQuery) -> QueryProgress:
    if query.state == "QUEUED":
        return QueryProgress("Queued in Athena")
    dollars = athena_dollars(query.scanned_bytes)
    return QueryProgress(f"Athena: {query.scanned_bytes / 1e6:,.1f} MB scanned, ${dollars:.5f} so far")
