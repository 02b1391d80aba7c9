"""The status of all jobs, read in the background while somebody looks at it, and shared by all sessions."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import streamlit as st

from app.shared.scans import Scan
from app.shared.session import Workbench
from ops.errors import SlipwayError
from ops.status.facts import Status
from ops.status.reading import read_status

FRESH_S = 20.0
SHARE = 4  # times as long as a read takes passes before the next: a read of 3,000 regions takes minutes
ReadStatus = Callable[[datetime], Status]


@dataclass
class StatusReader:
    """The latest status. In an outage it is the last one before, and `outage` is the error.

    Only the background thread writes to it.
    """

    read: ReadStatus
    clock: Callable[[], float] = time.monotonic
    status: Status | None = None
    outage: SlipwayError | None = None
    _due: float = 0.0
    _wanted: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _scan: Scan[Status, None, None] = field(default_factory=Scan, repr=False)

    def look(self, wait_s: float = 0.0) -> None:
        """Start to read if the status is not fresh; wait up to `wait_s` seconds for a read in progress."""
        with self._lock:
            if not self.reading and (self._wanted or self.clock() >= self._due):
                self._wanted = False
                self._scan.start(self._read)
        self._scan.wait(wait_s)

    def refresh(self) -> None:
        """Start to read, also if the status is fresh; while a read is in progress, after it."""
        self._wanted = True
        self.look()

    @property
    def reading(self) -> bool:
        return self._scan.running

    @property
    def error(self) -> BaseException | None:
        """Why the last read failed, if it is a defect of Slipway: what AWS refused is part of the status."""
        return self._scan.error

    def _read(self, now: datetime, _note: object) -> Status:
        began = self.clock()
        try:
            status = self.read(now)
            self.outage = status.outage
            if not self.outage or self.status is None:
                self.status = status
            return status
        finally:
            ended = self.clock()
            # The end of an outage shows soon: reads that reach nothing take no time.
            self._due = ended + max(FRESH_S / SHARE if self.outage else FRESH_S, SHARE * (ended - began))


@st.cache_resource(show_spinner=False)
def status_reader(_bench: Workbench) -> StatusReader:
    """Return the reader that all sessions share."""
    return StatusReader(lambda now: read_status(_bench.cloud, now))
