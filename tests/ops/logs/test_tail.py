"""The live tail: every event once, filtered by the whole language, and what was not read is reported."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.aws.logs.history import FilteredLogEvent
from ops.errors import AwsError
from ops.logs import tail
from ops.logs.lake.lines.levels import Levels
from ops.logs.search.exploration import LogEvent
from ops.logs.search.language.parser import parse
from ops.logs.tail import LiveTail, LogGroupPlace, most_frequent

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
SHOP, QUIET = LogGroupPlace("1", "eu-west-1", "/shop"), LogGroupPlace("2", "eu-west-1", "/quiet")


class Group:
    """What CloudWatch Logs has, by log group: the events of each, or an error."""

    def __init__(self) -> None:
        self.events: dict[str, list[FilteredLogEvent] | AwsError] = {"/shop": [], "/quiet": []}

    def place(self, account: str, region: str) -> tuple[str, str]:
        return account, region

    def put(self, second: float, message: str, group: str = "/shop") -> None:
        events = self.events[group]
        assert isinstance(events, list)
        at = round((NOW.timestamp() + second) * 1000)
        events.append(FilteredLogEvent("s", at, at, str(len(events)), message))

    def read(self, cloud: Any, place: Any, group: str, start: int, end: int) -> Iterator[FilteredLogEvent]:
        events = self.events[group]
        if isinstance(events, AwsError):
            raise events
        yield from (event for event in events if start <= event.timestamp < end)


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> Group:
    group = Group()
    monkeypatch.setattr(tail, "read_events", group.read)
    return group


def tail_of(group: Any, query: str = "") -> LiveTail:
    return LiveTail(group, [SHOP, QUIET], parse(query), Levels())


def messages(live: LiveTail) -> list[str]:
    return [event.message for event in live.events]


def at(second: float) -> datetime:
    return NOW + timedelta(seconds=second)


def test_every_event_is_read_once_whatever_the_order_in_which_it_arrives(group: Group) -> None:
    live = tail_of(group)
    group.put(-3600, "too old")
    group.put(-1, "first")
    assert live.poll(at(0)) == 1
    group.put(3, "second")
    group.put(-5, "late")
    group.put(2, "elsewhere", "/quiet")
    assert live.poll(at(5)) == 3
    assert live.poll(at(10)) == 0
    assert messages(live) == ["second", "elsewhere", "first", "late"]


def test_the_language_of_the_search_filters(group: Group) -> None:
    live = tail_of(group, "level:error status:>=500 -health")
    for message in (
        '{"level": "error", "status": 503, "path": "/pay"}',
        '{"level": "error", "status": 404, "path": "/pay"}',
        '{"level": "error", "status": 503, "path": "/health"}',
        "INFO status=503",
    ):
        group.put(1, message)
    assert live.poll(at(5)) == 1
    (event,) = live.events
    assert (event.level, event.account, event.group) == ("ERROR", "1", "/shop")


def test_a_log_group_that_cannot_be_read_is_reported_and_the_others_are_read(group: Group) -> None:
    live = tail_of(group)
    group.events["/quiet"] = AwsError("Access denied.", hint="Allow logs:FilterLogEvents.")
    group.put(1, "there")
    live.poll(at(5))
    assert messages(live) == ["there"]
    assert list(live.unread) == [QUIET]
    group.events["/quiet"] = []
    live.poll(at(10))
    assert not live.unread


def test_more_events_than_one_poll_reads_are_read_later(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "AT_ONCE", 3)
    live = tail_of(group)
    for number in range(8):
        group.put(number, f"m{number}")
    live.poll(at(60))
    assert live.behind(at(60)) > timedelta(seconds=30)
    for second in range(61, 70):
        live.poll(at(second))
    assert messages(live) == [f"m{number}" for number in reversed(range(8))]
    assert live.behind(at(70)) < timedelta(seconds=5)


def test_the_log_groups_with_most_events_are_read() -> None:
    names = [f"/g{n % 20}" if n > 30 else "/most" for n in range(80)]
    events = [LogEvent("1", "r", name, "s", NOW, "m") for name in names]
    found = most_frequent(events)
    assert found[0].group == "/most"
    assert len(found) == tail.GROUPS
