"""Read the newest events first: hours backwards from the end, until there are enough. Pure."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil

from ops.logs.lake.layout import HOUR, Listing, Scope, hour_of

AT_ONCE_BYTES = 16 << 20  # of compressed objects that one step reads, whatever the number of hours


@dataclass
class Backwards:
    """The steps of one query. With `known`, the listing of the scope, small hours are read in one step."""

    scope: Scope
    known: Listing | None
    _end: datetime = field(init=False)
    _hours: int = 1

    def __post_init__(self) -> None:
        self._end = self.scope.end

    @property
    def ended(self) -> bool:
        """Whether the whole scope has been read."""
        return self._end <= self.scope.start

    def step(self) -> Scope:
        """Return the next part of the scope to read: whole hours, the newest that have not been read."""
        first = hour_of(self._end - timedelta(microseconds=1)) - (self._hours - 1) * HOUR
        start = min(max(self.scope.start, first), self._while_small())
        step = replace(self.scope, start=start, end=self._end)
        self._end = start
        return step

    def expect(self, missing: int, found: int) -> None:
        """Choose the number of hours of the next step, from the events found so far."""
        hours = 4 * self._hours  # at most
        if found:
            searched = (self.scope.end - self._end) / HOUR
            hours = max(1, min(hours, ceil(1.2 * missing * searched / found)))
        self._hours = hours

    def _while_small(self) -> datetime:
        """Return the start of the unread hours that are small enough to read in one step."""
        if self.known is None:
            return self._end
        sizes: Counter[datetime] = Counter()
        for part in self.known.parts:
            sizes[part.partition.hour] += part.size
        for obj in self.known.fresh:
            sizes[obj.partition.hour] += obj.size
        total = 0
        for hour in sorted((hour for hour in sizes if hour < self._end), reverse=True):
            total += sizes[hour]
            if total > AT_ONCE_BYTES:
                return min(self._end, max(self.scope.start, hour + HOUR))
        return self.scope.start
