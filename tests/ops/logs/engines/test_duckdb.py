"""Every format is read exactly, even from damaged objects; SQL can only read `events`."""

import gzip
import threading
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.audit import Actor, FileAudit
from ops.errors import InputError
from ops.logs.compaction.local import plan_compaction
from ops.logs.lake.layout import COLUMNS, LogFormat, Partition, Scope
from ops.logs.lake.parts import PartFacts
from ops.logs.lake.readers import read_object
from ops.logs.search import exploration
from ops.logs.search.cursor import QueryCanceled
from ops.logs.search.language.parser import parse
from ops.logs.search.model import Filter, Search
from ops.logs.search.query import sql_query
from ops.plan import execute
from tests.ops.logs.sample_lake import DAY, START, Lake, Made, ask, encode

NASTY = [
    "plain",
    "",
    "two\nlines\n",
    "a\ttab and \\t a written one, \\\\n too",
    "quotes \" and ' and ,",
    "lone \r carriage return\r\n",
    "NUL \x00 inside",
    "emoji 🚚 and ünïcode \u2028",
    "\n",
    "ends in a backslash \\",
    "x" * 300_000,
    '{"level": "warn", "path": {"a": [1, 2]}}',
]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


@pytest.mark.parametrize("kind", [LogFormat.RAW, LogFormat.JSON, LogFormat.CLOUDWATCH, LogFormat.OLDER])
def test_every_format_is_read_exactly(lake: Lake, kind: LogFormat) -> None:
    made = [Made(text, n, stream=f"s{n % 3}", id=f"id{n}") for n, text in enumerate(NASTY)]
    lake.put(kind, made[:5])
    lake.put(kind, made[5:])
    wanted = [(one.group, one.stream, one.ts.replace(tzinfo=None), one.message) for one in made]
    assert lake.rows() == sorted(wanted)
    assert lake.rows() == sorted(wanted)  # from the cache
    assert lake.notes() == ""


TEXTS = st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=6)


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_the_exact_readers_preserve_any_text(texts: list[str]) -> None:
    made = [Made(text, n, id=str(n)) for n, text in enumerate(texts)]
    for kind in (LogFormat.RAW, LogFormat.JSON, LogFormat.CLOUDWATCH):
        read = read_object(kind, encode(kind, made), Partition(START), "x")
        assert read.events["message"].to_pylist() == texts
        assert read.notes == ()


@pytest.mark.parametrize("kind", [LogFormat.JSON, LogFormat.CLOUDWATCH])
def test_a_duplicate_is_dropped_and_an_equal_event_is_not(lake: Lake, kind: LogFormat) -> None:
    twins = [Made("same", 1, id="1"), Made("same", 1, id="2")]
    lake.put(kind, twins)
    lake.put(kind, [*twins, Made("other", 2, id="3")])
    assert lake.messages() == ["other", "same", "same"]
    lake.put(kind, [*twins, Made("late", 3, id="4")])
    assert lake.messages() == ["late", "other", "same", "same"]
    lake.put(kind, [Made("elsewhere", 1, stream="t", id="1")])
    assert lake.messages() == ["elsewhere", "late", "other", "same", "same"]


def test_the_scope_limits_time_group_account_and_region(lake: Lake) -> None:
    lake.put(LogFormat.RAW, [Made("in", 10, "/a/x"), Made("late", 20, "/a/x"), Made("other", 10, "/b_")])
    ten = Scope(START + timedelta(seconds=10), START + timedelta(seconds=20), groups=("/a/*",))
    assert lake.messages(ten) == ["in"]
    assert lake.messages(Scope(START, DAY.end, groups=("/b?",))) == ["other"]
    assert lake.messages(Scope(START, DAY.end, accounts=("222222222222",))) == []
    assert lake.messages(Scope(START, DAY.end, regions=("eu-west-1",))) == ["in", "late", "other"]


def test_level_and_pattern_are_the_same_for_raw_and_others(lake: Lake) -> None:
    texts = ["ERROR 17 x3f", "info: 3f2a9c", "no level", '{"level":"WARN"}', "[Notice] ünï 5"]
    query = "SELECT pattern, level FROM events"
    lake.put(LogFormat.RAW, [Made(text) for text in texts])
    raw = ask(lake.engine, DAY, query).sort_by("pattern").to_pylist()
    other = Lake(lake.cache.root / "other")
    other.put(LogFormat.JSON, [Made(text, id=text) for text in texts])
    assert raw == ask(other.engine, DAY, query).sort_by("pattern").to_pylist()
    assert {row["level"] for row in raw} == {"ERROR", "INFO", "WARN", None}


