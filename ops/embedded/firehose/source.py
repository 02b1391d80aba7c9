"""The source of a delivery stream's records: a Kinesis stream with a checkpoint, or Direct PUT.

The checkpoint is part of the delivery stream's saved state: after a crash, records that had not reached S3
are read again.
"""

import base64
import time
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from ministack.core.responses import get_region, request_scope
from ministack.services import kinesis

from ops.embedded.firehose.processor import IncomingRecord
from ops.embedded.iam import service_roles
from ops.embedded.services import flow_metrics

SEAMS = ("ministack.services.kinesis._streams",)
READS = ("kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords")

Stream = dict[str, Any]


class RecordSource:
    """Reads records in order; `commit` marks all records read so far as written to S3."""

    def read(self, limit_bytes: int) -> list[IncomingRecord]:
        """Return the next records: at least one, at most `limit_bytes`. Raises ServiceRoleDenied."""
        raise NotImplementedError

    def commit(self) -> None:
        raise NotImplementedError


class KinesisSource(RecordSource):
    """All shards of a stream, including closed ones."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._committed: dict[str, str] = stream.setdefault("checkpoint", {})
        self._read_positions = dict(self._committed)
        self._arn = stream["kinesis_source"]["KinesisStreamARN"]
        self._role = stream["kinesis_source"]["RoleARN"]
        self._start_timestamp = stream["kinesis_source"].get("DeliveryStartTimestamp") or 0

    def read(self, limit_bytes: int) -> list[IncomingRecord]:
        service_roles.require_permissions(
            self._role,
            "firehose",
            [(action, self._arn) for action in READS],
            region=get_region(),
            source_arn=self._stream["arn"],
        )
        records: list[IncomingRecord] = []
        size = 0
        for shard, record in self._unread():
            data = base64.b64decode(record["Data"])
            if records and size + len(data) > limit_bytes:
                break
            self._read_positions[shard] = record["SequenceNumber"]
            if record["ApproximateArrivalTimestamp"] >= self._start_timestamp:
                records.append(_incoming(shard, record, data))
                size += len(data)
        if records:
            self._report_age(records[-1].arrived_ms)
        return records

    def _report_age(self, arrived_ms: int) -> None:
        """Report the age of the last record read as GetRecords.IteratorAgeMilliseconds."""
        dimensions = {"StreamName": self._arn.rpartition("/")[2]}
        age = max(0.0, time.time() * 1000 - arrived_ms)
        flow_metrics.count("AWS/Kinesis", dimensions, "Milliseconds", GetRecords__IteratorAgeMilliseconds=age)

    def commit(self) -> None:
        self._committed.update(self._read_positions)

    def _unread(self) -> Iterator[tuple[str, dict[str, Any]]]:
        _, _, _, region, account, name = self._arn.split(":", 5)
        with request_scope(account, region):
            stream = kinesis._streams.get(name.removeprefix("stream/"))
        for shard_id, shard in list((stream or {"shards": {}})["shards"].items()):
            records = shard["records"]
            start = bisect_right(
                records, self._read_positions.get(shard_id, ""), key=lambda record: record["SequenceNumber"]
            )
            for index in range(start, len(records)):
                yield shard_id, records[index]


class DirectPutSource(RecordSource):
    """Records that PutRecord and PutRecordBatch have stored in the destination."""

    def __init__(self, destination: dict[str, Any]) -> None:
        self._records: list[dict[str, Any]] = destination["records"]
        self._read_count = 0

    def read(self, limit_bytes: int) -> list[IncomingRecord]:
        incoming: list[IncomingRecord] = []
        size = 0
        for record in self._records[self._read_count : self._read_count + 10_000]:
            data = base64.b64decode(record["data"])
            if incoming and size + len(data) > limit_bytes:
                break
            incoming.append(IncomingRecord(record["id"], data, int(record["ts"] * 1000)))
            size += len(data)
        self._read_count += len(incoming)
        return incoming

    def commit(self) -> None:
        del self._records[: self._read_count]
        self._read_count = 0


def record_source(stream: Stream, destination: dict[str, Any]) -> RecordSource:
    """Return the delivery stream's source."""
    return KinesisSource(stream) if stream.get("kinesis_source") else DirectPutSource(destination)


def _incoming(shard: str, record: dict[str, Any], data: bytes) -> IncomingRecord:
    arrived_ms = int(record["ApproximateArrivalTimestamp"] * 1000)
    return IncomingRecord(
        id=f"{shard}{record['SequenceNumber']:0>56}{0:056d}",
        data=data,
        arrived_ms=arrived_ms,
        source={
            "shardId": shard,
            "partitionKey": record["PartitionKey"],
            "approximateArrivalTimestamp": arrived_ms,
            "sequenceNumber": record["SequenceNumber"],
            "subsequenceNumber": 0,
        },
    )
