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

AHEAD_H = 2  # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
DELAY = timedelta(minutes=30)  # until an event that came in should lie in S3

Group = tuple[str, str, str]  # account, region, name


@dataclass(frozen=True)
class Counted:
    """Events and bytes of one group and hour."""

    events: int = 0
    size_bytes: int = 0


@dataclass(frozen=True)
class Row:
    """One group and hour. `missing` is what neither S3 nor the error prefix holds; `open` says that the
    delivery delay is not over, `partial` that the hour is not all subscribed: neither is judged."""

    at: GroupHour
    taken_in: Counted
    exported: Counted
    failed: int
    missing: int
    open: bool
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
        return "under way" if self.open and self.exported.events < self.taken_in.events else "complete"


@dataclass(frozen=True)
class Ledger:
    """Rows by group and hour, of the hours from `start` to `end`."""

    start: datetime
    end: datetime
    rows: tuple[Row, ...]
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
            values = (row.taken_in.events, row.exported.events, row.failed, row.missing)
            sums[row.at.hour] = [a + b for a, b in zip(sums[row.at.hour], values, strict=True)]
        return [(hour, values[0], values[1], values[2], values[3]) for hour, values in sorted(sums.items())]

    def by_group(self) -> dict[Group, list[Row]]:
        found: dict[Group, list[Row]] = defaultdict(list)
        for row in self.rows:
            found[(row.at.account, row.at.region, row.at.group)].append(row)
        return found


@dataclass(frozen=True)
class Books:
    """What was counted. `since` is when each group's subscription began: other groups are not judged."""

    taken_in: Mapping[GroupHour, Counted]
    exported: Mapping[GroupHour, Counted]
    failed: Mapping[GroupHour, int]
    since: Mapping[Group, datetime]
    notes: Sequence[str] = field(default_factory=tuple)


def reckon(books: Books, start: datetime, end: datetime, now: datetime, delay: timedelta = DELAY) -> Ledger:
    """The ledger of the hours from `start` to `end` (whole hours, UTC) of every subscribed group."""
    rows: list[Row] = []
    last_due = hour_of(now - delay)  # hours that ended before it are due
    hours: dict[Group, set[datetime]] = defaultdict(set)
    for at in (*books.taken_in, *books.exported, *books.failed):
        hours[(at.account, at.region, at.group)].add(at.hour)
    for group, since in sorted(books.since.items()):
        found = [_row(books, group, hour, since, last_due) for hour in sorted(hours[group])]
        inside = (row for row in _matched(found) if hour_of(start) <= row.at.hour < end)
        rows += [row for row in inside if row.exported.events or row.at.hour >= hour_of(since)]
    return Ledger(start, end, tuple(rows), tuple(books.notes))


def _row(books: Books, group: Group, hour: datetime, since: datetime, last_due: datetime) -> Row:
    at = GroupHour(*group, hour)
    partial = hour <= hour_of(since)
    return Row(
        at=at,
        taken_in=books.taken_in.get(at, Counted()),
        exported=books.exported.get(at, Counted()),
        failed=books.failed.get(at, 0),
        missing=0,
        open=hour + HOUR > last_due,
        partial=partial,
    )


def _matched(rows: Sequence[Row]) -> Iterable[Row]:
    """The rows, by hour, with what is missing in each.

    How much is missing at all is a matching of what came in with what is there; in which hour is told by each
    hour's own balance, which alone would also blame hours whose events moved on in a chain: in at 3 for 5, in
    at 5 for 7.
    """
    lacking = _short(rows, own_hour_first=True)
    surplus = sum(lacking) - sum(_short(rows, own_hour_first=False))
    for row, short in zip(rows, lacking, strict=True):
        excused = min(short, surplus)
        surplus -= excused
        yield replace(row, missing=short - excused)


def _short(rows: Sequence[Row], *, own_hour_first: bool) -> list[int]:
    """What each judged hour lacks when every event is looked for in the hours where it may lie.

    Those of an earlier hour are among those of a later one, so that the earliest first is never wrong.
    """
    there = {row.at.hour: row.exported.events + row.failed for row in rows}
    wanted = {row.at.hour: row.taken_in.events for row in rows}
    for row in rows:
        if own_hour_first or row.partial:
            _take(there, wanted, row.at.hour, row.at.hour)
        if row.partial:
            wanted[row.at.hour] = 0  # what came in before the subscription is not wanted
    left = deque(sorted(there))
    for row in rows:
        while wanted[row.at.hour] and left and left[0] <= row.at.hour + AHEAD_H * HOUR:
            _take(there, wanted, row.at.hour, left[0])
            if not there[left[0]]:
                left.popleft()
    return [0 if row.open or row.partial else wanted[row.at.hour] for row in rows]


def _take(there: dict[datetime, int], wanted: dict[datetime, int], of: datetime, at: datetime) -> None:
    used = min(wanted[of], there[at])
    wanted[of] -= used
    there[at] -= used
