"""Sessions share AWS calls: pages on the embedded cloud, with caches on a controlled clock."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import streamlit as st
from botocore.client import BaseClient
from streamlit.runtime.caching import cache_utils

from app.overview.reader import status_reader
from app.shared.components import clear_caches_once
from app.shared.session import workbench
from app.snapshots import run as run_view
from ops.plan import execute, perform
from ops.snapshots.pipeline import catalog
from ops.snapshots.pipeline.catalog import DeployedPipeline
from ops.snapshots.runs import control as runs
from tests.end_to_end.workbench import eventually
from tests.pages.test_pages import SHOP, connected, overview, page, texts

__all__ = ["connected"]  # a fixture that all tests use

WATCHERS = 5
READING = "the audit is read"


class Clock:
    """The clock of the caches."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(connected: None, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(cache_utils, "TTLCACHE_TIMER", clock)
    st.cache_data.clear()  # a cache gets its clock when it is created
    st.cache_resource.clear()
    return clock


@pytest.fixture
def calls(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count all AWS calls of this process, and the reads of the audit log."""
    found: Counter[str] = Counter()
    call = BaseClient._make_api_call  # type: ignore[attr-defined]
    audit = workbench().audit
    read = audit.read

    def counted_call(self: Any, operation: str, parameters: Any) -> Any:
        found[operation] += 1
        return call(self, operation, parameters)

    def counted_read(limit: int) -> Any:
        found[READING] += 1
        return read(limit)

    monkeypatch.setattr(BaseClient, "_make_api_call", counted_call)
    monkeypatch.setattr(audit, "read", counted_read)
    return found


@pytest.fixture
def idle(clock: Clock) -> DeployedPipeline:
    """Return the shop's pipeline when none of its runs is in progress."""
    cloud = workbench().cloud
    pipeline = catalog.find_pipeline(cloud, cloud.places[0], SHOP)
    _until_idle(pipeline)
    return pipeline


@pytest.fixture
def run(idle: DeployedPipeline) -> Iterator[str]:
    """Yield a run in progress; stop it and clean up afterward."""
    bench = workbench()
    call = runs.refresh_call(bench.cloud, idle, datetime.now(UTC))
    name = perform(call, actor=bench.actor, audit=bench.audit)
    yield name
    plan = runs.plan_stop(bench.cloud, idle, name)
    assert not execute(plan, actor=bench.actor, audit=bench.audit).error
    _until_idle(idle)


def _until_idle(pipeline: DeployedPipeline) -> None:
    cloud = workbench().cloud
    eventually(lambda: all(each.status != "RUNNING" for each in runs.list_runs(cloud, pipeline)))


@pytest.mark.parametrize("name", ["snapshots", "rollouts", "log_export", "audit", "settings"])
def test_many_sessions_make_the_calls_of_one(name: str, idle: DeployedPipeline, calls: Counter[str]) -> None:
    assert not page(name).exception
    one = Counter(calls)
    assert one
    for _ in range(WATCHERS - 1):
        assert not page(name).exception
    assert calls == one


def test_run_in_progress_is_read_once_per_interval(run: str, clock: Clock, calls: Counter[str]) -> None:
    for _ in range(3):
        clock.now += run_view.REFRESH_S
        calls.clear()
        assert run.replace("-", "\\-") in texts(page("snapshots", database=SHOP, run=run))
        one = Counter(calls)
        assert one["GetExecutionHistory"] and one["ListExecutions"]
        for _ in range(WATCHERS - 1):
            page("snapshots", database=SHOP, run=run)
        assert calls == one


def test_sessions_on_the_overview_read_nothing_themselves(
    idle: DeployedPipeline, clock: Clock, calls: Counter[str]
) -> None:
    status_reader(workbench()).clock = clock
    assert not overview().exception  # reads in the background
    one = Counter(calls)
    assert one["DescribeDBInstances"] and one[READING]
    for _ in range(WATCHERS):
        assert not page("overview").exception
    assert calls == one


def test_caches_are_cleared_once_per_event(clock: Clock) -> None:
    read: list[str] = []

    @st.cache_data
    def state() -> str:
        read.append("once more")
        return "as it is"

    for _ in range(WATCHERS):
        state()
        clear_caches_once("a run, and when it ended")
    state()
    assert len(read) == 2
    clear_caches_once("another run")
    state()
    assert len(read) == 3
