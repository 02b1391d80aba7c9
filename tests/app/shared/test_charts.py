"""Charts are rendered once for all sessions, and hostile texts in graphs stay texts."""

from datetime import UTC, datetime

import pytest
from streamlit.testing.v1 import AppTest

from app.shared.charts import dot_text, shared_clock


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


def without_data() -> None:
    from datetime import UTC, datetime

    from app.log_export.ledger_chart import ledger_chart
    from app.rollouts.charts import calendar
    from app.shared.charts import show_chart

    show_chart(ledger_chart, [], UTC, empty="No events.")
    show_chart(calendar, [], datetime(2026, 1, 1, tzinfo=UTC), empty="No stages.")
    show_chart(ledger_chart, [(datetime(2026, 1, 1, tzinfo=UTC), 1, 1, 0, 0)], UTC, empty="Not shown")


def test_a_chart_without_data_says_why() -> None:
    test = AppTest.from_function(without_data, default_timeout=60).run()
    assert not test.exception
    assert [caption.value for caption in test.caption] == ["No events.", "No stages."]
    assert len(test.get("vega_lite_chart")) == 1


def test_sessions_share_a_clock() -> None:
    early, late = (datetime(2026, 1, 1, 0, 0, second, 5, UTC) for second in (8, 9))
    assert shared_clock(early) == shared_clock(late) == datetime(2026, 1, 1, 0, 0, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ('say "hi"', 'say \\"hi\\"'),
        ("back\\slash\\", "back\\\\slash\\\\"),
        ('end\\"]; x [label="', 'end\\\\\\"]; x [label=\\"'),
        ("two\nlines\r\nthree", "two\\nlines\\nthree"),
        ("&lt;b&gt; <b>", "&amp;lt;b&amp;gt; <b>"),
        ("nul\0bell\a", "nul�bell�"),
    ],
)
def test_a_hostile_name_in_a_graph_stays_a_name(name: str, quoted: str) -> None:
    assert dot_text(name) == f'"{quoted}"'
