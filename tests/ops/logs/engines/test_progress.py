"""A tracked engine: progress, cancellation, notes, and truncated results."""

import threading
from pathlib import Path

import pytest

from ops.aws.athena import RunningQuery
from ops.logs.engines.loading import LoadProgress, QueryCanceled
from ops.logs.engines.progress import QueryProgress, TrackedEngine
from ops.logs.lake.layout import LogFormat
from tests.ops.logs.sample_lake import DAY, Lake, Made


def test_progress_and_notes_of_a_query(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.put(LogFormat.JSON, [Made("one", id="1")])
    lake.put_bytes(LogFormat.JSON, b"no JSON", name="x.gz")
    seen: list[QueryProgress] = []
    watched = TrackedEngine(lake.engine, seen.append)
    assert watched.query(DAY, "SELECT message FROM events").num_rows == 1
    assert seen[-1] == QueryProgress("Searching", 1.0)
    assert "Skipped lines that are not events in JSON: 1" in watched.notes[0]
    watched.query(DAY, "SELECT message FROM events")
    assert len(watched.notes) == 1
    assert watched.complete


def test_a_large_result_is_truncated(tmp_path: Path) -> None:
    watched = TrackedEngine(Lake(tmp_path).engine, most_bytes=100_000)
    table = watched.query(DAY, "SELECT range FROM range(10_000_000)")
    assert 100_000 < table.nbytes < 1_000_000
    assert not watched.complete


def test_cancellation_reaches_the_engine(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    lake = Lake(tmp_path)
    lake.put(LogFormat.RAW, [Made("x")])
    with pytest.raises(QueryCanceled):
        TrackedEngine(lake.engine, cancelled=stop.is_set).query(DAY, "SELECT * FROM events")


@pytest.mark.parametrize(
    ("reported", "progress"),
    [
        (
            LoadProgress(3, 12, 1_500_000, 6_000_000),
            QueryProgress("Read 3 of 12 objects, 1.5 of 6.0 MB", 0.25),
        ),
        (LoadProgress(0, 2, 0, 0), QueryProgress("Read 0 of 2 objects, 0.0 of 0.0 MB", 0.0)),
        (RunningQuery("QUEUED", 0, 0.0), QueryProgress("Queued in Athena")),
        (
            RunningQuery("RUNNING", 2 * 10**9, 4.0),
            QueryProgress("Athena: 2,000.0 MB scanned, $0.01000 so far"),
        ),
    ],
)
def test_progress_is_reported_as_text(
    tmp_path: Path, reported: LoadProgress | RunningQuery, progress: QueryProgress
) -> None:
    seen: list[QueryProgress] = []
    TrackedEngine(Lake(tmp_path).engine, seen.append)._on_progress(reported)
    assert seen == [progress]
