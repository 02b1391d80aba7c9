"""Search and compaction of exported logs, compared with zcat, ripgrep, chdb, polars and plain DuckDB.

    python benchmarks/logs_queries.py [EVENTS]

The data is a day of 50 log groups. 6,000,000 events are the 1.1 GB of the documented results; the default is
smaller. Results are compared before anything is timed. Each time is the best of three, in seconds. How
many lines match decides how fast a search is: counts and compaction are measured with few matches, 1 %, and
13 %. Memory is measured with 1.1 GB, copied to as many accounts as needed, and with ten times as much.
"""

import gzip
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import _logs_data as logs_data
import chdb
import duckdb
import polars
from _logs_rivals import REGEX, chdb_queries, chdb_raw_groups, duckdb_queries, polars_queries, shell

from ops import embedded
from ops.aws.cloud import Cloud
from ops.aws.s3.objects import Bucket, ListedObject
from ops.embedded.accounts import endpoint
from ops.logs.compaction.local import plan_compaction
from ops.logs.engines.duckdb import DuckDbEngine
from ops.logs.lake.cache import FileCache
from ops.logs.lake.layout import HOUR, Location, LogFormat, Partition, Scope, folder
from ops.logs.lake.listing import Lister
from ops.logs.lake.store import ObjectStore
from ops.logs.search import exploration
from ops.logs.search.model import Search, Term
from ops.logs.search.query import sql_query
from ops.settings import Settings
from tests.ops.logs.folder_store import Folder

EVENTS = 1_200_000
SHARES = {"1 %": 0.01, "13 %": 0.13}  # of the lines that match; else there are few
MEMORY_MB = 600
PLACE = Location("bench")
MEMORY_BYTES = 1_100_000_000
DAY = Scope(logs_data.DAY, logs_data.DAY + timedelta(hours=24))
SEARCH = Search(DAY, Term(REGEX.removeprefix("(?i)"), "regex"))
GROUP = "/aws/lambda/service-07"
NOON = Scope(logs_data.DAY + 12 * HOUR, logs_data.DAY + 13 * HOUR, (logs_data.ACCOUNT,), (), (GROUP,))
DURATION = "CAST(regexp_extract(message, 'Duration: ([0-9.]+)', 1) AS DOUBLE)"
SQL = {
    "Q1": "SELECT log_group, count(*) AS n FROM events GROUP BY 1",
    "Q3": f"SELECT quantile_cont({DURATION}, [0.5, 0.95, 0.99]) AS q FROM events "
    "WHERE message LIKE 'REPORT%'",
    "Q4": "SELECT time_bucket(INTERVAL 5 MINUTE, ts) AS t, log_group, count(*) AS n FROM events "
    "WHERE level = 'ERROR' GROUP BY 1, 2",
    "Q5": "SELECT pattern, count(*) AS n FROM events GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
}
TITLES = {
    "Q1": "count per group",
    "Q2": "latest 100",
    "Q3": "percentiles of REPORT lines, one group and hour",
    "Q4": "errors per 5 minutes and group",
    "Q5": "top 20 patterns",
}


def best(work: Callable[[], object], times: int = 3) -> float:
    """Return the seconds of the fastest run."""
    return min(_seconds(work) for _ in range(times))


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def engine(root: Path, cache: str = "cache", store: ObjectStore | None = None) -> DuckDbEngine:
    place = Location(store.name if store else "bench")
    return DuckDbEngine(store or Folder(root), place, FileCache(root.parent / cache, 1 << 36))


def run_query(duckdb_engine: DuckDbEngine, name: str) -> Any:
    if name == "Q2":
        return exploration.newest(duckdb_engine, SEARCH, 100)
    return duckdb_engine.run(sql_query(NOON if name == "Q3" else DAY, SQL[name])).table()


def spread(root: Path, first: int, last: int) -> None:
    """Hard-link the objects of the first account to other accounts."""
    source = root / f"raw/account={logs_data.ACCOUNT}"
    for number in range(first, last):
        copy = root / f"raw/account={logs_data.account(number)}"
        shutil.copytree(source, copy, copy_function=lambda old, new: Path(new).hardlink_to(old))


def plain(root: Path, lake: Path) -> None:
    for path in lake.rglob("*.gz"):
        target = (root / path.relative_to(lake)).with_suffix("")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(gzip.decompress(path.read_bytes()))


def row(name: str, ours: float, theirs: float, target: str, rival: str) -> None:
    ratio = ours / theirs
    limit = float(target[1:])
    met = ratio <= limit if target[0] == "≤" else ratio >= limit
    print(
        f"{name:58} {ours:8.2f} {theirs:8.2f}  {rival:14} {ratio:6.2f}  {target:6} "
        f"{'met' if met else 'MISSED'}",
        flush=True,
    )


