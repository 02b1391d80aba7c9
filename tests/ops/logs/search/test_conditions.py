"""Boolean searches against a plain scan: in every format, before and after compaction, on both engines."""

from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.audit import Actor, FileAudit
from ops.logs.compaction.local import plan_compaction
from ops.logs.lake.layout import LogFormat
from ops.logs.lake.lines.levels import Levels
from ops.logs.lake.patterns import patterns_of
from ops.logs.search import exploration
from ops.logs.search.folding import folded
from ops.logs.search.language.parser import parse
from ops.logs.search.language.writing import text_of
from ops.logs.search.message_fields import MACRO
from ops.logs.search.message_filter import needles
from ops.logs.search.model import And, Condition, Filter, Not, Or, Search, Term
from ops.logs.search.query import Count, Query
from ops.logs.search.sql import statements
from ops.plan import execute
from tests.ops.logs.engines.athena_on_duckdb import run_translated
from tests.ops.logs.sample_lake import DAY, Lake, Made, escape
from tests.ops.logs.search.naive import matches

MESSAGES = [
    "ERROR timeout after 17 ms",
    "INFO request 3f2a took 120 ms",
    "WARN slow: status=503 path=/api user=ada",
    "7straße", "STRASSE", "ΣΊΣΥΦΟΣ", "σίσυφος", "took 3e\u0301 ms", "cafe\u0301", "Café", "cafe",
    "İstanbul", "\u212bngstr\u00f6m", "\u212a", "\u037e\u1fef",
    '{"level": "error", "status": 500, "user": {"name": "ada"}, "big": 9007199254740993}',
    '{"status": "200", "http.path": "/x", "message": "timed out"}',
    '2026-11-24T10:00:00Z INFO {"status": 404, "user": {"name": "bob"}}',
    '{"log": "{\\"level\\":\\"warn\\",\\"status\\":503}\\n", "stream": "stderr"}',
    '{"st\\u0061tus": 418}',
    "connect to localhost:5432 failed, retry: 3.",
    "time fooXYZout and time out",
    "", "no level here deadbeef", "a\nb error\ttimeout",
]  # fmt: skip
EVENTS = [
    Made(f"{message}", n * 60, group=f"/app/{'one' if n % 3 else 'two'}", stream=f"s{n % 2}", id=f"{n:04}")
    for n, message in enumerate(MESSAGES * 2)
]

TEXTS = (
    "error|TIMEOUT|17|took 120 ms|straße|strasse|sse|asse|ΣΊΣΥΦΟΣ|café|cafe\u0301|cafe|é|\u0301|istanbul|k|"
    ";|`|ångström|dead|nothing|a|status"
).split("|")
WILD = ["time*out", "3*took", "str*e", "INFO*request"]
REGEXES = [r"time\w*", "error|warn", r"took \d+", "^info", "st.{2}us", "ada$"]
TERMS = st.one_of(
    st.builds(Term, st.sampled_from(TEXTS), st.just("text"), st.booleans()),
    st.builds(Term, st.sampled_from(WILD), st.just("wildcard")),
    st.builds(Term, st.sampled_from(REGEXES), st.just("regex"), st.booleans()),
)
NAMES = [
    "status",
    "$.status",
    "user",
    "$.user.name",
    "user.name",
    "http.path",
    "localhost",
    "retry",
    "big",
    "level.x",
]
MESSAGE_FIELDS = st.sampled_from(NAMES)
VALUES = ["500", "503", "ada", "5432", "3", "404", "418", "/x", "", "9007199254740993"]
BOUNDS = ["500", "404.5", "b", "9007199254740992"]
FILTERS = st.one_of(
    st.builds(Filter, MESSAGE_FIELDS, st.sampled_from(VALUES)),
    st.builds(Filter, MESSAGE_FIELDS, st.sampled_from(["5??", "*", "a*", "*0*"]), st.just("glob")),
    st.builds(Filter, MESSAGE_FIELDS, st.sampled_from(BOUNDS), st.sampled_from(["<", "<=", ">", ">="])),
    st.builds(Filter, MESSAGE_FIELDS, st.sampled_from(["^5", "A|b"]), st.just("regex")),
    st.builds(Filter, st.just("level"), st.sampled_from(["ERROR", "INFO", "WARN", ""])),
    st.builds(Filter, st.just("level"), st.just("*"), st.just("glob")),
    st.builds(Filter, st.just("group"), st.sampled_from(["/app/*", "/app/one", "/app/t?o"]), st.just("glob")),
    st.builds(Filter, st.just("stream"), st.sampled_from(["s0", "s1", "s9"])),
    st.builds(Filter, st.just("id"), st.sampled_from(["0003", ""])),
    st.builds(Filter, st.just("pattern"), st.just("ERROR timeout after * ms")),
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    st.one_of(TERMS, FILTERS),
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(tuple).map(And),
        st.lists(inner, min_size=2, max_size=3).map(tuple).map(Or),
    ),
    max_leaves=6,
)


def table() -> pa.Table:
    """Return the events as rows of `events`."""
    messages = pa.array([one.message for one in EVENTS], pa.string())
    patterns = patterns_of(messages)
    columns = {
        "account": ["1"] * len(EVENTS),
        "region": ["r"] * len(EVENTS),
        "log_group": [one.group for one in EVENTS],
        "log_stream": [one.stream for one in EVENTS],
        "ts": pa.array([one.ts.replace(tzinfo=None) for one in EVENTS], pa.timestamp("ms")),
        "message": messages,
        "id": [one.id for one in EVENTS],
        "pattern": patterns.dictionary_decode(),
        "level": Levels().of(messages, patterns).dictionary_decode(),
    }
    return pa.table(columns)


