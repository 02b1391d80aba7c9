"""Counts exported events by group and hour with a query engine."""

from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any, Protocol

import pyarrow as pa

from ops.logs.export.error_records import GroupHour
from ops.logs.export.ledger.counting import CountExported
from ops.logs.export.ledger.model import EventCount
from ops.logs.lake.layout import Scope

# The relation `events` has each event once, if its format includes IDs.
SQL = """
SELECT account, region, log_group, date_trunc('hour', ts) AS hour,
       count(*) AS events, sum(length(message)) AS size
FROM events GROUP BY account, region, log_group, date_trunc('hour', ts)
"""


class CountingEngine(Protocol):
    """What the query engine must offer: SQL over the relation `events` of a scope."""

    def query(self, scope: Scope, sql: str, parameters: Mapping[str, Any]) -> pa.Table: ...


def counter(engine: CountingEngine) -> CountExported:
    """Return the function that counts exported events for the ledger; it reads all objects of a scope."""

    def count(scope: Scope) -> Iterator[tuple[GroupHour, EventCount]]:
        for row in engine.query(scope, SQL, {}).to_pylist():
            hour = row["hour"].replace(tzinfo=UTC)
            at = GroupHour(row["account"], row["region"], row["log_group"], hour)
            yield at, EventCount(int(row["events"]), int(row["size"] or 0))

    return count
