"""The loss ledger: what CloudWatch took in, what lies in S3, what failed, and what is missing. Pure.

CloudWatch counts an event in the hour in which it came in, S3 holds it in the hour of its own time: up to two
hours later (CloudWatch takes no event from further in the future), or any time earlier. So an event that came
in at hour h is looked for at h + 2 and before; what is found at none of them is missing.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ops.logs.export.error_records import GroupHour
from ops.logs.lake.layout import HOUR, hour_of

MAX_FUTURE_H = 2  # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
DELIVERY_DELAY = timedelta(minutes=30)  # until an event that came in should lie in S3

GroupKey = tuple[str, str, str]  # account, region, name


@dataclass(frozen=True)
class EventCount:
    """Events and bytes of one group and hour."""

    events: int = 0
    size_bytes: int = 0


@dataclass(frozen=True)
class LedgerRow:
    """One group and hour. `missing` is what neither S3 nor the error prefix holds; `open` says that the
    delivery delay is not over, `partial` that the hour is not all subscribed: neither is judged."""

    at: GroupHour
    ingested: EventCount
    exported: EventCount
    failed: int
    missing: int
    pending: bool
    partial: bool

    @property
    def status(self) -> str:
        """In a word: complete, missing, failed, under way, begins."""
        if self.partial:
            return "begins"
        if self.missing:
            return "missing"
        if self.failed:
            return "failed"
        return "under way" if self.pending and self.exported.events < self.ingested.events else "complete"


@dataclass(frozen=True)
class Ledger:
    """Rows by group and hour, of the hours from `start` to `end`."""

    start: datetime
    end: datetime
    rows: tuple[LedgerRow, ...]
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> int:
        """Events that are lost, as far as anybody can tell."""
        return sum(row.missing for row in self.rows)

    @property
    def failed(self) -> int:
        """Events under the error prefix: not lost, to be replayed."""
        return sum(row.failed for row in self.rows)

    @property
    def ok(self) -> bool:
        return not self.missing and not self.failed

    def by_hour(self) -> list[tuple[datetime, int, int, int, int]]:
        """Hour, events taken in, exported, failed, missing: over all groups."""
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
    """What was counted. `since` is when each group's subscription began: other groups are not judged."""

    ingested: Mapping[GroupHour, EventCount]
    exported: Mapping[GroupHour, EventCount]
    failed: Mapping[GroupHour, int]
    since: Mapping[GroupKey, datetime]
    notes: Sequence[str] = field(default_factory=tuple)


def build_ledger(
    counts: LedgerCounts, start: datetime, end: datetime, now: datetime, delay: timedelta = DELIVERY_DELAY
) -> Ledger:
    """The ledger of the hours from `start` to `end` (whole hours, UTC) of every subscribed group."""
    rows: list[LedgerRow] = []
    last_due = hour_of(now - delay)  # hours that ended before it are due
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
    """The rows, by hour, with what is missing in each.

    How much is missing at all is a matching of what came in with what is there; in which hour is told by each
    hour's own balance, which alone would also blame hours whose events moved on in a chain: in at 3 for 5, in
    at 5 for 7.
    """
    lacking = _shortages(rows, own_hour_first=True)
    surplus = sum(lacking) - sum(_shortages(rows, own_hour_first=False))
    for row, short in zip(rows, lacking, strict=True):
        excused = min(short, surplus)
        surplus -= excused
        yield replace(row, missing=short - excused)


def _shortages(rows: Sequence[LedgerRow], *, own_hour_first: bool) -> list[int]:
    """What each judged hour lacks when every event is looked for in the hours where it may lie.

    Those of an earlier hour are among those of a later one, so that the earliest first is never wrong.
    """
    available = {row.at.hour: row.exported.events + row.failed for row in rows}
    expected = {row.at.hour: row.ingested.events for row in rows}
    for row in rows:
        if own_hour_first or row.partial:
            _use(available, expected, row.at.hour, row.at.hour)
        if row.partial:
            expected[row.at.hour] = 0  # what came in before the subscription is not wanted
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
