"""The overview's reader: one read for all sessions, none of a fresh status, the last status in an outage."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

from app.overview.reader import FRESH_S, SHARE, StatusReader
from ops.aws.readings import Reading
from ops.status.facts import RolloutFacts, Status
from tests.ops.status.test_attention import HERE, NOW, UNREACHED, quiet

LONG_S = 60.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Source:
    """What the reader reads; each read takes `takes` seconds on the clock."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.reads, self.takes = clock, 0, 0.0
        self.status = quiet()
        self.error: Exception | None = None

    def __call__(self, now: datetime) -> Status:
        self.reads += 1
        self.clock.now += self.takes
        if self.error:
            raise self.error
        return self.status


def down() -> Status:
    return Status(
        NOW,
        places=(Reading(HERE, error=UNREACHED),),
        rollouts=Reading(HERE, error=UNREACHED),
        exports=(Reading(HERE, error=UNREACHED),),
    )


def made() -> tuple[StatusReader, Source, Clock]:
    clock = Clock()
    source = Source(clock)
    return StatusReader(source, clock=clock), source, clock


def test_a_fresh_status_is_not_read_again() -> None:
    reader, source, clock = made()
    reader.look(LONG_S)
    reader.look(LONG_S)
    assert source.reads == 1 and reader.status is source.status
    clock.now += FRESH_S
    reader.look(LONG_S)
    assert source.reads == 2
    reader.refresh()
    reader.look(LONG_S)
    assert source.reads == 3


def test_a_slow_read_is_repeated_seldom() -> None:
    reader, source, clock = made()
    source.takes = 100.0
    reader.look(LONG_S)
    clock.now += SHARE * source.takes - 1
    reader.look(LONG_S)
    assert source.reads == 1
    clock.now += 1
    reader.look(LONG_S)
    assert source.reads == 2


def test_in_an_outage_the_last_status_stays_and_its_end_is_noticed() -> None:
    reader, source, clock = made()
    reader.look(LONG_S)
    before, source.status = source.status, down()
    clock.now += FRESH_S
    reader.look(LONG_S)
    assert reader.status is before and reader.outage is UNREACHED
    source.status = replace(quiet(), rollouts=Reading(HERE, RolloutFacts(True)))
    clock.now += FRESH_S / SHARE
    reader.look(LONG_S)
    assert reader.status is source.status and reader.outage is None


def test_an_outage_from_the_beginning_is_shown() -> None:
    reader, source, _ = made()
    source.status = down()
    reader.look(LONG_S)
    assert reader.status is source.status and reader.outage is UNREACHED


def test_an_internal_error_is_kept_and_the_next_read_clears_it() -> None:
    reader, source, clock = made()
    source.error = ValueError("a defect")
    reader.look(LONG_S)
    assert reader.error is source.error and reader.status is None
    source.error = None
    clock.now += FRESH_S
    reader.look(LONG_S)
    assert reader.error is None and reader.status is source.status


def test_concurrent_sessions_share_one_read() -> None:
    go, reads = threading.Event(), []

    def read(now: datetime) -> Status:
        reads.append(now)
        go.wait(LONG_S)
        return quiet()

    reader = StatusReader(read)
    with ThreadPoolExecutor(8) as pool:
        looks = [pool.submit(reader.look) for _ in range(32)]
        for look in looks:
            look.result()
        go.set()
    reader.look(LONG_S)
    assert len(reads) == 1 and reader.status


def test_a_refresh_during_a_read_reads_again() -> None:
    go, reads = threading.Event(), []

    def read(now: datetime) -> Status:
        reads.append(now)
        go.wait(LONG_S)
        return quiet()

    reader = StatusReader(read)
    reader.look()
    reader.refresh()
    go.set()
    reader.look(LONG_S)
    reader.look(LONG_S)
    assert len(reads) == 2