def raw_bars(lake: Path, unpacked: Path) -> None:
    plain_text = engine(unpacked, "cache-plain")
    tsv = f"{unpacked}/raw/**/part-*"
    assert _pairs(run_query(plain_text, "Q1").to_pylist()) == _pairs(chdb_raw_groups(tsv))
    theirs = best(lambda: chdb_raw_groups(tsv))
    row("raw, count per group", best(lambda: run_query(plain_text, "Q1")), theirs, "≤1.2", "chdb")


def matching_bars(lake: Path, share: str) -> None:
    """Compare a search of raw objects with ripgrep, whatever the share of lines that match."""
    files = f"find {lake}/raw -name '*.gz' -print0 | xargs -0 cat"
    gzipped = engine(lake, f"cache-{share.split()[0]}")
    expected = int(shell(f"{files} | gzip -dc | rg -c '{REGEX}'") or 0)
    matches = exploration.count(gzipped, SEARCH)
    assert matches == expected, f"{matches} matches, but ripgrep has {expected}"
    theirs = best(lambda: shell(f"{files} | gzip -dc | rg '{REGEX}' | tail -100"))
    ours = best(lambda: run_query(gzipped, "Q2"))
    row(f"raw gzip, {share} match, latest 100", ours, theirs, "≤0.5", "zcat | rg")
    counted = best(lambda: shell(f"{files} | gzip -dc | rg -c '{REGEX}'"))
    ours = best(lambda: exploration.count(gzipped, SEARCH))
    row(f"raw gzip, {share} match, count of all", ours, counted, "≤1.0", "zcat | rg -c")


def compaction_bar(lake: Path, share: str) -> None:
    files = f"find {lake}/raw -name '*.gz' -print0 | xargs -0 cat"
    theirs = best(lambda: shell(f"{files} | gzip -dc | wc -c"))
    plan = plan_compaction(engine(lake, f"cache-{share.split()[0]}"), DAY)
    ours = _seconds(lambda: [step.act(lambda message: None) for step in plan.steps])  # type: ignore[func-returns-value]
    row(f"compaction, {share} match: throughput", 1 / ours, 1 / theirs, "≥0.6", "gzip -dc")


def compacted_bars(lake: Path, unpacked: Path) -> None:
    compacted = engine(lake)
    parts = sorted((lake / "compacted").rglob("part-*.parquet"))
    hour = [
        path
        for path in parts
        if f"account={logs_data.ACCOUNT}/" in str(path) and str(path.parent).endswith("hour=12")
    ]
    rivals = {
        "polars": polars_queries(parts, hour, GROUP),
        "chdb": chdb_queries(
            f"{lake}/compacted/**/part-*.parquet", f"{hour[0].parent}/part-*.parquet", GROUP
        ),
    }
    rivals["DuckDB"] = duckdb_queries(
        f"{lake}/compacted/**/part-*.parquet", f"{hour[0].parent}/part-*.parquet", GROUP
    )
    assert not compacted.list(DAY, fresh=True).fresh
    for name, title in TITLES.items():
        counts = {rival: _rows(queries[name]()) for rival, queries in rivals.items()}
        ours = _rows(run_query(compacted, name))
        assert all(count == ours for count in counts.values()), f"{name}: {ours} rows, {counts}"
        times = {rival: best(queries[name]) for rival, queries in rivals.items()}
        rival = min(times, key=lambda name: times[name])
        seconds = best(lambda name=name: run_query(compacted, name))  # type: ignore[misc]
        row(f"compacted, {title}", seconds, times[rival], "≤0.2" if name == "Q5" else "≤1.0", rival)
        if name == "Q2":
            theirs = best(lambda: shell(f"rg --threads 2 --no-filename '{REGEX}' {unpacked}/raw | tail -100"))
            row(f"compacted, {title}", seconds, theirs, "≤1.0", "rg on raw")


def first_rows(lake: Path) -> None:
    """Measure the time to the first 100 events of a search over 24 compacted hours."""
    warm = engine(lake)
    warm.list(DAY)
    row("first 100 of a search, warm cache (seconds)", best(lambda: run_query(warm, "Q2")), 1, "≤1.0", "1 s")
    settings = Settings(data=lake.parent / "cloud")
    running = embedded.start(settings.embedded_data, sample=False, owner=True)
    try:
        cloud = Cloud(settings, endpoint(running.endpoint))
        s3 = cloud.client("s3", "", logs_data.REGION)
        s3.create_bucket(Bucket="bench", CreateBucketConfiguration={"LocationConstraint": logs_data.REGION})
        for path in (lake / "compacted").rglob("*.*"):
            s3.upload_file(str(path), "bench", path.relative_to(lake).as_posix())
        cold = engine(lake, "cache-cold", Bucket(cloud, "bench", "", logs_data.REGION))
        row(
            "first 100 of a search, cold cache (seconds)",
            _seconds(lambda: run_query(cold, "Q2")),
            3,
            "≤1.0",
            "3 s",
        )
    finally:
        embedded.stop(settings.embedded_data)


