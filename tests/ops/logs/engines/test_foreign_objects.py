"""Objects that the export did not write, beside good ones: they change nothing but a note that names them."""

import gzip
import json
import random
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.audit import Actor, FileAudit
from ops.logs.compaction.local import plan_compaction
from ops.logs.export.error_records import ErrorRecord, parse, subscription_record, to_json_lines
from ops.logs.export.ledger.exported import counter
from ops.logs.lake import gzipped
from ops.logs.lake.layout import SOURCES, LogFormat
from ops.logs.lake.raw_lines import parse_lines
from ops.plan import Status, execute
from tests.ops.logs.sample_lake import ACCOUNT, DAY, START, Lake, Made

GOOD = [Made("good one", 1, id="a"), Made("good two", 2, id="b")]
BOUND = 1 << 20
MILLIS = Made("", 3).millis
RECORD = {
    "messageType": "DATA_MESSAGE",
    "owner": ACCOUNT,
    "logGroup": "/aws/lambda/other",
    "logStream": "2019/02/05/[$LATEST]b346",
    "subscriptionFilters": ["LogStreamingFilter"],
    "logEvents": [{"id": "1", "timestamp": MILLIS, "message": "of the other exporter"}],
}
EVENT = {"account": ACCOUNT, "region": "r", "group": "g", "stream": "s", "timestamp": MILLIS, "message": "m"}


def dumped(document: object) -> bytes:
    return json.dumps(document).encode()


def nested(depth: int) -> bytes:
    data = b"text"
    for _ in range(depth):
        data = gzip.compress(data)
    return data


FOREIGN = {
    "text": b"Only some text,\nwritten by a person.\n",
    "binary": random.Random(1).randbytes(5000),
    "truncated": gzip.compress(b"not an event\n" * 99)[:-9],
    "header": gzip.compress(b"x" * 10)[:5],
    "json": b'{"a":1}',
    "zeros": b"\0" * 1000,
    "utf-16": "hello\nworld".encode("utf-16"),
    "deep": b"[" * 200_000,
    "deep in gzip": gzip.compress(b'{"a":' * 100_000),
    "long number": b'{"timestamp": ' + b"9" * 5000 + b"}",
    "late event": dumped(EVENT | {"timestamp": 10**30}),
    "early event": dumped(EVENT | {"timestamp": -(10**18)}),
    "late record": dumped(RECORD | {"logEvents": [{"id": "1", "timestamp": 10**17, "message": "x"}]}),
    "early record": dumped(RECORD | {"logEvents": [{"id": "1", "timestamp": -(10**18), "message": "x"}]}),
    "surrogate": dumped(RECORD | {"logEvents": [{"id": "\ud800", "timestamp": 10**30, "message": "\ud800"}]}),
    "list": dumped([RECORD]),
    "bomb": gzip.compress(b"\0" * (3 * BOUND)),
    "bomb of lines": gzip.compress(b"\n" * BOUND + b"x" * (3 * BOUND)),
    "bomb in gzip": gzip.compress(gzip.compress(b"\0" * (3 * BOUND))),
    "many layers": nested(30),
}
CELLS = [
    pytest.param(kind, name, id=f"{kind}-{name}", marks=() if first else pytest.mark.thorough)
    for number, name in enumerate(FOREIGN)
    for turn, kind in enumerate(SOURCES)
    for first in [turn == number % len(SOURCES)]
]


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setattr(gzipped, "LARGEST_BYTES", BOUND)
    return Lake(tmp_path)


@pytest.mark.parametrize(("kind", "name"), CELLS)
def test_a_foreign_object_changes_nothing_but_a_note(lake: Lake, kind: LogFormat, name: str) -> None:
    lake.put(kind, GOOD)
    key = lake.put_bytes(kind, FOREIGN[name], name="foreign.gz")
    cursor = lake.run("SELECT * FROM events")
    assert sorted(row["message"] for row in cursor.table().to_pylist()) == ["good one", "good two"]
    assert cursor.unread
    assert all(key in note for note in cursor.unread)
    assert {place.hour for place in cursor.partly_read} == {START}


@pytest.mark.parametrize("kind", SOURCES)
def test_a_foreign_object_stays_beside_compacted_hours(lake: Lake, kind: LogFormat) -> None:
    lake.put(kind, GOOD)
    keys = {
        lake.put_bytes(kind, FOREIGN[name], name=f"{name}.gz") for name in ("binary", "deep", "early event")
    }
    plan = plan_compaction(lake.engine, DAY, DAY.end + timedelta(days=1))
    outcome = execute(
        plan, actor=Actor("me", "test"), audit=FileAudit(lake.cache.root.parent / "audit.jsonl")
    )
    assert [result.status for result in outcome.results] == [Status.DONE]
    listing = lake.engine.list(DAY, fresh=True)
    assert {obj.key for obj in listing.fresh} == keys
    assert listing.covered == 1
    assert lake.messages() == ["good one", "good two"]


