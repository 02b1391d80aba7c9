"""Deployment blockers: time windows, holidays, the freeze, and active alarms.

A window follows the local time of its time zone; see `ops.rollouts.rules.windows.zones` for that of targets.
Daylight saving time never shortens it: a local time that occurs twice starts a window at its first occurrence
and ends one at its second; a local time that is skipped is the moment of the clock change.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HORIZON = timedelta(days=400)  # windows that stay closed for longer count as closed forever
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class WeeklyWindow:
    """A window that is closed every week on `days` (0 is Monday).

    It ends on the next day when `end` is not later than `start`.
    """

    days: tuple[int, ...]
    start: time
    end: time
    zone: str

    @property
    def description(self) -> str:
        days = ", ".join(DAYS[day] for day in self.days)
        end = "24:00" if self.end == time(0) else f"{self.end:%H:%M}"
        return f"closed {days} {self.start:%H:%M}–{end} ({self.zone})"


@dataclass(frozen=True)
class OneTimeWindow:
    """A window that is closed once, from `start` to `end` in the local time of `zone`."""

    start: datetime
    end: datetime
    zone: str

    @property
    def description(self) -> str:
        return f"closed {self.start:%Y-%m-%d %H:%M}–{self.end:%Y-%m-%d %H:%M} ({self.zone})"


@dataclass(frozen=True)
class Blockers:
    """The blockers of a rollout file.

    Holidays last from midnight to midnight in `zone`. `override` is the reason of an emergency deployment.
    """

    weekly: tuple[WeeklyWindow, ...] = ()
    periods: tuple[OneTimeWindow, ...] = ()
    holidays: frozenset[date] = frozenset()
    zone: str = "UTC"
    override: str = ""


@dataclass(frozen=True)
class StartCheck:
    """Whether a deployment may start.

    `opens_at` is the earliest start; None while it is unknown, as during a freeze or an alarm. `reasons` list
    the blockers in force, including those that an emergency overrides.
    """

    allowed: bool
    opens_at: datetime | None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class _ClosedInterval:
    start: datetime
    end: datetime
    description: str


def check_start(
    blockers: Blockers, now: datetime, *, frozen: str = "", alarms: Collection[str] = (), override: str = ""
) -> StartCheck:
    """Return whether a deployment may start at `now`, and otherwise the earliest start.

    `frozen` is the reason of a freeze, `alarms` are the active alarms, and `override` is the reason of an
    emergency that an operator declared after the run had started.
    """
    now = now.astimezone(UTC)
    reasons = (
        *([f"all rollouts are frozen: {frozen}"] if frozen else []),
        *(f"alarm {name} is active" for name in sorted(alarms)),
        *(interval.description for interval in _intervals_at(blockers, now)),
    )
    if not reasons or blockers.override or override:
        return StartCheck(True, now, reasons)
    return StartCheck(False, None if frozen or alarms else next_open(blockers, now), reasons)


def next_open(blockers: Blockers, now: datetime) -> datetime | None:
    """Return the first moment from `now` on without a window or a holiday; None if there is none."""
    moment = now.astimezone(UTC)
    limit = moment + HORIZON
    while moment < limit:
        ends = [interval.end for interval in _intervals_at(blockers, moment)]
        if not ends:
            return moment
        moment = max(ends)
    return None


def _intervals_at(blockers: Blockers, moment: datetime) -> list[_ClosedInterval]:
    return [
        interval for interval in _intervals_near(blockers, moment) if interval.start <= moment < interval.end
    ]


def _intervals_near(blockers: Blockers, moment: datetime) -> Iterator[_ClosedInterval]:
    """Yield the closed intervals that can contain the moment.

    A weekly window is shorter than a day, so only those of today and yesterday can.
    """
    for window in blockers.weekly:
        zone = ZoneInfo(window.zone)
        today = moment.astimezone(zone).date()
        for day in (today - _DAY, today):
            if day.weekday() in window.days:
                last = day if window.start < window.end else day + _DAY
                start, end = datetime.combine(day, window.start), datetime.combine(last, window.end)
                yield _interval(start, end, zone, window.description)
    for period in blockers.periods:
        yield _interval(period.start, period.end, ZoneInfo(period.zone), period.description)
    if not blockers.holidays:
        return
    zone = ZoneInfo(blockers.zone)
    for day in blockers.holidays & {moment.astimezone(zone).date()}:
        midnight = datetime.combine(day, time(0))
        yield _interval(midnight, midnight + _DAY, zone, f"{day} is a holiday ({blockers.zone})")


def _interval(start: datetime, end: datetime, zone: ZoneInfo, description: str) -> _ClosedInterval:
    return _ClosedInterval(_to_utc(start, zone, last=False), _to_utc(end, zone, last=True), description)


def _to_utc(local: datetime, zone: ZoneInfo, *, last: bool) -> datetime:
    """Convert a local time to UTC: its first or its last occurrence where it occurs twice."""
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= second:
        return second if last else first
    before, after = second, first  # the local time is skipped: find the clock change between these two
    while (half := timedelta(seconds=(after - before) // timedelta(seconds=2))) > timedelta(0):
        middle = before + half
        if middle.astimezone(zone).utcoffset() == second.astimezone(zone).utcoffset():
            before = middle
        else:
            after = middle
    return after