@pytest.mark.parametrize("compacted", [False, True])
def test_template_is_the_same_as_pattern(lake: Lake, compacted: bool) -> None:
    for kind in (LogFormat.RAW, LogFormat.JSON, LogFormat.CLOUDWATCH):
        lake.put(kind, [Made(f"ERROR {kind} took {n} ms", n, id=f"{kind}{n}") for n in range(3)])
    if compacted:
        plan = plan_compaction(lake.engine, DAY, DAY.end + timedelta(days=1))
        execute(plan, actor=Actor("me", "test"), audit=FileAudit(lake.cache.root.parent / "audit.jsonl"))
        for path in lake.store.root.rglob("*.parquet"):  # parts keep the column's former name
            assert {"template", "level"} <= set(pq.read_schema(path).names) - {"pattern"}
    for sql in (
        "SELECT {0}, count(*) AS n FROM events GROUP BY {0}",
        "SELECT message FROM events WHERE {0} = 'ERROR json took * ms'",
        'WITH named AS (SELECT "{0}" AS kind FROM events) SELECT kind FROM named',
    ):
        old, new = (lake.rows(sql.format(name)) for name in ("template", "pattern"))
        assert old == new
        assert new
    names = [column.name for column in COLUMNS]
    assert ask(lake.engine, DAY, "SELECT * FROM events WHERE message <> 'template'").column_names == names
    found = ask(lake.engine, DAY, "SELECT * FROM events WHERE template LIKE 'ERROR%'")
    assert found.column_names == [*names, "template"]
    assert found["template"] == found["pattern"]


@pytest.mark.parametrize("field", ["pattern", "template"])
def test_a_search_by_pattern_works_with_both_names(lake: Lake, field: str) -> None:
    lake.put(LogFormat.JSON, [Made("took 17 ms", id="1"), Made("other", 1, id="2")])
    for condition in (parse(f'{field}:"took * ms"'), Filter(field, "took * ms")):
        events = exploration.newest(lake.engine, Search(DAY, condition), 10)
        assert [event.pattern for event in events] == ["took * ms"]


def faulty(kind: LogFormat) -> dict[str, bytes]:
    good = encode(kind, [Made("before", id="b"), Made("gone " * 9999, id="g")])
    return {
        "truncated.gz": good[: len(good) // 2],
        "latin1.gz": gzip.compress(gzip.decompress(good).replace(b"before", b"bef\xf6re")),
        "plain.gz": gzip.decompress(good),
        "packed": good,
    }


@pytest.mark.parametrize("kind", [LogFormat.RAW, LogFormat.JSON, LogFormat.OLDER])
@pytest.mark.parametrize("name", ["truncated.gz", "latin1.gz", "plain.gz", "packed"])
def test_a_damaged_object_does_not_affect_others(lake: Lake, kind: LogFormat, name: str) -> None:
    lake.put(kind, [Made("good", id="1")])
    lake.put_bytes(kind, faulty(kind)[name], name=name)
    for _ in range(2):
        found = lake.messages()
        assert "good" in found
        if name == "truncated.gz":
            assert "truncated or damaged" in lake.notes()
        elif name == "latin1.gz":
            assert "bef�re" in found
            assert "is not UTF-8" in lake.notes()
        else:
            assert "before" in found


def test_objects_outside_the_layout_are_skipped_with_a_note(lake: Lake) -> None:
    lake.put(LogFormat.JSON, [Made("good", id="1")])
    lake.put_bytes(LogFormat.JSON, b"\x89PNG not a log", name="image.png")
    lake.store.put("raw/account=111111111111/region=eu-west-1/date=2026-11-24/readme.txt", b"hello")
    assert lake.messages() == ["good"]
    assert "Skipped lines that are not events in JSON: 1" in lake.notes()
    assert "readme.txt" in lake.notes()


def test_an_object_deleted_after_listing_is_reported(lake: Lake) -> None:
    key = lake.put(LogFormat.JSON, [Made("gone", id="1")])
    lake.put(LogFormat.JSON, [Made("here", id="2")])
    lake.engine.list(DAY)
    (lake.store.root / key).unlink()
    answer = lake.engine.run(sql_query(DAY, "SELECT message FROM events"))
    assert answer.table()["message"].to_pylist() == ["here"]
    assert "no longer exists" in answer.notes[0]


@pytest.mark.parametrize("kind", [LogFormat.RAW, LogFormat.JSON])
def test_a_full_disk_only_makes_it_slower(
    lake: Lake, kind: LogFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.put(kind, [Made("one", id="1"), Made("two", id="2")])

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(Path, "mkdir", full)
        assert lake.messages() == ["one", "two"]
        assert "No space left" in lake.notes()
    assert lake.messages() == ["one", "two"]
    assert lake.notes() == ""


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("COPY events TO 'x.csv'", "single SELECT"),
        ("SELECT 1; SELECT 2", "single SELECT"),
        ("INSTALL httpfs", "single SELECT"),
        ("SET threads = 1", "single SELECT"),
        ("ATTACH 'x.db'", "single SELECT"),
        ("SELECT * FROM read_text('/etc/passwd')", "read_text"),
        ("SELECT (SELECT count(*) FROM glob('/*'))", "glob"),
        ("SELECT * FROM '/etc/passwd'", "/etc/passwd"),
        ("SELECT nope FROM events", "nope"),
        ("SELEC 1", "not valid"),
    ],
)
def test_sql_reads_events_and_nothing_else(lake: Lake, sql: str, word: str) -> None:
    with pytest.raises(InputError, match=word):
        ask(lake.engine, DAY, sql)


