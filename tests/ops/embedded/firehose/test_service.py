"""Firehose on the embedded cloud: buffers, names, processor, partitions, errors, and permissions."""

import base64
import gzip
import json
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.ops.embedded.log_pipeline import KEEP_ALL, LogPipeline, make_group
from tests.ops.embedded.overlay import allow, client, eventually, metric, unique


def test_object_is_named_and_compressed_as_firehose_does(embedded: Any) -> None:
    pipeline = LogPipeline(embedded, destination={"CompressionFormat": "GZIP"})
    pipeline.put(b"one", b"two")
    (key,) = pipeline.wait_for_objects()
    name = rf"out/\d{{4}}/\d\d/\d\d/\d\d/{pipeline.name}-1-\d{{4}}(-\d\d){{5}}-[0-9a-f-]{{36}}\.gz"
    assert re.fullmatch(name, key)
    assert sorted(re.findall(b"one|two", gzip.decompress(pipeline.body(key)))) == [b"one", b"two"]


def test_interval_buffers_records_into_one_object(embedded: Any) -> None:
    pipeline = LogPipeline(embedded, buffer={"SizeInMBs": 1, "IntervalInSeconds": 300})
    for number in range(5):
        pipeline.put(str(number).encode())
    (key,) = pipeline.wait_for_objects()
    assert sorted(pipeline.body(key).decode()) == list("01234")


def test_a_full_buffer_is_delivered_before_the_interval(embedded: Any) -> None:
    pipeline = LogPipeline(embedded, buffer={"SizeInMBs": 1, "IntervalInSeconds": 900})
    pipeline.put(*[b"x" * 1_000_000] * 2)
    assert pipeline.wait_for_objects()


def test_direct_put_is_delivered(embedded: Any) -> None:
    pipeline = LogPipeline(embedded)
    firehose = client(embedded, "firehose")
    name = unique("direct")
    given = pipeline._delivery_stream()["ExtendedS3DestinationConfiguration"]
    firehose.create_delivery_stream(
        DeliveryStreamName=name, ExtendedS3DestinationConfiguration={**given, "Prefix": "direct/"}
    )
    firehose.put_record_batch(DeliveryStreamName=name, Records=[{"Data": b"a"}, {"Data": b"b"}])
    keys = pipeline.wait_for_objects("direct/")
    assert sorted(b"".join(pipeline.body(key) for key in keys).decode()) == ["a", "b"]


PARTITIONED = """
    import base64

    def handler(event, context):
        answers = []
        for record in event["records"]:
            text = base64.b64decode(record["data"]).decode()
            if text == "drop":
                answers.append({"recordId": record["recordId"], "result": "Dropped"})
            elif text == "fail":
                answers.append({"recordId": record["recordId"], "result": "ProcessingFailed"})
            elif text != "forget":
                answers.append({
                    "recordId": record["recordId"],
                    "result": "Ok",
                    "data": base64.b64encode(text.upper().encode()).decode(),
                    "metadata": {"partitionKeys": {"hour": text[-1]} if text != "keyless" else {}},
                })
        return {"records": answers}
"""


def test_processor_partitions_drops_and_fails(embedded: Any) -> None:
    pipeline = LogPipeline(
        embedded,
        PARTITIONED,
        prefix="out/hour=!{partitionKeyFromLambda:hour}/!{timestamp:yyyy}-",
        destination={"DynamicPartitioningConfiguration": {"Enabled": True}},
        buffer={"SizeInMBs": 64, "IntervalInSeconds": 60},
    )
    pipeline.put(b"a1", b"b2", b"drop", b"fail", b"forget", b"keyless")
    keys = pipeline.wait_for_objects(count=2)
    assert {key.split("/")[1]: pipeline.body(key) for key in keys} == {"hour=1": b"A1", "hour=2": b"B2"}

    def all_errors() -> list[Any] | None:
        found = pipeline.errors()
        return found if len(found) >= 3 else None

    errors = eventually(all_errors)
    assert {base64.b64decode(error["rawData"]): error["errorCode"] for error in errors} == {
        b"fail": "Lambda.ProcessingFailedStatus",
        b"forget": "Lambda.MissingRecordId",
        b"keyless": "DynamicPartitioning.MetadataExtractionFailed",
    }
    (failed,) = [error for error in errors if error["errorCode"] == "Lambda.ProcessingFailedStatus"]
    assert set(failed) == {
        "attemptsMade",
        "arrivalTimestamp",
        "errorCode",
        "errorMessage",
        "attemptEndingTimestamp",
        "rawData",
        "lambdaARN",
    }
    assert pipeline.keys("errors/")[0].startswith("errors/processing-failed/")


