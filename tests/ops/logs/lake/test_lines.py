"""A line's level comes from where a level is written, and is the same everywhere.

`lines.txt` was labeled before the rules were written. Every third line is held back: the rules were not
changed to fit it.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.audit import Actor, FileAudit
from ops.errors import SettingsError
from ops.logs.compaction.local import plan_compaction
from ops.logs.engines.athena_levels import level_sql
from ops.logs.engines.duckdb import DuckDbEngine
from ops.logs.export.deployment.stacks import compactor_source, relation_sql
from ops.logs.lake.cache import FileCache
from ops.logs.lake.layout import HOUR, LogFormat
from ops.logs.lake.lines.explain import explain
from ops.logs.lake.lines.levels import Levels
from ops.logs.lake.lines.own import load_rules
from ops.logs.lake.lines.rules import ESCAPES, HEAD, LEVEL_OF, NONE, RULES, WRAPPER, Rule
from ops.logs.lake.parts import FIRST_RULES, read_rules
from ops.logs.lake.patterns import patterns_of
from ops.plan import execute
from tests.ops.logs.engines.athena_on_duckdb import run_athena
from tests.ops.logs.lake.labeled import Labeled, labeled_lines, verdicts_on
from tests.ops.logs.sample_lake import DAY, HERE, Lake, Made, ask

LINES = labeled_lines()
WRITTEN = [line for line in LINES if line.line.strip()]
NOW = datetime(2026, 11, 30, tzinfo=UTC)
OWN = """
[[rule]]
name = "mainframe"
regex = '^SEV:(?P<level>\\w+) '
[[rule]]
name = "declined"
regex = 'code=51\\b'
level = "warning"
"""


@pytest.mark.parametrize("held_back", [False, True])
def test_the_level_is_the_labeled_one(held_back: bool) -> None:
    lines = [line for number, line in enumerate(LINES) if (number % 3 == 2) is held_back]
    verdicts = verdicts_on([line.line for line in lines])
    wrong = [
        (line.level, verdict, line.line)
        for line, verdict in zip(lines, verdicts, strict=True)
        if line.level != verdict.level
    ]
    assert len(lines) >= 180
    assert len(wrong) <= 0.02 * len(lines), wrong


def test_both_engines_have_the_same_levels_in_every_format(tmp_path: Path) -> None:
    texts = [line.line for line in WRITTEN]
    levels = [verdict.level or "-" for verdict in verdicts_on(texts)]
    wanted = sorted(zip(texts, levels, strict=True))
    query = "SELECT message, coalesce(level, '-') AS level FROM events"
    for kind in (LogFormat.RAW, LogFormat.JSON):
        lake = Lake(tmp_path / kind)
        lake.put(kind, [Made(line.line, n / 1000, id=str(n)) for n, line in enumerate(WRITTEN)])
        assert lake.rows(query) == wanted
        compact(lake)
        assert lake.rows(query) == wanted
    assert athena(WRITTEN) == levels


def compact(lake: Lake) -> None:
    plan = plan_compaction(lake.engine, DAY, DAY.end + 24 * HOUR)
    execute(plan, actor=Actor("me", "test"), audit=FileAudit(lake.cache.root.parent / "audit.jsonl"))


def athena(lines: list[Labeled], own: tuple[Rule, ...] = ()) -> list[str]:
    messages = pa.array([line.line for line in lines], pa.string())
    template = patterns_of(messages).dictionary_decode()
    connection = duckdb.connect()
    connection.register("events", pa.table({"message": messages, "template": template}))
    sql = f"SELECT COALESCE({level_sql(own)}, '-') AS level FROM events"
    return [level for (level,) in run_athena(connection, sql)]


def test_an_engine_that_backtracks_finds_the_same() -> None:
    """Athena's regular expressions are those of Java, of which Python's are the closest here."""
    tokens = [token_by_backtracking(text) for text in texts_read(WRITTEN)]
    found = [None if token in (None, NONE) else LEVEL_OF[token] for token in tokens]
    assert found == [verdict.level for verdict in verdicts_on([line.line for line in WRITTEN])]


def texts_read(lines: list[Labeled]) -> list[str]:
    """Return the message or pattern from which the level is read, as Athena chooses it."""
    sql = level_sql().partition(" END")[0].partition("SUBSTR(CASE WHEN ")[2]
    messages = pa.array([line.line for line in lines], pa.string())
    connection = duckdb.connect()
    template = patterns_of(messages).dictionary_decode()
    connection.register("events", pa.table({"message": messages, "template": template}))
    return [text for (text,) in run_athena(connection, f"SELECT CASE WHEN {sql} END FROM events")]


def token_by_backtracking(text: str) -> str | None:
    whole = re.sub(ESCAPES, "", text[:HEAD])
    body = re.sub(WRAPPER, "", whole, count=1)
    for rule in RULES:
        read = whole if rule.text == "whole" else body
        match = re.search(rule.regex, read)
        if match and re.search(rule.needs, read):
            token = rule.token or match["token"]
            return f"{rule.kind}{int(token) % 8 if rule.octal else token}".lower()
    return None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=4))
def test_any_text_has_a_level_or_none_and_is_explained(texts: list[str]) -> None:
    levels = Levels()
    messages = pa.array(texts, pa.string())
    found = levels.of(messages, patterns_of(messages)).to_pylist()
    assert found == [line.level for line in explain(texts, levels, NOW)]


def test_the_digits_that_a_level_depends_on_are_read_for_each_message() -> None:
    numbers = ["60", "10", "50", "30"]
    lines = [f'{{"level":{number},"time":17900000{n:05},"msg":"m"}}' for n, number in enumerate(numbers)]
    lines += ["<11>Sep 22 10:11:35 gw a: x", "<14>Sep 22 10:11:35 gw a: x"]
    assert len(set(patterns_of(pa.array(lines)).to_pylist())) == 2
    wanted = ["FATAL", "TRACE", "ERROR", "INFO", "ERROR", "INFO"]
    assert [verdict.level for verdict in verdicts_on(lines)] == wanted
    again = Levels()
    for line, level in zip(lines, wanted, strict=True):  # also when the pattern is known
        assert verdicts_on([line], again)[0].level == level


def test_own_rules_come_first_on_every_engine(tmp_path: Path) -> None:
    path = tmp_path / "log-rules.toml"
    path.write_text(OWN)
    rules = load_rules(path)
    lines = [
        Labeled("FATAL", "", "SEV:crit INFO tape lost"),
        Labeled("WARN", "", "ERROR card refused code=51"),
        Labeled("ERROR", "", "ERROR card refused code=519"),
        Labeled(None, "", "SEV:purple INFO unknown"),
    ]
    wanted = [line.level or "-" for line in lines]
    assert [v.level or "-" for v in verdicts_on([line.line for line in lines], Levels(rules))] == wanted
    assert verdicts_on([lines[0].line], Levels(rules))[0].rule == "mainframe"
    assert athena(lines, rules) == wanted
    lake = Lake(tmp_path)
    lake.put(LogFormat.RAW, [Made(line.line, n) for n, line in enumerate(lines)])
    lake.put(LogFormat.JSON, [Made(line.line, 10 + n, id=str(n)) for n, line in enumerate(lines)])
    sql = "SELECT coalesce(level, '-') AS level FROM events ORDER BY ts"
    plain = [row["level"] for row in ask(lake.engine, DAY, sql).to_pylist()]
    assert plain == 2 * ["INFO", "ERROR", "ERROR", "INFO"]
    engine = DuckDbEngine(lake.store, HERE, FileCache(tmp_path / "cache", 1 << 30), levels=Levels(rules))
    for _ in range(2):
        assert [row["level"] for row in ask(engine, DAY, sql).to_pylist()] == 2 * wanted
        # A cached part with the levels of other rules is made again.
        assert Levels(rules).id in map(read_rules, lake.cache.root.rglob("parts/**/*.parquet"))
        compact(lake)
        engine.list(DAY, fresh=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[rule]]\nname = 'a'\nregex = '('\nlevel = 'ERROR'", "line 3: rule.regex is not valid"),
        ("[[rule]]\nname = 'a'\nregex = '(x)(?P<level>y)'", "line 3: rule.regex is not valid"),
        ("[[rule]]\nname = 'a'\nregex = 'x'\nlevel = 'LOUD'", "line 4: rule.level is 'LOUD'"),
        ("[[rule]]\nname = 'a'\nregex = 'x'", "line 3: rule.regex needs either"),
        ("[[rule]]\nname = 'a'\nregex = '(?P<level>x)'\nlevel = 'ERROR'", "line 3: rule.regex needs either"),
        ("[[rule]]\nname = 'a'\nregex = 'x'\nlevle = 'ERROR'", "line 4: rule.levle is not a known key"),
        (
            "[[rule]]\nname = 'a'\nregex = 'x'\nlevel = 'ERROR'\n[[rule]]\nregex = 'y'",
            "line 5: rule.name is missing",
        ),
        ("[[rules]]\nname = 'a'", "line 1: rules is not a known key"),
        ("rule = 3", "line 1: rule is not a list of tables"),
        ("\nrule", "line 2: not valid TOML"),
    ],
)
def test_a_mistake_in_own_rules_is_reported(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "log-rules.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=re.escape(expected)) as caught:
        load_rules(path)
    assert caught.value.hint
    assert load_rules(tmp_path / "absent.toml") == ()


def by_slipway(events: pa.Table, path: Path) -> None:
    facts = b'{"sources": [], "needs": [], "notes": [], "templates": 1}'
    with pq.ParquetWriter(path, events.schema) as writer:
        writer.write_table(events)
        writer.add_key_value_metadata({b"slipway": facts})


def by_athena(events: pa.Table, path: Path) -> None:
    pq.write_table(events.replace_schema_metadata(), path)


@pytest.mark.parametrize("write", [by_slipway, by_athena])
def test_levels_of_earlier_rules_are_determined_again(
    tmp_path: Path, write: Callable[[pa.Table, Path], None]
) -> None:
    lake = Lake(tmp_path)
    lake.put(LogFormat.RAW, [Made("GET /error/42 200", 1), Made('{"level":50,"time":1,"msg":"x"}', 2)])
    compact(lake)
    sql = "SELECT message, coalesce(level, '-') AS level FROM events"
    wanted = lake.rows(sql)
    assert [level for _, level in wanted] == ["-", "ERROR"]
    (path,) = lake.store.root.rglob("part-*.parquet")
    assert read_rules(path) == Levels().id
    events = pq.read_table(path)
    wrong = events.set_column(events.column_names.index("level"), "level", pa.array(["WARN", "WARN"]))
    write(wrong, path)
    assert read_rules(path) == FIRST_RULES
    assert Lake(tmp_path, 1 << 29).rows(sql) == wanted


def test_athenas_parts_name_their_rules_in_a_column(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"level": ["INFO"], "rules": ["7"]}), path)
    assert read_rules(path) == "7"
    pq.write_table(pa.table({"level": ["INFO"]}), path)
    assert read_rules(path) == FIRST_RULES
    path.write_bytes(b"PAR1")
    assert read_rules(path) is None


def test_the_compactors_environment_fits_lambda() -> None:
    """Lambda limits it to 4 KB; the other variables are short."""
    assert sum(len(name) + len(value) for name, value in relation_sql().items()) < 3000
    variables: dict[str, object] = {}
    header = compactor_source().partition('"""')[0]
    exec(header, variables)
    assert variables["os"].environ.pop("LEVEL") == level_sql()  # type: ignore[attr-defined]


