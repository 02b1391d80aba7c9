"""Queries in worker processes: the same results, and whatever a query does, it ends in words."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops.errors import InputError, QueryError
from ops.logs.engines.duckdb import DuckDbEngine, DuckDbQueryFailed
from ops.logs.engines.execution.limits import Limits
from ops.logs.engines.execution.process import WorkerProcess
from ops.logs.engines.execution.worker import SYSTEM, modules
from ops.logs.engines.execution.workers import Workers
from ops.logs.lake.layout import LogFormat
from ops.logs.search.cursor import Cursor, QueryCanceled
from ops.logs.search.exploration import facets, histogram, newest
from ops.logs.search.language.parser import parse
from ops.logs.search.model import Search
from ops.logs.search.query import sql_query
from tests.ops.logs.engines.execution.bombs import BOMBS, MEMORY, TIME
from tests.ops.logs.sample_lake import DAY, HERE, Lake, Made, ask

ENDLESS = TIME[0]
WAIT_S = 120


class Pool:
    """A lake, and an engine for it with worker processes."""

    def __init__(self, root: Path, size: int = 2, **limits: Any) -> None:
        self.lake = Lake(root)
        self.lake.put(LogFormat.JSON, [Made(f"ERROR {n} timeout", n, id=str(n)) for n in range(300)])
        self.lake.put(LogFormat.RAW, [Made(f"a'b\n{n}", n) for n in range(20)])
        self.workers = Workers(size, replace(Limits(), **limits))
        self.engine = DuckDbEngine(self.lake.store, HERE, self.lake.cache, threads=2, workers=self.workers)

    def close(self) -> None:
        self.workers.close()

    def works(self) -> bool:
        counted = ask(self.engine, DAY, "SELECT count(*) AS n FROM events")["n"]
        return bool(counted[0].as_py() == 320)


def pids(workers: Workers) -> list[int]:
    """Return the IDs of the idle workers' processes."""
    return [worker.pid for worker in workers._idle]


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    with closing(Pool(tmp_path_factory.mktemp("pool"))) as pool:
        yield pool


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Callable[..., Pool]]:
    pools: list[Pool] = []

    def make(**limits: float) -> Pool:
        pools.append(Pool(tmp_path / str(len(pools)), 1, **limits))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


def running(pool: Pool, sql: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Cursor, "Reading", WorkerProcess]:
    """Start the query in a thread; return once a worker runs it."""
    began, used = threading.Event(), []
    run = WorkerProcess.run

    def noted(self: WorkerProcess, job: object, cursor: Cursor) -> object:
        used.append(self)
        began.set()
        return run(self, job, cursor)  # type: ignore[arg-type]

    monkeypatch.setattr(WorkerProcess, "run", noted)
    cursor = pool.engine.run(sql_query(DAY, sql))
    reading = Reading(cursor)
    assert began.wait(WAIT_S)
    return cursor, reading, used[0]


class Reading(threading.Thread):
    """Reads a cursor to its end."""

    def __init__(self, cursor: Cursor) -> None:
        super().__init__(daemon=True)
        self.cursor = cursor
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.cursor.table()
        except BaseException as error:
            self.error = error

    def ended(self) -> BaseException | None:
        self.join(WAIT_S)
        assert not self.is_alive()
        return self.error


def test_searches_and_sql_return_the_same_as_in_this_process(pool: Pool) -> None:
    here = pool.lake.engine
    for text in ("", "timeout level:error", "/a'b/"):
        search = Search(DAY, parse(text))
        assert newest(pool.engine, search, 100) == newest(here, search, 100)
        assert histogram(pool.engine, search) == histogram(here, search)
        assert facets(pool.engine, search) == facets(here, search)
    sql = "SELECT message, ts, length(message) AS n FROM events WHERE message LIKE $like ORDER BY ALL"
    for values in ({"like": "%2%"}, {"like": "nothing"}):
        assert ask(pool.engine, DAY, sql, values) == ask(here, DAY, sql, values)


def test_a_statement_that_may_not_run_is_refused_with_its_position(pool: Pool) -> None:
    with pytest.raises(QueryError) as refused:
        ask(pool.engine, DAY, "SELECT\n getenv('HOME')")
    assert (refused.value.line, refused.value.column) == (2, 2)
    with pytest.raises(InputError, match="COPY is not allowed"):
        ask(pool.engine, DAY, "WITH x AS (COPY (SELECT 1) TO 'x.csv') SELECT 1")
    with pytest.raises(InputError, match="at most 50,000"):
        pool.engine.run(sql_query(DAY, "SELECT 1" + " " * 50_000))
    with pytest.raises(InputError, match='column "nope" not found'):
        ask(pool.engine, DAY, "SELECT nope FROM events")
    assert pool.works()


@pytest.mark.parametrize("sql", MEMORY[:1])
def test_a_query_that_takes_all_memory_fails_with_its_limit_and_what_to_do(pool: Pool, sql: str) -> None:
    with pytest.raises(DuckDbQueryFailed, match="exceeded its memory limit of 600 MB") as failed:
        ask(pool.engine, DAY, sql)
    assert "Narrow the time range" in failed.value.hint
    assert "SET threads" not in failed.value.detail
    assert pool.works()


