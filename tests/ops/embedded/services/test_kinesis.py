"""Kinesis on the embedded cloud, as the log export uses it: throttling, and shards that split and close."""

import re
import zlib
from typing import Any

from tests.ops.embedded.log_pipeline import LogPipeline, make_group, write_logs
from tests.ops.embedded.overlay import allow, eventually

OTHER = "222222222222"


def test_a_provisioned_shard_throttles_and_the_subscription_is_retried(embedded: Any) -> None:
    pipeline = LogPipeline(embedded, stream_settings={"ShardCount": 1})
    group = make_group(embedded)
    pipeline.subscribe(group)
    response = pipeline.put(*[b"x" * 1000] * 500)
    assert response["FailedRecordCount"] == 0
    response = pipeline.put(*[b"x" * 10_000] * 400)
    assert response["FailedRecordCount"] > 0
    failed = [record for record in response["Records"] if "ErrorCode" in record]
    assert {record["ErrorCode"] for record in failed} == {"ProvisionedThroughputExceededException"}
    write_logs(embedded, group, "in the rush")

    def arrived() -> bool:
        bodies = b"".join(pipeline.body(key) for key in pipeline.keys("out/"))
        return gzip_contains(bodies, b"in the rush")

    assert eventually(arrived)


def gzip_contains(data: bytes, text: bytes) -> bool:
    """Return whether one of the gzip members in the data contains the text."""
    for start in (match.start() for match in re.finditer(rb"\x1f\x8b\x08", data)):
        try:
            if text in zlib.decompressobj(wbits=31).decompress(
                data[start:]
            ):  # the rest belongs to other members
                return True
        except zlib.error:
            continue
    return False


def test_a_split_shard_stays_readable(embedded: Any) -> None:
    pipeline = LogPipeline(embedded, stream_settings={"ShardCount": 1}, firehose_statements=(allow("s3:*"),))
    kinesis = pipeline.kinesis
    pipeline.put(b"before")
    kinesis.split_shard(
        StreamName=pipeline.name, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127)
    )
    pipeline.put(b"after 1", b"after 2")
    shards = kinesis.list_shards(StreamName=pipeline.name)["Shards"]
    assert len(shards) == 3 and "EndingSequenceNumber" in shards[0]["SequenceNumberRange"]
    assert sorted(read_all(kinesis, pipeline.name)) == [b"after 1", b"after 2", b"before"]
    summary = kinesis.describe_stream_summary(StreamName=pipeline.name)["StreamDescriptionSummary"]
    assert summary["OpenShardCount"] == 2


def test_a_closed_shard_has_an_end(embedded: Any) -> None:
    pipeline = LogPipeline(embedded, stream_settings={"ShardCount": 1})
    kinesis = pipeline.kinesis
    pipeline.put(b"before")
    kinesis.update_shard_count(StreamName=pipeline.name, TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    iterator = kinesis.get_shard_iterator(
        StreamName=pipeline.name, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    response = kinesis.get_records(ShardIterator=iterator)
    assert [record["Data"] for record in response["Records"]] == [b"before"]
    assert "NextShardIterator" not in response


def read_all(kinesis: Any, name: str) -> list[bytes]:
    records = []
    for shard in kinesis.list_shards(StreamName=name)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records += [record["Data"] for record in kinesis.get_records(ShardIterator=iterator)["Records"]]
    return records