def test_processor_gets_firehoses_metadata(embedded: Any) -> None:
    source = """
        import base64, json

        def handler(event, context):
            text = base64.b64encode(json.dumps(event).encode()).decode()
            return {"records": [
                {"recordId": each["recordId"], "result": "Ok", "data": text} for each in event["records"]
            ]}
    """
    pipeline = LogPipeline(embedded, source)
    pipeline.put(b"hello")
    event = json.loads(pipeline.body(pipeline.wait_for_objects()[0]))
    assert event["sourceKinesisStreamArn"] == pipeline.stream_arn
    (record,) = event["records"]
    assert base64.b64decode(record["data"]) == b"hello"
    assert set(record["kinesisRecordMetadata"]) == {
        "shardId",
        "partitionKey",
        "approximateArrivalTimestamp",
        "sequenceNumber",
        "subsequenceNumber",
    }


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("def handler(event, context): raise RuntimeError('broken')", "Lambda.FunctionError"),
        ("def handler(event, context): return 'nothing'", "Lambda.JsonProcessingException"),
        (
            """
            def handler(event, context):
                large = "A" * 6_300_000
                return {"records": [
                    {**each, "result": "Ok", "data": large} for each in event["records"]
                ]}
            """,
            "Lambda.FunctionError",
        ),
        ("import os\ndef handler(event, context): os._exit(1)", "Lambda.FunctionError"),
    ],
    ids=["raises", "no records", "larger than 6 MB", "killed"],
)
def test_a_failed_batch_goes_to_the_error_prefix(embedded: Any, source: str, code: str) -> None:
    pipeline = LogPipeline(embedded, source)
    pipeline.put(b"one", b"two")
    eventually(lambda: len(pipeline.errors()) == 2)
    errors = pipeline.errors()
    assert {(error["errorCode"], error["attemptsMade"]) for error in errors} == {(code, 2)}
    assert sorted(base64.b64decode(error["rawData"]) for error in errors) == [b"one", b"two"]


def test_processor_invocations_have_lambda_metrics(embedded: Any) -> None:
    pipeline = LogPipeline(embedded, "def handler(event, context): raise RuntimeError('broken')")
    pipeline.put(b"one")
    eventually(pipeline.errors)
    for name in ("Invocations", "Errors"):
        assert metric(embedded, "AWS/Lambda", name, {"FunctionName": pipeline.name}) == 2


READ = allow(["kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords"])


def grant(embedded: Any, pipeline: LogPipeline, *statements: dict[str, Any]) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    client(embedded, "iam").put_role_policy(
        RoleName=pipeline.reader.rsplit("/", 1)[-1], PolicyName="test", PolicyDocument=document
    )


def test_missing_write_permission_is_logged_and_nothing_is_lost(embedded: Any) -> None:
    group = make_group(embedded)
    pipeline = LogPipeline(
        embedded,
        firehose_statements=(READ, allow("logs:PutLogEvents")),
        destination={
            "CloudWatchLoggingOptions": {"Enabled": True, "LogGroupName": group, "LogStreamName": "errors"}
        },
    )
    pipeline.put(b"patient")
    logs = client(embedded, "logs")
    (first, *_) = eventually(lambda: logs.filter_log_events(logGroupName=group)["events"])
    error = json.loads(first["message"])
    assert error["errorCode"] == "S3.AccessDenied" and "s3:PutObject" in error["message"]
    assert pipeline.keys() == []
    grant(embedded, pipeline, READ, allow("s3:PutObject"))
    (key,) = pipeline.wait_for_objects()
    assert pipeline.body(key) == b"patient"


def test_missing_invoke_permission_fails_the_records(embedded: Any) -> None:
    pipeline = LogPipeline(embedded, KEEP_ALL, firehose_statements=(READ, allow("s3:PutObject")))
    pipeline.put(b"one")
    (error,) = eventually(pipeline.errors)
    assert error["errorCode"] == "Lambda.InvokeAccessDenied"
    assert "lambda:InvokeFunction" in error["errorMessage"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"Prefix": "a/!{timestamp:yyyy}/", "ErrorOutputPrefix": ""}, "ErrorOutputPrefix cannot be null"),
        ({"BufferingHints": {"SizeInMBs": 129, "IntervalInSeconds": 60}}, "sizeInMBs"),
        ({"Prefix": "!{partitionKeyFromLambda:hour}/"}, "DynamicPartitioningConfiguration"),
    ],
)
def test_invalid_settings_are_rejected(embedded: Any, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=message):
        LogPipeline(embedded, destination=given)