def test_a_worker_that_does_not_react_is_killed_and_replaced(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor, reading, worker = running(pool, ENDLESS, monkeypatch)
    os.kill(worker.pid, signal.SIGSTOP)
    cursor.cancel()
    assert isinstance(reading.ended(), QueryCanceled)
    assert not worker.alive
    assert pool.works()


def test_a_worker_that_dies_is_an_error_in_words(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    _, reading, worker = running(pool, ENDLESS, monkeypatch)
    os.kill(worker.pid, signal.SIGKILL)
    error = reading.ended()
    assert isinstance(error, DuckDbQueryFailed)
    assert "memory limit of 1.5 GB" in str(error) and "Narrow" in error.hint
    assert pool.works()


def test_a_canceled_query_leaves_its_worker_for_the_next(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    cursor = pool.engine.run(sql_query(DAY, "SELECT * FROM range(100000000)"))
    next(iter(cursor))
    before = set(pids(pool.workers))
    cursor.cancel()
    with pytest.raises(QueryCanceled):
        for _ in cursor:
            pass
    assert before <= set(pids(pool.workers))
    assert pool.works()


def test_time_and_cpu_time_are_limited(limited: Callable[..., Pool]) -> None:
    with pytest.raises(DuckDbQueryFailed, match="its time limit of"):
        ask(limited(deadline_s=0.1).engine, DAY, ENDLESS)
    with pytest.raises(DuckDbQueryFailed, match="its limit of CPU time of"):
        ask(limited(cpu_s=1).engine, DAY, ENDLESS)


def test_a_row_and_a_result_are_limited(limited: Callable[..., Pool]) -> None:
    pool = limited(row_bytes=9_000_000, result_bytes=10_000_000)
    with pytest.raises(DuckDbQueryFailed, match="row of the result exceeds the limit of 9 MB"):
        ask(pool.engine, DAY, "SELECT repeat('x', 9500000) AS x")
    cursor = pool.engine.run(sql_query(DAY, "SELECT repeat('x', 1000000) AS x FROM range(100)"))
    assert cursor.table().num_rows < 30
    assert not cursor.complete
    assert pool.works()


def test_two_datasets_share_the_pool(pool: Pool, tmp_path: Path) -> None:
    other = Lake(tmp_path)
    other.put(LogFormat.RAW, [Made("other")])
    engine = DuckDbEngine(other.store, HERE, other.cache, threads=2, workers=pool.workers)
    for _ in range(2):
        assert ask(engine, DAY, "SELECT message FROM events")["message"].to_pylist() == ["other"]
        assert pool.works()
        assert len(pids(pool.workers)) <= 2


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_a_worker_has_no_credentials_and_ends_with_its_pool(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    with closing(Pool(tmp_path)) as own:
        assert own.works()
        workers = pids(own.workers)
        for pid in workers:
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            assert {entry.partition(b"=")[0] for entry in environment if entry} == {b"PATH", b"PYTHONPATH"}
    assert workers and not any(Path(f"/proc/{pid}").exists() for pid in workers)
    assert list((own.lake.cache.root / "spill").glob("worker-*")) == []


def test_an_error_shows_no_path(pool: Pool) -> None:
    assert pool.works()
    for sql in ("SELECT filename FROM events", "SELECT file_row_number FROM events"):
        with pytest.raises(InputError) as failed:
            ask(pool.engine, DAY, sql)
        assert str(pool.lake.cache.root) not in f"{failed.value}{failed.value.hint}{failed.value.detail}"


SANDBOXED = """
import pathlib, socket, sys
from ops.logs.engines.execution.sandbox import restrict
secret, cache, spill = map(pathlib.Path, sys.argv[1:])
if not restrict([cache], [spill]):
    sys.exit("no Landlock")
def tried(act):
    try:
        act()
    except PermissionError:
        return "refused"
    return "done"
print(tried(secret.read_text), tried((cache / "part").read_text),
      tried(lambda: (cache / "new").write_text("x")), tried((cache / "part").unlink),
      tried(lambda: (spill / "x").write_text("x")),
      tried(lambda: socket.create_connection(("127.0.0.1", 9))))
"""


def test_a_sandboxed_process_reads_the_cache_and_writes_only_temporary_files(tmp_path: Path) -> None:
    secret, cache, spill = tmp_path / "secret", tmp_path / "cache", tmp_path / "spill"
    for folder in (cache, spill):
        folder.mkdir()
    for file in (secret, cache / "part"):
        file.write_text("x")
    ran = subprocess.run(
        [sys.executable, "-c", SANDBOXED, secret, cache, spill],
        capture_output=True, text=True, env={"PYTHONPATH": str(Path.cwd())}, check=False,
    )  # fmt: skip
    if "no Landlock" in ran.stderr:
        pytest.skip("this system has no Landlock")
    assert ran.stdout.split()[:5] == ["refused", "done", "refused", "refused", "done"]
    assert ran.stdout.split()[5:] in (["refused"], [])  # an older Landlock does not restrict TCP


def test_a_worker_reads_neither_slipways_data_nor_other_processes() -> None:
    root = Path.cwd()
    readable = [*map(Path, SYSTEM), *modules([str(root), "", *sys.path])]
    assert root / "ops" in readable
    forbidden = root, root / ".slipway", Path("/proc/1/environ"), Path("/etc/passwd"), Path.home()
    assert [file for file in forbidden for folder in readable if file.is_relative_to(folder)] == []


@pytest.mark.thorough
@pytest.mark.parametrize("sql", BOMBS, ids=lambda sql: sql[:50])
def test_no_bomb_harms_the_app_or_other_queries(pool: Pool, sql: str) -> None:
    before = resident()
    cursor = pool.engine.run(sql_query(DAY, sql, limit_bytes=64_000_000))
    reading = Reading(cursor)
    for _ in range(3):
        assert pool.works()
    cursor.cancel()
    error = reading.ended()
    assert error is None or isinstance(error, QueryCanceled | DuckDbQueryFailed)
    assert resident() - before < 200_000_000


def resident() -> int:
    """Return the size of this process, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
