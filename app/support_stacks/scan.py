"""The inventory of the page Support stacks, read in a background thread and shared by all sessions."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ops.support_stacks.facts import Inventory
from ops.support_stacks.inventory import InventoryProgress, ReportInventoryProgress

ReadInventory = Callable[[datetime, ReportInventoryProgress], Inventory]


@dataclass
class InventoryScan:
    """The latest inventory, and the progress of the current read.

    Only the background thread writes to it, except `started_at`.
    """

    started_at: datetime | None = None
    inventory: Inventory | None = None
    error: BaseException | None = None
    progress: dict[str, InventoryProgress] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _thread: threading.Thread | None = field(default=None, repr=False)

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self, read: ReadInventory) -> None:
        """Start to read, unless a read is in progress."""
        with self._lock:
            if self.running:
                return
            self.progress = {}
            self.started_at = datetime.now(UTC)
            self._thread = threading.Thread(
                target=self._run, args=(read, self.started_at), daemon=True, name="inventory"
            )
            self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait up to this long for the current read."""
        if self._thread:
            self._thread.join(seconds)

    def _run(self, read: ReadInventory, now: datetime) -> None:
        try:
            self.inventory = read(now, self._note)
            self.error = None
        except BaseException as error:
            self.error = error

    def _note(self, progress: InventoryProgress) -> None:
        self.progress[progress.phase] = progress