def test_the_ledger_counts_good_events_and_names_the_hour_of_the_others(lake: Lake) -> None:
    lake.put(LogFormat.JSON, GOOD)
    later = START + timedelta(hours=3)
    key = lake.put_bytes(LogFormat.JSON, FOREIGN["deep"], later, "foreign.gz")
    found = counter(lake.engine)(DAY)
    assert [(at.hour, count.events) for at, count in found.counts] == [(START, 2)]
    assert key in found.unread[0]
    assert found.unread_from == later
    lake.put_bytes(LogFormat.CLOUDWATCH, FOREIGN["deep"], later, "foreign.gz")
    lake.engine.list(DAY, fresh=True)
    assert counter(lake.engine)(DAY).unread_from.year == 1  # an hour of arrival: events of any earlier hour


def test_an_empty_object_is_named(lake: Lake) -> None:
    lake.put(LogFormat.JSON, GOOD)
    lake.put_bytes(LogFormat.JSON, b"", name="empty.gz")
    lake.store.put("json/account=1/region=r/date=2026-11-24/hour=10/folder/.keep", b"")
    assert lake.messages() == ["good one", "good two"]
    assert "Skipped objects that are empty: 1 (" in lake.notes()
    assert "empty.gz" in lake.notes()


@pytest.mark.parametrize("layers", [1, 2])
def test_records_of_cloudwatch2s3_are_read_and_compacted(lake: Lake, layers: int) -> None:
    body = gzip.compress(dumped(RECORD)) + gzip.compress(dumped({"messageType": "CONTROL_MESSAGE"}))
    body += gzip.compress(dumped(RECORD))  # delivered twice
    lake.put_bytes(LogFormat.OLDER, gzip.compress(body) if layers == 2 else body, name="records")
    lake.put(LogFormat.OLDER, GOOD)
    wanted = ["good one", "good two", "of the other exporter"]
    assert lake.messages() == wanted
    sql = "SELECT account, log_group, log_stream, ts FROM events WHERE id = '1'"
    at = Made("", 3).ts.replace(tzinfo=None)
    assert lake.rows(sql) == [(ACCOUNT, RECORD["logGroup"], RECORD["logStream"], at)]
    plan = plan_compaction(lake.engine, DAY, DAY.end + timedelta(days=1))
    execute(plan, actor=Actor("me", "test"), audit=FileAudit(lake.cache.root.parent / "audit.jsonl"))
    assert not lake.engine.list(DAY, fresh=True).fresh
    assert lake.messages() == wanted
    assert lake.notes() == ""


def fused(events: list[tuple[str, str, str]]) -> bytes:
    """Return the events as CloudWatch2S3 writes them: nothing between a message and the next head."""
    return "".join(
        f"{group}:{stream}\t{MILLIS + n}\t{message}" for n, (group, stream, message) in enumerate(events)
    ).encode()


def test_fused_lines_are_split_at_the_inner_heads(lake: Lake) -> None:
    events = [
        ("/aws/lambda/x", "2019/02/05/[$LATEST]b3", "START\n"),
        ("/aws/lambda/x", "2019/02/05/[$LATEST]b3", "no newline"),
        ("/aws/lambda/x", "2019/02/05/[$LATEST]b3", "ends in a/path"),
        ("/app/web", "i-1 a", "of\ntwo lines: a\tb"),
        ("/app/web", "i-1 a", ""),
        ("/app/web", "i-1 a", '{"json": 1}'),
        ("plain", "s", "end\n"),
    ]
    lake.put_bytes(LogFormat.OLDER, fused(events), name="fused")
    wanted = [(group, stream, message.removesuffix("\n")) for group, stream, message in events]
    assert lake.rows("SELECT log_group, log_stream, message FROM events") == sorted(wanted)
    assert lake.notes() == ""


PIECE = st.text(st.sampled_from("ab/:. \t\n\u00e919"), max_size=12).filter(
    lambda text: "\n/" not in text  # a last line that begins like a group is part of its name
)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["/app/one", "/app/two", "/aws/x-y"]), PIECE), min_size=1, max_size=8)
)
def test_of_any_fused_messages_no_byte_is_lost_and_all_known_groups_are_found(
    events: list[tuple[str, str]],
) -> None:
    """Each group begins a line once, as the first event of an object or after a newline does."""
    begins = [("/app/one", "s", "x\n"), ("/app/two", "s", "x\n"), ("/aws/x-y", "s", "x\n")]
    written = begins + [(group, "s", message) for group, message in events]
    lines = parse_lines(fused(written), escaped=False)
    found = zip(lines.log_group.to_pylist(), lines.message.to_pylist(), strict=True)
    assert list(found) == [(group, message.removesuffix("\n")) for group, _, message in written]


def test_lines_of_our_own_are_not_split(lake: Lake) -> None:
    message = f"seen: /app/two:s\t{MILLIS}\tnot an event"
    lake.put(LogFormat.RAW, [Made(message, 1)])
    assert lake.messages() == [message]


@pytest.mark.parametrize("name", FOREIGN)
def test_a_hostile_error_object_raises_one_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gzipped, "LARGEST_BYTES", BOUND)
    with pytest.raises(ValueError, match=r".") as raised:
        list(parse(FOREIGN[name]))
    assert not isinstance(raised.value, RecursionError)
    [error] = parse(to_json_lines([ErrorRecord("c", "m", FOREIGN[name])]))
    assert subscription_record(error.data) is None
