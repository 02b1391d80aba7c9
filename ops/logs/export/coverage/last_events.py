"""When the last event of each group came to the dataset: its listing by place, the newest hours by group."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pyarrow as pa

from ops.logs.export.ledger.model import GroupKey
from ops.logs.lake.layout import EARLINESS, Listing, Scope

SQL = "SELECT account, region, log_group, max(ts) AS last FROM events GROUP BY account, region, log_group"
LOOK_BACK = timedelta(hours=24)
MAX_READ_BYTES = 1 << 30  # of objects: what an answer may cost


@dataclass(frozen=True)
class LastEvents:
    """`by_group` reaches back to `since` only; `by_place` is the newest hour that has objects in a day."""

    since: datetime
    by_group: Mapping[GroupKey, datetime] = field(default_factory=dict)
    by_place: Mapping[tuple[str, str], datetime] = field(default_factory=dict)


class ListingEngine(Protocol):
    """DuckDB's."""

    def list(self, scope: Scope) -> Listing: ...
    def query(self, scope: Scope, sql: str, parameters: Mapping[str, Any]) -> pa.Table: ...


def last_events(engine: ListingEngine, now: datetime, limit_bytes: int = MAX_READ_BYTES) -> LastEvents:
    """Of the last day; the events of so many hours as `limit_bytes` allows are read, the newest first."""
    scope = Scope(now - LOOK_BACK, now + EARLINESS)
    listing = engine.list(scope)
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
    since = _affordable(sizes, limit_bytes)
    rows = engine.query(Scope(since, scope.end), SQL, {}).to_pylist()
    by_group = {
        (row["account"], row["region"], row["log_group"]): row["last"].replace(tzinfo=UTC) for row in rows
    }
    return LastEvents(since, by_group, by_place)


def _affordable(sizes: Mapping[datetime, int], limit_bytes: int) -> datetime:
    """The beginning of the oldest hour that is still read; the newest one that has objects always is."""
    since, read = max(sizes), 0
    for hour in sorted(sizes, reverse=True):
        read += sizes[hour]
        if read > limit_bytes:
            break
        since = hour
    return since
