"""`Logs` in notebooks: time ranges, further questions about a search, context, and DESCRIBE."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ops.aws.cloud import Cloud
from ops.errors import InputError, QueryError
from ops.logs.api import Logs
from ops.logs.datasets import Dataset
from ops.logs.frames import EventFrame, fields_of
from ops.logs.lake.layout import COLUMNS, LogFormat
from ops.settings import Account, Settings
from tests.ops.logs.sample_lake import ACCOUNT, HERE, START, Lake, Made

NOW = START + timedelta(hours=1)
EVENTS = [
    Made('{"level": "error", "order": {"id": 1}, "release": "2.1"}', 600, "/shop/orders", "o"),
    Made('{"level": "error", "order": {"id": 2}, "release": "2.1"}', 1200, "/shop/orders", "o"),
    Made("INFO started release=2.1 by=deploy", 300, "/shop/web", "w"),
    Made("ERROR checkout of 17 failed", 900, "/shop/web", "w"),
    Made("INFO stopped", 3000, "/shop/web", "w"),
]


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    lake = Lake(tmp_path)
    lake.put(LogFormat.RAW, EVENTS)
    cloud = Cloud(Settings(data=tmp_path / "data", accounts=(Account("shop", ACCOUNT),)))
    dataset = Dataset(cloud, HERE)
    dataset.__dict__ |= {"duckdb": lake.engine, "athena": None}
    return Logs(cloud, dataset, now=lambda: NOW)


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        ({}, 5),
        ({"last": "15m"}, 1),
        ({"last": timedelta(minutes=15)}, 1),
        ({"last": "2026-11-24T10:00/2026-11-24T10:11"}, 2),
        ({"start": "2026-11-24T10:12"}, 3),
        ({"start": datetime(2026, 11, 24, 10, 12), "last": "5m"}, 1),
        ({"start": START, "end": START + timedelta(minutes=12)}, 2),
        ({"end": pd.Timestamp("2026-11-24T10:12:00.000000001")}, 2),
        ({"end": START + timedelta(minutes=12), "last": timedelta(minutes=3)}, 1),
    ],
)
def test_a_range_is_a_length_a_start_or_an_end(logs: Logs, arguments: Any, messages: int) -> None:
    assert len(logs.search(**arguments)) == messages


@pytest.mark.parametrize(
    "arguments",
    [
        {"last": "1h", "start": START, "end": NOW},
        {"last": "2026-11-24T10:00/2026-11-24T10:11", "end": NOW},
        {"start": NOW, "end": START},
        {"end": "noon"},
        {"last": timedelta(0)},
        {"limit": 0},
    ],
)
def test_a_range_that_contradicts_itself_is_rejected(logs: Logs, arguments: Any) -> None:
    with pytest.raises(InputError) as raised:
        logs.search(**arguments)
    assert raised.value.hint


def test_without_a_limit_every_event_is_returned_newest_first(logs: Logs) -> None:
    assert len(logs.search(limit=2)) == 2
    found = logs.search(limit=None)
    assert list(found["ts"]) == sorted((event.ts.replace(tzinfo=None) for event in EVENTS), reverse=True)


def test_questions_about_a_search_are_about_all_its_events(logs: Logs) -> None:
    found = logs.search("level:error", limit=1)
    assert len(found) == 1
    patterns = found.patterns()
    assert patterns["events"].sum() == 3 and set(patterns["change"]) == {"new"}
    assert found.groups().values.tolist() == [["/shop/orders", 2, 2], ["/shop/web", 1, 1]]
    assert found.histogram()["events"].sum() == 3
    assert "order.id" in set(found.fields()["field"])


def test_groups_are_counted_with_their_errors(logs: Logs) -> None:
    assert logs.groups().values.tolist() == [["/shop/web", 3, 1], ["/shop/orders", 2, 2]]
    assert logs.groups("nothing").empty


def test_a_frame_made_from_the_events_does_not_claim_to_repeat_their_search(logs: Logs) -> None:
    found = logs.search()
    assert isinstance(found, EventFrame)
    assert not isinstance(found[found["level"] == "ERROR"], EventFrame)
    assert not hasattr(found.head(1), "patterns")


@pytest.mark.parametrize(
    "choose",
    [
        lambda found: found.around(1),
        lambda found: found.around(found.iloc[1]),
        lambda found: found.around(found[found["message"].str.startswith("ERROR")]),
        lambda found: found.around(found[found["log_group"] == "/shop/web"]),
    ],
    ids=["position", "row", "frame of one", "frame of three"],
)
def test_around_takes_a_position_a_row_or_rows(logs: Logs, choose: Callable[[Any], Any]) -> None:
    found = logs.search('group:/shop/web OR "nothing"')
    assert list(choose(found)["message"]) == [EVENTS[2].message, EVENTS[3].message, EVENTS[4].message]


def test_around_says_what_it_cannot_take(logs: Logs) -> None:
    found = logs.search()
    with pytest.raises(InputError, match="no log_stream"):
        logs.around(found.drop(columns="log_stream").iloc[0])
    with pytest.raises(InputError, match="25 rows"):
        logs.around(pd.concat([found] * 5))


def test_describe_returns_the_columns_and_other_statements_say_why_not(logs: Logs) -> None:
    for sql in ("DESCRIBE events", "show columns from events;"):
        assert list(logs.sql(sql)["column"]) == [column.name for column in COLUMNS]
    with pytest.raises(QueryError, match="SUMMARIZE is not allowed") as raised:
        logs.sql("SUMMARIZE events")
    assert "read-only" in raised.value.hint


def test_fields_are_those_of_json_and_of_name_value_pairs() -> None:
    messages = ['x {"a": {"b": [1]}, "c": null}', 'a.b=2 user="x y", k=', "no=fields={"]
    rows = {row["field"]: row for row in fields_of(messages).to_pylist()}
    assert set(rows) == {"a.b", "user", "no"}
    assert rows["a.b"] == {"field": "a.b", "events": 2, "values": 2, "top": "2", "top_events": 1}
    assert rows["user"]["top"] == "x y"
    assert fields_of([]).num_rows == 0
