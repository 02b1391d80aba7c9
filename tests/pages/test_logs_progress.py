"""The Logs page while a query engine is slow, fails, is stopped, or reports notes."""

import re
import threading
from collections.abc import Generator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.logs import data as logs_data
from app.logs import progress as logs_progress
from app.logs.event_list import Rows
from app.shared import session as session_module
from ops.audit import Actor
from ops.errors import SlipwayError, Throttled
from ops.logs.lake.grouping.memory import PatternMemory
from ops.logs.lake.layout import LogFormat, Scope
from ops.logs.search.cursor import Cursor, Progress
from ops.logs.search.estimate import Cost, Estimate
from ops.logs.search.query import Query
from ops.logs.search.sql import statements
from ops.settings import Settings
from tests.ops.logs.sample_lake import Lake, Made

PAGE = Path(__file__).parents[2] / "pages" / "logs.py"
DAY = "2026-11-24T00:00Z/2026-11-25T00:00Z"


class Engine:
    """DuckDB over a folder; each query waits until `go` is set."""

    def __init__(self, lake: Lake, name: str = "duckdb") -> None:
        self.name = name
        self.go = threading.Event()
        self.reading = threading.Event()
        self.error: SlipwayError | None = None
        self._lake = lake

    def estimate(self, scope: Scope) -> Cost:
        return self._lake.engine.estimate(scope)

    def run(self, query: Query) -> Cursor:
        answer = self._lake.engine.run(replace(query, limit_bytes=0))

        def read(cursor: Cursor) -> Generator[pa.RecordBatch, None, None]:
            cursor.report(Progress("Read 3 of 12 objects, 1.5 of 6.0 MB", 1_500_000, 6_000_000))
            self.reading.set()
            while not self.go.wait(0.01):
                cursor.check()
            if self.error:
                raise self.error
            self.needles = statements(query)[0].needles
            yield from answer
            cursor.note(*answer.notes)

        return Cursor(read, query.limit_bytes)


class Source:
    name = "s3://lake/"
    found_together = ()

    def __init__(self, lake: Lake, folder: Path) -> None:
        self.lake = lake
        self.patterns = PatternMemory(folder / "patterns.json")
        self.engines = {name: Engine(lake, name) for name in ("duckdb", "athena")}

    def engine(self, name: str) -> Engine:
        return self.engines[name]

    def estimate(self, scope: Scope, engine: str = "auto") -> Estimate:
        cost = Cost(12, 6_000_000, 8.0, 0.01)
        return Estimate(cost, cost, "duckdb" if engine == "auto" else engine, "for the test")


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    source = Source(Lake(tmp_path), tmp_path)
    source.lake.put(LogFormat.JSON, [Made("ERROR timeout", n, id=str(n)) for n in range(3)])
    bench = SimpleNamespace(
        settings=Settings(data=tmp_path),
        actor=Actor.local("page"),
        cloud=SimpleNamespace(accounts=(), settings=Settings(data=tmp_path)),
        embedded=False,
    )
    monkeypatch.setattr(session_module, "workbench", lambda: bench)
    monkeypatch.setattr(logs_data, "dataset", lambda bench, address: source)
    monkeypatch.setattr(logs_progress, "AT_ONCE_S", 0.05)
    yield source
    for engine in source.engines.values():
        engine.error = None
        engine.go.set()
    st.cache_resource.clear()
    st.cache_data.clear()


def page(**query: str) -> AppTest:
    test = AppTest.from_file(str(PAGE), default_timeout=60)
    for key, value in {"t": DAY, **query}.items():
        test.query_params[key] = value
    test.run()
    if query.get("view") == "sql" and "logs_run" in {button.key for button in test.button}:
        test.button(key="logs_run").click().run()  # a link does not run its query
    return test


def texts(test: AppTest) -> str:
    elements = [*test.markdown, *test.caption, *test.error, *test.warning, *test.code]
    return "\n".join(str(element.value) for element in elements).replace("\\", "")


def buttons(test: AppTest) -> set[str]:
    return {str(button.key) for button in test.button}


