"""Where a delivery stream's records come from: a Kinesis stream after a checkpoint, or direct puts.

The checkpoint lies in the delivery stream's own record, so it is saved with it: after a crash what had not
reached S3 by then is read again.
"""

import base64
import time
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from ministack.core.responses import get_region, request_scope
from ministack.services import kinesis

from ops.embedded.firehose.processor import Incoming
from ops.embedded.iam import service_roles
from ops.embedded.services import flow_metrics

SEAMS = ("ministack.services.kinesis._streams",)
READS = ("kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords")

Stream = dict[str, Any]


class Source:
    """Reads on from where it has read to; `commit` says that all of it is in S3."""

    def read(self, limit_bytes: int) -> list[Incoming]:
        """The next records, at most that many bytes but at least one. Raises service_roles.Refused."""
        raise NotImplementedError

    def commit(self) -> None:
        raise NotImplementedError

    def rewind(self) -> None:
        """Reads again what was not committed."""
        raise NotImplementedError


class KinesisSource(Source):
    """All shards of a stream, closed ones too."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._from: dict[str, str] = stream.setdefault("checkpoint", {})
        self._read = dict(self._from)
        self._arn = stream["kinesis_source"]["KinesisStreamARN"]
        self._role = stream["kinesis_source"]["RoleARN"]
        self._begin = stream["kinesis_source"].get("DeliveryStartTimestamp") or 0

    def read(self, limit_bytes: int) -> list[Incoming]:
        service_roles.demand(
            self._role,
            "firehose",
            [(action, self._arn) for action in READS],
            region=get_region(),
            source_arn=self._stream["arn"],
        )
        found: list[Incoming] = []
        size = 0
        for shard, record in self._unread():
            data = base64.b64decode(record["Data"])
            if found and size + len(data) > limit_bytes:
                break
            self._read[shard] = record["SequenceNumber"]
            if record["ApproximateArrivalTimestamp"] >= self._begin:
                found.append(_incoming(shard, record, data))
                size += len(data)
        if found:
            self._count_age(found[-1].arrived_ms)
        return found

    def _count_age(self, arrived_ms: int) -> None:
        """How long the last record that was read had lain in the stream, as GetRecords reports it."""
        dimensions = {"StreamName": self._arn.rpartition("/")[2]}
        age = max(0.0, time.time() * 1000 - arrived_ms)
        flow_metrics.count("AWS/Kinesis", dimensions, "Milliseconds", GetRecords__IteratorAgeMilliseconds=age)

    def commit(self) -> None:
        self._from.update(self._read)

    def rewind(self) -> None:
        self._read = dict(self._from)

    def _unread(self) -> Iterator[tuple[str, dict[str, Any]]]:
        _, _, _, region, account, name = self._arn.split(":", 5)
        with request_scope(account, region):
            stream = kinesis._streams.get(name.removeprefix("stream/"))
        for shard_id, shard in list((stream or {"shards": {}})["shards"].items()):
            records = shard["records"]
            start = bisect_right(
                records, self._read.get(shard_id, ""), key=lambda record: record["SequenceNumber"]
            )
            for index in range(start, len(records)):
                yield shard_id, records[index]


class DirectSource(Source):
    """What PutRecord and PutRecordBatch have left in the destination."""

    def __init__(self, destination: dict[str, Any]) -> None:
        self._records: list[dict[str, Any]] = destination["records"]
        self._read = 0

    def read(self, limit_bytes: int) -> list[Incoming]:
        found: list[Incoming] = []
        size = 0
        for record in self._records[self._read : self._read + 10_000]:
            data = base64.b64decode(record["data"])
            if found and size + len(data) > limit_bytes:
                break
            found.append(Incoming(record["id"], data, int(record["ts"] * 1000)))
            size += len(data)
        self._read += len(found)
        return found

    def commit(self) -> None:
        del self._records[: self._read]
        self._read = 0

    def rewind(self) -> None:
        self._read = 0


def source_of(stream: Stream, destination: dict[str, Any]) -> Source:
    """The delivery stream's source."""
    return KinesisSource(stream) if stream.get("kinesis_source") else DirectSource(destination)


def _incoming(shard: str, record: dict[str, Any], data: bytes) -> Incoming:
    arrived_ms = int(record["ApproximateArrivalTimestamp"] * 1000)
    return Incoming(
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
