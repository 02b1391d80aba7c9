"""The inventory behind the page Support stacks: read by a thread of its own, one for all who look."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ops.support_stacks.facts import Inventory
from ops.support_stacks.inventory import Report, Tick

Read = Callable[[datetime, Report], Inventory]


@dataclass
class Scan:
    """The last inventory, and the reading under way. Written by the reading thread only, but for `begun`."""

    begun: datetime | None = None
    inventory: Inventory | None = None
    error: BaseException | None = None
    ticks: dict[str, Tick] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _thread: threading.Thread | None = field(default=None, repr=False)

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self, read: Read) -> None:
        """Begins to read; joins the reading that is under way."""
        with self._lock:
            if self.running:
                return
            self.ticks = {}
            self.begun = datetime.now(UTC)
            self._thread = threading.Thread(
                target=self._run, args=(read, self.begun), daemon=True, name="inventory"
            )
            self._thread.start()

    def wait(self, seconds: float) -> None:
        """Gives a short reading the time to end."""
        if self._thread:
            self._thread.join(seconds)

    def _run(self, read: Read, now: datetime) -> None:
        try:
            self.inventory = read(now, self._note)
            self.error = None
        except BaseException as error:
            self.error = error

    def _note(self, tick: Tick) -> None:
        self.ticks[tick.phase] = tick
