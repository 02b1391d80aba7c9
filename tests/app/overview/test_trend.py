"""The bars of a card's trend."""

import json

import pyarrow as pa
from streamlit.testing.v1 import AppTest


def page() -> None:
    from app.overview.cards.frame import show_trend

    show_trend("One run", [3.5], "minutes")
    for _ in range(2):  # databases in two accounts can have the same name
        show_trend("Three runs", [3.5, 4.0, 2.5], "minutes")


def test_a_trend_has_a_bar_for_each_value_and_is_hidden_from_screen_readers() -> None:
    test = AppTest.from_function(page, default_timeout=60).run()
    assert not test.exception
    chart, _ = test.get("vega_lite_chart")
    spec = json.loads(chart.proto.spec)
    rows = pa.ipc.open_stream(chart.proto.data.data).read_all()
    assert rows["value"].to_pylist() == [3.5, 4.0, 2.5]
    assert spec["description"] == "Three runs"
    assert spec["mark"]["aria"] is False
