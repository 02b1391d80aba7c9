"""Compaction never changes results: before, during, after a crash, with late and duplicate events."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.audit import Actor, FileAudit
from ops.errors import Throttled
from ops.logs.compaction.local import plan_compaction
from ops.logs.lake.layout import HOUR, LogFormat, Scope
from ops.logs.lake.manifest import MadePart, Manifest
from ops.logs.search import exploration
from ops.logs.search.model import Not, Search, Term
from ops.plan import Outcome, Status, execute
from tests.ops.logs.sample_lake import DAY, START, Lake, Made


def compact(lake: Lake, now_h: int = 48, scope: Scope = DAY) -> Outcome:
    plan = plan_compaction(lake.engine, scope, START + now_h * HOUR)
    return execute(plan, actor=Actor("me", "test"), audit=FileAudit(lake.cache.root.parent / "audit.jsonl"))


def statuses(outcome: Outcome) -> list[Status]:
    return [result.status for result in outcome.results]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


@pytest.mark.parametrize("kind", [LogFormat.RAW, LogFormat.JSON, LogFormat.CLOUDWATCH, LogFormat.OLDER])
def test_compaction_does_not_change_the_events(lake: Lake, kind: LogFormat) -> None:
    made = [Made(f"event {n}\nERROR {n}", 600 * n, id=str(n)) for n in range(12)]
    for one in made:
        lake.put(kind, [one])
    columns = "SELECT * REPLACE (coalesce(id, '') AS id, coalesce(level, '') AS level) FROM events"
    before = lake.rows(columns)
    assert len(before) == 12
    assert statuses(compact(lake)) == [Status.DONE]
    listing = lake.engine.list(DAY, fresh=True)
    assert (len(listing.parts), len(listing.fresh), listing.covered) == (2, 0, 12)
    assert lake.rows(columns) == before
    assert compact(lake).results == ()


def test_late_events_are_read_with_the_parts_and_then_compacted(lake: Lake) -> None:
    lake.put(LogFormat.JSON, [Made("one", 1, id="1"), Made("two", 2, id="2")])
    compact(lake)
    lake.put(LogFormat.JSON, [Made("two", 2, id="2"), Made("late", 3, id="3")])
    assert lake.messages() == ["late", "one", "two"]
    assert lake.messages() == ["late", "one", "two"]
    compact(lake)
    assert lake.messages() == ["late", "one", "two"]
    assert len(lake.engine.list(DAY, fresh=True).parts) == 2


def test_an_incomplete_hour_is_not_compacted(lake: Lake) -> None:
    lake.put(LogFormat.RAW, [Made("now")])
    assert compact(lake, now_h=1).results == ()


@pytest.mark.parametrize("broken", ["upload", "put"])
def test_after_a_crash_the_hour_is_unchanged_and_a_second_run_succeeds(
    lake: Lake, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.put(LogFormat.JSON, [Made("one", 1, id="1")])
    with monkeypatch.context() as crash:

        def fail(*_: object) -> None:
            raise Throttled("S3 throttles", hint="")

        crash.setattr(lake.store, broken, fail)
        assert statuses(compact(lake)) == [Status.FAILED]
    assert lake.messages() == ["one"]
    assert statuses(compact(lake)) == [Status.DONE]
    assert lake.messages() == ["one"]


def test_an_hour_that_fails_does_not_stop_the_others_of_its_day(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hour in range(5):
        lake.put(LogFormat.RAW, [Made(f"hour {hour}", 3600 * hour)])
    everything = lake.messages()
    upload = lake.store.upload

    def fail(path: Path, key: str) -> None:
        if "hour=12" in key:
            raise Throttled("S3 throttles", hint="")
        upload(path, key)

    with monkeypatch.context() as fault:
        fault.setattr(lake.store, "upload", fail)
        assert statuses(compact(lake)) == [Status.FAILED]
    assert [obj.partition.hour.hour for obj in lake.engine.list(DAY, fresh=True).fresh] == [12]
    assert lake.messages() == everything
    assert statuses(compact(lake)) == [Status.DONE]
    assert len(lake.engine.list(DAY, fresh=True).parts) == 5
    assert lake.messages() == everything


def test_a_damaged_source_is_not_compacted(lake: Lake) -> None:
    lake.put(LogFormat.JSON, [Made("good", id="1")])
    lake.put_bytes(LogFormat.JSON, b"not json\n", name="bad")
    compact(lake)
    assert lake.messages() == ["good"]
    listing = lake.engine.list(DAY, fresh=True)
    assert [obj.key.rsplit("/", 1)[1] for obj in listing.fresh] == ["bad"]
    assert "not events in JSON" in lake.notes()


def test_a_missing_part_is_read_from_its_sources(lake: Lake) -> None:
    lake.put(LogFormat.JSON, [Made("one", 1, id="1")])
    compact(lake)
    (part,) = lake.engine.list(DAY, fresh=True).parts
    (lake.store.root / part.key).unlink()
    assert lake.messages() == ["one"]


def test_an_invalid_manifest_is_reported_and_the_sources_are_read(lake: Lake) -> None:
    lake.put(LogFormat.JSON, [Made("one", 1, id="1")])
    lake.put_bytes(LogFormat.COMPACTED, b"{}", name="_manifest.json")
    assert lake.messages() == ["one"]
    assert "not a valid manifest" in lake.notes()


@pytest.mark.parametrize("kind", [LogFormat.RAW, LogFormat.JSON, LogFormat.COMPACTED])
def test_a_truncated_cached_file_is_fetched_or_made_again(
    lake: Lake, kind: LogFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.put(
        LogFormat.JSON if kind is LogFormat.JSON else LogFormat.RAW,
        [Made("one", id="1"), Made("two", id="2")],
    )
    if kind is LogFormat.COMPACTED:
        compact(lake)
    assert lake.messages() == ["one", "two"]
    cached = [path for path in lake.cache.root.rglob("*") if path.is_file()]
    whole = {path: path.read_bytes() for path in cached}
    for path, body in whole.items():
        path.write_bytes(body[:-10])
    assert lake.messages() == ["one", "two"]
    assert lake.notes() == ""
    assert {path: path.read_bytes() for path in cached if path.exists()} == whole


def test_a_part_is_sorted_by_group_pattern_and_time(lake: Lake) -> None:
    made = [("b", 5, "/z"), ("b 1", 4, "/a"), ("a", 9, "/a"), ("b 2", 3, "/a"), ("b 4", 3, "/a")]
    lake.put(LogFormat.RAW, [Made(*one) for one in made])
    compact(lake)
    (part,) = lake.store.root.rglob("*.parquet")
    rows = pq.read_table(part, partitioning=None)
    assert rows["message"].to_pylist() == ["a", "b 2", "b 4", "b 1", "b"]


def parts_of(lake: Lake) -> list[str]:
    """Return the names of the parts, whether a manifest names them or not."""
    return sorted(path.name for path in (lake.store.root / "compacted").rglob("*.parquet"))


@pytest.mark.parametrize("later", ["same sources", "one more source"])
def test_of_two_compactions_at_once_one_wins_and_no_part_is_left_unnamed(
    lake: Lake, later: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.put(LogFormat.JSON, [Made("one", 1, id="1")])
    upload = lake.store.upload
    other = Lake(lake.cache.root.parent)

    def meanwhile(path: Path, key: str) -> None:
        monkeypatch.setattr(lake.store, "upload", upload)
        if later == "one more source":
            other.put(LogFormat.JSON, [Made("two", 2, id="2")], name="other.gz")
        assert statuses(compact(other)) == [Status.DONE]
        upload(path, key)

    monkeypatch.setattr(lake.store, "upload", meanwhile)
    wanted = Status.DONE if later == "same sources" else Status.FAILED
    assert statuses(compact(lake)) == [wanted]
    (named,) = (part.key.rsplit("/", 1)[1] for part in other.engine.list(DAY, fresh=True).parts)
    assert parts_of(lake) == [named]
    assert lake.messages() == (["one"] if later == "same sources" else ["one", "two"])


def test_what_a_killed_run_has_left_is_swept_by_the_next(lake: Lake) -> None:
    key = lake.put(LogFormat.JSON, [Made("one", 1, id="1")])
    where = key.replace("json/", "compacted/").rsplit("/", 1)[0]
    lake.store.put(f"{where}/part-left.parquet", b"half")
    compact(lake)
    assert len(parts_of(lake)) == 1
    assert "part-left.parquet" not in parts_of(lake)
    assert lake.messages() == ["one"]


@pytest.mark.parametrize(("age_h", "stays"), [(1, True), (3, False)])
def test_what_athena_may_be_writing_is_left_and_what_it_abandoned_is_swept(
    lake: Lake, age_h: int, stays: bool
) -> None:
    key = lake.put(LogFormat.JSON, [Made("one", 1, id="1")])
    where = key.replace("json/", "compacted/").rsplit("/", 1)[0]
    begun = datetime.now(UTC) - age_h * HOUR
    lake.store.put(f"{where}/athena-{begun:%Y%m%dT%H%M%SZ}-0123abcd/part", b"half")
    before = lake.messages()
    compact(lake)
    assert bool(list(lake.store.root.rglob("athena-*/part"))) == stays
    assert lake.messages() == before == ["one"]


def test_parts_of_one_folder_are_read_only_if_all_of_them_are_there() -> None:
    source = frozenset({("key", "etag")})
    parts = [
        MadePart(name, 1, 1, 0, LogFormat.JSON, frozenset()) for name in ("athena-1/a", "athena-1/b", "c")
    ]
    manifest = Manifest((replace(parts[0], sources=source), *parts[1:]))
    assert manifest.present({"athena-1/a", "athena-1/b", "c", "else"}) == manifest
    assert manifest.present({"athena-1/a", "c"}) == Manifest((parts[2],))
    assert manifest.present({"athena-1/b", "c"}).sources == frozenset()


@pytest.mark.parametrize("ours_came", [True, False])
def test_a_manifest_that_changed_between_reading_and_writing_is_not_overwritten(
    lake: Lake, ours_came: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.put(LogFormat.JSON, [Made("one", 1, id="1")])
    replace_ = lake.store.replace

    def meanwhile(key: str, body: bytes, etag: str) -> None:
        if ours_came:  # the answer to the first put was lost, and it is repeated
            replace_(key, body, etag)
        else:
            lake.store.put(key, Manifest().to_json())
        replace_(key, body, etag)

    with monkeypatch.context() as race:
        race.setattr(lake.store, "replace", meanwhile)
        assert statuses(compact(lake)) == [Status.DONE if ours_came else Status.FAILED]
    assert len(parts_of(lake)) == ours_came
    compact(lake)
    assert len(parts_of(lake)) == 1
    assert lake.messages() == ["one"]


def test_an_hour_whose_part_was_lost_is_compacted_again(lake: Lake) -> None:
    lake.put(LogFormat.JSON, [Made("one", 1, id="1")])
    compact(lake)
    (part,) = lake.engine.list(DAY, fresh=True).parts
    lake.store.delete(part.key)
    assert statuses(compact(lake)) == [Status.DONE]
    assert len(lake.engine.list(DAY, fresh=True).parts) == 1
    assert lake.messages() == ["one"]


WORDS = st.sampled_from(
    ["error", "Error", "timeout", "17", "3f2a", "bad", " ", ".", "took ", "ms", "\n", "é"]
)
TEXT = st.lists(WORDS, max_size=6).map("".join)
PATTERNS = st.sampled_from(
    ["error", "(?i)error.*timeout", r"took \d+", "^error", "bad|took", "[a-f]+17", "3f2a$"]
)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(TEXT, st.integers(0, 3 * 3600 - 1)), min_size=1, max_size=12),
    st.one_of(TEXT.filter(bool).map(Term), PATTERNS.map(lambda p: Term(p, "regex", case_sensitive=True))),
    st.booleans(),
    st.integers(0, 3 * 3600 - 2),
    st.integers(0, 2),
)
def test_a_search_is_a_naive_scan(
    tmp_path_factory: pytest.TempPathFactory,
    made: list[tuple[str, int]],
    term: Term,
    negated: bool,
    start: int,
    compacted: int,
) -> None:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    events = [Made(text, seconds, id=str(n)) for n, (text, seconds) in enumerate(made)]
    for n, event in enumerate(events):
        lake.put((LogFormat.RAW, LogFormat.JSON)[n % 2], [event])
    if compacted:
        compact(lake, scope=Scope(START, START + compacted * HOUR))
    scope = Scope(START + timedelta(seconds=start), DAY.end)
    found = exploration.newest(lake.engine, Search(scope, Not(term) if negated else term), 100)

    def matches(message: str) -> bool:
        if term.kind == "text":
            return term.text.lower() in message.lower()
        return bool(re.search(term.text.replace("$", r"\Z"), message))  # RE2's $ is the very end

    wanted = [one for one in events if one.seconds >= start and matches(one.message) != negated]
    assert sorted((event.ts, event.message) for event in found) == sorted(
        (one.ts, one.message) for one in wanted
    )
    assert [event.ts for event in found] == sorted((event.ts for event in found), reverse=True)
