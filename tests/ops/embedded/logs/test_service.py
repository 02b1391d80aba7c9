"""CloudWatch Logs on the embedded cloud, except subscriptions: ingestion, metrics, exports, and events."""

import gzip
import json
import re
import time
from typing import Any

from tests.ops.embedded.log_pipeline import LogPipeline, allow_logs, make_group, write_logs
from tests.ops.embedded.overlay import client, eventually, metric, refused

# PutLogEvents and its metrics


def test_events_that_are_too_old_or_too_new_are_rejected(embedded: Any) -> None:
    group = make_group(embedded)
    logs = client(embedded, "logs")
    now, day = int(time.time() * 1000), 86_400_000
    response = logs.put_log_events(
        logGroupName=group,
        logStreamName="s",
        logEvents=[{"timestamp": now - 15 * day, "message": "old"}],
    )
    assert response["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    response = logs.put_log_events(
        logGroupName=group,
        logStreamName="s",
        logEvents=[
            {"timestamp": now, "message": "good"},
            {"timestamp": now + day // 2, "message": "too new"},
        ],
    )
    assert response["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    events = logs.filter_log_events(logGroupName=group)["events"]
    assert [event["message"] for event in events] == ["good"]


def test_batch_must_be_in_order(embedded: Any) -> None:
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": "b"}, {"timestamp": now - 1, "message": "a"}]
    error = refused(
        client(embedded, "logs").put_log_events,
        logGroupName=make_group(embedded),
        logStreamName="s",
        logEvents=events,
    )
    assert error["Code"] == "InvalidParameterException"


def test_incoming_and_forwarded_events_are_counted(embedded: Any) -> None:
    pipeline = LogPipeline(embedded)
    group = make_group(embedded)
    write_logs(embedded, group, "before the subscription")
    pipeline.subscribe(group)
    write_logs(embedded, group, "four", "äöü")
    assert metric(embedded, "AWS/Logs", "IncomingLogEvents", {"LogGroupName": group}) == 3
    assert metric(embedded, "AWS/Logs", "IncomingBytes", {"LogGroupName": group}) == 23 + 4 + 6 + 3 * 26
    forwarded = {"LogGroupName": group, "DestinationType": "Kinesis", "FilterName": "test"}
    assert metric(embedded, "AWS/Logs", "ForwardedLogEvents", forwarded) == 2


# Export tasks


def test_export_task_writes_as_cloudwatch_does_one_at_a_time(embedded: Any) -> None:
    pipeline = LogPipeline(embedded)
    group = make_group(embedded)
    write_logs(embedded, group, "one", "two\nlines")
    logs = client(embedded, "logs")
    now = int(time.time() * 1000)
    task = {
        "logGroupName": group,
        "fromTime": now - 60_000,
        "to": now + 60_000,
        "destination": pipeline.bucket,
        "destinationPrefix": "old",
    }
    assert "GetBucketAcl call" in refused(logs.create_export_task, **task)["Message"]
    allow_logs(pipeline)
    id_ = logs.create_export_task(**task)["taskId"]
    assert refused(logs.create_export_task, **task)["Code"] == "LimitExceededException"

    def status() -> str:
        (found,) = logs.describe_export_tasks(taskId=id_)["exportTasks"]
        return str(found["status"]["code"])

    eventually(lambda: status() == "COMPLETED")
    assert set(pipeline.keys("old/")) == {f"old/{id_}/s/000000.gz", "old/aws-logs-write-test"}
    text = gzip.decompress(pipeline.body(f"old/{id_}/s/000000.gz")).decode()
    assert re.fullmatch(r"(\d{4}-\d\d-\d\dT[\d:.]{12}Z) one\n\1 two\nlines\n", text)


# New log groups


def test_a_new_group_invokes_a_rules_function(embedded: Any) -> None:
    pipeline = LogPipeline(embedded, "def handler(event, context): print(event['detail'])")
    events = client(embedded, "events")
    pattern = {
        "source": ["aws.logs"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {"eventSource": ["logs.amazonaws.com"], "eventName": ["CreateLogGroup"]},
    }
    events.put_rule(Name=pipeline.name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=pipeline.name, Targets=[{"Id": "f", "Arn": pipeline.function}])
    try:
        group = make_group(embedded)
        logs = client(embedded, "logs")

        def called() -> bool:
            log_groups = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{pipeline.name}")[
                "logGroups"
            ]
            lines = [
                event["message"]
                for log_group in log_groups
                for event in logs.filter_log_events(logGroupName=log_group["logGroupName"])["events"]
            ]
            return group in "".join(lines)

        assert eventually(called)
    finally:
        events.remove_targets(Rule=pipeline.name, Ids=["f"])
        events.delete_rule(Name=pipeline.name)
