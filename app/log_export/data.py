"""Cached data of the page Log export: the exports, the health of the pipeline, and the coverage."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import streamlit as st

from app.log_export.ledger import engine_of
from app.shared.scans import Scan
from app.shared.session import Workbench
from ops.aws.cloud import Place
from ops.aws.readings import Reading
from ops.logs.export.canary import Canaries, read_canaries
from ops.logs.export.coverage.last_events import LastEvents, last_events
from ops.logs.export.coverage.reading import Coverage, CoverageProgress, read_coverage
from ops.logs.export.health import ExportPipeline, read_pipeline
from ops.logs.export.installed import Export, find_exports
from ops.logs.lake.layout import Location

EXPORTS_TTL_S = 60
PIPELINE_TTL_S = 10
LAST_TTL_S = 300


@dataclass(frozen=True)
class ExportList:
    """All stacks of exports, and the accounts and regions that could not be read."""

    stacks: tuple[Export, ...]
    unread: tuple[Reading[tuple[Export, ...]], ...]

    @property
    def central(self) -> list[Export]:
        return [export for export in self.stacks if export.central]


@st.cache_data(ttl=EXPORTS_TTL_S, show_spinner="Searching for exports in all accounts and regions…")
def exports(_bench: Workbench) -> ExportList:
    readings = _bench.cloud.read(lambda place: find_exports(_bench.cloud, place))
    stacks = tuple(export for reading in readings for export in reading.value or ())
    return ExportList(stacks, tuple(reading for reading in readings if reading.error))


@st.cache_data(ttl=PIPELINE_TTL_S, show_spinner=False)
def pipeline(_bench: Workbench, _export: Export, stack: str) -> ExportPipeline:
    """Read the pipeline at most once per PIPELINE_TTL_S for all viewers; `stack` is the cache key."""
    return read_pipeline(_bench.cloud, _export, datetime.now(UTC))


@st.cache_data(ttl=PIPELINE_TTL_S, show_spinner=False)
def canaries(_bench: Workbench, location: Location) -> Canaries:
    return read_canaries(_bench.cloud, location, datetime.now(UTC))


@st.cache_data(ttl=LAST_TTL_S, show_spinner="Reading the last exported events…")
def last_exported(_bench: Workbench, location: Location) -> LastEvents:
    engine = engine_of(_bench, location)
    return last_events(engine.lister, engine, datetime.now(UTC))


CoverageScan = Scan[Coverage, Place, CoverageProgress]  # the progress by account and region


@st.cache_resource(show_spinner=False)
def coverage_scan(_bench: Workbench) -> CoverageScan:
    """Return the scan that all sessions share."""
    return Scan()


def start_coverage_scan(bench: Workbench, wait_s: float = 0.0) -> None:
    """Read the coverage in the background; wait up to this long for it."""
    scan = coverage_scan(bench)
    scan.start(partial(_read_coverage, bench))
    scan.wait(wait_s)


def read_coverage_again(bench: Workbench) -> None:
    """Read the coverage in the background after a change, which a read in progress may have missed."""
    coverage_scan(bench).restart(partial(_read_coverage, bench))


def _read_coverage(
    bench: Workbench, now: datetime, note: Callable[[Place, CoverageProgress], None]
) -> Coverage:
    return read_coverage(bench.cloud, now, report=lambda done: note(done.place, done))
