"""Counting and replaying failed records on the embedded cloud."""

import base64
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ops.audit import Actor, FileAudit
from ops.aws.cloud import Cloud
from ops.errors import InputError, Throttled
from ops.logs.export import error_records, replay
from ops.logs.export.ledger import counting
from ops.logs.export.ledger.counting import ExportedEvents
from ops.logs.export.ledger.model import build_ledger
from ops.logs.lake.layout import Location, Scope, hour_of
from ops.plan import Plan, Status, execute
from tests.ops.embedded.log_pipeline import KEEP_ALL, LogPipeline, make_group, write_logs
from tests.ops.embedded.overlay import ACCOUNT, REGION, client, eventually

BROKEN = """
    def handler(event, context):
        failed = "ProcessingFailed"
        return {"records": [{"recordId": each["recordId"], "result": failed} for each in event["records"]]}
"""


class Failing(LogPipeline):
    """A pipeline whose processor rejects every record until it is repaired."""

    def __init__(self, embedded: Any) -> None:
        super().__init__(embedded, BROKEN)
        self.group = make_group(embedded)
        self.subscribe(self.group, f"slipway-{REGION}")
        write_logs(embedded, self.group, "one", "two")
        eventually(lambda: len(self.errors()) == 2)  # the control message too

    def repair(self) -> None:
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr("index.py", KEEP_ALL.replace("\n    ", "\n"))
        client(self.embedded, "lambda").update_function_code(FunctionName=self.name, ZipFile=data.getvalue())

    @property
    def location(self) -> Location:
        return Location(self.bucket, "", ACCOUNT, REGION)

    @property
    def stream(self) -> replay.Stream:
        return replay.Stream(self.name, ACCOUNT, REGION)


@pytest.fixture
def failing(embedded: Any) -> Failing:
    return Failing(embedded)


def run(plan: Plan, tmp_path: Path) -> list[Status]:
    outcome = execute(plan, actor=Actor("test", "cli"), audit=FileAudit(tmp_path / "audit.jsonl"))
    return [result.status for result in outcome.results]


def test_failed_events_are_counted_and_not_missing(failing: Failing, cloud: Cloud) -> None:
    group = (ACCOUNT, REGION, failing.group)
    now = datetime.now(UTC)

    def nothing(scope: Scope) -> ExportedEvents:
        return ExportedEvents(())

    since = {group: now - timedelta(days=1)}
    start, end = hour_of(now), hour_of(now) + timedelta(hours=1)
    books = counting.count_events(cloud, failing.location, since, start, end, nothing)
    found = build_ledger(books, start, end, now + timedelta(hours=5))
    (row,) = found.rows
    assert (row.ingested.events, row.failed, row.missing, row.status) == (2, 2, 0, "failed")


def test_replay_delivers_failed_records(failing: Failing, cloud: Cloud, tmp_path: Path) -> None:
    failing.repair()
    objects = replay.list_error_objects(cloud, failing.location)
    assert sum(each.events for each in objects) == 2
    assert {reason for each in objects for reason in each.reasons} == {"Lambda.ProcessingFailedStatus"}
    plan = replay.plan_replay(cloud, failing.location, failing.stream, objects)
    assert set(run(plan, tmp_path)) == {Status.DONE}
    assert eventually(lambda: failing.messages(failing.group)) == ["one", "two"]
    assert failing.keys("errors/") == []
    assert len(failing.keys("replayed/")) == len(objects)
    assert set(run(plan, tmp_path)) == {Status.ALREADY}
    with pytest.raises(InputError):
        replay.plan_replay(
            cloud, failing.location, failing.stream, replay.list_error_objects(cloud, failing.location)
        )


def test_crash_between_put_and_move_loses_nothing(
    failing: Failing, cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing.repair()
    plan = replay.plan_replay(
        cloud, failing.location, failing.stream, replay.list_error_objects(cloud, failing.location)
    )

    def crash(*_: Any) -> None:
        raise Throttled("the machine went away")

    with monkeypatch.context() as broken:
        broken.setattr("ops.aws.s3.objects.Bucket.move", crash)
        assert set(run(plan, tmp_path)) == {Status.FAILED}
    assert set(run(plan, tmp_path)) == {Status.DONE}

    def ids() -> list[str]:
        return [
            event["id"]
            for document in failing.documents()
            if document["logGroup"] == failing.group
            for event in document["logEvents"]
        ]

    eventually(lambda: len(ids()) == 4)
    assert len(set(ids())) == 2


def test_records_of_other_services_are_not_replayed(failing: Failing, cloud: Cloud, tmp_path: Path) -> None:
    failing.repair()
    line = {"errorCode": "Other", "rawData": base64.b64encode(b"strange").decode()}
    key = failing.keys("errors/")[0]
    body = failing.body(key) + json.dumps(line).encode() + b"\n"
    failing.s3.put_object(Bucket=failing.bucket, Key=key, Body=body)
    plan = replay.plan_replay(
        cloud, failing.location, failing.stream, replay.list_error_objects(cloud, failing.location)
    )
    assert set(run(plan, tmp_path)) == {Status.DONE}
    (kept,) = failing.keys("strange/")
    assert [each.data for each in error_records.parse(failing.body(kept))] == [b"strange"]


def test_other_objects_are_not_replayed(cloud: Cloud, embedded: Any) -> None:
    pipeline = LogPipeline(embedded)
    put = partial(pipeline.s3.put_object, Bucket=pipeline.bucket)
    put(Key="errors/processing-failed/x", Body=b"not JSON\n")
    location = Location(pipeline.bucket, "", ACCOUNT, REGION)
    (found,) = replay.list_error_objects(cloud, location)
    assert (found.records, found.unreadable) == (1, 1)
    with pytest.raises(InputError, match="No records under"):
        replay.plan_replay(cloud, location, replay.Stream(pipeline.name, ACCOUNT, REGION), [found])
