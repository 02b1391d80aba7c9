"""A dashboard's layout, and its numbers."""

import pytest

from app.logs.dashboard_view import rows_of
from app.logs.result_table import number_text
from ops.logs.search.saved.dashboards import Panel
from ops.logs.search.saved.queries import parse_query

QUERY = parse_query("one", "SELECT 1 AS a FROM events")


def test_numbers_share_a_row_wide_panels_have_their_own_and_others_are_in_pairs() -> None:
    shows = ["number", "number", "chart", "table", "chart", "wide", "chart"]
    panels = [Panel(show, QUERY, "chart" if show == "wide" else show, wide=show == "wide") for show in shows]
    assert rows_of(panels) == [[0, 1], [2, 3], [4], [5], [6]]


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("events", 12345, "12,345"),
        ("error_percent", 1.50, "1.5 %"),
        ("ingested_bytes", 1_500_000, "1.5 MB"),
        ("dollars", 0.5, "$0.50"),
        ("p95_ms", 12.0, "12 ms"),
        ("events", None, "–"),
        ("percent", float("nan"), "–"),
    ],
)
def test_a_number_has_the_unit_of_its_column(column: str, value: float | None, text: str) -> None:
    assert number_text(column, value) == text
