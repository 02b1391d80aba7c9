"""Load test: fifty concurrent sessions open pages, follow a run and a rollout, and search logs.

    python benchmarks/load.py [SESSIONS] [SECONDS]

Each session is a WebSocket client with pauses in which a person would read. A single session runs first, for
a fifth of the time, then all of them. Targets: no errors, constant memory from the middle to the end, and a
95th percentile of at most twice the single session's. Server, embedded cloud and sessions share one machine.
"""

import asyncio
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks._sessions import Session, enter
from ops.audit import Actor, FileAudit
from ops.aws.cloud import Place
from ops.embedded.accounts import cloud as embedded_cloud
from ops.embedded.lifecycle import start, stop
from ops.embedded.ports import free_port
from ops.gate import tokens
from ops.plan import perform
from ops.settings import Settings
from ops.snapshots.pipeline import catalog
from ops.snapshots.runs import control as runs

SESSIONS, SECONDS = 50, 300.0
READ_S = (6.0, 14.0)  # how long a person reads a page
FOLLOW_S = (20.0, 40.0)  # how long a person follows a run
LATENCY_TARGET, MEMORY_TARGET = 2.0, 1.10
RUN_EVERY_S = 60.0
DATABASE = "shop-production"
PAGES = ("", "rollouts", "snapshots", "support_stacks", "log_export", "audit", "settings")
WORDS = ("order", "timeout", "error", "level:error", "payment", "refused", "GET", "thumbnail")


async def use_pages(address: str, until: float, random_: random.Random, speed: float) -> Session:
    """Open pages, follow runs and search logs until the time is up. `speed` shortens the pauses."""
    session = Session(address)
    async with session:
        while time.monotonic() < until:
            choice = random_.random()
            pause = random_.uniform(*READ_S) / speed
            if choice < 0.5:
                await session.open("open page", random_.choice(PAGES))
            elif choice < 0.75:
                await session.open("search logs", "logs", t="1d", q=random_.choice(WORDS))
            else:
                page = random_.choice(("snapshots", "rollouts"))
                query = {"database": DATABASE} if page == "snapshots" else {}
                await session.open("open page", page, **query)
                pause = random_.uniform(*FOLLOW_S) / speed
            await asyncio.sleep(max(0.0, min(pause, until - time.monotonic())))
    return session


async def run_sessions(address: str, sessions: int, seconds: float, speed: float = 1.0) -> list[Session]:
    until = time.monotonic() + seconds

    async def run_session(number: int) -> Session:
        await asyncio.sleep(10.0 * number / sessions)  # the sessions start over ten seconds
        return await use_pages(address, until, random.Random(number), speed)

    return list(await asyncio.gather(*(run_session(number) for number in range(sessions))))


@contextmanager
def serving(data: Path) -> Iterator[tuple[str, psutil.Process]]:
    port = free_port()
    command = [sys.executable, "-m", "ops", "run", "--port", str(port)]
    log = (data / "run.log").open("wb")
    process = subprocess.Popen(command, env={**os.environ, "SLIPWAY_DATA": str(data)}, stdout=log, stderr=log)
    try:
        while f"Slipway is running at http://127.0.0.1:{port}" not in (data / "run.log").read_text():
            time.sleep(0.2)
        enter(f"127.0.0.1:{port}", tokens.read(tokens.folder(data, port)))
        (pages,) = (
            child for child in psutil.Process(process.pid).children() if "streamlit" in child.cmdline()
        )
        yield f"127.0.0.1:{port}", pages
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


