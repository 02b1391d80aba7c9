"""Everything that ledger, backfill and retention need to know, read once: groups, ledger, states, proofs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from ops.aws.cloud import Cloud
from ops.aws.s3.log_bucket import LogBucket
from ops.logs.export.backfill import state as backfill_state
from ops.logs.export.backfill.plan import Wanted
from ops.logs.export.backfill.state import State
from ops.logs.export.coverage.subscribed import Exported, list_exported
from ops.logs.export.error_records import GroupHour
from ops.logs.export.ledger.counting import CountExported, count_taken_in, keep_books
from ops.logs.export.ledger.model import DELAY, Counted, Group, Ledger, reckon
from ops.logs.export.retention import Advice, advise, prove
from ops.logs.lake.layout import Location

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Stock:
    """What was found at `at`. `notes` names what could not be read."""

    at: datetime
    groups: tuple[Exported, ...]
    ledger: Ledger
    states: Mapping[Group, State]
    bytes_a_day: Mapping[Group, float]
    notes: tuple[str, ...] = ()

    def advice(self) -> list[Advice]:
        """The groups that keep logs for ever, the dearest first."""
        proofs = {
            each.group.key: prove(each.group, self.ledger, each.since, self.backfilled(each), self.at)
            for each in self.groups
        }
        return advise([each.group for each in self.groups], self.bytes_a_day, proofs)

    def backfilled(self, exported: Exported) -> bool:
        """Whether everything from before the group's export has been fetched."""
        state = self.states.get(exported.group.key)
        if not state or not state.complete:
            return False
        return datetime.fromisoformat(state.start) <= exported.group.created

    def wanted(self, patterns: Sequence[str] = ("*",), start: datetime | None = None) -> list[Wanted]:
        """What a backfill has to do: exported groups by glob that are older than their export."""
        return [
            Wanted(each.group, max(start or each.group.created, each.group.created), each.since)
            for each in self.groups
            if each.since
            and each.group.created < each.since
            and not self.backfilled(each)
            and any(fnmatchcase(each.group.name, pattern) for pattern in patterns)
        ]


def take_stock(
    cloud: Cloud,
    location: Location,
    count_exported: CountExported,
    start: datetime,
    end: datetime,
    now: datetime,
    delay: timedelta = DELAY,
) -> Stock:
    """Reads every account and region, the bucket, the metrics; an account that does not answer is noted."""
    groups: list[Exported] = []
    notes: list[str] = []
    for reading in cloud.read(lambda place: list_exported(cloud, place)):
        if reading.error:
            notes.append(f"{reading.place.account.name}, {reading.place.region}: {reading.error}")
        groups += reading.value or []
    since = {each.group.key: each.since for each in groups if each.since}
    books = keep_books(cloud, location, since, start, end, count_exported)
    bucket = LogBucket(cloud, location.bucket, location.account, location.region)
    states = {
        (each.account, each.region, each.group): each for each in backfill_state.load_all(bucket, location)
    }
    others = [each.group.key for each in groups if not each.since and each.group.retention_days is None]
    unexported, _ = count_taken_in(cloud, others, start, end)
    ledger = reckon(books, start, end, now, delay)
    daily = _a_day([books.taken_in, unexported], end - start)
    return Stock(now, tuple(groups), ledger, states, daily, (*notes, *ledger.notes))


def _a_day(counted: Sequence[Mapping[GroupHour, Counted]], span: timedelta) -> dict[Group, float]:
    """Bytes that CloudWatch takes in a day, by group."""
    days = max(span / DAY, 1 / 24)
    sums: dict[Group, float] = defaultdict(float)
    for some in counted:
        for at, each in some.items():
            sums[(at.account, at.region, at.group)] += each.size_bytes / days
    return dict(sums)
