"""The audit log in a log group of the embedded cloud."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3

from ops.audit import Actor, FileAudit, Record, timestamp
from ops.aws.cloud import Cloud
from ops.aws.logs.audit_trail import MAX_FIELD_LENGTH, GroupAudit, open_audit
from ops.embedded.accounts import QA, WORKBENCH, endpoint
from ops.embedded.lifecycle import RunningCloud
from ops.errors import AuditUnavailable
from ops.operations import Operation
from ops.plan import Plan, ReportProgress, Resource, Step, execute
from ops.settings import Account

RECORD = Record(
    at="2026-11-24T12:00:00.000Z",
    actor='ada\n"<script>"',
    via="page",
    plan="Delete ‮bucket",
    step="a",
    does="{} \x1b[31m %s $.x",
    resource="AWS::S3::Bucket b",
    account="111111111111",
    region="eu-west-1",
    result="done",
    duration_s=1.25,
)


def group(cloud: Cloud, name: str) -> GroupAudit:
    return GroupAudit(cloud, f"/slipway/test-audit/{name}")


def test_records_are_read_unchanged_newest_first(cloud: Cloud) -> None:
    audit = group(cloud, "whole")
    assert audit.read(5) == []
    now = datetime.now(UTC)
    records = [replace(RECORD, at=timestamp(now + timedelta(seconds=n)), step=str(n)) for n in range(5)]
    for record in records:
        audit.write(record)
    assert audit.read(3) == records[:1:-1]
    assert group(cloud, "whole").read(99) == records[::-1]


def test_the_log_group_is_created_once_with_a_retention(cloud: Cloud) -> None:
    audit = group(cloud, "made")
    audit.write(RECORD)
    audit.write(RECORD)
    found = cloud.client("logs").describe_log_groups(logGroupNamePrefix=audit.group)["logGroups"]
    assert [each["retentionInDays"] for each in found] == [731]


def test_other_events_are_skipped_and_long_text_is_truncated(cloud: Cloud) -> None:
    audit = group(cloud, "odd")
    audit.write(replace(RECORD, reason="x" * 300_000))
    stream = cloud.client("logs").describe_log_streams(logGroupName=audit.group)["logStreams"][0]
    now = int(datetime.now(UTC).timestamp() * 1000)
    for text in ("no JSON", "[1]", '{"at": 1}', "null"):
        cloud.client("logs").put_log_events(
            logGroupName=audit.group,
            logStreamName=stream["logStreamName"],
            logEvents=[{"timestamp": now, "message": text}],
        )
    (record,) = audit.read(9)
    assert record.reason.startswith("x" * MAX_FIELD_LENGTH) and record.reason.endswith("(300000 characters)")


def test_without_an_audit_record_nothing_changes(cloud: Cloud, embedded: RunningCloud) -> None:
    """In an account whose role can read the audit log but not write it."""
    root = endpoint(embedded.endpoint, QA.id)
    iam = boto3.client(
        "iam",
        endpoint_url=root.url,
        region_name="eu-west-1",
        aws_access_key_id=root.access_key_id,
        aws_secret_access_key=root.secret_access_key,
    )
    trust = {"Effect": "Allow", "Principal": {"AWS": WORKBENCH}, "Action": "sts:AssumeRole"}
    iam.create_role(
        RoleName="AuditReader",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trust}),
    )
    reads = {"Effect": "Allow", "Action": "logs:FilterLogEvents", "Resource": "*"}
    iam.put_role_policy(
        RoleName="AuditReader",
        PolicyName="read",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": reads}),
    )
    reader = Account("qa", QA.id, f"arn:aws:iam::{QA.id}:role/AuditReader")
    limited = Cloud(replace(cloud.settings, accounts=(reader,)), cloud.endpoint)
    acted: list[str] = []

    def act(say: ReportProgress) -> None:
        acted.append("acted")

    plan = Plan("A plan", (Step("a", "Act", Resource("k", "i", "1", "r"), act, {}),), Operation.DELETE_STACK)
    outcome = execute(plan, actor=Actor("me", "test"), audit=GroupAudit(limited, "/slipway/audit"))
    assert not acted
    assert isinstance(outcome.error, AuditUnavailable)
    assert "Nothing was changed" in str(outcome.error)
    assert "logs:PutLogEvents" in outcome.error.hint


def test_the_settings_choose_between_group_and_file(cloud: Cloud) -> None:
    assert isinstance(open_audit(cloud), GroupAudit)
    local = Cloud(replace(cloud.settings, audit_group=""), cloud.endpoint)
    assert isinstance(open_audit(local), FileAudit)
