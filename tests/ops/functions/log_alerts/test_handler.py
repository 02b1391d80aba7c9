"""Alerts: each window is judged once and each change notified, whatever is doubled, lost, or fails."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ops.functions.source import Context, load

TOPIC = "arn:aws:sns:eu-west-1:111111111111:alerts"
SETTINGS = {
    "BUCKET": "logs", "PREFIX": "logs/", "DATABASE": "db", "WORK_GROUP": "db", "TOPICS": f",{TOPIC}",
}  # fmt: skip
START = datetime(2026, 11, 24, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KEY = "logs/alerts/errors.json"


def alert(name: str = "errors", **other: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "name": name,
        "search": "level:error",
        "every_s": 300,
        "comparison": "over",
        "threshold": 5,
        "topic": TOPIC,
        "link": "",
        "dataset": "s3://logs/logs/",
        "delay_s": 1800,
        "paused": False,
        "query": {
            "sql": ["SELECT 1 WHERE ts >= ", {"name": "start"}, " AND ts < ", {"name": "end"}],
            "parameters": [],
        },
        "state": {"judged_until": "2026-11-24T10:00:00Z", "notices": []},
        **other,
    }


def refusal(code: str, status: int) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "PutObject",
    )


@dataclass
class S3:
    """Objects with ETags; `fault` is called at each write, and says which answer is lost."""

    objects: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    written: list[dict[str, Any]] = field(default_factory=list)
    fault: Callable[[], str] = lambda: ""
    now: Callable[[], datetime] = lambda: START
    changes: int = 0

    def put(self, document: dict[str, Any]) -> None:
        self._store(f"logs/alerts/{document['name']}.json", json.dumps(document).encode())

    def alert(self, key: str = KEY) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.objects[key][0])
        return document

    def _store(self, key: str, body: bytes) -> str:
        self.changes += 1
        self.objects[key] = body, f'"{self.changes}"'
        return self.objects[key][1]

    def get_object(self, Bucket: str, Key: str) -> Any:  # noqa: N803
        if Key not in self.objects:
            raise refusal("NoSuchKey", 404)
        body, tag = self.objects[Key]
        return {"Body": BytesIO(body), "ETag": tag}

    def put_object(self, Bucket: str, Key: str, Body: bytes, IfMatch: str) -> Any:  # noqa: N803
        if Key not in self.objects:
            raise refusal("NoSuchKey", 404)
        if self.objects[Key][1] != IfMatch:
            raise refusal("PreconditionFailed", 412)
        tag = self._store(Key, Body)
        self.written.append(json.loads(Body))
        match self.fault():
            case "lost":  # the client repeats the write, and finds the object changed
                raise refusal("PreconditionFailed", 412)
            case "silent":  # every repetition is lost as well
                raise ReadTimeoutError(endpoint_url="s3")
        return {"ETag": tag}

    def list_objects_v2(self, Bucket: str, Prefix: str, MaxKeys: int) -> Any:  # noqa: N803
        return {"Contents": [{"Key": key} for key in self.objects if key.startswith(Prefix)][:MaxKeys]}

    def get_paginator(self, name: str) -> "S3":
        return self

    def paginate(self, Bucket: str, Prefix: str, Delimiter: str = "") -> Iterator[Any]:  # noqa: N803
        keys = sorted(key for key in self.objects if key.startswith(Prefix))
        if not Delimiter:
            yield {"Contents": [{"Key": key, "LastModified": self.now()} for key in keys]}
            return
        folders = {Prefix + key[len(Prefix) :].partition("/")[0] + "/" for key in keys}
        yield {"CommonPrefixes": [{"Prefix": folder} for folder in sorted(folders)]}


class World:
    """The function with a clock, a bucket, a topic, and counts by the start of the window."""

    def __init__(self) -> None:
        self.module = load("log_alerts", **SETTINGS)
        self.now = START
        self.s3 = S3()
        self.counts: dict[datetime, int | str] = {}
        self.queries: list[str] = []
        self.sent: list[tuple[str, str]] = []
        self.during: Callable[[], None] = lambda: None  # called in each query and each notice
        self.refuse: Callable[[], bool] = lambda: False  # whether the answer of the topic is lost
        world = self

        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return world.now

        self.module.datetime = Clock
        self.module.s3 = self.s3
        self.module.sns = self
        self.module.run = self.run

    def run(self, sql: str, deadline: float, parameters: list[str]) -> list[tuple[str]]:
        self.queries.append(sql)
        at = datetime.fromisoformat(sql.split("'")[1][:19]).replace(tzinfo=UTC)
        self.during()
        count = self.counts.get(at, 0)
        if isinstance(count, str):
            raise self.module.AthenaFailed(count)
        return [(str(count),)]

    def publish(self, TopicArn: str, Subject: str, Message: str) -> None:  # noqa: N803
        self.sent.append((Subject, Message))
        self.during()
        if self.refuse():
            raise ReadTimeoutError(endpoint_url="sns")

    def call(self, event: dict[str, Any] | None = None) -> Any:
        return self.module.handler(event or {}, Context(300))

    def after(self, minutes: int) -> Any:
        self.now += minutes * MINUTE
        return self.call()

    @property
    def subjects(self) -> list[str]:
        return [subject.removeprefix("Slipway alert ") for subject, _ in self.sent]

    def windows(self, name: str = "errors") -> list[str]:
        """Return the windows that were judged, in order, as the bucket has seen them."""
        states = [one["state"] for one in self.s3.written if one["name"] == name and "window" in one["state"]]
        ends = [state["judged_until"] for state in states]
        return [end for end, before in zip(ends, ["", *ends], strict=False) if end != before]


@pytest.fixture
def world() -> World:
    world = World()
    world.s3.put(alert())
    return world


def test_a_window_is_judged_once_its_events_are_delivered(world: World) -> None:
    world.after(34)
    assert world.queries == []
    world.after(1)
    first, last = "TIMESTAMP '2026-11-24 10:00:00.000'", "TIMESTAMP '2026-11-24 10:05:00.000'"
    assert world.queries == [f"SELECT 1 WHERE ts >= {first} AND ts < {last}"]
    world.after(4)
    assert len(world.queries) == 1
    world.after(11)
    assert world.windows() == [
        "2026-11-24T10:05:00Z",
        "2026-11-24T10:10:00Z",
        "2026-11-24T10:15:00Z",
        "2026-11-24T10:20:00Z",
    ]


def test_every_change_of_the_status_is_notified_and_nothing_else(world: World) -> None:
    counts: list[int | str] = [5, 6, 7, "denied", "denied", 0, 0]
    for number, count in enumerate(counts):
        world.counts[START + 5 * number * MINUTE] = count
    for _ in range(14):
        world.after(5)
    assert world.subjects == ["errors: Firing", "errors: Unknown", "errors: Recovered"]
    first, second, third = (message for _, message in world.sent)
    assert "Events: 6\nThreshold: more than 5 events per window\nSearch: level:error" in first
    assert "Window: 2026-11-24T10:05:00Z to 2026-11-24T10:10:00Z" in first
    assert "Events: not counted" in second and "Reason: The query failed: denied" in second
    assert "Recovered (before: unknown)" in third


def test_a_write_whose_answer_is_lost_does_not_delay_the_notice(world: World) -> None:
    answers = iter(["lost"])
    world.s3.fault = lambda: next(answers, "")
    world.counts[START] = 9
    world.after(35)
    assert world.subjects == ["errors: Firing"]
    assert world.s3.alert()["state"]["notices"] == []


def test_a_count_below_the_threshold_fires_with_under(world: World) -> None:
    world.s3.put(alert(comparison="under", threshold=1))
    world.counts = {START: 1, START + 5 * MINUTE: 0}
    world.after(40)
    assert world.subjects == ["errors: Firing"]


@pytest.mark.parametrize(
    ("comparison", "events", "status"),
    [("over", 6, "firing"), ("over", 5, "unknown"), ("under", 5, "ok"), ("under", 4, "unknown")],
)
def test_with_failed_records_only_a_certain_status_is_not_unknown(
    world: World, comparison: str, events: int, status: str
) -> None:
    world.s3.put(alert(comparison=comparison))
    world.s3.objects["logs/errors/processing-failed/date=2026-11-24/hour=10/x"] = b"", '"x"'
    world.counts[START] = events
    world.after(35)
    assert world.s3.alert()["state"]["status"] == status
    assert world.s3.alert()["state"]["events"] == events


def test_failed_records_of_other_hours_do_not_count(world: World) -> None:
    world.s3.objects["logs/errors/processing-failed/date=2026-11-24/hour=09/x"] = b"", '"x"'
    world.after(35)
    assert world.s3.alert()["state"]["status"] == "ok"


def test_a_paused_alert_is_not_judged_and_stays_fresh(world: World) -> None:
    world.s3.put(alert(paused=True))
    world.s3.now = lambda: world.now - timedelta(hours=13)
    world.after(60)
    assert world.queries == []
    assert len(world.s3.written) == 1 and world.s3.alert()["paused"]


def test_a_test_writes_and_sends_nothing(world: World) -> None:
    world.counts[START + 25 * MINUTE] = 9
    world.now = START + 61 * MINUTE
    answer = world.call({"test": "errors"})
    assert answer == {
        "window": ["2026-11-24T10:25:00Z", "2026-11-24T10:30:00Z"],
        "status": "firing",
        "events": 9,
        "partly": "",
    }
    assert (world.s3.written, world.sent) == ([], [])


def test_an_alert_that_cannot_be_read_does_not_stop_others(world: World) -> None:
    world.s3.objects["logs/alerts/damaged.json"] = b"[", '"x"'
    world.now += 35 * MINUTE
    with pytest.raises(Exception, match="damaged"):
        world.call()
    assert len(world.windows()) == 1


def test_an_alert_that_is_deleted_during_its_query_is_not_written(world: World) -> None:
    world.counts[START] = 9
    world.during = lambda: world.s3.objects.pop(KEY, None) and None
    world.after(35)
    assert (world.s3.written, world.sent) == ([], [])


def test_a_topic_that_the_stack_does_not_allow_is_not_notified(world: World) -> None:
    world.s3.put(alert(topic=f"{TOPIC}-of-others"))
    world.counts[START] = 9
    world.now += 35 * MINUTE
    with pytest.raises(Exception, match="does not allow"):
        world.call()
    assert world.sent == []
    assert len(world.s3.alert()["state"]["notices"]) == 1


def test_hostile_text_in_an_alert_is_one_line_of_the_notice(world: World) -> None:
    hostile = "a\nThreshold: none\r\n\x1b[31m' ; rm -rf / #é"
    world.s3.put(alert(search=hostile, link="https://slipway.example/logs"))
    world.counts[START] = 9
    world.after(35)
    ((subject, message),) = world.sent
    assert subject == "Slipway alert errors: Firing"
    assert not [one for one in message if not one.isprintable() and one != "\n"]
    assert "\nThreshold: none" not in message
    assert "-- 'a Threshold: none   [31m'\"'\"' ; rm -rf / #é'" in message
    assert "https://slipway.example/logs?q=a%0AThreshold" in message


def test_the_partitions_name_the_places_that_have_objects(world: World) -> None:
    for account in ("111111111111", "222222222222"):
        key = f"logs/json/account={account}/region=eu-west-1/date=2026-11-24/hour=10/x.gz"
        world.s3.objects[key] = b"", '"x"'
    window = world.module.Window(START + 59 * MINUTE, START + 64 * MINUTE)
    lake = world.module.Lake()
    assert world.module.partitions("json", window, lake) == (
        "\"date\" BETWEEN '2026-11-24' AND '2026-11-24' AND (\"date\" > '2026-11-24' OR hour >= '10') AND "
        "(\"date\" < '2026-11-24' OR hour <= '11') AND account IN ('111111111111', '222222222222') "
        "AND region IN ('eu-west-1')"
    )
    assert world.module.partitions("raw", window, lake).endswith("account IN ('') AND region IN ('')")
    late = world.module.Window(START + 13 * 60 * MINUTE, START + 14 * 60 * MINUTE)
    assert world.module.partitions("cloudwatch", late, lake).startswith(
        "\"date\" BETWEEN '2026-11-24' AND '2026-11-25'"
    )


def expected(counts: list[int | str]) -> list[str]:
    """Return the titles of the notices of these windows, by the definition."""
    titles = {"ok": "Recovered", "firing": "Firing", "unknown": "Unknown"}
    statuses = ["unknown" if isinstance(one, str) else "firing" if one > 5 else "ok" for one in counts]
    return [
        f"errors: {titles[status]}"
        for status, before in zip(statuses, ["ok", *statuses], strict=False)
        if status != before
    ]


def often(fault: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(["", fault]), max_size=12)


@settings(max_examples=100, deadline=None)
@given(
    counts=st.lists(st.sampled_from([0, 9, "failed"]), min_size=1, max_size=6),
    steps=st.lists(st.sampled_from([0, 1, 5, 20, 40]), max_size=8),
    doubled=often("doubled"),
    unwritten=st.lists(st.sampled_from(["", "lost", "silent"]), max_size=12),
    unsent=often("refused"),
)
def test_each_window_is_judged_once_and_each_change_notified(
    counts: list[int | str], steps: list[int], doubled: list[str], unwritten: list[str], unsent: list[str]
) -> None:
    world = World()
    world.s3.put(alert())
    world.counts = {START + 5 * number * MINUTE: count for number, count in enumerate(counts)}
    twice, answers, topic = iter(doubled), iter(unwritten), iter(unsent)
    lost = 0
    depth = 0

    def attempt() -> None:
        try:
            world.call()
        except world.module.AlertsFailed:
            pass

    def during() -> None:
        nonlocal depth
        if depth < 3 and next(twice, ""):
            depth += 1
            attempt()
            depth -= 1

    def refuse() -> bool:
        nonlocal lost
        refused = bool(next(topic, ""))
        lost += refused
        return refused

    def fault() -> str:
        nonlocal lost
        found = next(answers, "")
        lost += found == "silent"
        return found

    world.during, world.refuse, world.s3.fault = during, refuse, fault
    for minutes in steps:
        world.now += minutes * MINUTE
        attempt()
    twice, answers, topic = iter(()), iter(()), iter(())
    world.now = max(world.now, START + (30 + 5 * len(counts)) * MINUTE)
    for _ in range(3):
        attempt()
        world.now += 16 * MINUTE
    attempt()
    last = (world.now - START - 30 * MINUTE) // (5 * MINUTE)
    assert world.windows() == [f"{START + 5 * (n + 1) * MINUTE:%Y-%m-%dT%H:%M:%SZ}" for n in range(last)]
    assert world.s3.alert()["state"]["notices"] == []
    wanted, sent = Counter(expected([*counts, 0])), Counter(world.subjects)
    assert set(sent) == set(wanted) and all(sent[title] >= wanted[title] for title in wanted)
    # A notice is repeated only if nobody could know that it was sent.
    assert sent.total() - wanted.total() <= lost
