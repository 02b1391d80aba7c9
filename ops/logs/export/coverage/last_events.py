"""The time of each log group's last exported event, from the newest hours in the bucket."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ops.logs.export.ledger.model import GroupKey
from ops.logs.lake.layout import EARLINESS, Scope
from ops.logs.lake.listing import Lister
from ops.logs.search.cursor import QueryEngine
from ops.logs.search.query import sql_query

SQL = "SELECT account, region, log_group, max(ts) AS last FROM events GROUP BY account, region, log_group"
LOOK_BACK = timedelta(hours=24)
MAX_READ_BYTES = 1 << 30  # of objects


@dataclass(frozen=True)
class LastEvents:
    """The last events since `since` by group, and the newest hour with objects by account and region.

    `unread` says which objects could not be read: a group may have an event there.
    """

    since: datetime
    by_group: Mapping[GroupKey, datetime] = field(default_factory=dict)
    by_place: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    unread: tuple[str, ...] = ()


def last_events(
    lister: Lister, engine: QueryEngine, now: datetime, limit_bytes: int = MAX_READ_BYTES
) -> LastEvents:
    """Return the last events of the last day, from as many of the newest hours as `limit_bytes` allows."""
    scope = Scope(now - LOOK_BACK, now + EARLINESS)
    listing = lister.list_scope(scope)
    sizes: Counter[datetime] = Counter()
    by_place: dict[tuple[str, str], datetime] = {}
    sizes_by_partition = [(part.partition, part.size) for part in listing.parts]
    sizes_by_partition += [(obj.partition, obj.size) for obj in listing.fresh]
    for at, size in sizes_by_partition:
        sizes[at.hour] += size
        place = (at.account, at.region)
        by_place[place] = max(at.hour, by_place.get(place, at.hour))
    if not sizes:
        return LastEvents(scope.start)
    since, read, limited = max(sizes), 0, False  # the newest hour that has objects is always read
    for hour in sorted(sizes, reverse=True):
        read += sizes[hour]
        if read > limit_bytes:
            limited = True
            break
        since = hour
    cursor = engine.run(sql_query(Scope(since, scope.end), SQL))
    rows = cursor.table().to_pylist()
    by_group = {
        (row["account"], row["region"], row["log_group"]): row["last"].replace(tzinfo=UTC) for row in rows
    }
    return LastEvents(since if limited else scope.start, by_group, by_place, cursor.unread)
