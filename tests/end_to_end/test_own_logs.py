"""The logs of a snapshot pipeline: JSON with run and state, and errors only where something failed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ops.aws.cloud import Cloud
from ops.logs.lake.lines.levels import Levels
from ops.logs.lake.patterns import patterns_of
from ops.snapshots.pipeline.catalog import DeployedPipeline
from tests.end_to_end.workbench import PEOPLE, PEOPLE_POLICY, Workbench, statuses

PLATFORM = re.compile(r"(INIT_START|START|END|REPORT) ")  # of Lambda itself
WAITS = {"Wait for snapshot", "Wait for database", "Wait for final snapshot", "Clean up"}


@pytest.fixture(scope="module")
def workbench(cloud: Cloud, data: Path) -> Workbench:
    return Workbench(cloud, data)


@pytest.fixture(scope="module")
def pipeline(workbench: Workbench) -> Iterator[DeployedPipeline]:
    with workbench.people(PEOPLE) as name:
        yield workbench.deploy(workbench.pipeline(name, PEOPLE_POLICY))


def client(workbench: Workbench, service: str) -> Any:
    place = workbench.production
    return workbench.cloud.client(service, place.account.id, place.region)


def messages(workbench: Workbench, pipeline: DeployedPipeline) -> list[str]:
    """Return every line in the log groups of the pipeline's stack."""
    resources = client(workbench, "cloudformation").describe_stack_resources(StackName=pipeline.name)
    groups = [
        resource["PhysicalResourceId"]
        for resource in resources["StackResources"]
        if resource["ResourceType"] == "AWS::Logs::LogGroup"
    ]
    assert len(groups) == 3
    pages = client(workbench, "logs").get_paginator("filter_log_events")
    found = [
        event["message"]
        for group in groups
        for page in pages.paginate(logGroupName=group)
        for event in page["events"]
    ]
    return [message for message in found if not PLATFORM.match(message)]


def errors(found: list[str]) -> list[str]:
    """Return the messages that the search `level:error` finds."""
    messages = pa.array(found, pa.string())
    levels = Levels().of(messages, patterns_of(messages)).to_pylist()
    return [text for text, level in zip(found, levels, strict=True) if level in ("ERROR", "FATAL")]


@pytest.mark.thorough
def test_a_run_that_succeeds_logs_no_error_and_a_failure_exactly_one(
    workbench: Workbench, pipeline: DeployedPipeline
) -> None:
    run = workbench.run(pipeline).execution
    assert run.status == "SUCCEEDED", run.cause
    before = messages(workbench, pipeline)
    assert errors(before) == []

    records = [json.loads(message) for message in before if message.startswith("{")]
    assert {record["run"] for record in records} == {run.name}
    called = {name for name, status in statuses(run).items() if status == "succeeded"}
    assert {record["state"] for record in records} <= called
    not_ready = [record for record in records if record["message"] == "Task not ready"]
    assert WAITS & {record["state"] for record in not_ready}
    assert {record["level"] for record in not_ready} == {"INFO"}
    assert all(record["reason"] for record in not_ready)

    bucket, prefix = (pipeline.stack.parameters[name] for name in ("ScriptBucket", "ScriptPrefix"))
    s3 = client(workbench, "s3")
    for found in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
        s3.delete_object(Bucket=bucket, Key=found["Key"])
    failed = workbench.run(pipeline).execution
    assert (failed.status, failed.error) == ("FAILED", "PreflightFailed")
    (line,) = errors(messages(workbench, pipeline))
    record = json.loads(line)
    assert (record["run"], record["state"], record["type"]) == (failed.name, "Preflight", "PreflightFailed")
    assert "no .sql scripts" in record["reason"]
