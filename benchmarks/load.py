"""Fifty sessions at once against one alone: pages are opened, a run and a rollout watched, logs searched.

    python benchmarks/load.py [SESSIONS] [SECONDS]

Each session is a websocket that speaks as a browser does, and a person who reads what has been opened. One
session works alone first, for a fifth of the time; then all of them. The bars: no error, the same memory
from the middle to the end, and an interaction's 95th percentile within twice the lone session's. Server,
embedded cloud and sessions share this machine.
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

from benchmarks._sessions import Session
from ops.audit import Actor, FileAudit
from ops.aws.cloud import Place
from ops.embedded.accounts import cloud as embedded_cloud
from ops.embedded.lifecycle import start, stop
from ops.embedded.ports import free_port
from ops.plan import execute
from ops.settings import Settings
from ops.snapshots.pipeline import catalog
from ops.snapshots.runs import control as runs

SESSIONS, SECONDS = 50, 300.0
READS_S = (6.0, 14.0)  # how long a person reads a page
WATCHES_S = (20.0, 40.0)
BAR, MEMORY_BAR = 2.0, 1.10
RUN_EVERY_S = 60.0
DATABASE = "shop-production"
PAGES = ("", "rollouts", "snapshots", "support_stacks", "log_export", "audit", "settings")
WORDS = ("order", "timeout", "error", "level:error", "payment", "refused", "GET", "thumbnail")


async def person(address: str, until: float, random_: random.Random, hurry: float) -> Session:
    """Opens pages, watches what goes on, searches; until the time is up. `hurry` shortens the reading."""
    session = Session(address)
    async with session:
        while time.monotonic() < until:
            choice = random_.random()
            reads = random_.uniform(*READS_S) / hurry
            if choice < 0.5:
                await session.open("a page is opened", random_.choice(PAGES))
            elif choice < 0.75:
                await session.open("logs are searched", "logs", t="1d", q=random_.choice(WORDS))
            else:
                watched = random_.choice(("snapshots", "rollouts"))
                query = {"database": DATABASE} if watched == "snapshots" else {}
                await session.open("a page is opened", watched, **query)
                reads = random_.uniform(*WATCHES_S) / hurry
            await asyncio.sleep(max(0.0, min(reads, until - time.monotonic())))
    return session


async def work(address: str, sessions: int, seconds: float, hurry: float = 1.0) -> list[Session]:
    until = time.monotonic() + seconds

    async def come(number: int) -> Session:
        await asyncio.sleep(10.0 * number / sessions)  # nobody opens fifty tabs in one moment
        return await person(address, until, random.Random(number), hurry)

    return list(await asyncio.gather(*(come(number) for number in range(sessions))))


@contextmanager
def serving(data: Path) -> Iterator[tuple[str, psutil.Process]]:
    port = free_port()
    command = [sys.executable, "-m", "ops", "run", "--port", str(port)]
    log = (data / "run.log").open("wb")
    process = subprocess.Popen(command, env={**os.environ, "SLIPWAY_DATA": str(data)}, stdout=log, stderr=log)
    try:
        while f"Slipway is at http://127.0.0.1:{port}" not in (data / "run.log").read_text():
            time.sleep(0.2)
        (pages,) = (
            child for child in psutil.Process(process.pid).children() if "streamlit" in child.cmdline()
        )
        yield f"127.0.0.1:{port}", pages
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


class World:
    """A run of the shop's pipeline is begun every minute; memory and processor are noted every second."""

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
            plan = runs.plan_refresh(self._cloud, pipeline, datetime.now(UTC))
            execute(plan, actor=Actor("bench", "cli"), audit=self._audit)

    async def turn(self) -> None:
        self._pages.cpu_percent()
        begun = 0.0
        while True:
            if time.monotonic() - begun > RUN_EVERY_S:
                begun = time.monotonic()
                await asyncio.to_thread(self.refresh)
            await asyncio.sleep(1)
            self.memory.append(self._pages.memory_info().rss)
            self.cpu.append(self._pages.cpu_percent())


def times(sessions: Sequence[Session]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for session in sessions:
        for name, took in session.took.items():
            found.setdefault(name, []).extend(took)
    return found


def p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1] if len(values) > 1 else values[0]


def report(alone: Mapping[str, list[float]], together: Mapping[str, list[float]]) -> float:
    """Prints a line for each kind of interaction; the ratio of all of them."""
    print(f"{'':26}{'alone':>18}{'together':>20}{'ratio':>8}")
    print(f"{'':26}{'n    p50    p95':>18}{'n    p50    p95':>20}{'p95':>8}")
    kinds = {name: (alone[name], together[name]) for name in sorted(together) if name in alone}
    kinds["all"] = tuple([each for took in found.values() for each in took] for found in (alone, together))
    for name, (one, many) in kinds.items():
        cells = [f"{len(v):5}{statistics.median(v):7.2f}{p95(v):7.2f}" for v in (one, many)]
        print(f"{name:26}{cells[0]:>18}{cells[1]:>20}{p95(many) / p95(one):8.2f}")
    one, many = kinds["all"]
    return p95(many) / p95(one)


async def measure(data: Path, endpoint: str, address: str, pages: psutil.Process, n: int, s: float) -> bool:
    world = World(data, endpoint, pages)
    turning = asyncio.create_task(world.turn())
    await work(address, 1, s / 10, hurry=4)  # caches are filled, modules imported
    lone = await work(address, 1, s / 5, hurry=4)
    world.memory.clear()
    world.cpu.clear()
    many = await work(address, n, s)
    turning.cancel()
    with suppress(asyncio.CancelledError):
        await turning
    print(f"{n} sessions for {s:.0f} s; seconds of an interaction:")
    ratio = report(times(lone), times(many))
    errors = [error for session in [*lone, *many] for error in session.errors]
    middle, end = (
        statistics.median(part) for part in (world.memory[len(world.memory) // 2 :][:10], world.memory[-10:])
    )
    print(f"errors: {len(errors)} {errors[:3]}")
    print(f"memory of the pages: {middle / 1e6:.0f} MB in the middle, {end / 1e6:.0f} MB at the end")
    print(f"processor of the pages: {statistics.mean(world.cpu):.0f} % of one core")
    bars = {"no error": not errors, "memory": end <= MEMORY_BAR * middle, "p95": ratio <= BAR}
    print("bars: " + ", ".join(f"{name} {'met' if met else 'MISSED'}" for name, met in bars.items()))
    return all(bars.values())


def main() -> int:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else SESSIONS
    s = float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    with tempfile.TemporaryDirectory(prefix="slipway-bench-", ignore_cleanup_errors=True) as folder:
        data = Path(folder)
        data.chmod(0o755)  # PostgreSQL refuses root and enters as another user
        running = start(Settings(data=data).embedded_data, delay_s=1.0, owner=True)
        try:
            with serving(data) as (address, pages):
                met = asyncio.run(measure(data, running.endpoint, address, pages, n, s))
        finally:
            stop(Settings(data=data).embedded_data)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
