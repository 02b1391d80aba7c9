"""The log processor's raw lines with each of the readers: group, stream, and message are exact."""

import base64
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.aws.athena.queries import GlueTable
from ops.logs.engines.athena_relation import events as athena_events
from ops.logs.engines.duckdb_readers import raw_sql
from ops.logs.lake import readers
from ops.logs.lake.layout import LogFormat, Partition, Scope
from ops.logs.lake.lines.levels import Levels
from ops.logs.lake.parts import finish
from ops.logs.lake.raw_lines import parse_lines
from tests.ops.functions.source import Context, load
from tests.ops.logs.engines.athena_on_duckdb import run_athena
from tests.ops.logs.pattern_rule import masked_by_rule

GROUP, ACCOUNT, REGION = "/app/one", "111111111111", "eu-west-1"
AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
MILLIS = round(AT.timestamp() * 1000)
# A stream's name is any text without a colon or an asterisk: API Reference, CreateLogStream.
STREAMS = st.text(st.characters(codec="utf-8", exclude_characters=":*"), min_size=1, max_size=512)
MESSAGES = st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=4)
HOSTILE = "a\tb\\tc\nd\\\\n\re\\"


def processed(stream: str, messages: list[str]) -> bytes:
    """Return the lines that the log processor writes for one subscription record."""
    module = load("log_processor", FORMAT="raw", STREAM="s", BUCKET="b", PREFIX="")
    record = {
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": GROUP,
        "logStream": stream,
        "subscriptionFilters": [f"slipway-{REGION}"],
        "logEvents": [
            {"id": str(n), "timestamp": MILLIS, "message": text} for n, text in enumerate(messages)
        ],
    }
    data = base64.b64encode(gzip.compress(json.dumps(record).encode())).decode()
    [answer] = module.handler({"records": [{"recordId": "1", "data": data}]}, Context())["records"]
    assert answer["result"] == "Ok"
    return base64.b64decode(answer["data"])


@settings(max_examples=150, deadline=None)
@given(STREAMS, MESSAGES)
def test_the_exact_reader_restores_every_line(stream: str, messages: list[str]) -> None:
    read = parse_lines(processed(stream, messages), escaped=True)
    assert read.lost_bytes == 0
    assert read.log_group.to_pylist() == [GROUP] * len(messages)
    assert read.log_stream.to_pylist() == [stream] * len(messages)
    assert read.message.to_pylist() == messages


@pytest.mark.parametrize("at_once", [1, 1 << 20])
@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(STREAMS, MESSAGES), min_size=1, max_size=4))
def test_many_objects_become_the_same_events_however_many_are_parsed_at_once(
    at_once: int, objects: list[tuple[str, list[str]]]
) -> None:
    contents = [processed(stream, messages) for stream, messages in objects]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readers, "AT_ONCE_BYTES", at_once)
        lines = readers.read_lines(LogFormat.RAW, contents, Partition(AT, ACCOUNT, REGION))
        events = finish(lines, Levels())
    wanted = [
        (stream, message, masked_by_rule(message)) for stream, messages in objects for message in messages
    ]
    columns = (events[name].to_pylist() for name in ("log_stream", "message", "template"))
    assert sorted(zip(*columns, strict=True)) == sorted(wanted)


def test_a_stream_of_the_longest_name_is_read() -> None:
    stream = "🚚" * 512
    assert parse_lines(processed(stream, ["x"]), escaped=True).log_stream.to_pylist() == [stream]


def test_duckdbs_reader_restores_every_line(tmp_path: Path) -> None:
    folder = tmp_path / f"account={ACCOUNT}" / f"region={REGION}"
    folder.mkdir(parents=True)
    (folder / "x.txt").write_bytes(processed(HOSTILE, [HOSTILE, ""]))
    events = raw_sql([folder / "x.txt"])
    found = duckdb.connect().execute(
        f"SELECT log_group, log_stream, message FROM ({events}) ORDER BY message"
    )
    assert found.fetchall() == [(GROUP, HOSTILE, ""), (GROUP, HOSTILE, HOSTILE)]


def test_athenas_sql_restores_every_line() -> None:
    table = GlueTable(
        name="logs_raw",
        columns=("origin", "timestamp", "message"),
        partitions=("account", "region", "date", "hour"),
        location="s3://bucket/raw/",
        parameters=(),
    )
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE logs_raw (origin VARCHAR, timestamp BIGINT, message VARCHAR, account VARCHAR, "
        "region VARCHAR, date VARCHAR, hour VARCHAR)"
    )
    for line in processed(HOSTILE, [HOSTILE]).decode().split("\n")[:-1]:
        connection.execute(
            "INSERT INTO logs_raw VALUES (?, ?, ?, ?, ?, '2026-11-24', '10')",
            [*line.split("\t"), ACCOUNT, REGION],
        )
    scope = Scope(AT, AT.replace(hour=11))
    sql = athena_events([table], scope, [ACCOUNT], [REGION])
    found = run_athena(connection, f"SELECT log_group, log_stream, message FROM ({sql}) AS events")
    assert found == [(GROUP, HOSTILE, HOSTILE)]
    [(pattern, template)] = run_athena(connection, f"SELECT pattern, template FROM ({sql}) AS events")
    assert pattern == template == masked_by_rule(HOSTILE)
