"""The log processor: lossless lines, responses within the limits, and a result for every record."""

import base64
import gzip
import json
import random
import re
import sys
from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from tests.ops.functions.source import Context, load

HOUR_MS = 3_600_000
START = 490_000 * HOUR_MS  # the beginning of an hour
REPLY_LIMIT = 6_291_556  # Lambda's, for a synchronous answer
RECORD_LIMIT, CALL_LIMIT, CALL_RECORDS = 1_048_576, 5_000_000, 500
GROUP, STREAM = "/aws/lambda/shop", "2026/11/24/[$LATEST]abc"
HEADER = re.compile(r"([^\t]*?):([^:\t]*)\t(-?\d+)\t(.*)")
UNESCAPED = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}
texts = st.text(st.characters(exclude_categories=["Cs"]))
Event = tuple[str, str, int, str]


class Kinesis:
    """A stream with AWS's limits; `refusals` are error codes for the first records."""

    def __init__(self) -> None:
        self.limits = RECORD_LIMIT, CALL_LIMIT, CALL_RECORDS
        self.taken: list[bytes] = []
        self.calls = 0
        self.refusals: list[str] = []
        self.error = ""

    def put_records(self, StreamName: str, Records: list[Any]) -> Any:  # noqa: N803
        self.calls += 1
        if self.error:
            raise ClientError({"Error": {"Code": self.error, "Message": ""}}, "PutRecords")
        of_record, of_call, records = self.limits
        assert 0 < len(Records) <= records
        sizes = [len(record["Data"]) + len(record["PartitionKey"]) for record in Records]
        assert max(sizes) <= of_record and sum(sizes) <= of_call
        answers: list[dict[str, str]] = []
        for record in Records:
            if self.refusals:
                answers.append({"ErrorCode": self.refusals.pop(), "ErrorMessage": "later"})
            else:
                self.taken.append(record["Data"])
                answers.append({"SequenceNumber": "1", "ShardId": "s"})
        return {"FailedRecordCount": 0, "Records": answers}


class S3:
    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.error = ""

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803
        if self.error:
            raise ClientError({"Error": {"Code": self.error, "Message": ""}}, "PutObject")
        self.objects[f"{Bucket}/{Key}"] = Body


class Firehose:
    """Send records to the processor until none return to the stream; return what was delivered."""

    def __init__(self, written: str = "json") -> None:
        self.module = load("log_processor", FORMAT=written, STREAM="logs", BUCKET="bucket", PREFIX="p/")
        self.kinesis, self.s3 = Kinesis(), S3()
        self.module.client = {"kinesis": self.kinesis, "s3": self.s3}.__getitem__
        self.module.time = Sleepless(self.module.time)
        self.written = written
        self.reply = REPLY_LIMIT
        self.failed: list[bytes] = []
        self.delivered: list[tuple[str, bytes]] = []  # partition, data

    def call(self, records: list[bytes]) -> list[dict[str, Any]]:
        """One invocation, checked as Firehose and Lambda check it."""
        sent = [
            {"recordId": f"{n:056}", "data": base64.b64encode(data).decode()}
            for n, data in enumerate(records)
        ]
        answer = self.module.handler({"records": sent}, Context())
        whole = [each for each in answer["records"] if each["result"] == "Ok"]
        assert len(json.dumps(whole)) <= self.reply and len(json.dumps(answer)) <= REPLY_LIMIT
        assert [each["recordId"] for each in answer["records"]] == [each["recordId"] for each in sent]
        for data, each in zip(records, answer["records"], strict=True):
            assert each["result"] in ("Ok", "Dropped", "ProcessingFailed")
            if each["result"] == "ProcessingFailed":
                self.failed.append(data)
            if each["result"] == "Ok":
                keys = each["metadata"]["partitionKeys"]
                where = "/".join(f"{name}={keys[name]}" for name in ("account", "region", "date", "hour"))
                self.delivered.append((where, base64.b64decode(each["data"], validate=True)))
        found: list[dict[str, Any]] = answer["records"]
        return found

    def deliver(self, records: list[bytes]) -> None:
        for _ in range(1000):
            self.call(records)
            records, self.kinesis.taken = self.kinesis.taken, []
            if not records:
                return
        raise AssertionError("it never ends")

    def events(self) -> Counter[Event]:
        parts = [(where, data) for where, data in self.delivered]
        for key, body in self.s3.objects.items():
            where = key.removeprefix(f"bucket/p/{self.written}/").rpartition("/")[0]
            parts.append((where, gzip.decompress(body)))
        found: Counter[Event] = Counter()
        for where, data in parts:
            for line in data.decode().split("\n")[:-1]:
                event = (parse_json if self.written == "json" else parse_raw)(line, where)
                assert where.endswith(hour_of(event[2])), "an event lies in its own hour"
                found[event] += 1
        return found


