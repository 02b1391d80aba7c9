"""Counts exported events by group and hour with a query engine."""

from collections.abc import Iterator
from datetime import UTC

from ops.logs.export.error_records import GroupHour
from ops.logs.export.ledger.counting import CountExported
from ops.logs.export.ledger.model import EventCount
from ops.logs.lake.layout import Scope
from ops.logs.search.cursor import QueryEngine
from ops.logs.search.query import sql_query

# The relation `events` has each event once, if its format includes IDs.
SQL = """
SELECT account, region, log_group, date_trunc('hour', ts) AS hour,
       count(*) AS events, sum(length(message)) AS size
FROM events GROUP BY account, region, log_group, date_trunc('hour', ts)
"""


def counter(engine: QueryEngine) -> CountExported:
    """Return the function that counts exported events for the ledger; it reads all objects of a scope."""

    def count(scope: Scope) -> Iterator[tuple[GroupHour, EventCount]]:
        for row in engine.run(sql_query(scope, SQL)).table().to_pylist():
            hour = row["hour"].replace(tzinfo=UTC)
            at = GroupHour(row["account"], row["region"], row["log_group"], hour)
            yield at, EventCount(int(row["events"]), int(row["size"] or 0))

    return count
