"""Which parts hold an hour's fresh objects, remembered for a moment: a search asks a dozen times, many
search at once, and looking for files is what they would wait for each other with."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.logs.lake.layout import Partition

READY_S = 30.0  # then the files are looked for again; `cache.SPARED_S`, for which they stay, is longer
MOST_OBJECTS = 100_000  # of the hours that are remembered, some 10 MB

Names = frozenset[tuple[str, str]]  # key and ETag of objects


@dataclass(frozen=True)
class Ready:
    """The parts that hold just these fresh objects, where the `given` parts are read as well."""

    fresh: Names
    given: frozenset[str]
    parts: tuple[Path, ...]
    notes: tuple[str, ...]


class ReadyHours:
    """Safe for many threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._hours: dict[Partition, tuple[float, Ready]] = {}

    def get(self, partition: Partition, fresh: Names, given: frozenset[str]) -> Ready | None:
        """What was found a moment ago for the very same objects and given parts."""
        at, ready = self._hours.get(partition, (0.0, None))
        if ready and (ready.fresh, ready.given) == (fresh, given) and at > self._clock() - READY_S:
            return ready
        return None

    def keep(
        self,
        partition: Partition,
        fresh: Names,
        given: frozenset[str],
        parts: Sequence[Path],
        notes: Sequence[str],
    ) -> None:
        with self._lock:
            self._hours[partition] = self._clock(), Ready(fresh, given, tuple(parts), tuple(notes))
            if sum(len(ready.fresh) for _, ready in self._hours.values()) > MOST_OBJECTS:
                self._hours.clear()

    def forget_lost(self, is_whole: Callable[[Path], bool]) -> bool:
        """Forgets the hours of which a part is no longer as it was; whether there were any."""
        with self._lock:
            lost = [key for key, (_, ready) in self._hours.items() if not all(map(is_whole, ready.parts))]
            for partition in lost:
                del self._hours[partition]
        return bool(lost)
