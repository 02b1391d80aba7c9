"""Queries in worker processes: what they cost a search, and what a query out of control does to others.

    python benchmarks/logs_workers.py [EVENTS]

Each figure has its reference in the same run, interleaved with it: the same search in this process, and the
same queries while nobody else runs one. For every bomb: the time from cancel to the end, and the growth of
this process.
"""

import gzip
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from ops.errors import SlipwayError
from ops.logs.engines.duckdb import DuckDbEngine
from ops.logs.engines.execution.limits import NICE
from ops.logs.engines.execution.workers import Workers
from ops.logs.lake.cache import FileCache
from ops.logs.lake.layout import Location, LogFormat, Partition, Scope, folder
from ops.logs.search.cursor import Cursor, QueryCanceled
from ops.logs.search.exploration import histogram, newest
from ops.logs.search.language.parser import parse
from ops.logs.search.model import Search
from ops.logs.search.query import sql_query
from tests.ops.logs.engines.execution.bombs import BOMBS, TIME
from tests.ops.logs.folder_store import Folder

START = datetime(2026, 11, 24, tzinfo=UTC)
DAY = Scope(START, START + timedelta(hours=24))
HERE = Location("bench")
WORDS = ("timeout", "order", "level:error", "refused", "payment -debug", "/req-[0-9a-f]+7/")
ROUNDS = 8
RUN_FOR_S = 1.0  # of a bomb, before it is canceled
WORKERS = 6
RATIO_TARGET, LATENCY_TARGET, CANCEL_TARGET_S, GROWTH_TARGET_MB = 1.2, 2.0, 1.0, 200


def fill(store: Folder, events: int) -> None:
    """Write a day of events, an object per hour."""
    for hour in range(24):
        at = START + timedelta(hours=hour)
        lines = [json.dumps(event(at, n, events)) for n in range(events // 24)]
        key = folder(HERE, LogFormat.JSON, Partition(at, "111111111111", "eu-west-1")) + "a.gz"
        store.put(key, gzip.compress("\n".join([*lines, ""]).encode(), 1))


def event(at: datetime, n: int, events: int) -> dict[str, object]:
    """Return one event of an hour as the export writes it."""
    return {
        "account": "111111111111",
        "region": "eu-west-1",
        "group": f"/app/{n % 40}",
        "stream": f"s{n % 7}",
        "timestamp": int(at.timestamp() * 1000) + n * 3_500_000 * 24 // events,
        "id": f"{at:%H}-{n}",
        "message": f"{'ERROR' if n % 50 == 0 else 'INFO'} {WORDS[n % 5]} req-{n * 7919:x} took {n % 977} ms",
    }


def search(text: str) -> Search:
    return Search(DAY, parse(text))


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def first_rows(here: DuckDbEngine, there: DuckDbEngine) -> tuple[list[float], list[float]]:
    """Return the seconds until the first rows in this process and in workers, alternating."""
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(ROUNDS):
        for word in WORDS:
            asked = search(f"{word} -nothing{number}")  # another search each time
            for engine, taken in ((here, ours), (there, theirs)):
                taken.append(seconds(lambda engine=engine, asked=asked: newest(engine, asked, 200)))
    return ours, theirs


def others(engine: DuckDbEngine) -> list[float]:
    """Return the seconds of the queries of somebody who searches."""
    return [
        seconds(lambda run=run, word=word, number=number: run(engine, search(f"{word} -none{number}")))
        for number in range(ROUNDS)
        for word in WORDS
        for run in (lambda engine, asked: newest(engine, asked, 200), histogram)
    ]


@contextmanager
def bombs(engine: DuckDbEngine) -> Iterator[None]:
    """Let two people run queries that do not end."""
    cursors = [engine.run(sql_query(DAY, sql)) for sql in (TIME[0], TIME[6])]
    threads = [threading.Thread(target=ended, args=(cursor,)) for cursor in cursors]
    for thread in threads:
        thread.start()
    while sum(child.nice() == NICE for child in psutil.Process().children()) < len(cursors):
        assert all(thread.is_alive() for thread in threads), "a bomb has ended by itself"
        time.sleep(0.1)  # until their priority is low
    yield
    for cursor in cursors:
        cursor.cancel()
    for thread in threads:
        thread.join()


def ended(cursor: Cursor) -> str:
    """Read the cursor to its end, and return how it ended."""
    try:
        return f"{cursor.table().num_rows} rows"
    except QueryCanceled:
        return "canceled"
    except SlipwayError as error:
        return str(error)


def canceled(engine: DuckDbEngine, sql: str) -> tuple[float, str]:
    """Return the seconds from the cancel of a bomb to its end, and how it ended."""
    cursor = engine.run(sql_query(DAY, sql, limit_bytes=64_000_000))
    at: list[float] = []
    timer = threading.Timer(RUN_FOR_S, lambda: (at.append(time.perf_counter()), cursor.cancel()))
    timer.start()
    how = ended(cursor)
    timer.cancel()
    return (time.perf_counter() - at[0] if at else 0.0), how


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def row(name: str, ours: float, reference: float, target: float) -> None:
    met = "met" if ours / reference <= target else "MISSED"
    print(f"{name:50} {ours:8.3f} {reference:8.3f} {ours / reference:6.2f}  ≤{target:<5} {met}", flush=True)


def main(events: int) -> None:
    with tempfile.TemporaryDirectory() as root:
        store, cache = Folder(Path(root) / "bucket"), FileCache(Path(root) / "cache", 1 << 36)
        fill(store, events)
        workers = Workers(WORKERS)
        here, there = (DuckDbEngine(store, HERE, cache, workers=pool) for pool in (None, workers))
        assert newest(here, search("timeout"), 200) == newest(there, search("timeout"), 200)
        others(there), first_rows(here, there)  # warm
        print(f"{events:,} events, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        print(f"{'':50} {'seconds':>8} {'ref.':>8} {'ratio':>6}  target")
        ours, theirs = first_rows(here, there)
        row(
            "first rows: worker / in process, median",
            statistics.median(theirs),
            statistics.median(ours),
            RATIO_TARGET,
        )
        row("first rows: worker / in process, p95", p95(theirs), p95(ours), RATIO_TARGET)
        alone = others(there)
        with bombs(there):
            beside = others(there)
        row("others beside two bombs / alone, p95", p95(beside), p95(alone), LATENCY_TARGET)
        before, slowest = resident_mb(), 0.0
        for sql in BOMBS:
            took, how = canceled(there, sql)
            slowest = max(slowest, took)
            print(
                f"  {took:5.2f} s after cancel, {resident_mb() - before:+6.0f} MB: {how[:48]:48} {sql[:60]}",
                flush=True,
            )
        row("bombs: slowest cancel, against 1 s", slowest, 1.0, CANCEL_TARGET_S)
        row(
            "bombs: growth of this process, against 200 MB",
            max(0.0, resident_mb() - before),
            GROWTH_TARGET_MB,
            1.0,
        )
        workers.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 480_000)
