"""An engine that is watched: how far its queries are, whether to stop them, and what they remarked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from ops.aws.athena import Running
from ops.logs.engines.estimate import athena_dollars
from ops.logs.engines.loading import Loading
from ops.logs.lake.layout import Listing, Scope


@dataclass(frozen=True)
class Standing:
    """How a query stands, in words; `share` is what has been read of what must be, where that is known."""

    says: str
    share: float | None = None


class Asked(Protocol):
    """DuckDbEngine or AthenaEngine."""

    name: str
    masks: bool

    def sql(
        self,
        scope: Scope,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        report: Callable[[Any], None],
        cancelled: Callable[[], bool],
    ) -> Any: ...


class Watched:
    """Answers as the engine does. `notes`, `dollars` and `complete` are about all its queries so far."""

    def __init__(
        self,
        engine: Asked,
        report: Callable[[Standing], None] = lambda standing: None,
        cancelled: Callable[[], bool] = lambda: False,
        most_bytes: int = 0,
    ) -> None:
        self.name = engine.name
        self.masks = engine.masks
        self.notes: tuple[str, ...] = ()
        self.dollars = 0.0
        self.complete = True
        self._engine: Any = engine
        self._report = report
        self._cancelled = cancelled
        self._most_bytes = most_bytes

    def query(self, scope: Scope, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """All rows, or those within `most_bytes` where that is set. Raises what the engine does."""
        return self._rows(scope, sql, parameters)

    def query_holding(
        self, scope: Scope, sql: str, parameters: Mapping[str, Any], needles: Sequence[str]
    ) -> pa.Table:
        """The same for a query that looks for events that hold the texts only: an engine may read less."""
        return self._rows(scope, sql, parameters, **({"needles": needles} if self.masks else {}))

    def glance(self, scope: Scope) -> Listing | None:
        """What a query over the scope reads, where the engine knows that already."""
        known: Listing | None = self._engine.glance(scope) if hasattr(self._engine, "glance") else None
        return known

    def uncut(self) -> "Watched":
        """From here on answers are whole, whatever their size."""
        self._most_bytes = 0
        return self

    def _rows(self, scope: Scope, sql: str, parameters: Mapping[str, Any] | None, **more: Any) -> pa.Table:
        answer = self._engine.sql(
            scope, sql, parameters, report=self._standing, cancelled=self._cancelled, **more
        )
        batches: list[pa.RecordBatch] = []
        size = 0
        for batch in answer.batches:
            batches.append(batch)
            size += batch.nbytes
            if self._most_bytes and size > self._most_bytes:
                self.complete = False
                answer.batches.close()
                break
        self.notes = tuple(dict.fromkeys((*self.notes, *answer.notes)))
        self.dollars += getattr(answer, "dollars", 0.0)
        return pa.Table.from_batches(batches, answer.schema)

    def _standing(self, told: Loading | Running) -> None:
        self._report(_loading(told) if isinstance(told, Loading) else _running(told))


def _loading(told: Loading) -> Standing:
    if told.done >= told.total:
        return Standing("Searching what was read", 1.0)
    share = told.bytes_done / told.bytes_total if told.bytes_total else 0.0
    return Standing(
        f"Reading {told.done:,} of {told.total:,} objects, "
        f"{told.bytes_done / 1e6:,.1f} of {told.bytes_total / 1e6:,.1f} MB",
        min(1.0, share),
    )


def _running(told: Running) -> Standing:
    if told.state == "QUEUED":
        return Standing("Athena has queued the query")
    dollars = athena_dollars(told.scanned_bytes)
    return Standing(f"Athena has scanned {told.scanned_bytes / 1e6:,.1f} MB, ${dollars:.5f} so far")