TIMES = {
    '{"level":30,"time":1790000000123,"msg":"x"}': "2026-09-21T14:13:20.123Z",
    '{"ts":1790000001.5,"level":"debug"}': "2026-09-21T14:13:21.500Z",
    '{"timeUnixNano":"1790000002000000000","severityNumber":9}': "2026-09-21T14:13:22.000Z",
    '{"t":{"$date":"2026-09-22T10:11:18.001+02:00"},"s":"I","c":"N"}': "2026-09-22T08:11:18.001Z",
    '{"log":"2026-09-22 10:11:26,300 ERROR x\\n","stream":"stdout"}': "2026-09-22T10:11:26.300Z",
    "E0922 10:11:34.000003       1 a.go:330] x": "2026-09-22T10:11:34.000Z",
    "Dec 24 10:11:36 host sshd[1]: x": "2025-12-24T10:11:36.000Z",  # not in the future
    "[Tue Sep 22 10:11:48.100001 2026] [core:error] [pid 88] x": "2026-09-22T10:11:48.100Z",
    '1.2.3.4 - - [22/Sep/2026:10:11:47 -0130] "GET / HTTP/1.1" 200 1': "2026-09-22T11:41:47.000Z",
    "Sep 22, 2026 12:11:43 AM com.acme.Boot main": "2026-09-22T00:11:43.000Z",
    "26/09/22 10:11:42 INFO x": "2026-09-22T10:11:42.000Z",
    "2026-99-22 10:11:42 INFO x": None,
    "no time": None,
}