def answered(test: AppTest, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """Rerun the page after its queries have ended."""
    monkeypatch.setattr(logs_progress, "AT_ONCE_S", 60)
    return test.run()


def reading(source: Source, test: AppTest) -> AppTest:
    """Rerun the page once its query reads."""
    assert source.engine("duckdb").reading.wait(60)
    return test.run()


@pytest.mark.parametrize("view", ["events", "patterns", "sql"])
def test_a_slow_query_shows_progress_and_can_be_stopped(
    source: Source, view: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = reading(source, page(view=view, sql="SELECT count(*) AS n FROM events"))
    assert not test.exception
    assert "logs_stop" in buttons(test)
    read = r"Read 3 of 12 objects, 1\.5 of 6\.0 MB · \d+ s of about 8 s"
    assert re.fullmatch(read, progress(test))
    test.button(key="logs_stop").click().run()
    assert not test.exception
    assert "logs_stop" not in buttons(test)
    assert "Stopped. Loaded data is kept." in texts(test)
    source.engine("duckdb").go.set()
    test.button(key="logs_again").click()
    assert not answered(test, monkeypatch).exception
    assert "Completed in" in texts(test)
    assert "logs_again" not in buttons(test)


def test_a_download_is_prepared_in_the_background_with_progress(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = source.engine("duckdb")
    engine.go.set()
    test = answered(page(q="timeout"), monkeypatch)
    assert engine.needles == ("meout",)  # lines without the word are not parsed
    assert "logs_csv" not in downloads(test)
    engine.go.clear()
    engine.reading.clear()
    monkeypatch.setattr(logs_progress, "AT_ONCE_S", 0.05)
    test = reading(source, test.button(key="logs_prepare").click().run())
    assert "logs_stop" in buttons(test)
    assert progress(test).startswith("Read 3 of 12 objects")
    engine.go.set()
    test = answered(test, monkeypatch)
    assert not test.exception
    assert {"logs_csv", "logs_parquet"} <= downloads(test)


def downloads(test: AppTest) -> set[str]:
    return {str(one.proto.id).rpartition("-")[2] for one in test.get("download_button")}


def test_recent_lists_searches_and_queries(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    source.engine("duckdb").go.set()
    answered(page(q="timeout"), monkeypatch)
    test = answered(page(view="sql", sql="SELECT count(*)\nFROM events"), monkeypatch)
    listed = [one.label for one in test.button if str(one.key).startswith("logs_recent_")]
    assert [label.rpartition(" · ")[0].replace("\\", "") for label in listed] == [
        "SQL · SELECT count(*) FROM events",
        "timeout",
    ]
    test.button(key="logs_recent_1").click().run()
    assert dict(test.query_params)["q"] in ("timeout", ["timeout"])


def progress(test: AppTest) -> str:
    [bar] = test.get("progress")
    return str(bar.proto.text).replace("\\", "")


def test_a_reload_finds_the_query_still_running(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    page()
    again = page()
    assert "logs_stop" in buttons(again)
    assert len(logs_data.background_queries()._queries) == 3
    source.engine("duckdb").go.set()
    assert "**3** events" in texts(answered(again, monkeypatch))


def test_a_failure_is_reported_and_can_be_retried(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = source.engine("athena")
    engine.error = Throttled("Athena throttled the query.", code="ThrottlingException", hint="Wait a minute.")
    engine.go.set()
    test = answered(page(engine="athena", view="sql", sql="SELECT 1 AS n"), monkeypatch)
    assert "Athena throttled the query.\n\nWait a minute." in texts(test)
    engine.error = None
    test.button(key="logs_again").click().run()
    assert "Athena throttled" not in texts(test)
    assert list(test.dataframe[-1].value["n"]) == [1]


def test_follow_is_not_available_with_athena(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    for engine, off in (("athena", True), ("duckdb", False)):
        source.engine(engine).go.set()
        test = answered(page(engine=engine, t="1h"), monkeypatch)
        follow = test.toggle(key="logs_follow")
        assert follow.disabled is off
        assert ("charges for every query" in follow.help) is off


def test_a_followed_search_is_shown_until_the_next_result(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.lake.put(
        LogFormat.JSON, [Made("now", (datetime.now(UTC) - Made("").ts).total_seconds() - 60, id="n")]
    )
    engine = source.engine("duckdb")
    engine.go.set()
    test = answered(page(t="1h"), monkeypatch)
    assert "**1** event" in texts(test)
    test.toggle(key="logs_follow").set_value(True).run()
    assert "**1** event" in texts(test)
    engine.go.clear()
    monkeypatch.setattr("app.logs.views.FOLLOWS_S", 0.05)
    monkeypatch.setattr(logs_progress, "AT_ONCE_S", 0.05)
    assert "**1** event" in texts(test.run())
    assert not test.exception


def test_a_damaged_object_is_reported(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    source.lake.put_bytes(LogFormat.JSON, b"\x1b[31mno JSON", name="x.gz")
    source.engine("duckdb").go.set()
    test = answered(page(), monkeypatch)
    assert "**3** events" in texts(test)
    assert "Skipped lines that are not events in JSON: 1" in texts(test)


def test_a_truncated_result_is_reported(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.logs.sql_mode.ANSWER_BYTES", 100_000)
    source.engine("duckdb").go.set()
    test = answered(page(view="sql", sql="SELECT range FROM range(10_000_000)"), monkeypatch)
    assert "The result is truncated" in texts(test)


def test_the_list_shows_a_window_of_pages(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs_data, "PAGE", 1)
    monkeypatch.setattr("app.logs.window.PAGES", 2)
    shown: list[Rows] = []
    clicks: list[dict[str, Any]] = []

    def events(rows: Rows, search: Any, **others: Any) -> dict[str, Any]:
        shown.append(rows)
        return clicks.pop() if clicks else {}

    monkeypatch.setattr("app.logs.views.show_events", events)
    source.engine("duckdb").go.set()
    test = answered(page(), monkeypatch)

    def after(click: str, value: int = 1) -> tuple[list[str | None], int, bool, bool]:
        clicks.append({click: value})
        test.run()
        rows = shown[-1]
        assert not test.exception and (rows.total == 3 or rows.more)
        return [event.id for event in rows.events], rows.first, rows.newer, rows.more

    assert after("") == (["2"], 0, False, True)
    assert after("more") == (["2", "1"], 0, False, True)
    assert after("more") == (["1", "0"], 1, True, True)
    assert after("more") == (["0"], 2, True, False)
    assert after("newer") == (["1", "0"], 1, True, True)
    assert after("seek", 0) == (["2"], 0, False, True)
    ids, _, newer, _ = after("seek", 2)  # events of a bar are taken to be evenly spread: it may be another
    assert newer and len(ids) == 1
    ids, first, newer, _ = after("newer")
    assert ids[0] == "2" and (first, newer) == (0, False)


def test_an_own_query_with_an_invalid_header_is_reported(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.engine("duckdb").go.set()
    folder = tmp_path / "queries"
    folder.mkdir()
    (folder / "good.sql").write_text("-- chart: bar n nowhere\nSELECT 1 AS n")
    (folder / "bad.sql").write_text("-- parameter: n whole = 1\nSELECT $n AS n")
    (folder / "odd.sql").write_bytes(b"-- title: \xff\nSELECT 1")
    test = answered(page(view="sql", saved="good"), monkeypatch)
    assert not test.exception
    labels = [str(one.label).replace("\\", "") for one in test.expander]
    assert labels == ["bad.sql: The parameter in line 1 is not valid.", "Cannot read odd.sql."]
    assert "-- parameter: name text|integer|number = default" in texts(test)
    assert "-- parameter: n whole = 1\n^" in texts(test)
    assert "No chart: the result must have the columns n and nowhere" in texts(test)
    assert list(test.dataframe[-1].value["n"]) == [1]


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ("SELECT id FROM FROM", "SELECT id FROM FROM\n               ^"),
        ("SELECT\n id, nope FROM events", " id, nope FROM events\n     ^"),
        ("SELECT nope(id) FROM events", "SELECT nope(id) FROM events\n       ^"),
    ],
)
def test_a_mistake_in_sql_is_shown_with_its_position_each_time(
    source: Source, monkeypatch: pytest.MonkeyPatch, sql: str, place: str
) -> None:
    source.engine("duckdb").go.set()
    test = answered(page(view="sql", sql=sql), monkeypatch)
    assert place in texts(test)
    assert place in texts(test.run())


def test_fields_of_json_messages_become_columns(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    source.lake.put(LogFormat.JSON, [Made('{"status": 500}', 9, id="j")])
    source.engine("duckdb").go.set()
    test = answered(page(view="sql", sql="SELECT message FROM events"), monkeypatch)
    test.multiselect(key="logs_fields_chosen").select("$.status").run()
    assert test.dataframe[-1].value["$.status"].dropna().tolist() == [500]
