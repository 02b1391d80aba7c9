"""What the page Log export asks: which exports there are, how the pipeline does, what is covered."""

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
    """Every stack of the export, and the places that did not answer."""

    found: tuple[Export, ...]
    unread: tuple[Reading[tuple[Export, ...]], ...]

    @property
    def central(self) -> list[Export]:
        return [export for export in self.found if export.central]


@st.cache_data(ttl=EXPORTS_TTL_S, show_spinner="Looking for exports in every account and region…")
def exports(_bench: Workbench) -> ExportList:
    readings = _bench.cloud.read(lambda place: find_exports(_bench.cloud, place))
    exports_found = tuple(export for reading in readings for export in reading.value or ())
    return ExportList(exports_found, tuple(reading for reading in readings if reading.error))


@st.cache_data(ttl=PIPELINE_TTL_S, show_spinner=False)
def pipeline(_bench: Workbench, _export: Export, stack: str) -> ExportPipeline:
    """However many look, it is read once in PIPELINE_TTL_S. `stack` is the export's, which names it."""
    return read_pipeline(_bench.cloud, _export, datetime.now(UTC))


@st.cache_data(ttl=LAST_TTL_S, show_spinner="Looking for the last exported events…")
def last_exported(_bench: Workbench, location: Location) -> LastEvents:
    return last_events(engine_of(_bench, location), datetime.now(UTC))


@dataclass
class CoverageScan:
    """The last coverage, and the reading under way. Written by the reading threads only."""

    coverage: Coverage | None = None
    error: BaseException | None = None
    ticks: dict[Place, CoverageProgress] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _thread: threading.Thread | None = field(default=None, repr=False)

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self, cloud: Cloud) -> None:
        """Begins to read; joins the reading that is under way."""
        with self._lock:
            if self.running:
                return
            self.ticks = {}
            self._thread = threading.Thread(target=self._run, args=(cloud,), daemon=True, name="coverage")
            self._thread.start()

    def wait(self, seconds: float) -> None:
        """Gives a short reading the time to end."""
        if self._thread:
            self._thread.join(seconds)

    def _run(self, cloud: Cloud) -> None:
        try:
            self.coverage = read_coverage(cloud, datetime.now(UTC), report=self._note)
            self.error = None
        except SlipwayError as error:
            self.error = error
        except BaseException as error:
            self.error = error
            raise

    def _note(self, tick: CoverageProgress) -> None:
        self.ticks[tick.place] = tick


@st.cache_resource(show_spinner=False)
def coverage_scan(_bench: Workbench) -> CoverageScan:
    """One for all who look at the page."""
    return CoverageScan()
