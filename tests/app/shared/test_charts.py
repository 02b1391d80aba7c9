"""Charts are rendered once for all sessions."""

from datetime import UTC, datetime

from streamlit.testing.v1 import AppTest

from app.shared.charts import shared_clock


def page() -> None:
    import altair as alt
    import streamlit as st

    from app.shared.charts import show_chart

    def bars(rows: list[dict[str, int]]) -> alt.Chart:
        drawn.append(rows)
        data = alt.Data(values=rows)  # type: ignore[no-untyped-call]
        chart: alt.Chart = alt.Chart(data).mark_bar().encode(x="n:Q")
        return chart

    drawn: list[list[dict[str, int]]] = st.session_state.setdefault("drawn", [])
    show_chart(bars, [{"n": 1}], key="one")
    show_chart(bars, [{"n": 1}], key="two")
    show_chart(bars, [{"n": 2}], key="three")


def test_equal_charts_are_rendered_once() -> None:
    test = AppTest.from_function(page, default_timeout=60).run()
    assert not test.exception
    assert test.session_state["drawn"] == [[{"n": 1}], [{"n": 2}]]
    charts = test.get("vega_lite_chart")
    assert len(charts) == 3 and '"bar"' in charts[0].proto.spec
    test.run()
    assert len(test.session_state["drawn"]) == 2


def test_sessions_share_a_clock() -> None:
    early, late = (datetime(2026, 1, 1, 0, 0, second, 5, UTC) for second in (8, 9))
    assert shared_clock(early) == shared_clock(late) == datetime(2026, 1, 1, 0, 0, 8, tzinfo=UTC)
