"""Kinesis: shard limits, closed shards that remain readable, and resharding as readers see it.

Limits: 1 MiB per record, 500 records and 5 MiB per call, and for each provisioned shard 1 MiB and 1,000
records per second.
https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
"""

import base64
import json
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import kinesis

from ops.embedded.context import OverlayContext
from ops.embedded.services import flow_metrics

SEAMS = (
    "ministack.services.kinesis._streams",
    "ministack.services.kinesis._put_record",
    "ministack.services.kinesis._put_records",
    "ministack.services.kinesis._create_stream",
    "ministack.services.kinesis._expire_records",
    "ministack.services.kinesis._route_to_shard",
    "ministack.services.kinesis._partition_key_to_hash",
    "ministack.services.kinesis._build_shards",
    "ministack.services.kinesis._split_shard",
    "ministack.services.kinesis._merge_shards",
    "ministack.services.kinesis._update_shard_count",
    "ministack.services.kinesis._shard_out",
    "ministack.services.kinesis._get_records",
    "ministack.services.kinesis._describe_stream_summary",
    "ministack.services.kinesis._next_sequence_number",
    "ministack.services.kinesis._max_shard_index",
    "ministack.services.kinesis._resolve_stream",
    "ministack.services.kinesis._shard_iterators",
)
RECORD_BYTES = 1_048_576
CALL_RECORDS = 500
CALL_BYTES = 5 * 1_048_576
SHARD_BYTES_S = 1_048_576
SHARD_RECORDS_S = 1_000
ON_DEMAND_SHARDS = 4
THROTTLED = "ProvisionedThroughputExceededException"

Record = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]


@dataclass
class ShardUsage:
    """What a shard has accepted in the current second."""

    second: int = 0
    records: int = 0
    size: int = 0

    def accept(self, size: int) -> bool:
        now = int(time.monotonic())
        if now != self.second:
            self.second, self.records, self.size = now, 0, 0
        if self.records + 1 > SHARD_RECORDS_S or self.size + size > SHARD_BYTES_S:
            return False
        self.records += 1
        self.size += size
        return True


_usage_by_shard: dict[tuple[str, str], ShardUsage] = defaultdict(ShardUsage)


def install(context: OverlayContext) -> None:
    put, put_all = kinesis._put_record, kinesis._put_records
    kinesis._put_record = lambda data: _put_one(put, data)
    kinesis._put_records = lambda data: _put_many(put_all, data)
    create = kinesis._create_stream
    kinesis._create_stream = lambda data: create(_with_shards(data))
    kinesis._expire_records = _expire
    kinesis._route_to_shard = _open_shard
    for name in ("_split_shard", "_merge_shards"):
        setattr(kinesis, name, _keep_closed_shards(getattr(kinesis, name)))
    kinesis._update_shard_count = _update_shard_count
    shard_out = kinesis._shard_out
    kinesis._shard_out = lambda id_, shard: _with_ending_sequence(shard_out(id_, shard), shard)
    get = kinesis._get_records
    kinesis._get_records = lambda data: _end_closed_shard(get(data), data)
    summary = kinesis._describe_stream_summary
    kinesis._describe_stream_summary = lambda data: _count_open_shards(summary(data), data)


def put(stream_arn: str, records: Sequence[tuple[str, bytes]]) -> list[bool]:
    """Put (partition key, data) records in the current account and region; return which ones were accepted.

    Raises LookupError if the stream does not exist.
    """
    name = stream_arn.rsplit("/", 1)[-1]
    if name not in kinesis._streams:
        raise LookupError(f"Stream {stream_arn} does not exist.")
    accepted: list[bool] = []
    for start in range(0, len(records), CALL_RECORDS):
        batch = [
            {"PartitionKey": key, "Data": base64.b64encode(data).decode()}
            for key, data in records[start : start + CALL_RECORDS]
        ]
        status, _, body = kinesis._put_records({"StreamName": name, "Records": batch})
        if status != 200:
            return accepted + [False] * (len(records) - len(accepted))
        accepted += ["ErrorCode" not in record for record in json.loads(body)["Records"]]
    return accepted


