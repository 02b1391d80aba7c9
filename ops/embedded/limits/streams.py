"""Kinesis and Firehose: sizes of records and calls, and what a delivery stream must have.

https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning-enable.html
https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html
"""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ops.embedded.limits.problems import Parameters, Problem, Rule

RECORD_BYTES = 1_048_576  # the emulator has no UpdateMaxRecordSize, which raises it
CALL_BYTES = 10 * 1_048_576
BATCH_BYTES = 4 * 1_048_576  # a call of Firehose
PARTITIONED_MB = CONVERTED_MB = 64
INVALID = "InvalidArgumentException"
_EXPRESSION = re.compile(r"!\{([^}:]*)(:?)([^}]*)\}")
_NAMESPACES = ("timestamp", "firehose", "partitionKeyFromQuery", "partitionKeyFromLambda")
_FROM_FIREHOSE = ("random-string", "error-output-type")


def put_record(parameters: Parameters) -> Iterator[Problem]:
    yield from _records([parameters])


def put_records(parameters: Parameters) -> Iterator[Problem]:
    records = parameters.get("Records") or []
    yield from _records(records)
    if sum(map(_size, records)) > CALL_BYTES:
        yield Problem("ValidationException", f"Records size exceeds {CALL_BYTES // 1_048_576} MB limit")


def _records(records: list[Any]) -> Iterator[Problem]:
    if any(_size(record) > RECORD_BYTES for record in records):
        yield Problem(
            "ValidationException",
            "1 validation error detected: Value at 'data' failed to satisfy constraint: Member must have "
            f"length less than or equal to {RECORD_BYTES}",
        )


def _size(record: Mapping[str, Any]) -> int:
    data = record.get("Data") or b""
    return len(data) if isinstance(data, bytes) else len(base64.b64decode(data))


def put_batch(parameters: Parameters) -> Iterator[Problem]:
    if sum(map(_size, parameters.get("Records") or [])) > BATCH_BYTES:
        yield Problem(INVALID, f"The records of a batch must have at most {BATCH_BYTES // 1_048_576} MiB.")


def create_delivery(parameters: Parameters) -> Iterator[Problem]:
    for name in ("ExtendedS3DestinationConfiguration", "ExtendedS3DestinationUpdate"):
        if settings := parameters.get(name):
            for message in _destination(settings):
                yield Problem(INVALID, message)
    for name in ("S3DestinationConfiguration", "S3DestinationUpdate"):
        for message in _prefixes(parameters.get(name) or {}):
            yield Problem(INVALID, message)


def _destination(settings: Mapping[str, Any]) -> Iterator[str]:
    hints = settings.get("BufferingHints") or {}
    size = int(hints.get("SizeInMBs") or 5)
    partitioned = (settings.get("DynamicPartitioningConfiguration") or {}).get("Enabled")
    processing = settings.get("ProcessingConfiguration") or {}
    processors = [
        processor.get("Type") for processor in processing.get("Processors") or [] if processing.get("Enabled")
    ]
    keys = "!{partitionKeyFrom" in str(settings.get("Prefix") or "")
    if partitioned:
        if size < PARTITIONED_MB:
            yield (
                f"BufferingHints.SizeInMBs must be at least {PARTITIONED_MB} when Dynamic Partitioning is "
                "enabled."
            )
        if not keys:
            yield "Prefix must contain a partition key when Dynamic Partitioning is enabled."
        if not {"MetadataExtraction", "Lambda"} & set(processors):
            yield "Dynamic Partitioning needs a processor of the type MetadataExtraction or Lambda."
    yield from _conversion(settings, size)
    yield from _prefixes(settings)


def _conversion(settings: Mapping[str, Any], size: int) -> Iterator[str]:
    conversion = settings.get("DataFormatConversionConfiguration") or {}
    if not conversion or conversion.get("Enabled") is False:
        return
    if "SizeInMBs" in (settings.get("BufferingHints") or {}) and size < CONVERTED_MB:
        yield (
            f"BufferingHints.SizeInMBs must be at least {CONVERTED_MB} when data format conversion is "
            "enabled."
        )
    if settings.get("CompressionFormat", "UNCOMPRESSED") != "UNCOMPRESSED":
        yield "CompressionFormat must be UNCOMPRESSED when data format conversion is enabled."


def _prefixes(settings: Mapping[str, Any]) -> Iterator[str]:
    hints = settings.get("BufferingHints") or {}
    if len([name for name in ("SizeInMBs", "IntervalInSeconds") if name in hints]) == 1:
        yield "BufferingHints must have both SizeInMBs and IntervalInSeconds, or neither."
    for name in ("Prefix", "ErrorOutputPrefix"):
        prefix = str(settings.get(name) or "")
        for namespace, colon, value in _EXPRESSION.findall(prefix):
            if namespace not in _NAMESPACES or not colon or not value:
                yield f"Invalid expression in {name}: !{{{namespace}{colon}{value}}}"
            elif namespace == "firehose" and value not in _FROM_FIREHOSE:
                yield f"Invalid expression in {name}: !{{{namespace}:{value}}}"
            elif name == "ErrorOutputPrefix" and namespace.startswith("partitionKey"):
                yield "ErrorOutputPrefix cannot contain partition keys."


KINESIS: Mapping[str, Rule] = {"PutRecord": put_record, "PutRecords": put_records}
FIREHOSE: Mapping[str, Rule] = {
    "CreateDeliveryStream": create_delivery,
    "PutRecordBatch": put_batch,
    "UpdateDestination": create_delivery,
}
