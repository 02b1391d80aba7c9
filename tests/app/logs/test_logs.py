"""The pure parts of the Logs page: its URL, clicks on values, the histogram, the rows of the list."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest

from app.logs.charts import BRUSH, brushed, histogram, result_chart
from app.logs.event_list import marks, short
from app.logs.search_bar import together
from app.logs.state import View, from_address, link, to_address
from app.logs.views import compared
from ops.logs.lake.layout import Scope
from ops.logs.search.model import Filter, Search
from ops.logs.search.query_parser import parse
from ops.logs.search.saved_queries import Chart

NOW = datetime(2026, 11, 24, 12, 30, 15, 500_000, tzinfo=UTC)
FULL = View(
    query='timeout "a b" level:error',
    time="3h",
    zone="Europe/Berlin",
    view="sql",
    engine="athena",
    wrap=True,
    open="1-ab",
    sql="SELECT 'é & ?' FROM events",
    saved="lambda_cost",
    dataset="s3://b/p/",
    values={"minutes": "7"},
)


def test_a_url_contains_the_whole_view() -> None:
    assert from_address(to_address(FULL)) == FULL
    assert to_address(View()) == {}
    assert from_address({}) == View()
    assert from_address({"view": "templates"}) == View(view="patterns")  # its former name


@pytest.mark.parametrize("wrong", [{"view": "x"}, {"engine": "mysql"}])
def test_an_unknown_view_or_engine_in_a_url_falls_back(wrong: dict[str, str]) -> None:
    assert from_address(wrong) == View()
    assert from_address(wrong).error is None


@pytest.mark.parametrize("wrong", [{"t": "soon"}, {"t": "999999d"}, {"t": "2/1"}, {"zone": "../x"}])
def test_a_time_range_in_a_url_that_cannot_be_read_is_an_error(wrong: dict[str, str]) -> None:
    error = from_address(wrong).error
    assert error and error.hint


def test_a_link_has_absolute_times_that_include_the_last_event() -> None:
    frozen = View(time="1h").frozen(NOW)
    assert frozen.time == "2026-11-24T11:30:15Z/2026-11-24T12:30:16Z"
    assert link("http://h/logs?old=1", frozen).startswith("http://h/logs?t=2026-11-24T11%3A30")


def test_searches_within_one_step_are_the_same() -> None:
    end = datetime(2026, 11, 24, 12, 30, 30, tzinfo=UTC)
    assert together(NOW) == together(end) == together(end - timedelta(seconds=29.999)) == end
    assert together(end + timedelta(milliseconds=1)) == end + timedelta(seconds=30)
    assert together(NOW, 5) == datetime(2026, 11, 24, 12, 30, 20, tzinfo=UTC)


def test_a_click_on_a_value_adds_a_filter_and_a_second_removes_it() -> None:
    error = Filter("level", "ERROR")
    once = View(query="timeout").with_filter(error)
    assert once.query == "level:error timeout"
    assert once.with_filter(error).query == "timeout"
    without = once.with_filter(Filter("level", "ERROR", negated=True))
    assert without.query == "-level:error timeout"


def test_a_view_gives_its_search() -> None:
    search = View(query="a", time="1h").search(NOW)
    assert search == Search(Scope(NOW - timedelta(hours=1), NOW), parse("a").terms)


def test_dragging_over_bars_selects_a_range_in_utc() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    ends = [datetime(2026, 11, 24, hour, tzinfo=UTC).timestamp() * 1000 for hour in (13, 12)]
    assert brushed({BRUSH: {"from": ends}}, berlin) == (
        datetime(2026, 11, 24, 11, tzinfo=UTC),
        datetime(2026, 11, 24, 12, tzinfo=UTC),
    )
    assert brushed({}, berlin) is None
    assert brushed({BRUSH: {}}, berlin) is None


def test_levels_are_stacked() -> None:
    time = datetime(2026, 11, 24, 12)
    table = pa.table({"time": [time, time], "level": ["INFO", "ERROR"], "events": [3, 2]})
    chart = histogram(table.to_pylist(), timedelta(minutes=1), NOW - timedelta(hours=1), NOW, UTC).to_dict()
    rows = next(iter(chart["datasets"].values())) if "datasets" in chart else chart["data"]["values"]
    assert [(row["level"], row["base"], row["top"]) for row in rows] == [("ERROR", 0, 2), ("INFO", 2, 5)]


def test_a_chart_without_its_columns_is_none() -> None:
    frame = pd.DataFrame({"a": [1], "b": [2]})
    assert result_chart(frame, Chart("bar", "a", "nope")) is None
    assert result_chart(frame.iloc[:0], Chart("bar", "a", "b")) is None
    assert result_chart(frame, Chart("bar", "a", "b")) is not None
    named = pd.DataFrame({"dollars": [1.0, 2.0], "group": ["a", "b"]})
    assert result_chart(named[["group"]].assign(other="x"), Chart("bar", "group", "other")) is None
    drawn = result_chart(named, Chart("bar", "dollars", "group"))
    assert drawn is not None
    assert drawn.to_dict()["encoding"]["x"]["field"] == "dollars"


def test_new_patterns_come_first_then_the_rising_ones() -> None:
    frame = pd.DataFrame(
        {
            "pattern": ["same", "rising", "new", "gone"],
            "level": None,
            "events": [10, 9, 1, 0],
            "before": [10, 3, 0, 5],
            "log_groups": 1,
            "first_seen": NOW,
            "last_seen": NOW,
            "example": "x",
        }
    )
    shown = compared(frame)
    assert list(shown["Pattern"]) == ["new", "rising", "same"]
    assert list(shown["Change"]) == ["new", "× 3.0", "="]


def test_highlighted_texts_and_short_numbers() -> None:
    query = parse('Timeout -not "a b" /x/')
    assert marks(Search(Scope(NOW, NOW + timedelta(hours=1)), query.terms)) == ["a b", "timeout"]
    assert [short(number) for number in (0, 999, 1234, 5_600_000)] == ["0", "999", "1.23 k", "5.6 M"]
