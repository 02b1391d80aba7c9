"""The last event of each log group, from the newest hours within the limit."""

from datetime import timedelta
from pathlib import Path

from ops.logs.export.coverage.last_events import LastEvents, last_events
from ops.logs.lake.layout import LogFormat
from tests.ops.logs.sample_lake import ACCOUNT, REGION, START, Lake, Made

NOW = START + timedelta(hours=6)
HOUR_S = 3600


def filled(root: Path) -> Lake:
    lake = Lake(root)
    lake.put(LogFormat.JSON, [Made("a", 10, "/old", id="1")])
    lake.put(
        LogFormat.JSON, [Made("b", 4 * HOUR_S, "/new", id="2"), Made("c", 4 * HOUR_S + 7, "/new", id="3")]
    )
    return lake


def last(lake: Lake, **limit: int) -> LastEvents:
    return last_events(lake.engine.lister, lake.engine, NOW, **limit)


def test_each_group_has_its_last_event(tmp_path: Path) -> None:
    found = last(filled(tmp_path))
    assert found.by_group == {
        (ACCOUNT, REGION, "/old"): START + timedelta(seconds=10),
        (ACCOUNT, REGION, "/new"): START + timedelta(hours=4, seconds=7),
    }
    assert found.by_place == {(ACCOUNT, REGION): START + timedelta(hours=4)}
    assert found.since == NOW - timedelta(hours=24)


def test_reading_stops_at_the_limit(tmp_path: Path) -> None:
    found = last(filled(tmp_path), limit_bytes=1)
    assert set(found.by_group) == {(ACCOUNT, REGION, "/new")}
    assert found.since == START + timedelta(hours=4)


def test_an_empty_dataset_has_none(tmp_path: Path) -> None:
    assert last(Lake(tmp_path)).by_group == {}
