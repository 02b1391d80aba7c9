"""When nobody wants a deployment: time windows, holidays, a freeze, active alarms.

A window is in force by the clocks of its time zone. A time that the clocks show twice counts from the first
showing and until the second, one that they skip is the moment of the jump: never shorter than was meant.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HORIZON = timedelta(days=400)  # what opens no sooner does not open
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Weekly:
    """Closed on those days (0 is Monday) from `start` to `end`; to the next day if `end` is not later."""

    days: tuple[int, ...]
    start: time
    end: time
    zone: str

    @property
    def words(self) -> str:
        days = ", ".join(DAYS[day] for day in self.days)
        end = "24:00" if self.end == time(0) else f"{self.end:%H:%M}"
        return f"closed {days} {self.start:%H:%M}–{end} ({self.zone})"


@dataclass(frozen=True)
class Period:
    """Closed once, from `start` to `end` as the clocks of the zone show them."""

    start: datetime
    end: datetime
    zone: str

    @property
    def words(self) -> str:
        return f"closed {self.start:%Y-%m-%d %H:%M}–{self.end:%Y-%m-%d %H:%M} ({self.zone})"


@dataclass(frozen=True)
class Blockers:
    """Holidays last from midnight to midnight in `zone`. `override` is the reason of an emergency."""

    weekly: tuple[Weekly, ...] = ()
    periods: tuple[Period, ...] = ()
    holidays: frozenset[date] = frozenset()
    zone: str = "UTC"
    override: str = ""


@dataclass(frozen=True)
class Verdict:
    """`opens` is when it may start, as far as is known: None while a freeze or an alarm is on.

    `reasons` name what is in force, also when an emergency overrides it.
    """

    allowed: bool
    opens: datetime | None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Closed:
    start: datetime
    end: datetime
    words: str


def may_start(
    blockers: Blockers, now: datetime, *, frozen: str = "", alarms: Collection[str] = (), override: str = ""
) -> Verdict:
    """May a deployment start now; if not, when at the earliest.

    `frozen` is why the freeze switch is on, `alarms` are those that are active, `override` is the reason of
    an emergency that the file does not know of.
    """
    now = now.astimezone(UTC)
    reasons = (
        *([f"the freeze switch is on: {frozen}"] if frozen else []),
        *(f"alarm {name} is active" for name in sorted(alarms)),
        *(closed.words for closed in _closed_at(blockers, now)),
    )
    if not reasons or blockers.override or override:
        return Verdict(True, now, reasons)
    return Verdict(False, None if frozen or alarms else next_open(blockers, now), reasons)


def next_open(blockers: Blockers, now: datetime) -> datetime | None:
    """The first moment from `now` on at which no window and no holiday is; None if there is none."""
    moment = now.astimezone(UTC)
    limit = moment + HORIZON
    while moment < limit:
        ends = [closed.end for closed in _closed_at(blockers, moment)]
        if not ends:
            return moment
        moment = max(ends)
    return None


def _closed_at(blockers: Blockers, moment: datetime) -> list[_Closed]:
    return [closed for closed in _closed_near(blockers, moment) if closed.start <= moment < closed.end]


def _closed_near(blockers: Blockers, moment: datetime) -> Iterator[_Closed]:
    """Every closed time that can hold the moment: what is closed for a day began today or yesterday."""
    for window in blockers.weekly:
        zone = ZoneInfo(window.zone)
        today = moment.astimezone(zone).date()
        for day in (today - _DAY, today):
            if day.weekday() in window.days:
                last = day if window.start < window.end else day + _DAY
                start, end = datetime.combine(day, window.start), datetime.combine(last, window.end)
                yield _between(start, end, zone, window.words)
    for period in blockers.periods:
        yield _between(period.start, period.end, ZoneInfo(period.zone), period.words)
    zone = ZoneInfo(blockers.zone)
    for day in blockers.holidays & {moment.astimezone(zone).date()}:
        midnight = datetime.combine(day, time(0))
        yield _between(midnight, midnight + _DAY, zone, f"{day} is a holiday ({blockers.zone})")


def _between(start: datetime, end: datetime, zone: ZoneInfo, words: str) -> _Closed:
    return _Closed(_instant(start, zone, last=False), _instant(end, zone, last=True), words)


def _instant(shown: datetime, zone: ZoneInfo, *, last: bool) -> datetime:
    """When the clocks of the zone show that; the first or the last time if they do so twice."""
    first, second = (shown.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= second:
        return second if last else first
    before, after = second, first  # the clocks skip it, between these two
    while (half := timedelta(seconds=(after - before) // timedelta(seconds=2))) > timedelta(0):
        middle = before + half
        if middle.astimezone(zone).utcoffset() == second.astimezone(zone).utcoffset():
            before = middle
        else:
            after = middle
    return after
