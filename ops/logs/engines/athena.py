"""Athena over the exported logs, for what has outgrown this machine: the same SQL, translated, in a scope."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ops.aws import athena
from ops.aws.athena import Finished, Place, Running
from ops.aws.cloud import Cloud
from ops.logs.engines.athena_relation import events
from ops.logs.engines.estimate import athena_dollars
from ops.logs.engines.translation import RELATION, Translated, to_athena
from ops.logs.lake.layout import Scope


@dataclass(frozen=True)
class AthenaAnswer:
    """A query's rows as they come, what it has scanned and cost; `notes` say what differs from DuckDB."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    finished: Finished
    notes: tuple[str, ...] = ()

    @property
    def dollars(self) -> float:
        return 0.0 if self.finished.reused else athena_dollars(self.finished.scanned_bytes)

    def table(self) -> pa.Table:
        """All rows."""
        return pa.Table.from_batches(list(self.batches), self.schema)


class AthenaEngine:
    """Queries the tables of one export stack; safe for many threads."""

    name = "athena"
    masks = False

    def __init__(self, cloud: Cloud, place: Place) -> None:
        self._cloud = cloud
        self.place = place

    def scan_limit(self) -> int:
        """Bytes that one query may scan; 0 for no limit."""
        return athena.scan_limit(self._cloud, self.place)

    def query(self, scope: Scope, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """All rows of a query over `events` in the scope."""
        return self.sql(scope, sql, parameters).table()

    def sql(
        self,
        scope: Scope,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        report: Callable[[Running], None] = lambda running: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> AthenaAnswer:
        """Runs one SELECT over `events` in the scope. Raises QueryError before anything is sent."""
        translated = to_athena(sql)
        given = parameters or {}
        finished = athena.run(
            self._cloud,
            self.place,
            self.text(scope, translated),
            [athena.literal(given[name]) for name in translated.parameters],
            report=report,
            cancelled=cancelled,
        )
        schema, batches = athena.read(self._cloud, self.place, finished)
        return AthenaAnswer(schema, batches, finished, translated.notes)

    def text(self, scope: Scope, translated: Translated) -> str:
        """What is sent: the query, with `events` before it."""
        accounts = [account.id for account in self._cloud.accounts]
        regions = sorted({place.region for place in self._cloud.places})
        relation = events(athena.list_tables(self._cloud, self.place), scope, accounts, regions)
        return f"WITH {RELATION} AS ({relation})\n{_continued(translated.sql)}"


def _continued(sql: str) -> str:
    """The query after a WITH clause: its own WITH goes on with it."""
    head = sql.lstrip()
    return f", {head[4:].lstrip()}" if head[:5].upper().split() == ["WITH"] else head