class Background:
    """Background load: starts a run of the shop's pipeline every minute, and samples memory and CPU."""

    def __init__(self, data: Path, endpoint: str, pages: psutil.Process) -> None:
        self._cloud = embedded_cloud(Settings(data=data), endpoint)
        self._audit = FileAudit(data / "bench.jsonl")
        self._pages = pages
        self.memory: list[int] = []
        self.cpu: list[float] = []

    def refresh(self) -> None:
        place = Place(self._cloud.account("production"), self._cloud.settings.home_region)
        pipeline = catalog.find_pipeline(self._cloud, place, DATABASE)
        if not runs.running_refresh(runs.list_runs(self._cloud, pipeline)):
            call = runs.refresh_call(self._cloud, pipeline, datetime.now(UTC))
            perform(call, actor=Actor("bench", "cli"), audit=self._audit)

    async def run(self) -> None:
        self._pages.cpu_percent()
        last_start = 0.0
        while True:
            if time.monotonic() - last_start > RUN_EVERY_S:
                last_start = time.monotonic()
                await asyncio.to_thread(self.refresh)
            await asyncio.sleep(1)
            self.memory.append(self._pages.memory_info().rss)
            self.cpu.append(self._pages.cpu_percent())


def durations(sessions: Sequence[Session]) -> dict[str, list[float]]:
    by_name: dict[str, list[float]] = {}
    for session in sessions:
        for name, seconds in session.durations.items():
            by_name.setdefault(name, []).extend(seconds)
    return by_name


def p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1] if len(values) > 1 else values[0]


def report(single: Mapping[str, list[float]], concurrent: Mapping[str, list[float]]) -> float:
    """Print a line for each kind of interaction, and return the ratio of the 95th percentiles of all."""
    print(f"{'':26}{'single':>18}{'concurrent':>20}{'ratio':>8}")
    print(f"{'':26}{'n    p50    p95':>18}{'n    p50    p95':>20}{'p95':>8}")
    kinds = {name: (single[name], concurrent[name]) for name in sorted(concurrent) if name in single}
    kinds["all"] = tuple(
        [second for seconds in by_name.values() for second in seconds] for by_name in (single, concurrent)
    )
    for name, (one, many) in kinds.items():
        cells = [f"{len(v):5}{statistics.median(v):7.2f}{p95(v):7.2f}" for v in (one, many)]
        print(f"{name:26}{cells[0]:>18}{cells[1]:>20}{p95(many) / p95(one):8.2f}")
    one, many = kinds["all"]
    return p95(many) / p95(one)


async def measure(data: Path, endpoint: str, address: str, pages: psutil.Process, n: int, s: float) -> bool:
    background = Background(data, endpoint, pages)
    task = asyncio.create_task(background.run())
    await run_sessions(address, 1, s / 10, speed=4)  # warm up: fill caches, import modules
    single = await run_sessions(address, 1, s / 5, speed=4)
    background.memory.clear()
    background.cpu.clear()
    concurrent = await run_sessions(address, n, s)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    print(f"{n} sessions for {s:.0f} s, seconds per interaction:")
    ratio = report(durations(single), durations(concurrent))
    errors = [error for session in [*single, *concurrent] for error in session.errors]
    memory = background.memory
    middle, end = (statistics.median(part) for part in (memory[len(memory) // 2 :][:10], memory[-10:]))
    print(f"errors: {len(errors)} {errors[:3]}")
    print(f"Streamlit memory: {middle / 1e6:.0f} MB in the middle, {end / 1e6:.0f} MB at the end")
    print(f"Streamlit CPU: {statistics.mean(background.cpu):.0f} % of one core")
    targets = {
        "no errors": not errors,
        "memory": end <= MEMORY_TARGET * middle,
        "p95": ratio <= LATENCY_TARGET,
    }
    print("targets: " + ", ".join(f"{name} {'met' if met else 'MISSED'}" for name, met in targets.items()))
    return all(targets.values())


def main() -> int:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else SESSIONS
    s = float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    with tempfile.TemporaryDirectory(prefix="slipway-bench-", ignore_cleanup_errors=True) as folder:
        data = Path(folder)
        data.chmod(0o755)  # started by root, PostgreSQL runs as another user
        running = start(Settings(data=data).embedded_data, delay_s=1.0, owner=True)
        try:
            with serving(data) as (address, pages):
                met = asyncio.run(measure(data, running.endpoint, address, pages, n, s))
        finally:
            stop(Settings(data=data).embedded_data)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
