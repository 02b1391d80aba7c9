"""A watched engine: its progress in words, a stop, remarks, answers within a bound."""

import threading
from pathlib import Path

import pytest

from ops.aws.athena import Running
from ops.logs.engines.loading import Cancelled, Loading
from ops.logs.engines.progress import Standing, Watched
from ops.logs.lake.layout import Kind
from tests.ops.logs.sample_lake import DAY, Lake, Made


def test_progress_and_remarks_of_a_query(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.put(Kind.JSON, [Made("one", id="1")])
    lake.put_bytes(Kind.JSON, b"no JSON", name="x.gz")
    seen: list[Standing] = []
    watched = Watched(lake.engine, seen.append)
    assert watched.query(DAY, "SELECT message FROM events").num_rows == 1
    assert seen[-1] == Standing("Searching what was read", 1.0)
    assert "1 lines are not events" in watched.notes[0]
    watched.query(DAY, "SELECT message FROM events")
    assert len(watched.notes) == 1
    assert watched.complete


def test_an_answer_is_cut_where_it_is_too_large(tmp_path: Path) -> None:
    watched = Watched(Lake(tmp_path).engine, most_bytes=100_000)
    table = watched.query(DAY, "SELECT range FROM range(10_000_000)")
    assert 100_000 < table.nbytes < 1_000_000
    assert not watched.complete


def test_a_stop_reaches_the_engine(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    lake = Lake(tmp_path)
    lake.put(Kind.RAW, [Made("x")])
    with pytest.raises(Cancelled):
        Watched(lake.engine, cancelled=stop.is_set).query(DAY, "SELECT * FROM events")


@pytest.mark.parametrize(
    ("told", "standing"),
    [
        (Loading(3, 12, 1_500_000, 6_000_000), Standing("Reading 3 of 12 objects, 1.5 of 6.0 MB", 0.25)),
        (Loading(0, 2, 0, 0), Standing("Reading 0 of 2 objects, 0.0 of 0.0 MB", 0.0)),
        (Running("QUEUED", 0, 0.0), Standing("Athena has queued the query")),
        (Running("RUNNING", 2 * 10**9, 4.0), Standing("Athena has scanned 2,000.0 MB, $0.01000 so far")),
    ],
)
def test_it_is_told_in_words(tmp_path: Path, told: Loading | Running, standing: Standing) -> None:
    seen: list[Standing] = []
    Watched(Lake(tmp_path).engine, seen.append)._standing(told)
    assert seen == [standing]
