"""Counts the events of the ledger: in CloudWatch's metrics, in error objects, and in the bucket."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudwatch.metrics import read_sums
from ops.logs.export import error_records
from ops.logs.export.error_records import GroupHour
from ops.logs.export.ledger.model import MAX_FUTURE_H, EventCount, GroupKey, LedgerCounts
from ops.logs.lake.layout import HOUR, Location, Scope, hour_of
from ops.logs.lake.store import bucket_of

EVENTS, BYTES = "IncomingLogEvents", "IncomingBytes"
READERS = 8
BEGINNING = datetime.min.replace(tzinfo=UTC)
MAX_ERROR_OBJECTS = 10_000  # read per ledger; a note reports that there are more


@dataclass(frozen=True)
class ExportedEvents:
    """The events in S3 by group and hour.

    `unread` says which objects could not be read, or only in part; they may hold events of the hour
    `unread_from` and later.
    """

    counts: Iterable[tuple[GroupHour, EventCount]]
    unread: tuple[str, ...] = ()
    unread_from: datetime = BEGINNING


CountExported = Callable[[Scope], ExportedEvents]


def count_events(
    cloud: Cloud,
    location: Location,
    since: Mapping[GroupKey, datetime],
    start: datetime,
    end: datetime,
    count_exported: CountExported,
) -> LedgerCounts:
    """Count the events of the subscribed groups by hour. Read-only.

    `count_exported` counts the events of a scope by group and hour, without duplicates where events have IDs.
    """
    first = hour_of(start)
    wide = Scope(
        first - timedelta(days=1), end + MAX_FUTURE_H * HOUR
    )  # timestamps may be in other hours than the ingestion
    failed, notes = count_failed(cloud, location)
    # Of the same hours as the exported events: those of an hour before the first one are not all late.
    taken_in, unread = count_ingested(cloud, list(since), wide.start, end)
    exported = count_exported(wide)
    return LedgerCounts(
        ingested=taken_in,
        exported=_summed(exported.counts),
        failed=failed,
        since={group: at for group, at in since.items() if group[:2] not in unread},
        notes=notes,
        unread=(*unread.values(), *exported.unread),
        unread_from=exported.unread_from if exported.unread else None,
    )


def _summed(counted: Iterable[tuple[GroupHour, EventCount]]) -> dict[GroupHour, EventCount]:
    """Sum counts by hour, because an hour's events may be in several formats and arrival hours."""
    sums: dict[GroupHour, EventCount] = {}
    for at, count in counted:
        before = sums.get(at, EventCount())
        sums[at] = EventCount(before.events + count.events, before.size_bytes + count.size_bytes)
    return sums


def count_ingested(
    cloud: Cloud, groups: Sequence[GroupKey], start: datetime, end: datetime
) -> tuple[dict[GroupHour, EventCount], dict[tuple[str, str], str]]:
    """Return CloudWatch's counts by group and hour, and an error for each account and region not read."""
    places: dict[tuple[str, str], list[str]] = {}
    for account, region, name in groups:
        places.setdefault((account, region), []).append(name)

    def count_place(place: Place) -> dict[GroupHour, EventCount]:
        names = places[(place.account.id, place.region)]
        totals: dict[GroupHour, dict[str, int]] = {}
        for metric_sum in read_sums(
            cloud, place, "AWS/Logs", (EVENTS, BYTES), "LogGroupName", names, start, end, HOUR
        ):
            at = GroupHour(place.account.id, place.region, metric_sum.name, hour_of(metric_sum.at))
            totals.setdefault(at, {})[metric_sum.metric] = int(metric_sum.value)
        return {at: EventCount(sums.get(EVENTS, 0), sums.get(BYTES, 0)) for at, sums in totals.items()}

    counted: dict[GroupHour, EventCount] = {}
    unread: dict[tuple[str, str], str] = {}
    where = [cloud.place(account, region) for account, region in places]
    for reading in cloud.read(count_place, where):
        if reading.error:
            name = reading.place.account.name
            unread[(reading.place.account.id, reading.place.region)] = (
                f"{name}, {reading.place.region} is not checked: {reading.error}"
            )
        counted.update(reading.value or {})
    return counted, unread


def count_failed(cloud: Cloud, location: Location) -> tuple[dict[GroupHour, int], list[str]]:
    """Count the events under the error prefix by group and hour. Return notes on what was not, too."""
    bucket, notes = bucket_of(cloud, location), list[str]()
    keys: list[str] = []
    for entry in bucket.list(error_records.errors_prefix(location)):
        if len(keys) == MAX_ERROR_OBJECTS:
            notes.append(f"Only the first {MAX_ERROR_OBJECTS:,} error objects are counted.")
            break
        keys.append(entry.key)

    def count_object(key: str) -> tuple[Counter[GroupHour], int]:
        counted: Counter[GroupHour] = Counter()
        unknown = 0
        body = bucket.find(key)
        try:
            for error_record in error_records.parse(body or b""):
                record = error_records.subscription_record(error_record.data)
                if record is None:
                    unknown += 1
                else:
                    counted += error_records.count_events(record)
        except ValueError:
            unknown += 1
        return counted, unknown

    total: Counter[GroupHour] = Counter()
    unknown = 0
    with ThreadPoolExecutor(READERS) as pool:
        for counted, unparsed in pool.map(count_object, keys):
            total.update(counted)
            unknown += unparsed
    if unknown:
        notes.append(f"{unknown:,} failed records are not CloudWatch Logs records and are not counted.")
    return dict(total), notes
