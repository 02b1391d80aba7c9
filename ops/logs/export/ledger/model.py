"""The loss ledger: ingested, exported, failed, and missing events by log group and hour. Pure.

CloudWatch counts an event in the hour of its ingestion; in S3 it is in the hour of its timestamp, which is at
most two hours later (CloudWatch rejects timestamps further in the future) or any time earlier. So an event
that was ingested in hour h is expected at h + 2 or before, and is missing if it is in none of these hours.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
    NOT_READ = "not read"  # events were not found, but not everything in S3 could be read
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

    `missing` events are neither in S3 nor under the error prefix; `elsewhere` are those in other hours, by
    their timestamps. Where not everything in S3 could be read, no event is missing: those that were not found
    are `unread`. Hours are not checked while the delivery delay has not passed (`pending`), or if the group
    was subscribed during the hour (`partial`).
    """

    at: GroupHour
    ingested: EventCount
    exported: EventCount
    failed: int
    missing: int
    pending: bool
    partial: bool
    elsewhere: int = 0
    unread: int = 0

    @property
    def status(self) -> LedgerStatus:
        if self.partial:
            return LedgerStatus.PARTIAL
        if self.missing:
            return LedgerStatus.MISSING
        if self.unread:
            return LedgerStatus.NOT_READ
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
    """The rows of all groups for the hours from `start` to `end`; `unread` says what could not be read."""

    start: datetime
    end: datetime
    rows: tuple[LedgerRow, ...]
    notes: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

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
        """Whether everything was read, and no event is missing or failed."""
        return not (self.missing or self.failed or self.unread)

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
    """The counted events. `since` is when each group was subscribed; other groups are not checked.

    `unread` says what could not be read. Objects that may hold exported events of the hour `unread_from`, or
    of a later one, are among it, unless it is None.
    """

    ingested: Mapping[GroupHour, EventCount]
    exported: Mapping[GroupHour, EventCount]
    failed: Mapping[GroupHour, int]
    since: Mapping[GroupKey, datetime]
    notes: Sequence[str] = ()
    unread: Sequence[str] = ()
    unread_from: datetime | None = None


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
        matched = _match(group_rows, unread_from=counts.unread_from)
        inside = (row for row in matched if hour_of(start) <= row.at.hour < end)
        rows += [row for row in inside if row.exported.events or row.at.hour >= hour_of(since)]
    return Ledger(start, end, tuple(rows), tuple(counts.notes), tuple(counts.unread))


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


def _match(rows: Sequence[LedgerRow], *, unread_from: datetime | None) -> Iterable[LedgerRow]:
    """Return the rows of a group, by hour, with the number of events that are missing or in other hours.

    Each hour is served by its own events first. What it lacks is looked for among the events that no other
    hour needs: in the hour before, where events are that arrived late, then further back, then in the next
    two hours. The total of missing events comes from the best match of all hours, because single steps alone
    would report too many: if every event has a timestamp two hours ahead, the first hours have no events.
    """
    lacking, spare = _own_hours(rows)
    by_hour = {row.at.hour: number for number, row in enumerate(rows)}
    short = [number for number, events in enumerate(lacking) if events]
    left = lacking.copy()
    span = int((rows[-1].at.hour - rows[0].at.hour) / HOUR) if short else 0
    for hours in (*range(-1, -span - 1, -1), *range(1, MAX_FUTURE_H + 1)):
        for number in short:
            source = by_hour.get(rows[number].at.hour + hours * HOUR)
            if source is not None and (found := min(left[number], spare[source])):
                left[number] -= found
                spare[source] -= found
    surplus = sum(left) - _unmatched(rows)
    # Where objects were not read, a loss is certain only if the read hours alone cannot hold the events, even
    # with no other hour looking for events there.
    certain = _unmatched(rows, unread_from) if unread_from else sum(left)
    for row, lacks, absent in zip(rows, lacking, left, strict=True):
        chained = min(absent, surplus)
        surplus -= chained
        absent -= chained
        lost = 0 if unread_from and _may_reach(row, unread_from) else min(absent, certain)
        certain -= lost
        yield replace(row, missing=lost, unread=absent - lost, elsewhere=lacks - absent)


def _own_hours(rows: Sequence[LedgerRow]) -> tuple[list[int], list[int]]:
    """Return how many events each checked hour lacks, and how many more it has than it ingested."""
    balances = [row.ingested.events - row.exported.events - row.failed for row in rows]
    checked = [not (row.pending or row.partial) for row in rows]
    lacking = [max(0, balance) if check else 0 for balance, check in zip(balances, checked, strict=True)]
    return lacking, [max(0, -balance) for balance in balances]


def _may_reach(row: LedgerRow, hour: datetime) -> bool:
    """Return whether an event of the row may be in the hour, or later: its time may be two hours ahead."""
    return row.at.hour + MAX_FUTURE_H * HOUR >= hour


def _unmatched(rows: Sequence[LedgerRow], before: datetime | None = None) -> int:
    """Return how many ingested events no match of hours can find, of rows that only reach hours `before`.

    The hours that may hold the events of one hour include those of all earlier hours, so greedy is optimal.
    An hour that is not checked keeps its own events: what arrived of them says nothing about other hours.
    """
    available = {row.at.hour: row.exported.events + row.failed for row in rows}
    for row in rows:
        if row.pending or row.partial:
            available[row.at.hour] = max(0, available[row.at.hour] - row.ingested.events)
    left = deque(sorted(available))
    unmatched = 0
    for row in rows:
        skipped = row.pending or row.partial or (before is not None and _may_reach(row, before))
        expected = 0 if skipped else row.ingested.events
        while expected and left and left[0] <= row.at.hour + MAX_FUTURE_H * HOUR:
            used = min(expected, available[left[0]])
            expected -= used
            available[left[0]] -= used
            if not available[left[0]]:
                left.popleft()
        unmatched += expected
    return unmatched
