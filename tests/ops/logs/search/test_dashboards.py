"""Dashboards: the shipped ones are valid, and every mistake is named with its line."""

from pathlib import Path

import pytest

from ops.errors import InputError
from ops.logs.search.saved.dashboards import load_dashboards, parse_dashboard
from ops.logs.search.saved.queries import FOLDER, Chart, load_queries, parse_query

QUERIES = [
    parse_query(
        "errors",
        "-- parameter: minutes integer = 5\n-- chart: line time n\nSELECT ts AS time, $minutes n FROM events",
    ),
    parse_query("totals", "SELECT count(*) AS events FROM events"),
]


def test_the_shipped_dashboards_can_be_read() -> None:
    dashboards, errors = load_dashboards([FOLDER], load_queries([FOLDER])[0])
    assert not errors
    operations = next(one for one in dashboards if one.name == "operations")
    assert {panel.show for panel in operations.panels} == {"chart", "table", "number"}
    assert operations.title and operations.description


def test_a_panel_has_the_charts_and_the_values_of_its_query_unless_it_has_its_own() -> None:
    text = """
    [[panel]]
    query = "errors"
    [[panel]]
    query = "errors"
    parameters = { minutes = 15 }
    chart = "bar time n"
    """
    first, second = parse_dashboard("mine", text, QUERIES).panels
    assert (first.chart, first.values) == (Chart("line", "time", "n"), {"minutes": 5})
    assert (second.chart, second.values) == (Chart("bar", "time", "n"), {"minutes": 15})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "0 panels"),
        ("[[panel]]\n" * 31, "31 panels"),
        ('[[panel]]\nquery = "nothing"', "line 2: panel.query is 'nothing'"),
        ('[[panel]]\nquery = "totals"', "line 2: panel.query is totals, which has no chart"),
        ('[[panel]]\nquery = "totals"\nshow = "number"', "panel.column is missing"),
        ('[[panel]]\nquery = "totals"\nshow = "pie"', "line 3: panel.show is 'pie'"),
        ('[[panel]]\nquery = "errors"\nchart = "pie a b"', "line 3: panel.chart is 'pie a b'"),
        ('[[panel]]\nquery = "errors"\nparameters = { hours = 1 }', "has no parameter 'hours'"),
        ('[[panel]]\nquery = "errors"\nparameters = { minutes = "x" }', "line 3: panel.parameters"),
        ('[[panel]]\nquery = "errors"\nwide = 1', "line 3: panel.wide is 1"),
        ('[[panel]]\nquery = "errors"\ncolor = "red"', "line 3: panel.color is not a known key"),
        ("[[panel", "not valid TOML"),
    ],
)
def test_a_mistake_is_named(text: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        parse_dashboard("mine", text, QUERIES)
    assert message in str(raised.value) and raised.value.hint


def test_files_that_cannot_be_read_are_reported_and_the_others_are_kept(tmp_path: Path) -> None:
    for name, content in {
        "good": b'[[panel]]\nquery = "errors"',
        "bad": b"[[panel]]",
        "latin": b"title = '\xe9'",
    }.items():
        (tmp_path / f"{name}.toml").write_bytes(content)
    again = tmp_path / "team"
    again.mkdir()
    (again / "good.toml").write_text('title = "other"\n[[panel]]\nquery = "errors"')
    dashboards, errors = load_dashboards([tmp_path, again], QUERIES)
    assert [dashboard.title for dashboard in dashboards] == ["Good"]
    assert len(errors) == 3