class Sleepless:
    """A fake `time` that advances only by sleeping."""

    def __init__(self, time: Any) -> None:
        self.gmtime, self.now = time.gmtime, 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def hour_of(at: int) -> str:
    import datetime

    moment = datetime.datetime.fromtimestamp(at // 1000, datetime.UTC)
    return f"{moment:date=%Y-%m-%d/hour=%H}"


def parse_raw(line: str, where: str) -> Event:
    match = HEADER.fullmatch(line)
    assert match, line

    def whole(text: str) -> str:
        return re.sub(r"\\(.)", lambda found: UNESCAPED[found[0]], text)

    return whole(match[1]), whole(match[2]), int(match[3]), whole(match[4])


def parse_json(line: str, where: str) -> Event:
    fields = json.loads(line)
    assert list(fields) == ["account", "region", "group", "stream", "timestamp", "id", "message"]
    assert where.startswith(f"account={fields['account']}/region={fields['region']}/")
    return fields["group"], fields["stream"], fields["timestamp"], fields["message"]


def record(events: list[tuple[int, str]], **more: Any) -> bytes:
    """Return a subscription record as CloudWatch Logs sends it."""
    message = {
        "messageType": "DATA_MESSAGE",
        "owner": "111111111111",
        "logGroup": GROUP,
        "logStream": STREAM,
        "subscriptionFilters": ["other", "slipway-eu-west-1"],
        "logEvents": [
            {"id": f"{n:056d}", "timestamp": at, "message": text} for n, (at, text) in enumerate(events)
        ],
    }
    return gzip.compress(json.dumps({**message, **more}).encode(), mtime=0)


@pytest.fixture(params=["raw", "json"])
def firehose(request: pytest.FixtureRequest) -> Firehose:
    return Firehose(request.param)


@given(
    events=st.lists(st.tuples(st.integers(START - 2 * HOUR_MS, START + 2 * HOUR_MS), texts), max_size=8),
    stream=st.text(st.characters(exclude_categories=["Cs"], exclude_characters=":*"), min_size=1),
    written=st.sampled_from(["raw", "json"]),
)
def test_any_text_in_any_hour_is_preserved(events: list[tuple[int, str]], stream: str, written: str) -> None:
    firehose = Firehose(written)
    firehose.deliver([record(events, logStream=stream)])
    assert firehose.events() == Counter((GROUP, stream, at, text) for at, text in events)
    assert not firehose.failed


@pytest.mark.parametrize("text", ["\0", "\1", "a\0\1b\t", "\\0\\1", "\0" * 3], ids=ascii)
def test_messages_with_marker_characters_are_preserved(firehose: Firehose, text: str) -> None:
    firehose.deliver([record([(START, "a\n"), (START + 1, text), (START + 2, "")])])
    assert firehose.events() == Counter(
        (GROUP, STREAM, START + n, t) for n, t in enumerate(("a\n", text, ""))
    )


@given(
    sent=st.lists(
        st.lists(
            st.tuples(
                st.integers(START - HOUR_MS, START + HOUR_MS),
                st.builds(lambda text, times: text * times, texts, st.integers(1, 200)),
            ),
            max_size=6,
        ),
        max_size=6,
    ),
    reply=st.integers(1_200, 9_000),
    written=st.sampled_from(["raw", "json"]),
)
def test_limits_are_kept_without_loss(sent: list[list[tuple[int, str]]], reply: int, written: str) -> None:
    """With small limits, so that records are often split, returned, and stored."""
    firehose = Firehose(written)
    module, records = firehose.module, [record(events, logStream=f"s{n}") for n, events in enumerate(sent)]
    put = max(map(len, records), default=0) + module.KEY  # what came through the stream fits it
    module.REPLY, module.LINES = reply, (reply - 2 * module.ENVELOPE) // 4 * 3 - 3
    module.PUT_RECORDS, module.PUT_BYTES, module.PUT_RECORD = 3, 2 * put, put
    firehose.reply, firehose.kinesis.limits = reply, (put, 2 * put, 3)
    firehose.deliver(records)
    assert firehose.events() == Counter(
        (GROUP, f"s{n}", at, text) for n, events in enumerate(sent) for at, text in events
    )
    assert not firehose.failed


@given(data=st.binary(max_size=60), zipped=st.booleans())
def test_an_invalid_record_fails_alone_and_unchanged(data: bytes, zipped: bool) -> None:
    firehose = Firehose()
    bad = gzip.compress(data) if zipped else data
    results = [
        each["result"] for each in firehose.call([record([(START, "a")]), bad, record([(START, "b")])])
    ]
    assert results == ["Ok", "ProcessingFailed", "Ok"]


@pytest.mark.parametrize(
    "change",
    [
        {"owner": "../../etc"},
        {"owner": 1},
        {"messageType": "NEWS"},
        {"logGroup": None},
        {"logEvents": [{"id": "1", "timestamp": 1.5, "message": "a"}]},
        {"logEvents": [{"id": "1", "timestamp": True, "message": "a"}]},
        {"logEvents": [{"id": "1", "timestamp": START, "message": ["a"]}]},
        {"logEvents": [{"id": "1", "timestamp": START}]},
        {"logEvents": [{"id": "1", "timestamp": START, "message": "\ud800"}]},
        {"logEvents": [{"id": "1", "timestamp": 10**18, "message": "a"}]},
        {"logEvents": "none"},
    ],
    ids=str,
)
def test_a_record_of_another_shape_fails(
    firehose: Firehose, change: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    [answer] = firehose.call([record([(START, "a")], **change)])
    assert answer["result"] == "ProcessingFailed"
    assert json.loads(capsys.readouterr().out)["reason"]


def test_two_gzip_members_or_a_truncated_one_fail(firehose: Firehose) -> None:
    whole = record([(START, "a")])
    assert [a["result"] for a in firehose.call([whole + whole, whole[:-9]])] == ["ProcessingFailed"] * 2


def test_control_messages_are_dropped(firehose: Firehose) -> None:
    [answer] = firehose.call([record([(START, "a")], messageType="CONTROL_MESSAGE")])
    assert answer["result"] == "Dropped"
    assert firehose.kinesis.calls == 0


@pytest.mark.parametrize(
    ("filters", "region"),
    [
        (["slipway-us-gov-west-1"], "us-gov-west-1"),
        (["mine", "slipway-../x", "slipway-ap-southeast-2"], "ap-southeast-2"),
        (["slipway-"], "unknown"),
        ([], "unknown"),
    ],
)
def test_the_region_comes_from_our_filter(filters: list[str], region: str) -> None:
    [answer] = Firehose().call([record([(START, "a")], subscriptionFilters=filters)])
    assert answer["metadata"]["partitionKeys"]["region"] == region


def test_the_same_input_gives_the_same_output(firehose: Firehose) -> None:
    records = [record([(START + n * HOUR_MS, f"{n}\n\t")]) for n in range(5)]
    assert firehose.call(records) == firehose.call(records)


def test_without_the_libraries_the_output_is_the_same(
    firehose: Firehose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "orjson", None)
    monkeypatch.setitem(sys.modules, "isal", None)
    plain = Firehose(firehose.written)
    for name in ("loads", "decompressobj"):
        assert getattr(plain.module, name) is not getattr(firehose.module, name)
    whole = record([(START, 'é\u0000\U0001f600\u2028\\"/'), (START + HOUR_MS, "b"), (START, "")])
    wrong_sum = whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:]
    records = [whole, wrong_sum, whole[:-1], whole + b"\0", b""]
    answers = firehose.call(records)
    assert [each["result"] for each in answers] == ["Ok"] + ["ProcessingFailed"] * 4
    assert plain.call(records) == answers
    assert plain.kinesis.taken == firehose.kinesis.taken


def noise(size: int, seed: int = 0) -> str:
    """Return text that hardly compresses."""
    return base64.b64encode(random.Random(seed).randbytes(size * 3 // 4)).decode()


def test_events_beyond_the_response_size_return_to_the_stream(firehose: Firehose) -> None:
    records = [record([(START, f"{n}" * 1_000_000)]) for n in range(9)]
    results = [answer["result"] for answer in firehose.call(records)]
    assert results == ["Ok"] * results.count("Ok") + ["Dropped"] * results.count("Dropped")
    assert firehose.kinesis.taken == records[results.count("Ok") :]
    back, firehose.kinesis.taken = firehose.kinesis.taken, []
    firehose.deliver(back)
    assert sum(firehose.events().values()) == 9


def test_a_too_large_record_is_split_by_events(firehose: Firehose) -> None:
    events = [(START + n, "x" * 250_000 + str(n)) for n in range(60)]
    firehose.deliver([record(events)])
    assert firehose.events() == Counter((GROUP, STREAM, at, text) for at, text in events)
    assert not firehose.failed


def test_a_too_large_event_is_stored_under_its_hour(firehose: Firehose) -> None:
    events = [(START, "small"), (START + 1, "\0" * 1_000_000 + "\t" * 4_000_000), (START + 2, "small too")]
    firehose.deliver([record(events)])
    assert firehose.events() == Counter((GROUP, STREAM, at, text) for at, text in events)
    [key] = firehose.s3.objects
    assert key.startswith(f"bucket/p/{firehose.written}/account=111111111111/region=eu-west-1/date=")


def test_if_s3_rejects_an_event_only_its_record_fails(firehose: Firehose) -> None:
    firehose.s3.error = "SlowDown"
    too_large = record([(START, "kept with it"), (START + 1, "\0" * 1_000_000 + "\t" * 4_000_000)])
    results = [answer["result"] for answer in firehose.call([record([(START, "c")]), too_large])]
    assert results == ["Ok", "ProcessingFailed"]
    assert firehose.kinesis.taken == [], "nothing of it is delivered as well: it is replayed whole"


def test_the_format_is_a_partition_key(firehose: Firehose) -> None:
    [answer] = firehose.call([record([(START, "a")])])
    assert answer["metadata"]["partitionKeys"]["format"] == firehose.written


def test_equal_too_large_events_are_both_stored(firehose: Firehose) -> None:
    events = [(START, "\0" * 1_000_000 + "\t" * 4_000_000)] * 2
    firehose.deliver([record(events)])
    assert sum(firehose.events().values()) == 2


def test_returned_records_fit_the_stream(firehose: Firehose) -> None:
    events = [(START + n * HOUR_MS, noise(700_000, n)) for n in range(3)]
    later = [(START + HOUR_MS, noise(700_000, n)) for n in range(4)]
    firehose.deliver([record([*events, *later])])
    assert sum(firehose.events().values()) == 7


def test_calls_are_within_the_limits_of_the_stream() -> None:
    firehose = Firehose()
    firehose.call(
        [record([(START, "x" * 4_400_000)]), *(record([(START, noise(900, n))]) for n in range(1200))]
    )
    assert firehose.kinesis.calls >= 3
    firehose = Firehose()
    firehose.call(
        [record([(START, "x" * 4_400_000)]), *(record([(START, noise(900_000, n))]) for n in range(9))]
    )
    assert firehose.kinesis.calls >= 2


def test_only_failed_records_are_retried(firehose: Firehose) -> None:
    firehose.kinesis.refusals = ["ProvisionedThroughputExceededException", "InternalFailure"]
    records = [record([(START, "a"), (START + HOUR_MS, "b"), (START + 2 * HOUR_MS, "c")])]
    firehose.deliver(records)
    assert firehose.events() == Counter(
        {(GROUP, STREAM, START + n * HOUR_MS, c): 1 for n, c in enumerate("abc")}
    )


def test_a_throttled_record_fails_alone(firehose: Firehose) -> None:
    firehose.kinesis.error = "ProvisionedThroughputExceededException"
    split = record([(START, "a"), (START + HOUR_MS, "b")])
    results = [answer["result"] for answer in firehose.call([record([(START, "c")]), split])]
    assert results == ["Ok", "ProcessingFailed"]
    assert firehose.kinesis.calls == 10


def test_permanent_errors_are_not_retried(firehose: Firehose) -> None:
    firehose.kinesis.error = "AccessDeniedException"
    firehose.call([record([(START, "a"), (START + HOUR_MS, "b")])])
    assert firehose.kinesis.calls == 1


def test_duplicates_after_a_crash_have_the_same_ids() -> None:
    firehose = Firehose()
    source = record([(START, "a"), (START + HOUR_MS, "b")])
    firehose.call([source])  # its answer never reaches Firehose, which calls again
    firehose.delivered.clear()
    again = firehose.kinesis.taken
    firehose.deliver([source, *again])
    ids = Counter(json.loads(line)["id"] for _, data in firehose.delivered for line in data.splitlines())
    assert ids == {f"{0:056d}": 1, f"{1:056d}": 3}
    assert len(firehose.events()) == 2
