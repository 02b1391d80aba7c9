"""The Logs page with the embedded cloud's sample logs, run with Streamlit's AppTest."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.logs import progress as logs_progress
from ops.embedded.lifecycle import RunningCloud

PAGE = Path(__file__).parents[2] / "pages" / "logs.py"
SLOW_S = 120


@pytest.fixture(autouse=True)
def connected(embedded: RunningCloud, data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SLIPWAY_DATA", str(data))
    monkeypatch.setattr(logs_progress, "AT_ONCE_S", SLOW_S)  # no browser polls: wait for the queries
    yield
    st.cache_resource.clear()
    st.cache_data.clear()


def page(**query: str) -> AppTest:
    test = AppTest.from_file(str(PAGE), default_timeout=SLOW_S)
    for key, value in query.items():
        test.query_params[key] = value
    return test.run()


def texts(test: AppTest) -> str:
    elements = [*test.markdown, *test.caption, *test.error, *test.warning, *test.code]
    return "\n".join(str(element.value) for element in elements)


def test_it_opens_with_events_and_shows_what_it_reads() -> None:
    test = page(t="1d")
    assert not test.exception
    assert "events" in texts(test)
    assert "DuckDB: about" in texts(test)
    assert "free of charge" in texts(test).replace("\\", "")


def test_a_mistake_is_shown_with_its_position() -> None:
    test = page(q='ok "open')
    assert not test.exception
    assert "closing quotation mark is missing" in texts(test)
    assert 'ok "open\n   ^' in texts(test)


def test_a_link_with_an_unreadable_time_range_shows_no_other_events() -> None:
    test = page(t="yesterday")
    assert not test.exception
    assert "is not a time range" in texts(test)
    assert not test.dataframe and "DuckDB:" not in texts(test)
    test.button(key="logs_refresh").click().run()
    assert "is not a time range" not in texts(test) and "DuckDB:" in texts(test)


def test_typing_changes_the_url() -> None:
    test = page(t="1d")
    test.text_input(key="logs_query").set_value("timeout").run()
    assert test.query_params["q"] == "timeout"
    assert not test.exception


def test_an_empty_result_has_a_hint() -> None:
    test = page(q="no-such-word-anywhere", t="1d")
    assert "No matching events" in texts(test)


@pytest.mark.parametrize("view", ["patterns", "templates"])
def test_patterns_are_compared_with_the_previous_period(view: str) -> None:
    test = page(view=view, t="12h")
    assert not test.exception
    assert {"Change", "Pattern", "Previous period"} <= set(test.dataframe[0].value)


@pytest.mark.parametrize("engine", ["duckdb", "athena"])
def test_a_saved_query_runs_on_both_engines(engine: str) -> None:
    test = page(view="sql", saved="lambda_cost", t="1d", engine=engine)
    assert not test.exception
    assert {"log_group", "dollars"} <= set(test.dataframe[-1].value)


def test_a_link_to_a_saved_query_by_its_former_name_works() -> None:
    test = page(view="sql", saved="top_templates", t="1d")
    assert not test.exception
    assert not test.warning
    assert {"pattern", "events"} <= set(test.dataframe[-1].value)


def test_invalid_sql_is_reported_with_its_position() -> None:
    test = page(view="sql", sql="SELECT id FROM FROM", t="1d")
    assert not test.exception
    assert "SELECT id FROM FROM\n               ^" in texts(test)


def test_invalid_values_in_the_url_fall_back() -> None:
    test = page(t="yesterday", zone="Mars/Olympus", view="<script>", engine="x", open="<b>")
    assert not test.exception
    assert "<script>" not in texts(test)


def test_a_bucket_that_does_not_exist_is_reported() -> None:
    test = page(dataset="s3://no-such-bucket-anywhere/")
    assert not test.exception
    assert "no-such-bucket-anywhere" in "".join(str(one.value) for one in test.error).replace("\\", "")
