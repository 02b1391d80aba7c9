"""Reads once what ledger, backfill, and retention need: log groups, event counts, and backfill states."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from ops.aws.cloud import Cloud
from ops.logs.export.backfill import state as backfill_state
from ops.logs.export.backfill.plan import BackfillRequest
from ops.logs.export.backfill.state import BackfillState
from ops.logs.export.canary import Canaries, find_canaries
from ops.logs.export.coverage.subscribed import GroupExport, list_group_exports
from ops.logs.export.error_records import GroupHour
from ops.logs.export.ledger.counting import CountExported, count_events, count_ingested
from ops.logs.export.ledger.model import DELIVERY_DELAY, EventCount, GroupKey, Ledger, build_ledger
from ops.logs.export.retention import RetentionAdvice, advise_retention, prove_export
from ops.logs.lake.layout import Location
from ops.logs.lake.store import bucket_of

DAY = timedelta(days=1)


@dataclass(frozen=True)
class ExportReport:
    """Log groups, ledger, and backfills as of `at`. `notes` are those of the ledger.

    What could not be read is in `ledger.unread`: accounts and regions, and objects of the bucket.
    """

    at: datetime
    groups: tuple[GroupExport, ...]
    ledger: Ledger
    backfills: Mapping[GroupKey, BackfillState]
    bytes_per_day: Mapping[GroupKey, float]
    notes: tuple[str, ...] = ()
    canaries: Canaries = field(default_factory=Canaries)

    def advice(self) -> list[RetentionAdvice]:
        """Return advice for the groups whose events never expire, the most expensive first."""
        proofs = {
            entry.group.key: prove_export(
                entry.group, self.ledger, entry.since, self.backfilled(entry), self.at
            )
            for entry in self.groups
        }
        return advise_retention([entry.group for entry in self.groups], self.bytes_per_day, proofs)

    def backfilled(self, exported: GroupExport) -> bool:
        """Whether all events from before the group's subscription are exported."""
        state = self.backfills.get(exported.group.key)
        if not state or not state.complete:
            return False
        return datetime.fromisoformat(state.start) <= exported.group.created

    def backfill_requests(
        self, patterns: Sequence[str] = ("*",), start: datetime | None = None
    ) -> list[BackfillRequest]:
        """Return the exported groups that need a backfill, filtered by glob patterns."""
        return [
            BackfillRequest(entry.group, max(start or entry.group.created, entry.group.created), entry.since)
            for entry in self.groups
            if entry.since
            and entry.group.created < entry.since
            and not self.backfilled(entry)
            and any(fnmatchcase(entry.group.name, pattern) for pattern in patterns)
        ]


def read_export_report(
    cloud: Cloud,
    location: Location,
    count_exported: CountExported,
    start: datetime,
    end: datetime,
    now: datetime,
    delay: timedelta = DELIVERY_DELAY,
) -> ExportReport:
    """Read all accounts and regions, the metrics, and the bucket. Errors of an account make it unread."""
    groups: list[GroupExport] = []
    unread: list[str] = []
    for reading in cloud.read(lambda place: list_group_exports(cloud, place)):
        if reading.error:
            unread.append(f"{reading.place.account.name}, {reading.place.region}: {reading.error}")
        groups += reading.value or []
    since = {entry.group.key: entry.since for entry in groups if entry.since}
    counts = count_events(cloud, location, since, start, end, count_exported)
    bucket = bucket_of(cloud, location)
    states = {
        (state.account, state.region, state.group): state
        for state in backfill_state.load_all(bucket, location)
    }
    unexported_keys = [
        entry.group.key for entry in groups if not entry.since and entry.group.retention_days is None
    ]
    unexported, _ = count_ingested(cloud, unexported_keys, start, end)
    counts = replace(counts, unread=(*unread, *counts.unread))
    ledger = build_ledger(counts, start, end, now, delay)
    daily = _bytes_per_day([counts.ingested, unexported], end - start)
    canaries = find_canaries(bucket, location, now)
    return ExportReport(now, tuple(groups), ledger, states, daily, ledger.notes, canaries)


def _bytes_per_day(
    counted: Sequence[Mapping[GroupHour, EventCount]], span: timedelta
) -> dict[GroupKey, float]:
    """Return the bytes that CloudWatch ingests per day, by group."""
    days = max(span / DAY, 1 / 24)
    sums: dict[GroupKey, float] = defaultdict(float)
    for counts in counted:
        for at, count in counts.items():
            sums[(at.account, at.region, at.group)] += count.size_bytes / days
    return dict(sums)
