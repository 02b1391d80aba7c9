"""Kinesis and Firehose: sizes of records, and what a delivery stream must have."""

from typing import Any

import pytest

from tests.conformance.callers import Account, allow, error, unique

MIB = 1024 * 1024
ERRORS = "!{firehose:error-output-type}/"
KEYS = "!{partitionKeyFromQuery:kind}/"
EXTRACTION = {
    "Enabled": True,
    "Processors": [
        {
            "Type": "MetadataExtraction",
            "Parameters": [
                {"ParameterName": "MetadataExtractionQuery", "ParameterValue": "{kind:.kind}"},
                {"ParameterName": "JsonParsingEngine", "ParameterValue": "JQ-1.6"},
            ],
        }
    ],
}
BUFFER = {"SizeInMBs": 64, "IntervalInSeconds": 60}
PARTITIONED = {
    "DynamicPartitioningConfiguration": {"Enabled": True},
    "BufferingHints": BUFFER,
    "Prefix": KEYS,
    "ErrorOutputPrefix": "errors/",
    "ProcessingConfiguration": EXTRACTION,
}


def test_a_record_has_a_limit(account: Account) -> None:
    """A record has at most 1 MiB, if its stream's maximum was not raised, and the records of a call 10 MiB.

    https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
    """
    kinesis, name, slow = account.client("kinesis"), unique("stream"), unique("slow")
    kinesis.create_stream(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    kinesis.create_stream(StreamName=slow, ShardCount=1)
    for stream in (name, slow):
        kinesis.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
    fits = {"Data": b"x" * MIB, "PartitionKey": "k"}
    large = {"Data": b"x" * (MIB + 1), "PartitionKey": "k"}
    kinesis.put_record(StreamName=name, **fits)
    for stream in (name, slow):  # not "throttled", which a retry could change
        assert error(kinesis.put_record, StreamName=stream, **large)[0] == "ValidationException"
    assert error(kinesis.put_records, StreamName=name, Records=[fits, large])[0] == "ValidationException"
    assert error(kinesis.put_records, StreamName=name, Records=[fits] * 11)[0] == "ValidationException"


WRONG: list[Any] = [
    pytest.param({**PARTITIONED, "BufferingHints": {**BUFFER, "SizeInMBs": 63}}, "at least 64", id="buffer"),
    pytest.param({**PARTITIONED, "BufferingHints": {}}, "at least 64", id="default buffer"),
    pytest.param({**PARTITIONED, "Prefix": "!{timestamp:yyyy}/"}, "partition key", id="no key"),
    pytest.param({**PARTITIONED, "ProcessingConfiguration": {}}, "processor", id="no processor"),
    pytest.param(
        {**PARTITIONED, "ErrorOutputPrefix": ERRORS + KEYS},
        "cannot contain partition keys",
        id="error prefix",
    ),
    pytest.param({"Prefix": "!{date:yyyy}/", "ErrorOutputPrefix": "e/"}, "!{date:yyyy}", id="expression"),
    pytest.param(
        {"Prefix": "!{firehose:none}/", "ErrorOutputPrefix": "e/"}, "!{firehose:none}", id="firehose"
    ),
    pytest.param({"BufferingHints": {"SizeInMBs": 64}}, "both", id="one hint"),
    pytest.param(
        {"CompressionFormat": "GZIP", "DataFormatConversionConfiguration": {"Enabled": True}},
        "UNCOMPRESSED",
        id="compression",
    ),
]


@pytest.fixture(scope="module")
def destination(account: Account) -> dict[str, Any]:
    bucket = unique("delivered")
    account.client("s3").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    role = account.role("firehose.amazonaws.com", allowed=(allow("s3:*"),))
    return {"RoleARN": role, "BucketARN": f"arn:aws:s3:::{bucket}"}


@pytest.mark.parametrize(("given", "said"), WRONG)
def test_a_delivery_stream_is_consistent(
    account: Account, destination: dict[str, Any], given: dict[str, Any], said: str
) -> None:
    """Dynamic partitioning needs a buffer of 64 MB, a processor, and partition keys in the prefix.

    https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning-enable.html
    """
    code, message = error(
        account.client("firehose").create_delivery_stream,
        DeliveryStreamName=unique("delivery"),
        ExtendedS3DestinationConfiguration={**destination, **given},
    )
    assert code == "InvalidArgumentException" and said in message


def test_a_partitioned_delivery_stream_is_accepted(account: Account, destination: dict[str, Any]) -> None:
    """A delivery stream may partition by keys that a query or a function extracts.

    https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning-partitioning-keys.html
    """
    account.client("firehose").create_delivery_stream(
        DeliveryStreamName=unique("delivery"),
        ExtendedS3DestinationConfiguration={**destination, **PARTITIONED},
    )


def test_a_batch_has_a_limit(account: Account, destination: dict[str, Any]) -> None:
    """The records of a PutRecordBatch call have at most 4 MiB together.

    https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html
    """
    firehose, name = account.client("firehose"), unique("delivery")
    firehose.create_delivery_stream(DeliveryStreamName=name, ExtendedS3DestinationConfiguration=destination)
    records = [{"Data": b"x" * 900_000}] * 5
    code, _ = error(firehose.put_record_batch, DeliveryStreamName=name, Records=records)
    assert code == "InvalidArgumentException"