def _with_shards(data: Record) -> Record:
    on_demand = data.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND"
    return {**data, "ShardCount": ON_DEMAND_SHARDS} if on_demand else data


def _size(record: Record) -> int:
    return len(record.get("Data", "")) * 3 // 4 + len(record.get("PartitionKey", "").encode())


def _accepts(stream: Record, record: Record) -> bool:
    """Return whether the record's shard has capacity.

    On-demand streams never throttle here; on AWS they may throttle while they scale.
    """
    if stream["StreamModeDetails"]["StreamMode"] == "ON_DEMAND":
        return True
    explicit_key = record.get("ExplicitHashKey")
    hash_key = (
        int(explicit_key) if explicit_key else kinesis._partition_key_to_hash(record.get("PartitionKey", ""))
    )
    shard = kinesis._route_to_shard(hash_key, stream)
    return _usage_by_shard[(stream["StreamARN"], shard)].accept(_size(record))


def _put_one(original: Callable[..., Response], data: Record) -> Response:
    name, stream = kinesis._resolve_stream(data)
    if stream and not _accepts(stream, data):
        _count(name, [], 1)
        message = (
            f"Rate exceeded for a shard in stream {name} under account {stream['StreamARN'].split(':')[4]}."
        )
        return _response(error_response_json(THROTTLED, message, 400))
    response = original(data)
    if stream and response[0] == 200:
        _count(name, [data], 0)
    return response


def _put_many(original: Callable[..., Response], data: Record) -> Response:
    name, stream = kinesis._resolve_stream(data)
    records = data.get("Records", [])
    if not stream or len(records) > CALL_RECORDS:
        return original(data)
    accepted = [_accepts(stream, record) for record in records]
    accepted_records = [record for record, is_accepted in zip(records, accepted, strict=True) if is_accepted]
    if not accepted_records:
        responses = iter(())
    else:
        response = original({**data, "Records": accepted_records})
        if response[0] != 200:
            return response
        responses = iter(json.loads(response[2])["Records"])
    _count(name, accepted_records, len(records) - len(accepted_records))
    throttled_entry = {"ErrorCode": THROTTLED, "ErrorMessage": f"Rate exceeded for a shard in stream {name}."}
    return _response(
        json_response(
            {
                "FailedRecordCount": len(records) - len(accepted_records),
                "Records": [next(responses) if is_accepted else throttled_entry for is_accepted in accepted],
                "EncryptionType": stream.get("EncryptionType", "NONE"),
            }
        )
    )


def _response(answer: Any) -> Response:
    status, headers, body = answer
    return status, headers, body


def _count(name: str, accepted: Sequence[Record], throttled: int) -> None:
    dimensions = {"StreamName": name}
    if accepted:
        flow_metrics.count("AWS/Kinesis", dimensions, "Count", IncomingRecords=len(accepted))
        flow_metrics.count("AWS/Kinesis", dimensions, "Bytes", IncomingBytes=sum(map(_size, accepted)))
    if throttled:
        flow_metrics.count("AWS/Kinesis", dimensions, "Count", WriteProvisionedThroughputExceeded=throttled)


def _expire(stream: Record) -> None:
    """Remove expired records, but only from shards that have any; the emulator copies all at every record."""
    oldest = time.time() - stream["RetentionPeriodHours"] * 3600
    for shard in stream["shards"].values():
        records = shard["records"]
        if records and records[0]["ApproximateArrivalTimestamp"] < oldest:
            shard["records"] = [
                record for record in records if record["ApproximateArrivalTimestamp"] >= oldest
            ]


def _is_closed(shard: Record) -> bool:
    return "ending_sequence_number" in shard


