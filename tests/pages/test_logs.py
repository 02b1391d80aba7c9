"""The Logs page with the embedded cloud's sample logs, run with Streamlit's AppTest."""

import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.logs import progress as logs_progress
from ops.aws.cloud import Cloud
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


def page(*, run: bool = True, **query: str) -> AppTest:
    test = AppTest.from_file(str(PAGE), default_timeout=SLOW_S)
    for key, value in query.items():
        test.query_params[key] = value
    test.run()
    if query.get("view") == "sql" and run and "logs_run" in {button.key for button in test.button}:
        test.button(key="logs_run").click().run()  # a link does not run its query
    return test


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


def test_a_logs_insights_query_in_the_search_bar_runs_as_sql() -> None:
    test = page(t="1d")
    test.text_input(key="logs_query").set_value("stats count(*) as number by @log").run()
    assert not test.exception
    assert (test.query_params["view"], test.query_params["sql"]) == (
        "sql",
        "stats count(*) as number by @log",
    )
    assert "GROUP BY" in texts(test)
    assert "number" in set(test.dataframe[-1].value)


def test_a_logs_insights_query_runs_on_athena() -> None:
    query = "filter ispresent(level) | stats count(*) as number, pct(strlen(@message), 90) by level"
    test = page(view="sql", sql=query, t="1d", engine="athena")
    assert not test.exception
    assert {"level", "number"} <= set(test.dataframe[-1].value)


def test_an_empty_result_has_a_hint() -> None:
    test = page(q="no-such-word-anywhere", t="1d")
    assert "No matching events" in texts(test)


@pytest.mark.parametrize("view", ["patterns", "templates"])
def test_patterns_are_compared_with_the_previous_period(view: str) -> None:
    test = page(view=view, t="12h")
    assert not test.exception
    assert {"Change", "Pattern", "Baseline"} <= set(test.dataframe[0].value)


def test_a_part_of_the_range_is_compared_with_the_rest() -> None:
    test = page(view="deltas", t="30m", around="1d")
    assert not test.exception
    found = test.dataframe[0].value
    assert {"Field", "Value", "In the range", "In the rest"} <= set(found)
    assert len(found)


def test_live_events_are_read_from_cloudwatch(cloud: Cloud) -> None:
    group, logs = "/shop/access", cloud.client("logs", "111111111111", "eu-west-1")
    stream = f"live-{uuid4().hex}"
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    event = {"timestamp": round(time.time() * 1000), "message": "GET /live"}
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[event])
    test = page(t="1d", live="1", q=f"group:{group}")  # the log groups of the exported events
    assert not test.exception
    assert "live event" in texts(test)
    tail = test.session_state["logs_tail"][1]
    assert stream in {event.stream for event in tail.events}
    assert "not sampled" in texts(test)


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


@pytest.mark.parametrize("query", [{"saved": "lambda_cost"}, {"sql": "SELECT 1 AS n"}])
def test_a_link_shows_its_sql_and_runs_it_only_on_a_click(query: dict[str, str]) -> None:
    test = page(run=False, view="sql", t="1d", **query)
    assert query.get("sql", "dollars") in str(test.text_area(key="logs_sql").value)
    assert "This query has not run yet" in texts(test)
    assert len(test.dataframe) == 1  # the schema
    test.button(key="logs_refresh").click().run()  # another click is none on Run
    assert "This query has not run yet" in texts(test)
    test.button(key="logs_run").click().run()
    assert "This query has not run yet" not in texts(test)
    assert len(test.dataframe) == 2


def test_another_query_in_the_link_is_another_click() -> None:
    test = page(view="sql", sql="SELECT 1 AS n", t="1d")
    test.query_params["sql"] = "SELECT 2 AS n"
    assert "This query has not run yet" in texts(test.run())


def test_a_query_selected_here_runs_and_so_do_its_changed_parameters() -> None:
    test = page(run=False, view="sql", t="1d")
    test.selectbox(key="logs_saved").select("top_patterns").run()
    assert "pattern" in test.dataframe[-1].value
    test.text_input(key="logs_parameter_top").set_value("1").run()
    assert len(test.dataframe[-1].value) == 1


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


def test_a_dashboard_shows_its_queries_over_the_range_of_the_page() -> None:
    test = page(view="dashboard", dashboard="operations", t="1d")
    assert not test.exception
    numbers = {metric.label: metric.value for metric in test.metric}
    assert int(numbers["Events"].replace(",", "")) > int(numbers["Errors"].replace(",", "")) > 200
    assert "Share of 5xx responses" in texts(test) and "No chart" not in texts(test)
    assert "pattern" in set(test.dataframe[-1].value)


def test_a_dashboard_on_athena_waits_for_a_click_because_its_queries_cost_money() -> None:
    test = page(view="dashboard", t="1d", engine="athena")
    assert not test.metric
    test.button(key="logs_dashboard_run").click().run()
    assert not test.exception
    assert {metric.label for metric in test.metric} >= {"Events", "Errors"}
