"""Scans: one read for all sessions, its progress by part, and the result before in a failure."""

import threading
from collections.abc import Callable
from datetime import datetime

import pytest

from app.shared.scans import Scan

LONG_S = 60.0


def finished(scan: Scan[int, str, int], read: Callable[[datetime, Callable[[str, int], None]], int]) -> None:
    assert scan.start(read)
    scan.wait(LONG_S)
    assert not scan.running


def test_a_second_start_joins_the_read_in_progress_and_sees_its_progress() -> None:
    scan: Scan[int, str, int] = Scan()
    noted, go, reads = threading.Event(), threading.Event(), []

    def read(now: datetime, note: Callable[[str, int], None]) -> int:
        reads.append(now)
        for done in (1, 2):
            note("buckets", done)
        note("keys", 7)
        noted.set()
        go.wait(LONG_S)
        return len(reads)

    assert scan.unread and scan.start(read)
    noted.wait(LONG_S)
    assert not scan.start(read)
    assert scan.running and scan.progress == {"buckets": 2, "keys": 7}
    go.set()
    scan.wait(LONG_S)
    assert (scan.result, scan.error, reads) == (1, None, [scan.started_at])
    assert not scan.unread


def test_a_failed_read_is_logged_and_keeps_the_result_before(caplog: pytest.LogCaptureFixture) -> None:
    scan: Scan[int, str, int] = Scan()
    finished(scan, lambda now, note: 1)

    def fail(now: datetime, note: Callable[[str, int], None]) -> int:
        note("keys", 1)
        raise ValueError("a defect in the scan")

    finished(scan, fail)
    assert scan.result == 1 and isinstance(scan.error, ValueError)
    assert [vars(record)["id"] for record in caplog.records if record.name == "ops.own_log"]
    finished(scan, lambda now, note: 2)
    assert (scan.result, scan.progress) == (2, {}) and not scan.error


def test_a_change_during_a_read_is_read_after_it() -> None:
    """The read in progress may have passed the changed part before the change."""
    scan: Scan[str, str, int] = Scan()
    reading, go = threading.Event(), threading.Event()

    def before(now: datetime, note: Callable[[str, int], None]) -> str:
        reading.set()
        go.wait(LONG_S)
        return "before"

    scan.start(before)
    reading.wait(LONG_S)
    scan.restart(lambda now, note: "after")
    go.set()
    while scan.running:
        scan.wait(LONG_S)
    assert scan.result == "after"
    scan.restart(lambda now, note: "at once")
    scan.wait(LONG_S)
    assert (scan.result, scan.running) == ("at once", False)
