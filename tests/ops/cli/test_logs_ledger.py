"""Ledger, replay, backfill, and retention from the command line, on the embedded cloud."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ops.cli import main
from ops.cli.context import NOT_READ
from ops.embedded.lifecycle import RunningCloud
from ops.logs.export.coverage.subscribed import GroupExport, list_group_exports
from ops.logs.export.ledger import reader
from tests.end_to_end.test_log_flow import make_pipeline
from tests.ops.embedded.log_pipeline import LogPipeline, make_group, write_logs
from tests.ops.embedded.overlay import REGION, client, eventually

# The current hour is checked as if it had ended two hours ago.
JUDGED = ("--delay", "-120", "--hours", "3")


@pytest.fixture(autouse=True)
def connected(embedded: RunningCloud, data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SLIPWAY_DATA", str(data))
    monkeypatch.setenv("SLIPWAY_EMBEDDED_DELAY", "0.2")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def pipeline(embedded: RunningCloud, monkeypatch: pytest.MonkeyPatch) -> LogPipeline:
    """A pipeline that writes JSON lines, with one log group that counts as subscribed yesterday."""
    made = make_pipeline(embedded, "json")
    group = make_group(embedded)
    made.subscribe(group, f"slipway-{REGION}")
    made.environment["group"] = group

    def only_ours(*arguments: Any) -> list[GroupExport]:
        ours = [each for each in list_group_exports(*arguments) if each.group.name == group]
        day = timedelta(days=1)
        return [
            replace(each, since=each.since - day, group=replace(each.group, created=each.since - day))
            for each in ours
            if each.since
        ]

    monkeypatch.setattr(reader, "list_group_exports", only_ours)
    write_logs(embedded, group, "one", "two", "three")
    eventually(lambda: made.keys("json/"))
    return made


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    """Return the exit status and the output with --json."""
    status = main(["--json", "logs", *arguments])
    return status, json.loads(capsys.readouterr().out)


def test_ledger_is_complete_until_an_object_is_lost(
    pipeline: LogPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("ledger", "--bucket", pipeline.bucket, *JUDGED)
    status, found = run(capsys, *where, "--all")
    assert (status, found["missing"], found["failed"]) == (0, 0, 0)
    (row,) = found["rows"]
    assert (row["ingested"], row["exported"], row["status"]) == (3, 3, "complete")
    for key in pipeline.keys("json/"):
        pipeline.s3.delete_object(Bucket=pipeline.bucket, Key=key)
    status, found = run(capsys, *where)
    assert (status, found["missing"]) == (1, 3)
    assert found["rows"][0]["status"] == "missing"


def test_events_that_cannot_be_read_are_not_missing(
    pipeline: LogPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the permission to read the objects, nothing is known, and no retention is proposed as safe."""
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{pipeline.bucket}/json/*",
    }
    policy = {"Version": "2012-10-17", "Statement": [deny]}
    pipeline.s3.put_bucket_policy(Bucket=pipeline.bucket, Policy=json.dumps(policy))
    where = ("--bucket", pipeline.bucket, *JUDGED)
    status, found = run(capsys, "ledger", *where)
    assert (status, found["missing"]) == (NOT_READ, 0)
    assert [row["status"] for row in found["rows"]] == ["not read"]
    assert all("denied" in reason for reason in found["unread"])
    assert main(["logs", "ledger", *where]) == NOT_READ
    assert "Not read:" in capsys.readouterr().out
    _, (row,) = run(capsys, "retention", pipeline.environment["group"], *where)
    assert row["export"] == "not all objects of the bucket could be read"


def test_retention_is_set_for_a_verified_export(
    pipeline: LogPipeline, capsys: pytest.CaptureFixture[str], embedded: RunningCloud
) -> None:
    group = pipeline.environment["group"]
    where = ("retention", group, "--bucket", pipeline.bucket, *JUDGED)
    status, (row,) = run(capsys, *where)
    assert (status, row["export"]) == (0, "verified")
    confirm = ("--set", "7", "--confirm", group)
    status, shown = run(capsys, *where, *confirm)
    assert status == 0 and [result["result"] for result in shown["results"]] == ["done"]
    (described,) = client(embedded, "logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert described["retentionInDays"] == 7
    assert run(capsys, *where)[1] == []


def test_retention_is_rejected_if_events_are_missing(
    pipeline: LogPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    for key in pipeline.keys("json/"):
        pipeline.s3.delete_object(Bucket=pipeline.bucket, Key=key)
    group = pipeline.environment["group"]
    arguments = ("retention", group, "--bucket", pipeline.bucket, *JUDGED, "--set", "7")
    assert main(["logs", *arguments]) == 1
    assert "3 events are missing in the bucket" in capsys.readouterr().err
    assert main(["logs", "retention", "--bucket", pipeline.bucket, *JUDGED, "--set", "7"]) == 1
    assert "No log groups are specified" in capsys.readouterr().err


def test_replay_without_failed_records(pipeline: LogPipeline, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("replay", "--bucket", pipeline.bucket, "--stream", pipeline.name)
    assert main(["logs", *arguments]) == 0
    assert "No failed records under" in capsys.readouterr().out
    assert run(capsys, *arguments) == (0, {"results": []})


def test_backfill_exports_and_shows_progress(
    embedded: RunningCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_pipeline(embedded, "json")
    group = make_group(embedded)
    write_logs(embedded, group, "before the subscription")
    made.subscribe(group, f"slipway-{REGION}")
    where = ("backfill", "--bucket", made.bucket)
    status, plan = run(capsys, *where, group, "--dry-run")
    assert status == 0 and len(plan["steps"]) == 1
    assert main(["logs", *where, group]) == 0
    capsys.readouterr()
    status, (row,) = run(capsys, *where, "--status")
    assert (row["group"], row["done"], row["events"]) == (group, "100%", 1)
    assert main(["logs", *where, group]) == 1
    assert "No log group is older than its subscription" in capsys.readouterr().err
