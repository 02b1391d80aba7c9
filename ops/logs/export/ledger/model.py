"""The loss ledger: ingested, exported, failed, and missing events by log group and hour. Pure.

CloudWatch counts an event in the hour of its ingestion; in S3 it is in the hour of its timestamp, which is at
most two hours later (CloudWatch rejects timestamps further in the future) or any time earlier. So an event
that was ingested in hour h is expected at h + 2 or before, and is missing if it is in none of these hours.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ops.logs.export.error_records import GroupHour
from ops.logs.lake.layout import HOUR, hour_of

MAX_FUTURE_H = 2  # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
DELIVERY_DELAY = timedelta(minutes=30)  # after which an ingested event should be in S3

GroupKey = tuple[str, str, str]  # account, region, name


class LedgerStatus(StrEnum):
    COMPLETE = "complete"
    MISSING = "missing"
    FAILED = "failed"
    IN_PROGRESS = "in progress"  # the delivery delay has not passed
    PARTIAL = "partial"  # the group was subscribed during the hour


@dataclass(frozen=True)
class EventCount:
    """Events and bytes of one group and hour."""

    events: int = 0
    size_bytes: int = 0


@dataclass(frozen=True)
class LedgerRow:
    """The counts of one group and hour.

    `missing` events are neither in S3 nor under the error prefix. Hours are not checked while the delivery
    delay has not passed (`pending`), or if the group was subscribed during the hour (`partial`).
    """

    at: GroupHour
    ingested: EventCount
    exported: EventCount
    failed: int
    missing: int
    pending: bool
    partial: bool

    @property
    def status(self) -> LedgerStatus:
        if self.partial:
            return LedgerStatus.PARTIAL
        if self.missing:
            return LedgerStatus.MISSING
        if self.failed:
            return LedgerStatus.FAILED
        if self.pending and self.exported.events < self.ingested.events:
            return LedgerStatus.IN_PROGRESS
        return LedgerStatus.COMPLETE

    @property
    def incomplete(self) -> bool:
        """Whether the hour is worth showing: it lacks events, or is not checked."""
        return self.status not in (LedgerStatus.COMPLETE, LedgerStatus.IN_PROGRESS)


@dataclass(frozen=True)
class Ledger:
    """The rows of all groups for the hours from `start` to `end`."""

    start: datetime
    end: datetime
    rows: tuple[LedgerRow, ...]
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> int:
        """The number of events that appear to be lost."""
        return sum(row.missing for row in self.rows)

    @property
    def failed(self) -> int:
        """The number of events under the error prefix, which can be replayed."""
        return sum(row.failed for row in self.rows)

    @property
    def ok(self) -> bool:
        return not self.missing and not self.failed

    def by_hour(self) -> list[tuple[datetime, int, int, int, int]]:
        """Return hour, ingested, exported, failed, and missing events, summed over all groups."""
        sums: dict[datetime, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        for row in self.rows:
            values = (row.ingested.events, row.exported.events, row.failed, row.missing)
            sums[row.at.hour] = [a + b for a, b in zip(sums[row.at.hour], values, strict=True)]
        return [(hour, values[0], values[1], values[2], values[3]) for hour, values in sorted(sums.items())]

    def by_group(self) -> dict[GroupKey, list[LedgerRow]]:
        rows: dict[GroupKey, list[LedgerRow]] = defaultdict(list)
        for row in self.rows:
            rows[(row.at.account, row.at.region, row.at.group)].append(row)
        return rows


@dataclass(frozen=True)
class LedgerCounts:
    """The counted events. `since` is when each group was subscribed; other groups are not checked."""

    ingested: Mapping[GroupHour, EventCount]
    exported: Mapping[GroupHour, EventCount]
    failed: Mapping[GroupHour, int]
    since: Mapping[GroupKey, datetime]
    notes: Sequence[str] = field(default_factory=tuple)


def build_ledger(
    counts: LedgerCounts, start: datetime, end: datetime, now: datetime, delay: timedelta = DELIVERY_DELAY
) -> Ledger:
    """Build the ledger of all subscribed groups for the hours from `start` to `end` (whole hours, UTC)."""
    rows: list[LedgerRow] = []
    last_due = hour_of(now - delay)  # hours that ended before it should be complete
    hours: dict[GroupKey, set[datetime]] = defaultdict(set)
    for at in (*counts.ingested, *counts.exported, *counts.failed):
        hours[(at.account, at.region, at.group)].add(at.hour)
    for group, since in sorted(counts.since.items()):
        group_rows = [_row(counts, group, hour, since, last_due) for hour in sorted(hours[group])]
        inside = (row for row in _match(group_rows) if hour_of(start) <= row.at.hour < end)
        rows += [row for row in inside if row.exported.events or row.at.hour >= hour_of(since)]
    return Ledger(start, end, tuple(rows), tuple(counts.notes))


def _row(
    counts: LedgerCounts, group: GroupKey, hour: datetime, since: datetime, last_due: datetime
) -> LedgerRow:
    at = GroupHour(*group, hour)
    partial = hour <= hour_of(since)
    return LedgerRow(
        at=at,
        ingested=counts.ingested.get(at, EventCount()),
        exported=counts.exported.get(at, EventCount()),
        failed=counts.failed.get(at, 0),
        missing=0,
        pending=hour + HOUR > last_due,
        partial=partial,
    )


def _match(rows: Sequence[LedgerRow]) -> Iterable[LedgerRow]:
    """Return the rows of a group, by hour, with the number of missing events.

    The total of missing events comes from matching ingested events with available ones over all hours. The
    hour comes from each hour's own balance, which alone would report too many: events ingested at 3 with a
    timestamp at 5 would be taken from those ingested at 5 with a timestamp at 7.
    """
    lacking = _shortages(rows, own_hour_first=True)
    surplus = sum(lacking) - sum(_shortages(rows, own_hour_first=False))
    for row, short in zip(rows, lacking, strict=True):
        elsewhere = min(short, surplus)
        surplus -= elsewhere
        yield replace(row, missing=short - elsewhere)


def _shortages(rows: Sequence[LedgerRow], *, own_hour_first: bool) -> list[int]:
    """Return how many events each checked hour lacks, matching events greedily from the earliest hour.

    The hours that may hold the events of one hour include those of all earlier hours, so greedy is optimal.
    """
    available = {row.at.hour: row.exported.events + row.failed for row in rows}
    expected = {row.at.hour: row.ingested.events for row in rows}
    for row in rows:
        if own_hour_first or row.partial:
            _use(available, expected, row.at.hour, row.at.hour)
        if row.partial:
            expected[row.at.hour] = 0  # events ingested before the subscription are not exported
    left = deque(sorted(available))
    for row in rows:
        while expected[row.at.hour] and left and left[0] <= row.at.hour + MAX_FUTURE_H * HOUR:
            _use(available, expected, row.at.hour, left[0])
            if not available[left[0]]:
                left.popleft()
    return [0 if row.pending or row.partial else expected[row.at.hour] for row in rows]


def _use(
    available: dict[datetime, int], expected: dict[datetime, int], ingested_hour: datetime, at: datetime
) -> None:
    used = min(expected[ingested_hour], available[at])
    expected[ingested_hour] -= used
    available[at] -= used
