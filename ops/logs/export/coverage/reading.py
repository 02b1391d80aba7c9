"""Coverage: every log group of every account and region, whether it is exported, and why not.

DescribeSubscriptionFilters answers for one group a call: the calls of a place go out side by side at the
service's rate, a throttled one is repeated, and what cannot be read is said where it would stand.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from ops.aws.cloud import Cloud, Place, Reading
from ops.aws.cloudwatch.metrics import read_sums
from ops.aws.logs import groups as log_groups
from ops.aws.logs.groups import LogGroup
from ops.aws.pace import Pace
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

RATE = 5.0  # DescribeSubscriptionFilters a second, an account and region: CloudWatch Logs quotas
READERS = 5
BATCH = 50  # groups between two words of progress
DAY = timedelta(days=1)


@dataclass(frozen=True)
class PlaceCoverage:
    """The groups of one account and region; `notes` say what could not be told."""

    place: Place
    exports: tuple[Export, ...]
    groups: tuple[GroupCoverage, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Coverage:
    """What was found at `at`; places that did not answer are in `unread`, with the error."""

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
        """Whether everything could be read and every wanted group is exported."""
        return not self.unread and not self.of(*GAPS, CoverageState.NOT_READ)


@dataclass(frozen=True)
class CoverageProgress:
    """How far the reading of a place is."""

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
) -> Coverage:
    """Reads every place at once, each at its own pace. Never raises for one that does not answer."""
    readings = cloud.read(lambda place: read_place(cloud, place, now, report, pace()), places)
    return Coverage(
        now,
        tuple(reading.value for reading in readings if reading.value),
        tuple(reading for reading in readings if reading.error),
    )


def read_place(
    cloud: Cloud, place: Place, now: datetime, report: ReportProgress, pace: Pace
) -> PlaceCoverage:
    """Every log group of the place. Raises where the groups or the stacks cannot be listed."""
    groups = log_groups.list_groups(cloud, place)
    facts = read_facts(cloud, place, now)
    report(CoverageProgress(place, 0, len(groups)))
    daily, notes = _bytes_per_day(cloud, place, groups, now)
    filters = _Filters(cloud, place, pace)
    judged: list[GroupCoverage] = []
    remaining = iter(groups)
    with ThreadPoolExecutor(READERS) as pool:
        while batch := list(islice(remaining, BATCH)):
            names = (group.name if needs_filters(facts, group) else None for group in batch)
            for group, answer in zip(batch, pool.map(filters.read, names), strict=True):
                judged.append(judge_group(facts, group, answer, now, daily.get(group.name)))
            report(CoverageProgress(place, len(judged), len(groups)))
    return PlaceCoverage(place, facts.exports, tuple(judged), (*facts.notes, *notes))


class _Filters:
    """Reads the filters of groups; after a refusal of the right to do so it does not ask again."""

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


def _bytes_per_day(
    cloud: Cloud, place: Place, groups: Iterable[LogGroup], now: datetime
) -> tuple[dict[str, float], tuple[str, ...]]:
    """What CloudWatch took in in the last day, by group; a note instead where it does not tell."""
    daily = {group.name: 0.0 for group in groups}
    names, metrics = list(daily), ("IncomingBytes",)
    try:
        for metric_sum in read_sums(
            cloud, place, "AWS/Logs", metrics, "LogGroupName", names, now - DAY, now, HOUR
        ):
            daily[metric_sum.name] += metric_sum.value
    except SlipwayError as error:
        return {}, (f"{place.account.name}, {place.region}: bytes a day are not known: {error}",)
    return daily, ()