def _open_shard(position: int, stream: Record) -> str:
    return next(
        str(id_)
        for id_, shard in stream["shards"].items()
        if not _is_closed(shard)
        and int(shard["starting_hash_key"]) <= position <= int(shard["ending_hash_key"])
    )


def _keep_closed_shards(original: Callable[[Record], Response]) -> Callable[[Record], Response]:
    """Keep parent shards until their records expire, as AWS does; the emulator deletes them immediately."""

    def reshard(data: Record) -> Response:
        _, stream = kinesis._resolve_stream(data)
        previous = dict(stream["shards"]) if stream else {}
        for name in ("ShardToSplit", "ShardToMerge", "AdjacentShardToMerge"):
            if _is_closed(previous.get(data.get(name, ""), {})):
                message = f"Shard {data[name]} in stream {stream['StreamName']} is already closed."
                return _response(error_response_json("ResourceInUseException", message, 400))
        response = original(data)
        if response[0] == 200 and stream:
            current = stream["shards"]
            for id_, shard in previous.items():
                if id_ not in current:
                    shard["ending_sequence_number"] = kinesis._next_sequence_number()
            stream["shards"] = {**previous, **current}
        return response

    return reshard


def _update_shard_count(data: Record) -> Response:
    name, stream = kinesis._resolve_stream(data)
    if not stream:
        return _response(error_response_json("ResourceNotFoundException", f"Stream {name} not found", 400))
    previous = dict(stream["shards"])
    current = sum(not _is_closed(shard) for shard in previous.values())
    target = int(data["TargetShardCount"])
    if not current / 2 <= target <= current * 2:
        message = f"UpdateShardCount cannot scale from {current} to {target}: half to double at a time."
        return _response(error_response_json("LimitExceededException", message, 400))
    for shard in previous.values():
        shard.setdefault("ending_sequence_number", kinesis._next_sequence_number())
    new_shards = kinesis._build_shards(target, start_index=kinesis._max_shard_index(stream) + 1)
    stream["shards"] = {**previous, **new_shards}
    return _response(
        json_response(
            {
                "StreamName": stream["StreamName"],
                "StreamARN": stream["StreamARN"],
                "CurrentShardCount": current,
                "TargetShardCount": target,
            }
        )
    )


def _with_ending_sequence(description: Record, shard: Record) -> Record:
    if _is_closed(shard):
        description["SequenceNumberRange"]["EndingSequenceNumber"] = shard["ending_sequence_number"]
    return description


def _end_closed_shard(response: Response, data: Record) -> Response:
    """End a closed shard that was read to its end: no further iterator, but its child shards."""
    if response[0] != 200:
        return response
    result = json.loads(response[2])
    state = kinesis._shard_iterators.get(result["NextShardIterator"])
    shards = kinesis._streams[state["stream"]]["shards"]
    shard = shards[state["shard_id"]]
    if not _is_closed(shard) or state["position"] < len(shard["records"]):
        return response
    del result["NextShardIterator"]
    result["ChildShards"] = [
        {
            "ShardId": id_,
            "ParentShards": [
                child[key] for key in ("parent_shard_id", "adjacent_parent_shard_id") if child.get(key)
            ],
            "HashKeyRange": {
                "StartingHashKey": child["starting_hash_key"],
                "EndingHashKey": child["ending_hash_key"],
            },
        }
        for id_, child in shards.items()
        if state["shard_id"] in (child.get("parent_shard_id"), child.get("adjacent_parent_shard_id"))
    ]
    return _response(json_response(result))


def _count_open_shards(response: Response, data: Record) -> Response:
    if response[0] != 200:
        return response
    _, stream = kinesis._resolve_stream(data)
    result = json.loads(response[2])
    result["StreamDescriptionSummary"]["OpenShardCount"] = sum(
        not _is_closed(shard) for shard in stream["shards"].values()
    )
    return _response(json_response(result))
