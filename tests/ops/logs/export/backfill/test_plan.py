"""Backfill on the embedded cloud: events from before the subscription, exactly once, despite failures."""

import gzip
import json
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ops.audit import Actor, FileAudit
from ops.aws.cloud import Cloud, Place
from ops.aws.logs import groups as log_groups
from ops.aws.logs import history as log_history
from ops.aws.s3.objects import Bucket
from ops.errors import Conflict
from ops.logs.export.backfill import state as backfill_state
from ops.logs.export.backfill.objects import parse_export_object, streams_by_folder
from ops.logs.export.backfill.plan import BackfillRequest, plan_backfill
from ops.logs.lake.layout import Location, parse
from ops.plan import Plan, Status, execute
from tests.ops.embedded.log_pipeline import LogPipeline, allow_logs, make_group
from tests.ops.embedded.overlay import ACCOUNT, REGION, client

NASTY = ["plain", "two\nlines", 'tab\t"quotes" \\', "NUL\0", "\N{GRINNING FACE}", "twice", "twice", "end\n"]
DAY_MS = 86_400_000


class Past:
    """A log group with events of the last days, and the bucket that they are exported to."""

    def __init__(self, embedded: Any, cloud: Cloud) -> None:
        self.cloud = cloud
        self.pipeline = LogPipeline(embedded)
        allow_logs(self.pipeline)
        self.name = make_group(embedded)
        self.logs = client(embedded, "logs")
        self.put: Counter[tuple[int, str]] = Counter()
        now = int(time.time() * 1000)
        for days in (3, 1, 0):
            self.write(now - days * DAY_MS, NASTY)
        self.location = Location(self.pipeline.bucket, "logs/", ACCOUNT, REGION)

    def write(self, at: int, messages: list[str]) -> None:
        events = [{"timestamp": at, "message": message} for message in messages]
        self.logs.put_log_events(logGroupName=self.name, logStreamName="s", logEvents=events)
        self.put.update((at, message) for message in messages)

    def wanted(self, **more: Any) -> BackfillRequest:
        place = Place(self.cloud.account(ACCOUNT), REGION)
        (group,) = log_groups.list_groups(self.cloud, place, prefix=self.name)
        now = datetime.now(UTC)
        return BackfillRequest(group, now - timedelta(days=5), now, **more)

    def plan(self, wanted: BackfillRequest, **more: Any) -> Plan:
        return plan_backfill(self.cloud, self.location, [wanted], sleep=lambda seconds: None, **more)

    def rows(self) -> list[dict[str, Any]]:
        found = []
        for key in self.pipeline.keys("logs/json/"):
            for line in gzip.decompress(self.pipeline.body(key)).splitlines():
                row = json.loads(line)
                placed = parse(self.location, key)
                assert placed and placed[1].account == ACCOUNT and placed[1].region == REGION
                assert placed[1].hour.timestamp() * 1000 <= row["timestamp"]
                found.append(row)
        return found

    def events(self) -> Counter[tuple[int, str]]:
        return Counter((row["timestamp"], row["message"]) for row in self.rows())


@pytest.fixture
def past(embedded: Any, cloud: Cloud) -> Past:
    return Past(embedded, cloud)


def run(plan: Plan, tmp_path: Path) -> tuple[Status, str]:
    outcome = execute(plan, actor=Actor("test", "cli"), audit=FileAudit(tmp_path / "audit.jsonl"))
    (result,) = outcome.results
    return result.status, result.reason


def test_events_before_the_subscription_are_exported_once(past: Past, tmp_path: Path) -> None:
    plan = past.plan(past.wanted())
    assert run(plan, tmp_path)[0] is Status.DONE
    assert past.events() == past.put
    assert run(plan, tmp_path)[0] is Status.ALREADY
    (state,) = backfill_state.load_all(Bucket(past.cloud, past.pipeline.bucket), past.location)
    assert (state.complete, state.events, state.share) == (True, past.put.total(), 1.0)


def test_ids_are_those_of_the_stream(past: Past, tmp_path: Path) -> None:
    run(past.plan(past.wanted()), tmp_path)
    stored = past.logs.filter_log_events(logGroupName=past.name)["events"]
    assert {row["id"] for row in past.rows()} == {event["eventId"] for event in stored}


def test_events_ingested_after_the_subscription_are_skipped(past: Past, tmp_path: Path) -> None:
    wanted = past.wanted()
    earlier = BackfillRequest(wanted.group, wanted.start, wanted.cut - timedelta(hours=1))
    run(past.plan(earlier), tmp_path)
    assert past.events() == Counter()  # everything came in just now


def test_a_stopped_backfill_can_continue(past: Past, tmp_path: Path) -> None:
    wanted = past.wanted()
    asked: list[int] = []

    def stopped() -> bool:
        asked.append(1)
        return len(asked) > 3

    assert run(past.plan(wanted, stopped=stopped), tmp_path)[0] is Status.FAILED
    assert 0 < past.events().total() < past.put.total()
    assert run(past.plan(wanted), tmp_path)[0] is Status.DONE
    assert past.events() == past.put


def test_a_crash_within_a_window_duplicates_nothing(
    past: Past, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = past.wanted()
    saved = backfill_state.save

    def crash(*arguments: Any) -> None:
        if arguments[2].events:
            raise Conflict("the machine went away")
        saved(*arguments)

    with monkeypatch.context() as broken:
        broken.setattr(backfill_state, "save", crash)
        assert run(past.plan(wanted), tmp_path)[0] is Status.FAILED
    assert run(past.plan(wanted), tmp_path)[0] is Status.DONE
    assert past.events() == past.put


def test_a_large_group_uses_an_export_task(past: Past, tmp_path: Path) -> None:
    plan = past.plan(past.wanted(large_bytes=1))
    assert "export task" in plan.steps[0].does
    status, reason = run(plan, tmp_path)
    assert status is Status.DONE, reason
    assert past.events() == past.put
    assert len({row["id"] for row in past.rows()}) == past.put.total()
    assert [key for key in past.pipeline.keys("logs/backfill/staged/") if key.endswith(".gz")] == []


def test_waits_for_another_export_task(past: Past, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = log_history.start_export_task
    refused: list[str] = []

    def busy(*arguments: Any) -> str:
        if not refused:
            refused.append("once")
            raise Conflict("Another export runs.")
        return start(*arguments)

    monkeypatch.setattr(log_history, "start_export_task", busy)
    assert run(past.plan(past.wanted(large_bytes=1)), tmp_path)[0] is Status.DONE
    assert past.events() == past.put


def test_pages_are_followed(past: Past, tmp_path: Path) -> None:
    now = int(time.time() * 1000)
    for _ in range(3):
        past.write(now, ["x" * 200_000] * 5)
    run(past.plan(past.wanted()), tmp_path)
    assert past.events() == past.put


def test_streams_by_folder() -> None:
    assert streams_by_folder(["a/b", "c", "x/y", "x-y"]) == {"a-b": "a/b", "c": "c", "x-y": "x-y"}


def test_lines_of_an_export_become_events() -> None:
    text = "2026-05-01T10:00:00.001Z one\nmore\n2026-05-01T10:00:00.002Z \n"
    found = list(parse_export_object(text, "s", "key"))
    assert [(event.message, event.timestamp % 1000) for event in found] == [("one\nmore", 1), ("", 2)]
    assert found == list(parse_export_object(text, "s", "key"))
