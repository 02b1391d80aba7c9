"""Query exported logs with Athena, for data too large for this machine: the same SQL, translated."""

from collections.abc import Generator, Sequence

import pyarrow as pa

from ops.aws.athena import queries as athena
from ops.aws.athena import results
from ops.aws.athena.queries import AthenaTarget, QueryStopped, RunningQuery
from ops.aws.cloud import Cloud
from ops.logs.engines.athena_relation import events, relation
from ops.logs.engines.translation import Translated, to_athena
from ops.logs.lake.layout import Scope
from ops.logs.lake.lines.rules import Rule
from ops.logs.lake.listing import Lister
from ops.logs.search.cursor import Cursor, Progress, QueryCanceled
from ops.logs.search.estimate import Cost, athena_cost, athena_dollars
from ops.logs.search.query import Query
from ops.logs.search.sql import Statement, statements
from ops.logs.search.sql_check import RELATION
from ops.logs.services.athena_events import service_parts
from ops.logs.services.listing import ServiceLister


class AthenaEngine:
    """Queries the Glue tables of one dataset; thread-safe.

    The lister is for estimates; `rules` are own rules for levels. `service` names the tables and partitions
    of a dataset that the log export did not write.
    """

    def __init__(
        self,
        cloud: Cloud,
        target: AthenaTarget,
        lister: Lister,
        rules: Sequence[Rule] = (),
        service: ServiceLister | None = None,
    ) -> None:
        self._service = service
        self._cloud = cloud
        self._lister = lister
        self._rules = rules
        self.target = target

    def scan_limit(self) -> int:
        """Return the number of bytes that one query may scan; 0 for no limit."""
        return athena.scan_limit(self._cloud, self.target)

    def estimate(self, scope: Scope) -> Cost:
        return athena_cost(self._lister.list_scope(scope))

    def run(self, query: Query) -> Cursor:
        """Return the query's cursor. Raises QueryError for SQL that Athena does not support."""
        given = statements(query)
        translated = [to_athena(statement.sql) for statement in given]

        def read(cursor: Cursor) -> Generator[pa.RecordBatch, None, None]:
            relation = self._relation(query.scope)
            for statement, text in zip(given, translated, strict=True):
                yield from self._batches(cursor, relation, statement, text)

        return Cursor(read, query.limit_bytes, "Athena charges for the data scanned until then.")

    def _batches(
        self, cursor: Cursor, relation: str, statement: Statement, translated: Translated
    ) -> Generator[pa.RecordBatch, None, None]:
        before = cursor.cost

        def report(running: RunningQuery) -> None:
            cursor.report(_progress(running, before))

        cursor.note(*translated.notes)
        try:
            finished = athena.run(
                self._cloud,
                self.target,
                f"WITH {RELATION} AS ({relation})\n{_continued(translated.sql)}",
                [athena.literal(statement.parameters[name]) for name in translated.parameters],
                report=report,
                cancelled=lambda: cursor.canceled,
                sleep=cursor.pause,
            )
        except QueryStopped as error:
            raise QueryCanceled(str(error), hint=error.hint) from error
        dollars = 0.0 if finished.reused else athena_dollars(finished.scanned_bytes)
        cursor.spend(0, finished.scanned_bytes, dollars)
        schema, batches = results.read(self._cloud, self.target, finished)
        first = next(batches, None)
        yield first or pa.RecordBatch.from_pylist([], schema)
        yield from batches

    def _relation(self, scope: Scope) -> str:
        """Return the definition of `events`."""
        if self._service:
            tables = athena.list_tables(self._cloud, self.target)
            return relation(service_parts(self._service, tables, scope), scope, self._rules)
        accounts: Sequence[str] = [account.id for account in self._cloud.accounts]
        regions = sorted({place.region for place in self._cloud.places})
        return events(athena.list_tables(self._cloud, self.target), scope, accounts, regions, self._rules)


def _continued(sql: str) -> str:
    """Return the query as it follows a WITH clause, with its own WITH merged into it."""
    head = sql.lstrip()
    return f", {head[4:].lstrip()}" if head[:5].upper().split() == ["WITH"] else head


def _progress(query: RunningQuery, before: Cost) -> Progress:
    """Return the progress of a running statement after those that cost `before`."""
    scanned = before.size_bytes + query.scanned_bytes
    if query.state == "QUEUED":
        return Progress("Queued in Athena", scanned)
    dollars = before.dollars + athena_dollars(query.scanned_bytes)
    return Progress(f"Athena: {scanned / 1e6:,.1f} MB scanned, ${dollars:.5f} so far", scanned)