@pytest.fixture(scope="module")
def database() -> duckdb.DuckDBPyConnection:
    """The events as plain events, and as masked ones with their distinct patterns."""
    connection = duckdb.connect(config={"threads": 1})
    connection.register("all_events", table())
    connection.execute(MACRO)
    connection.execute("CREATE TABLE events AS FROM all_events")
    connection.execute("CREATE TABLE masked_events AS FROM events")
    connection.execute("CREATE TABLE plain_events AS FROM events WHERE false")
    connection.execute("CREATE TABLE known_patterns AS SELECT DISTINCT pattern FROM events")
    return connection


def differences(database: duckdb.DuckDBPyConnection, condition: Condition) -> list[str]:
    """Return which way of reading the events does not find what a plain scan finds."""
    rows = table().to_pylist()
    wanted = sum(matches(condition, row) for row in rows)
    found: dict[str, object] = {}
    for name, has_patterns in (("plain", False), ("patterns", True)):
        (statement,) = statements(Query(Search(DAY, condition), Count()), has_patterns=has_patterns)
        found[name] = database.execute(statement.sql, statement.parameters).fetchone()
    (statement,) = statements(Query(Search(DAY, condition), Count()))
    (found["athena"],) = run_translated(database, statement.sql, statement.parameters)
    lines = [escape(row["message"]).lower() for row in rows if matches(condition, row)]
    lost = [line for line in lines if not all(needle in line for needle in needles(condition))]
    wrong = [f"{name}: {count} instead of {wanted}" for name, count in found.items() if count != (wanted,)]
    return wrong + [f"needles leave out {line}" for line in lost]


@given(condition=CONDITIONS)
def test_a_search_finds_what_a_plain_scan_finds(
    database: duckdb.DuckDBPyConnection, condition: Condition
) -> None:
    assert differences(database, condition) == []


@pytest.mark.thorough
@settings(max_examples=3000)
@given(condition=CONDITIONS)
def test_many_searches_find_what_a_plain_scan_finds(
    database: duckdb.DuckDBPyConnection, condition: Condition
) -> None:
    assert differences(database, condition) == []


@given(condition=CONDITIONS)
def test_a_condition_and_its_text_are_the_same(condition: Condition) -> None:
    read, rows = parse(text_of(condition)), table().to_pylist()
    assert [matches(read, row) for row in rows] == [matches(condition, row) for row in rows]
    assert parse(text_of(read)) == read


FORMATS = (LogFormat.RAW, LogFormat.JSON, LogFormat.CLOUDWATCH, LogFormat.OLDER)


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Lake]:
    """The events in every format, as delivered and compacted."""
    root = tmp_path_factory.mktemp("lakes")
    made: dict[str, Lake] = {}
    for kind in FORMATS:
        events = [one for one in EVENTS if kind is not LogFormat.OLDER or "\n" not in one.message]
        for state in ("delivered", "compacted"):
            lake = made[f"{kind} {state}"] = Lake(root / f"{kind}-{state}")
            lake.put(kind, events[::2])
            lake.put(kind, events[1::2])
            if state == "compacted":
                plan = plan_compaction(lake.engine, DAY, DAY.end + timedelta(days=1))
                execute(plan, actor=Actor("me", "test"), audit=FileAudit(root / f"{kind}.jsonl"))
                assert not lake.engine.list(DAY, fresh=True).fresh
    return made


def in_lakes(lakes: dict[str, Lake], condition: Condition) -> list[str]:
    """Return in which lake an engine does not find what a plain scan finds."""
    wrong = []
    for name, lake in lakes.items():
        rows = lake.run("SELECT * FROM events").table().to_pylist()
        wanted = sorted(row["message"] for row in rows if matches(condition, row))
        events = exploration.newest(lake.engine, Search(DAY, condition), 1000)
        counted = exploration.count(lake.engine, Search(DAY, condition))
        if sorted(event.message for event in events) != wanted or counted != len(wanted):
            wrong.append(f"{name}: {len(events)} events, {counted} counted instead of {len(wanted)}")
    return wrong


def test_a_search_is_the_same_in_every_format(lakes: dict[str, Lake]) -> None:
    text = '(strasse OR status:>=500 OR (level:info NOT "17")) NOT (group:/app/two stream:s1)'
    assert in_lakes(lakes, parse(text)) == []


@pytest.mark.thorough
@settings(max_examples=300)
@given(condition=CONDITIONS)
def test_many_searches_are_the_same_in_every_format(lakes: dict[str, Lake], condition: Condition) -> None:
    assert in_lakes(lakes, condition) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("STRASSE", "Straße"),
        ("straße", "STRASSE"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("caf\u00e9", "Cafe\u0301"),
        ("cafe\u0301", "CAF\u00c9"),
        ("ångström", "\u212bNGSTRÖM"),
    ],
)
def test_letters_are_the_same_however_they_are_written(text: str, message: str) -> None:
    assert folded(text) == folded(message)


def test_an_accent_on_a_letter_that_a_pattern_masks_is_found(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.put(LogFormat.JSON, [Made("took 3e\u0301 ms", id="1")])
    for _ in range(2):  # the second time from the cached part
        found = exploration.newest(lake.engine, Search(DAY, Term("\u00e9")), 10)
        assert [event.message for event in found] == ["took 3e\u0301 ms"]
