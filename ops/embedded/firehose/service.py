"""Firehose: streams with a Kinesis source or Direct PUT, delivered to S3 by their own threads.

The emulator delivers each record inside the call that puts it, passes on records that a processor cannot
handle, and writes no error output.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import firehose

from ops.embedded.context import OverlayContext
from ops.embedded.firehose.delivery import DeliveryThread
from ops.embedded.firehose.objects import EXTENSIONS

SEAMS = (
    "ministack.services.firehose._streams",
    "ministack.services.firehose._validate_s3_destination_config",
    "ministack.services.firehose._deliver_records_to_s3",
    "ministack.services.firehose.ingest_from_kinesis_source",
)
SIZES_MB = (1, 128)
INTERVALS_S = (0, 900)

Stream = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]

_deliveries: dict[tuple[str, str, str], DeliveryThread] = {}
_delay: list[float] = []


def install(context: OverlayContext) -> None:
    _delay[:] = [context.delay_s]
    validate = firehose._validate_s3_destination_config
    firehose._validate_s3_destination_config = lambda destination_type, settings: (
        validate(destination_type, settings) or _validation_error(destination_type, settings)
    )
    convert = firehose._deliver_records_to_s3
    firehose._deliver_records_to_s3 = lambda stream, destination, records: _put_directly(
        convert, stream, destination, records
    )
    firehose.ingest_from_kinesis_source = _wake_readers


def resume() -> None:
    """Deliver what is left in the sources after a restart."""
    for (account, region, name), stream in firehose._streams.all_items():
        if _is_delivered_here(stream):
            _wake(account, region, name)


def _put_directly(
    convert: Callable[..., None], stream: Stream, destination: Stream, records: Sequence[Any]
) -> None:
    """Wake the stream, whose records the emulator has stored; the emulator itself converts formats."""
    if _is_delivered_here(stream):
        _wake(get_account_id(), get_region(), stream["name"])
    else:
        convert(stream, destination, records)


def _wake_readers(stream_arn: str, records: Sequence[Any]) -> None:
    for stream in firehose._streams.values():
        source = stream.get("kinesis_source") or {}
        if source.get("KinesisStreamARN") == stream_arn and _is_delivered_here(stream):
            _wake(get_account_id(), get_region(), stream["name"])


def _is_delivered_here(stream: Stream) -> bool:
    for destination in stream.get("destinations", []):
        conversion = destination["config"].get("DataFormatConversionConfiguration") or {}
        return destination["type"] in ("ExtendedS3", "S3") and not conversion.get("Enabled")
    return False


def _wake(account: str, region: str, name: str) -> None:
    key = (account, region, name)
    if key not in _deliveries:
        _deliveries[key] = DeliveryThread(account, region, name, _delay[0])
    _deliveries[key].wake()


def _validation_error(destination_type: str, settings: Stream) -> Response | None:
    if destination_type not in ("ExtendedS3", "S3"):
        return None
    problem = _find_problem(settings)
    if not problem:
        return None
    response: Response = firehose._invalid(problem)
    return response


def _find_problem(settings: Stream) -> str:
    hints = settings.get("BufferingHints") or {}
    for name, (least, most) in (("SizeInMBs", SIZES_MB), ("IntervalInSeconds", INTERVALS_S)):
        if name in hints and not least <= int(hints[name]) <= most:
            return f"{name} must be between {least} and {most}."
    if settings.get("CompressionFormat", "UNCOMPRESSED") not in EXTENSIONS:
        return f"The embedded cloud supports these compression formats: {', '.join(EXTENSIONS)}."
    expressions, errors = "!{" in settings.get("Prefix", ""), settings.get("ErrorOutputPrefix", "")
    if expressions and not errors:
        return "ErrorOutputPrefix cannot be null or empty when Prefix contains expressions."
    if "!{" in errors and "!{firehose:error-output-type}" not in errors:
        return "ErrorOutputPrefix must contain !{firehose:error-output-type}."
    if "!{firehose:error-output-type}" in settings.get("Prefix", ""):
        return "Prefix cannot contain !{firehose:error-output-type}."
    partitioned = (settings.get("DynamicPartitioningConfiguration") or {}).get("Enabled")
    if "!{partitionKeyFrom" in settings.get("Prefix", "") and not partitioned:
        return "Prefix contains partition keys, so DynamicPartitioningConfiguration must be enabled."
    return ""
