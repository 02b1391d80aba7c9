"""Query exported logs with Athena, for data too large for this machine: the same SQL, translated."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ops.aws import athena
from ops.aws.athena import AthenaTarget, FinishedQuery, RunningQuery
from ops.aws.cloud import Cloud
from ops.logs.engines.athena_relation import events
from ops.logs.engines.estimate import athena_dollars
from ops.logs.engines.translation import RELATION, Translated, to_athena
from ops.logs.lake.layout import Scope


@dataclass(frozen=True)
class AthenaResult:
    """A query's result: rows as they arrive, data scanned, and cost; `notes` are differences from DuckDB."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    finished: FinishedQuery
    notes: tuple[str, ...] = ()

    @property
    def dollars(self) -> float:
        return 0.0 if self.finished.reused else athena_dollars(self.finished.scanned_bytes)

    def table(self) -> pa.Table:
        """Return all rows."""
        return pa.Table.from_batches(list(self.batches), self.schema)


class AthenaEngine:
    """Queries the Glue tables of one dataset; thread-safe."""

    name = "athena"
    has_patterns = False

    def __init__(self, cloud: Cloud, target: AthenaTarget) -> None:
        self._cloud = cloud
        self.target = target

    def scan_limit(self) -> int:
        """Return the number of bytes that one query may scan; 0 for no limit."""
        return athena.scan_limit(self._cloud, self.target)

    def query(self, scope: Scope, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """Return all rows of a query over `events` in the scope."""
        return self.sql(scope, sql, parameters).table()

    def sql(
        self,
        scope: Scope,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        report: Callable[[RunningQuery], None] = lambda running: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> AthenaResult:
        """Run one SELECT over `events` in the scope. Raises QueryError before anything is sent to Athena."""
        translated = to_athena(sql)
        given = parameters or {}
        finished = athena.run(
            self._cloud,
            self.target,
            self.text(scope, translated),
            [athena.literal(given[name]) for name in translated.parameters],
            report=report,
            cancelled=cancelled,
        )
        schema, batches = athena.read(self._cloud, self.target, finished)
        return AthenaResult(schema, batches, finished, translated.notes)

    def text(self, scope: Scope, translated: Translated) -> str:
        """Return the SQL to send: the query, preceded by the definition of `events`."""
        accounts = [account.id for account in self._cloud.accounts]
        regions = sorted({place.region for place in self._cloud.places})
        relation = events(athena.list_tables(self._cloud, self.target), scope, accounts, regions)
        return f"WITH {RELATION} AS ({relation})\n{_continued(translated.sql)}"


def _continued(sql: str) -> str:
    """Return the query as it follows a WITH clause, with its own WITH merged into it."""
    head = sql.lstrip()
    return f", {head[4:].lstrip()}" if head[:5].upper().split() == ["WITH"] else head
