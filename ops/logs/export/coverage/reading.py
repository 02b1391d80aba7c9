"""Coverage of all accounts and regions: whether each log group is exported, and why not.

DescribeSubscriptionFilters takes one log group per call. Calls run in parallel at the service's rate, with
retries if throttled; errors become part of the result.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from itertools import islice

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudwatch.metrics import read_sums
from ops.aws.logs import groups as log_groups
from ops.aws.logs.groups import LogGroup
from ops.aws.pace import Pace
from ops.aws.readings import Reading
from ops.errors import AccessDenied, SlipwayError
from ops.logs.export.coverage.facts import read_facts
from ops.logs.export.coverage.verdicts import (
    GAPS,
    CoverageState,
    Filters,
    GroupCoverage,
    judge_group,
    needs_filters,
)
from ops.logs.export.installed import Export
from ops.logs.lake.layout import HOUR

RATE = 5.0  # DescribeSubscriptionFilters per second, account, and region: CloudWatch Logs quotas
READERS = 5
EVERY_GROUP = ("*",)
BATCH = 50  # log groups between progress reports
DAY = timedelta(days=1)


@dataclass(frozen=True)
class PlaceCoverage:
    """The log groups of one account and region; `notes` list what could not be read."""

    place: Place
    exports: tuple[Export, ...]
    groups: tuple[GroupCoverage, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Coverage:
    """The coverage at `at`; `unread` are the accounts and regions that could not be read, with the error."""

    at: datetime
    places: tuple[PlaceCoverage, ...]
    unread: tuple[Reading[PlaceCoverage], ...] = ()

    @property
    def groups(self) -> list[GroupCoverage]:
        return [entry for place in self.places for entry in place.groups]

    @property
    def notes(self) -> list[str]:
        return [note for place in self.places for note in place.notes]

    def of(self, *states: CoverageState) -> list[GroupCoverage]:
        return [entry for entry in self.groups if entry.state in states]

    @property
    def complete(self) -> bool:
        """Whether everything could be read and every included log group is exported."""
        return not self.unread and not self.of(*GAPS, CoverageState.NOT_READ)


@dataclass(frozen=True)
class CoverageProgress:
    """The progress of reading one account and region."""

    place: Place
    done: int
    total: int


ReportProgress = Callable[[CoverageProgress], None]


def read_coverage(
    cloud: Cloud,
    now: datetime,
    places: Iterable[Place] | None = None,
    report: ReportProgress = lambda tick: None,
    pace: Callable[[], Pace] = lambda: Pace(RATE),
    patterns: Sequence[str] = EVERY_GROUP,
) -> Coverage:
    """Read all accounts and regions in parallel, each rate-limited. Errors are part of the result.

    `patterns` are names or glob patterns: only log groups that match one are read.
    """
    readings = cloud.read(lambda place: read_place(cloud, place, now, report, pace(), patterns), places)
    return Coverage(
        now,
        tuple(reading.value for reading in readings if reading.value),
        tuple(reading for reading in readings if reading.error),
    )


def read_place(
    cloud: Cloud,
    place: Place,
    now: datetime,
    report: ReportProgress,
    pace: Pace,
    patterns: Sequence[str] = EVERY_GROUP,
) -> PlaceCoverage:
    """Read the coverage of one account and region. Raises if groups or stacks cannot be listed."""
    groups = _matching_groups(cloud, place, patterns)
    facts = read_facts(cloud, place, now)
    report(CoverageProgress(place, 0, len(groups)))
    ingested, notes = _ingested(cloud, place, groups, now)
    filters = _Filters(cloud, place, pace)
    judged: list[GroupCoverage] = []
    remaining = iter(groups)
    with ThreadPoolExecutor(READERS) as pool:
        while batch := list(islice(remaining, BATCH)):
            names = (group.name if needs_filters(facts, group) else None for group in batch)
            for group, answer in zip(batch, pool.map(filters.read, names), strict=True):
                hours = ingested.get(group.name)
                covered = judge_group(
                    facts, group, answer, now, None if hours is None else sum(hours.values())
                )
                known = None if hours is None else tuple(sorted(hours))
                judged.append(replace(covered, ingested_hours=known))
            report(CoverageProgress(place, len(judged), len(groups)))
    return PlaceCoverage(place, facts.exports, tuple(judged), (*facts.notes, *notes))


def _matching_groups(cloud: Cloud, place: Place, patterns: Sequence[str]) -> list[LogGroup]:
    """Return the log groups that match a name or pattern. Lists those with its literal beginning only."""
    found: dict[str, LogGroup] = {}
    for pattern in patterns:
        prefix = re.split(r"[*?[]", pattern, maxsplit=1)[0]
        for group in log_groups.list_groups(cloud, place, prefix):
            if fnmatchcase(group.name, pattern):
                found[group.name] = group
    return [found[name] for name in sorted(found)]


class _Filters:
    """Reader of subscription filters that makes no further calls once access is denied."""

    def __init__(self, cloud: Cloud, place: Place, pace: Pace) -> None:
        self._cloud = cloud
        self._place = place
        self._pace = pace
        self._denied: AccessDenied | None = None

    def read(self, group: str | None) -> Filters:
        if group is None or self._denied:
            return self._denied
        try:
            return self._pace.call(
                lambda: log_groups.list_subscription_filters(self._cloud, self._place, group)
            )
        except AccessDenied as error:
            self._denied = error
            return error
        except SlipwayError as error:
            return error


def _ingested(
    cloud: Cloud, place: Place, groups: Iterable[LogGroup], now: datetime
) -> tuple[dict[str, dict[datetime, float]], tuple[str, ...]]:
    """Return the bytes ingested in the last day by group and hour, or a note if they cannot be read."""
    daily: dict[str, dict[datetime, float]] = {group.name: {} for group in groups}
    names, metrics = list(daily), ("IncomingBytes",)
    try:
        for metric_sum in read_sums(
            cloud, place, "AWS/Logs", metrics, "LogGroupName", names, now - DAY, now, HOUR
        ):
            if metric_sum.value:
                daily[metric_sum.name][metric_sum.at] = metric_sum.value
    except SlipwayError as error:
        return {}, (f"{place.account.name}, {place.region}: cannot read the ingested bytes: {error}",)
    return daily, ()
