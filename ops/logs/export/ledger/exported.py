"""Counts exported events by group and hour with a query engine."""

from collections.abc import Iterable
from datetime import UTC, datetime

from ops.logs.export.error_records import GroupHour
from ops.logs.export.ledger.counting import BEGINNING, CountExported, ExportedEvents
from ops.logs.export.ledger.model import EventCount
from ops.logs.lake.layout import UNKNOWN, Partition, Scope
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

    def count(scope: Scope) -> ExportedEvents:
        cursor = engine.run(sql_query(scope, SQL))
        counts = [
            (
                GroupHour(row["account"], row["region"], row["log_group"], row["hour"].replace(tzinfo=UTC)),
                EventCount(int(row["events"]), int(row["size"] or 0)),
            )
            for row in cursor.table().to_pylist()
        ]
        return ExportedEvents(counts, _summary(cursor.unread), _first_hour(cursor.partly_read))

    return count


def _first_hour(partly_read: Iterable[Partition]) -> datetime:
    """Return the first hour of which an event may be in an unread object.

    Objects without account and region are in the hour of their arrival, and hold events of any earlier hour.
    """
    hours = [place.hour if place.account != UNKNOWN else BEGINNING for place in partly_read]
    return min(hours, default=BEGINNING)


def _summary(unread: tuple[str, ...]) -> tuple[str, ...]:
    """Return one line for objects that could not be read, which may be many, with one of the reasons."""
    if len(unread) <= 1:
        return unread
    return (f"{len(unread):,} objects of the bucket could not be read, for example: {unread[0]}",)
