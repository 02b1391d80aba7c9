"""The pure parts of the Logs page: its URL, clicks on values, the histogram, the rows of the list."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest

from app.logs.charts import BRUSH, brushed, histogram, result_chart
from app.logs.event_list import marks, short
from app.logs.patterns_view import compared
from app.logs.search_bar import together
from app.logs.state import View, from_address, link, to_address
from ops.logs.lake.layout import Scope
from ops.logs.search.language.parser import parse
from ops.logs.search.model import Filter, Not, Search
from ops.logs.search.saved.queries import Chart

NOW = datetime(2026, 11, 24, 12, 30, 15, 500_000, tzinfo=UTC)
FULL = View(
    query='timeout "a b" level:error',
    time="3h",
    zone="Europe/Berlin",
    view="sql",
    engine="athena",
    wrap=True,
    columns=("time", "group", "$.status"),
    compare=True,
    live=True,
    around="1d",
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
    assert once.query == "timeout level:error"
    assert once.with_filter(error).query == "timeout"
    without = once.with_filter(Not(error))
    assert without.query == "timeout -level:error"
    assert without.with_filter(error).query == "timeout level:error"
    assert without.with_filter(Not(error)).query == "timeout"


@pytest.mark.parametrize(
    ("query", "clicked", "changed"),
    [
        ("a OR b", Filter("level", "ERROR"), "(a OR b) level:error"),
        ("a OR b", Not(Filter("level", "ERROR")), "(a OR b) -level:error"),
        ("level:error", Filter("level", "FATAL"), "level:error OR level:fatal"),
        ("level:error a", Filter("level", "FATAL"), "(level:error OR level:fatal) a"),
        ("(level:error OR level:fatal) a", Filter("level", "ERROR"), "level:fatal a"),
        ("(level:error OR level:fatal) a", Not(Filter("level", "ERROR")), "level:fatal a -level:error"),
        ("(level:error OR a) b", Filter("level", "ERROR"), "(level:error OR a) b level:error"),
        ("-group:/x", Filter("group", "/x"), "group:/x"),
        ("NOT (a b)", Filter("$.status", "5 0"), 'NOT (a b) $.status:"5 0"'),
    ],
)
def test_a_click_keeps_the_meaning_of_the_rest(query: str, clicked: Filter | Not, changed: str) -> None:
    assert View(query=query).with_filter(clicked).query == changed


def test_a_view_gives_its_search() -> None:
    search = View(query="a", time="1h").search(NOW)
    assert search == Search(Scope(NOW - timedelta(hours=1), NOW), parse("a"))


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
    times = pd.DataFrame({"at": pd.to_datetime(["2026-11-24"]), "text": ["x"], "group": ["g"]})
    assert result_chart(times, Chart("line", "at", "text", "group")) is None
    named = pd.DataFrame({"dollars": [1.0, 2.0], "group": ["a", "b"]})
    assert result_chart(named[["group"]].assign(other="x"), Chart("bar", "group", "other")) is None
    drawn = result_chart(named, Chart("bar", "dollars", "group"))
    assert drawn is not None
    assert drawn.to_dict()["encoding"]["x"]["field"] == "dollars"


def test_the_change_of_each_pattern_is_shown() -> None:
    frame = pd.DataFrame(
        {
            "pattern": ["new", "rising", "same", "falling", "gone"],
            "id": "1f",
            "change": ["new", "rising", "same", "falling", "gone"],
            "level": None,
            "events": [1, 9, 10, 2, 0],
            "before": [0, 3, 10, 5, 5],
            "log_groups": 1,
            "first_seen": NOW,
            "last_seen": NOW,
            "example": "x",
            "glob": "*",
        }
    )
    shown = compared(frame)
    assert list(shown["Pattern"]) == ["new", "rising", "same", "falling"]
    assert list(shown["Change"]) == ["new", "× 3.0", "=", "÷ 2.5"]


def test_highlighted_texts_and_short_numbers() -> None:
    query = parse('Timeout -absent "a b" /x/ (STRAẞE OR in*out) NOT (c d)')
    scope = Scope(NOW, NOW + timedelta(hours=1))
    assert marks(Search(scope, query)) == ["a b", "in", "out", "strasse", "timeout"]
    assert [short(number) for number in (0, 999, 1234, 5_600_000)] == ["0", "999", "1.23 k", "5.6 M"]


def test_a_brushed_range_is_compared_with_the_one_it_is_part_of() -> None:
    view = View(time="3h").with_range(NOW - timedelta(hours=1), NOW - timedelta(minutes=30), NOW)
    rest, second = view.rest(view.search(NOW)).scope, NOW.replace(microsecond=0)
    assert (rest.start, rest.end) == (second - timedelta(hours=3), second + timedelta(seconds=1))
    alone = View(time="1h")  # nothing is around: the time before
    rest = alone.rest(alone.search(NOW)).scope
    assert (rest.start, rest.end) == (NOW - timedelta(hours=3), NOW)


def test_the_earlier_counts_are_a_line_where_the_bars_are() -> None:
    time = datetime(2026, 11, 24, 12)
    rows = [{"time": time - timedelta(hours=1), "level": level, "events": 2} for level in ("INFO", None)]
    chart = histogram(
        rows, timedelta(minutes=2), NOW - timedelta(hours=1), NOW, UTC, rows, timedelta(hours=1)
    ).to_dict()
    line = chart["layer"][1]
    assert line["mark"]["type"] == "line"
    assert line["data"]["values"] == [{"at": "2026-11-24T12:01:00.000Z", "events": 4}]
