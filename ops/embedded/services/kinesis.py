"""Kinesis: a shard's limits, shards that stay readable after they close, and who reads a stream is told.

Limits: a record 1 MiB, a call 500 records and 5 MiB, a provisioned shard 1 MiB and 1,000 records a second.
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

from ops.embedded.context import Context
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
RECORD_BYTES = CALL_RECORD_BYTES = 1_048_576
CALL_RECORDS = 500
CALL_BYTES = 5 * 1_048_576
SHARD_BYTES_S = 1_048_576
SHARD_RECORDS_S = 1_000
ON_DEMAND_SHARDS = 4
THROTTLED = "ProvisionedThroughputExceededException"

Record = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Second:
    """What a shard has taken within one second."""

    at: int = 0
    records: int = 0
    size: int = 0

    def takes(self, size: int) -> bool:
        now = int(time.monotonic())
        if now != self.at:
            self.at, self.records, self.size = now, 0, 0
        if self.records + 1 > SHARD_RECORDS_S or self.size + size > SHARD_BYTES_S:
            return False
        self.records += 1
        self.size += size
        return True


_taken: dict[tuple[str, str], Second] = defaultdict(Second)


def install(context: Context) -> None:
    put, put_all = kinesis._put_record, kinesis._put_records
    kinesis._put_record = lambda data: _put_one(put, data)
    kinesis._put_records = lambda data: _put_many(put_all, data)
    create = kinesis._create_stream
    kinesis._create_stream = lambda data: create(_with_shards(data))
    kinesis._expire_records = _expire
    kinesis._route_to_shard = _open_shard
    for name in ("_split_shard", "_merge_shards"):
        setattr(kinesis, name, _closing(getattr(kinesis, name)))
    kinesis._update_shard_count = _update_shard_count
    shard_out = kinesis._shard_out
    kinesis._shard_out = lambda id_, shard: _shown(shard_out(id_, shard), shard)
    get = kinesis._get_records
    kinesis._get_records = lambda data: _at_the_end(get(data), data)
    summary = kinesis._describe_stream_summary
    kinesis._describe_stream_summary = lambda data: _open_only(summary(data), data)


def put(stream_arn: str, records: Sequence[tuple[str, bytes]]) -> list[bool]:
    """Puts (partition key, data) in the current account and region; tells which ones the stream took.

    Raises LookupError where there is no such stream.
    """
    name = stream_arn.rsplit("/", 1)[-1]
    if name not in kinesis._streams:
        raise LookupError(f"Stream {stream_arn} does not exist.")
    taken: list[bool] = []
    for start in range(0, len(records), CALL_RECORDS):
        batch = [
            {"PartitionKey": key, "Data": base64.b64encode(data).decode()}
            for key, data in records[start : start + CALL_RECORDS]
        ]
        status, _, body = kinesis._put_records({"StreamName": name, "Records": batch})
        if status != 200:
            return taken + [False] * (len(records) - len(taken))
        taken += ["ErrorCode" not in each for each in json.loads(body)["Records"]]
    return taken


def _with_shards(data: Record) -> Record:
    on_demand = data.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND"
    return {**data, "ShardCount": ON_DEMAND_SHARDS} if on_demand else data


def _size(record: Record) -> int:
    return len(record.get("Data", "")) * 3 // 4 + len(record.get("PartitionKey", "").encode())


def _admits(stream: Record, record: Record) -> bool:
    """A stream on demand grows before it throttles here; on AWS it may throttle while it doubles."""
    if stream["StreamModeDetails"]["StreamMode"] == "ON_DEMAND":
        return True
    explicit = record.get("ExplicitHashKey")
    position = int(explicit) if explicit else kinesis._partition_key_to_hash(record.get("PartitionKey", ""))
    shard = kinesis._route_to_shard(position, stream)
    return _taken[(stream["StreamARN"], shard)].takes(_size(record))


def _put_one(original: Callable[..., Answer], data: Record) -> Answer:
    name, stream = kinesis._resolve_stream(data)
    if stream and not _admits(stream, data):
        _count(name, [], 1)
        message = (
            f"Rate exceeded for a shard in stream {name} under account {stream['StreamARN'].split(':')[4]}."
        )
        return _answer(error_response_json(THROTTLED, message, 400))
    answer = original(data)
    if stream and answer[0] == 200:
        _count(name, [data], 0)
    return answer


def _put_many(original: Callable[..., Answer], data: Record) -> Answer:
    name, stream = kinesis._resolve_stream(data)
    records = data.get("Records", [])
    if not stream or len(records) > CALL_RECORDS:
        return original(data)
    admitted = [_admits(stream, record) for record in records]
    taken = [record for record, ok in zip(records, admitted, strict=True) if ok]
    if not taken:
        answers = iter(())
    else:
        answer = original({**data, "Records": taken})
        if answer[0] != 200:
            return answer
        answers = iter(json.loads(answer[2])["Records"])
    _count(name, taken, len(records) - len(taken))
    refused = {"ErrorCode": THROTTLED, "ErrorMessage": f"Rate exceeded for a shard in stream {name}."}
    return _answer(
        json_response(
            {
                "FailedRecordCount": len(records) - len(taken),
                "Records": [next(answers) if ok else refused for ok in admitted],
                "EncryptionType": stream.get("EncryptionType", "NONE"),
            }
        )
    )


def _answer(made: Any) -> Answer:
    status, headers, body = made
    return status, headers, body


def _count(name: str, taken: Sequence[Record], throttled: int) -> None:
    dimensions = {"StreamName": name}
    if taken:
        flow_metrics.count("AWS/Kinesis", dimensions, "Count", IncomingRecords=len(taken))
        flow_metrics.count("AWS/Kinesis", dimensions, "Bytes", IncomingBytes=sum(map(_size, taken)))
    if throttled:
        flow_metrics.count("AWS/Kinesis", dimensions, "Count", WriteProvisionedThroughputExceeded=throttled)


def _expire(stream: Record) -> None:
    """As the emulator, but only where something has expired: it copied every shard at every record."""
    oldest = time.time() - stream["RetentionPeriodHours"] * 3600
    for shard in stream["shards"].values():
        records = shard["records"]
        if records and records[0]["ApproximateArrivalTimestamp"] < oldest:
            shard["records"] = [each for each in records if each["ApproximateArrivalTimestamp"] >= oldest]


def _is_closed(shard: Record) -> bool:
    return "ending_sequence_number" in shard


def _open_shard(position: int, stream: Record) -> str:
    return next(
        str(id_)
        for id_, shard in stream["shards"].items()
        if not _is_closed(shard)
        and int(shard["starting_hash_key"]) <= position <= int(shard["ending_hash_key"])
    )


def _closing(original: Callable[[Record], Answer]) -> Callable[[Record], Answer]:
    """The emulator deletes the parents with what is in them; on AWS they close and stay until it expires."""

    def reshard(data: Record) -> Answer:
        _, stream = kinesis._resolve_stream(data)
        before = dict(stream["shards"]) if stream else {}
        for name in ("ShardToSplit", "ShardToMerge", "AdjacentShardToMerge"):
            if _is_closed(before.get(data.get(name, ""), {})):
                message = f"Shard {data[name]} in stream {stream['StreamName']} is already closed."
                return _answer(error_response_json("ResourceInUseException", message, 400))
        answer = original(data)
        if answer[0] == 200 and stream:
            _close(stream, before)
        return answer

    return reshard


def _close(stream: Record, before: dict[str, Record]) -> None:
    now = stream["shards"]
    for id_, shard in before.items():
        if id_ not in now:
            shard["ending_sequence_number"] = kinesis._next_sequence_number()
    stream["shards"] = {**before, **now}


def _update_shard_count(data: Record) -> Answer:
    name, stream = kinesis._resolve_stream(data)
    if not stream:
        return _answer(error_response_json("ResourceNotFoundException", f"Stream {name} not found", 400))
    before = dict(stream["shards"])
    current = sum(not _is_closed(shard) for shard in before.values())
    target = int(data["TargetShardCount"])
    if not current / 2 <= target <= current * 2:
        message = f"UpdateShardCount cannot scale from {current} to {target}: half to double at a time."
        return _answer(error_response_json("LimitExceededException", message, 400))
    for shard in before.values():
        shard.setdefault("ending_sequence_number", kinesis._next_sequence_number())
    made = kinesis._build_shards(target, start_index=kinesis._max_shard_index(stream) + 1)
    stream["shards"] = {**before, **made}
    return _answer(
        json_response(
            {
                "StreamName": stream["StreamName"],
                "StreamARN": stream["StreamARN"],
                "CurrentShardCount": current,
                "TargetShardCount": target,
            }
        )
    )


def _shown(shown: Record, shard: Record) -> Record:
    if _is_closed(shard):
        shown["SequenceNumberRange"]["EndingSequenceNumber"] = shard["ending_sequence_number"]
    return shown


def _at_the_end(answer: Answer, data: Record) -> Answer:
    """A closed shard that was read to its end gives no further iterator, and names its children."""
    if answer[0] != 200:
        return answer
    found = json.loads(answer[2])
    state = kinesis._shard_iterators.get(found["NextShardIterator"])
    shards = kinesis._streams[state["stream"]]["shards"]
    shard = shards[state["shard_id"]]
    if not _is_closed(shard) or state["position"] < len(shard["records"]):
        return answer
    del found["NextShardIterator"]
    found["ChildShards"] = [
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
    return _answer(json_response(found))


def _open_only(answer: Answer, data: Record) -> Answer:
    if answer[0] != 200:
        return answer
    _, stream = kinesis._resolve_stream(data)
    found = json.loads(answer[2])
    found["StreamDescriptionSummary"]["OpenShardCount"] = sum(
        not _is_closed(shard) for shard in stream["shards"].values()
    )
    return _answer(json_response(found))