class Keys:
    """A store without objects: only keys, 100 per hour and account."""

    name = "keys"

    def __init__(self, accounts: int, hours: int) -> None:
        self._accounts = [logs_data.account(number) for number in range(accounts)]
        self._keys = sorted(
            folder(PLACE, LogFormat.RAW, Partition(DAY.start + hour * HOUR, account, logs_data.REGION))
            + f"{number:03}.gz"
            for account in self._accounts
            for hour in range(hours)
            for number in range(100)
        )

    def folders(self, prefix: str) -> list[str]:
        below = {"": ["raw"], "raw/": [f"account={account}" for account in self._accounts]}
        return below.get(prefix, [f"region={logs_data.REGION}"])

    def list(self, prefix: str, after: str = "", before: str = "") -> Iterator[ListedObject]:
        first, end = bisect_left(self._keys, max(prefix, after)), bisect_left(self._keys, before)
        return (ListedObject(key, 9, "etag") for key in self._keys[first:end])


def listing() -> None:
    """Measure the listing of 100,000 objects, and of one hour of them, without the time of S3."""
    keys, scope = Keys(10, 100), Scope(DAY.start, DAY.start + 100 * HOUR)
    lister = Lister(keys, PLACE)  # type: ignore[arg-type]
    assert len(lister.list_scope(scope).fresh) == 100_000
    row(
        "list 100,000 objects (seconds)",
        best(lambda: lister.list_scope(scope, fresh=True)),
        3,
        "≤1.0",
        "3 s",
    )
    hour = Scope(DAY.start + HOUR, DAY.start + 2 * HOUR, (logs_data.ACCOUNT,))
    assert len(lister.list_scope(hour).fresh) == 100
    row(
        "list one hour of one account (seconds)",
        best(lambda: Lister(keys, PLACE).list_scope(hour)),  # type: ignore[arg-type]
        3,
        "≤1.0",
        "3 s",
    )


def memory(lake: Path, size: int) -> None:
    """Measure the peak memory of one query on raw objects, and on ten times as many."""
    accounts = max(1, round(MEMORY_BYTES / size))
    peaks = {}
    for times, present in ((1, 1), (10, accounts)):
        spread(lake, present, times * accounts)
        for name in TITLES:
            peaks[name, times] = measured_peak(name, lake)
    for name in TITLES:
        first, more = peaks[name, 1], peaks[name, 10]
        row(f"memory, raw gzip, {TITLES[name]} (MB)", first, MEMORY_MB, "≤1.0", f"{MEMORY_MB} MB")
        row(f"memory, ten times the data, {TITLES[name]} (MB)", more, first, "≤1.1", "of the same")


def measured_peak(name: str, lake: Path) -> int:
    """Return the peak memory of a query in a process of its own, in MB.

    A process inherits the peak of the one that it is started from, also through exec: so the shell is between
    this large process and the measured one, and `exit` keeps it from replacing itself with that one.
    """
    command = [sys.executable, __file__, "--peak", name, str(lake)]
    return int(subprocess.check_output(["sh", "-c", '"$@"; exit $?', "sh", *command], text=True))


def peak(name: str, lake: Path) -> None:
    run_query(engine(lake), name)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def _pairs(rows: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    return {tuple(row.values()) for row in rows}


def _rows(table: Any) -> int:
    return len(table)


def main() -> None:
    if sys.argv[1:2] == ["--peak"]:
        peak(sys.argv[2], Path(sys.argv[3]))
        return
    events = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        Path(name).chmod(0o711)  # started by root, the embedded cloud runs PostgreSQL as another user
        lake, unpacked = Path(name, "lake"), Path(name, "plain")
        size = logs_data.write(lake, LogFormat.RAW, events)
        plain(unpacked, lake)
        packed = sum(path.stat().st_size for path in lake.rglob("*.gz"))
        rg = shell("rg --version").split("\n")[0] or sys.exit(
            "ripgrep is not installed. Run `make bench`, which installs it."
        )
        print(f"load average {os.getloadavg()[0]:.1f}")
        print(
            f"{events:,} events, {size / 1e6:,.0f} MB raw, {packed / 1e6:,.0f} MB gzip\n"
            f"Slipway with duckdb {duckdb.__version__}; chdb {chdb.__version__}, "
            f"polars {polars.__version__}, {rg}, {shell('gzip --version').splitlines()[0]}\n\n"
            f"{'':58} {'ours':>8} {'theirs':>8}  {'reference':14} {'ratio':>6}  target"
        )
        raw_bars(lake, unpacked)
        matching_bars(lake, "few")
        memory_lake = Path(name, "memory")
        shutil.copytree(lake, memory_lake, copy_function=lambda old, new: Path(new).hardlink_to(old))
        for share, matching in SHARES.items():
            other = Path(name, share.replace(" ", ""))
            logs_data.write(other, LogFormat.RAW, events, matching=matching)
            matching_bars(other, share)
            compaction_bar(other, share)
            shutil.rmtree(other)
        compaction_bar(lake, "few")
        compacted_bars(lake, unpacked)
        first_rows(lake)
        listing()
        memory(memory_lake, size)


if __name__ == "__main__":
    main()
