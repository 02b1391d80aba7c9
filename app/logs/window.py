"""The part of a search's events that the browser holds: a few pages around a place in the list. Pure.

The histogram says how many events there are and when, so that the list can be scrolled to any of them without
reading those in between. Within a bar, events are taken to be evenly spread.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

PAGES = 5  # in the browser at the same time


@dataclass(frozen=True)
class Window:
    """Pages `first` to `last`; page 0 begins with the newest event before `end`, negative ones are newer.

    `end` is None at the newest event.
    """

    end: datetime | None = None
    first: int = 0
    last: int = 0

    @property
    def older(self) -> "Window":
        """The window with the next older page."""
        return replace(self, first=max(self.first, self.last + 2 - PAGES), last=self.last + 1)

    @property
    def newer(self) -> "Window":
        """The window with the next newer page; at the newest event, without its oldest page."""
        first = max(0, self.first - 1) if self.end is None else self.first - 1
        return replace(self, first=first, last=min(self.last, first + PAGES - 1))


def bars_of(counts: Sequence[Mapping[str, Any]]) -> list[tuple[datetime, int]]:
    """Return the start and the number of events of each bar of a histogram, newest first."""
    bars: dict[datetime, int] = {}
    for row in counts:
        time = row["time"].replace(tzinfo=UTC)
        bars[time] = bars.get(time, 0) + row["events"]
    return sorted(bars.items(), reverse=True)


def window_at(counts: Sequence[Mapping[str, Any]], width: timedelta, rank: int) -> Window:
    """Return the window that begins after the newest `rank` events."""
    newer = 0
    for start, events in bars_of(counts):
        if 0 < rank < newer + events:
            return Window(start + width - width * ((rank - newer) / events))
        newer += events
    return Window()


def rank_of(counts: Sequence[Mapping[str, Any]], width: timedelta, moment: datetime | None) -> int:
    """Return the number of events that are not before the moment; 0 for None."""
    if moment is None:
        return 0
    shares = (
        (events, min(1.0, max(0.0, (start + width - moment) / width))) for start, events in bars_of(counts)
    )
    return round(sum(events * share for events, share in shares))