def test_parameters_are_bound_and_events_may_be_read_twice(lake: Lake) -> None:
    lake.put(LogFormat.RAW, [Made("a'b"), Made("c")])
    sql = "WITH e AS (SELECT * FROM events) SELECT count(*) AS n FROM e, events x WHERE e.message = $text"
    assert ask(lake.engine, DAY, sql, {"text": "a'b", "unused": 1})["n"].to_pylist() == [2]


def test_an_empty_dataset_gives_an_empty_result(lake: Lake) -> None:
    assert ask(lake.engine, DAY, "SELECT * FROM events").num_rows == 0


def test_a_query_can_be_canceled(lake: Lake) -> None:
    cursor = lake.engine.run(sql_query(DAY, "SELECT a.range FROM range(3000000) a, range(1000000) b"))
    next(iter(cursor))
    cursor.cancel()
    with pytest.raises(QueryCanceled):
        for _ in cursor:
            pass


def test_many_threads_query_at_once(lake: Lake) -> None:
    lake.put(LogFormat.JSON, [Made(str(n), n, id=str(n)) for n in range(500)])
    found: list[int] = []

    def count() -> None:
        found.append(ask(lake.engine, DAY, "SELECT count(*) AS n FROM events")["n"][0].as_py())

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [500] * 8


class Looks:
    """Counts how often the parts of an hour are searched."""

    def __init__(self, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
        loader = lake.engine.loader
        self.number, look = 0, loader.known_parts

        def counted(partition: Partition) -> dict[Path, PartFacts]:
            self.number += 1
            return look(partition)

        monkeypatch.setattr(loader, "known_parts", counted)


@pytest.fixture
def searched(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> tuple[Lake, Looks]:
    """A lake with one hour that is cached as a part and remembered."""
    looks = Looks(lake, monkeypatch)
    lake.put(LogFormat.JSON, [Made("first", 1, id="1")])
    for _ in range(2):
        assert lake.messages() == ["first"]
    assert looks.number == 2
    return lake, looks


def test_an_immediate_repeat_does_not_look_for_files(searched: tuple[Lake, Looks]) -> None:
    lake, looks = searched
    assert lake.messages() == ["first"]
    assert looks.number == 2
    lake.put(LogFormat.JSON, [Made("second", 2, id="2")])
    assert lake.messages() == ["first", "second"]
    assert looks.number == 3


@pytest.mark.parametrize("harm", ["gone", "broken off"])
def test_a_missing_part_is_made_again(searched: tuple[Lake, Looks], harm: str) -> None:
    lake, _ = searched
    (part,) = (lake.cache.root / "parts").rglob("*.parquet")
    part.unlink() if harm == "gone" else part.write_bytes(part.read_bytes()[:50])
    assert lake.messages() == ["first"]