@pytest.mark.parametrize("line", TIMES)
def test_the_time_is_the_written_one(line: str) -> None:
    (explained,) = explain([line], Levels(), NOW)
    moment = explained.time and explained.time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert moment == TIMES[line]


KINDS: dict[str, tuple[str, dict[str, object]]] = {
    '{"_aws":{"Timestamp":1},"n":1}': ("emf", {"n": 1}),
    '{"log":"{\\"level\\":\\"error\\"}\\n","stream":"stderr"}': ("docker", {"log": {"level": "error"}}),
    '2026-09-22T10:11:28.1Z stderr F {"level":"error"}': ("cri", {"stream": "stderr", "level": "error"}),
    '2026-09-22T10:11:32Z INFO {"status":500}': ("text with json", {"status": 500}),
    'level=error msg="a \\"b\\"" n=3': ("logfmt", {"level": "error", "msg": 'a "b"', "n": "3"}),
    "I0922 10:11:34.1  7 s.go:155] x y": ("klog", {"file": "s.go", "line": "155", "message": "x y"}),
    "<14>Sep 22 10:11:35 gw charon[9]: x": ("syslog", {"priority": "14", "host": "gw", "app": "charon"}),
    '1.2.3.4 - - [22/Sep/2026:10:11:47 +0000] "GET /a HTTP/1.1" 200 1': ("access log", {"status": "200"}),
    "java.lang.Error: x": ("traceback", {}),
    "hello": ("text", {}),
    '{"a":' * 2000: ("text", {}),
}


@pytest.mark.parametrize("line", KINDS, ids=[kind for kind, _ in KINDS.values()])
def test_the_kind_and_the_fields_are_read(line: str) -> None:
    (explained,) = explain([line], Levels(), NOW)
    kind, fields = KINDS[line]
    assert explained.kind == kind
    assert fields.items() <= dict(explained.fields).items()
