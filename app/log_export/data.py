"""Cached data of the page Log export: the exports, the health of the pipeline, and the coverage."""

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime

import streamlit as st

from app.log_export.ledger import engine_of
from app.shared.session import Workbench
from ops.aws.cloud import Cloud, Place, Reading
from ops.errors import SlipwayError
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


@st.cache_data(ttl=LAST_TTL_S, show_spinner="Reading the last exported events…")
def last_exported(_bench: Workbench, location: Location) -> LastEvents:
    engine = engine_of(_bench, location)
    return last_events(engine.lister, engine, datetime.now(UTC))


@dataclass
class CoverageScan:
    """The last coverage, and the scan in progress. Written only by the scanning threads."""

    coverage: Coverage | None = None
    error: BaseException | None = None
    progress: dict[Place, CoverageProgress] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _thread: threading.Thread | None = field(default=None, repr=False)

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self, cloud: Cloud) -> None:
        """Start a scan, unless one is running."""
        with self._lock:
            if self.running:
                return
            self.progress = {}
            self._thread = threading.Thread(target=self._run, args=(cloud,), daemon=True, name="coverage")
            self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait for a short scan to finish."""
        if self._thread:
            self._thread.join(seconds)

    def _run(self, cloud: Cloud) -> None:
        try:
            self.coverage = read_coverage(cloud, datetime.now(UTC), report=self._report)
            self.error = None
        except SlipwayError as error:
            self.error = error
        except BaseException as error:
            self.error = error
            raise

    def _report(self, progress: CoverageProgress) -> None:
        self.progress[progress.place] = progress


@st.cache_resource(show_spinner=False)
def coverage_scan(_bench: Workbench) -> CoverageScan:
    """Return the scan that all viewers share."""
    return CoverageScan()
