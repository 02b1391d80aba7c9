"""Remember for a short time which cached parts hold an hour's objects.

A search runs a dozen queries, and many users search at the same time: without this, each query would look
for the files again.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.logs.lake.layout import Partition

READY_S = 30.0  # shorter than `cache.SPARED_S`, for which the cache keeps the files
MOST_OBJECTS = 100_000  # in all remembered hours: about 10 MB

Names = frozenset[tuple[str, str]]  # keys and ETags of objects


@dataclass(frozen=True)
class Ready:
    """The parts that hold exactly the `fresh` objects when the `given` parts are read as well."""

    fresh: Names
    given: frozenset[str]
    parts: tuple[Path, ...]
    notes: tuple[str, ...]


class ReadyHours:
    """The remembered hours; thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._hours: dict[Partition, tuple[float, Ready]] = {}

    def get(self, partition: Partition, fresh: Names, given: frozenset[str]) -> Ready | None:
        """Return the parts remembered for exactly these objects and given parts, else None."""
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
        """Forget the hours with a missing or changed part, and return whether there were any."""
        with self._lock:
            lost = [key for key, (_, ready) in self._hours.items() if not all(map(is_whole, ready.parts))]
            for partition in lost:
                del self._hours[partition]
        return bool(lost)
