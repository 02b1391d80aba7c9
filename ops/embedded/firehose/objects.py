"""The objects that Firehose writes: prefix, name, compression, and the lines of its error output.

https://docs.aws.amazon.com/firehose/latest/dev/s3-object-name.html
"""

import base64
import gzip
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ministack import app
from ministack.core.responses import get_region
from ministack.services import firehose, s3

from ops.embedded.firehose.processor import Failed
from ops.embedded.iam import service_roles

SEAMS = (
    "ministack.app.call_service_handler_sync",
    "ministack.services.firehose._DeliveryError",
    "ministack.services.firehose._evaluate_prefix",
    "ministack.services.firehose._java_time",
    "ministack.services.firehose._s3_bucket_from_arn",
    "ministack.services.s3.handle_request",
)
EXTENSIONS = {"GZIP": ".gz", "UNCOMPRESSED": ""}
COMPRESSION = 4
PROCESSING_FAILED = "processing-failed"

Configuration = Mapping[str, Any]


class NotWritten(Exception):
    """S3 did not take an object now; Firehose tries again."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class NoPrefix(Exception):
    """The prefix names a partition key that the record lacks."""


def prefix(configuration: Configuration, arrived_ms: int, keys: Mapping[str, str]) -> str:
    """The evaluated prefix of records that arrived then, with these partition keys. Raises NoPrefix."""
    try:
        return str(
            firehose._evaluate_prefix(
                configuration.get("Prefix", ""), time.gmtime(arrived_ms / 1000), {}, keys
            )
        )
    except firehose._DeliveryError as error:
        raise NoPrefix(str(error)) from error


def error_prefix(configuration: Configuration, arrived_ms: int, kind: str = PROCESSING_FAILED) -> str:
    """Where records that failed for that reason go."""
    at = time.gmtime(arrived_ms / 1000)
    if template := configuration.get("ErrorOutputPrefix"):
        return str(firehose._evaluate_prefix(template, at, error_type=kind))
    return f"{configuration.get('Prefix', '')}{kind}/{firehose._java_time('yyyy/MM/dd/HH/', at)}"


def compressed(configuration: Configuration, parts: Sequence[bytes]) -> bytes:
    """The records one after another, as the destination wants them."""
    data = b"".join(parts)
    if configuration.get("CompressionFormat", "UNCOMPRESSED") == "GZIP":
        return gzip.compress(data, COMPRESSION, mtime=0)
    return data


def error_lines(failed: Sequence[Failed]) -> bytes:
    """Firehose's own form: one JSON object a record, the record itself in base64."""
    return b"".join(json.dumps(_error(each)).encode() + b"\n" for each in failed)


def _error(failed: Failed) -> dict[str, Any]:
    function = {"lambdaARN": failed.function} if failed.function else {}
    return {
        "attemptsMade": failed.attempts,
        "arrivalTimestamp": failed.record.arrived_ms,
        "errorCode": failed.code,
        "errorMessage": failed.message,
        "attemptEndingTimestamp": int(time.time() * 1000),
        "rawData": base64.b64encode(failed.record.data).decode(),
        **function,
    }


def write(
    stream: Mapping[str, Any], configuration: Configuration, folder: str, arrived_ms: int, body: bytes
) -> str:
    """Puts one object into the folder, under the stream's role; returns its key. Raises NotWritten."""
    bucket = str(firehose._s3_bucket_from_arn(configuration["BucketARN"]))
    key = f"{folder}{_name(stream, configuration, arrived_ms)}"
    needs = [("s3:PutObject", f"{configuration['BucketARN']}/{key}")]
    encryption = configuration.get("EncryptionConfiguration") or {}
    if kms_key := (encryption.get("KMSEncryptionConfig") or {}).get("AWSKMSKeyARN"):
        needs.append(("kms:GenerateDataKey", kms_key))
    try:
        service_roles.demand(
            configuration["RoleARN"], "firehose", needs, region=get_region(), source_arn=stream["arn"]
        )
    except service_roles.Refused as error:
        raise NotWritten("S3.AccessDenied", str(error)) from error
    _put(bucket, key, body)
    return key


def _name(stream: Mapping[str, Any], configuration: Configuration, arrived_ms: int) -> str:
    at = firehose._java_time("yyyy-MM-dd-HH-mm-ss", time.gmtime(arrived_ms / 1000))
    extension = configuration.get("FileExtension")
    if not extension:
        extension = EXTENSIONS[configuration.get("CompressionFormat", "UNCOMPRESSED")]
    return f"{stream['name']}-{stream['version']}-{at}-{uuid.uuid4()}{extension}"


def _put(bucket: str, key: str, body: bytes) -> None:
    headers = {
        "content-type": "application/octet-stream",
        "content-length": str(len(body)),
        "host": "s3.localhost",
    }

    async def put(method: str, path: str, given: dict[str, str], data: bytes, query: Any) -> Any:
        return await s3.handle_request(method, path, given, data, query, internal=True)

    status, _, answer = app.call_service_handler_sync(put, "PUT", f"/{bucket}/{key}", headers, body, {})
    if status != 200:
        text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
        code = text.partition("<Code>")[2].partition("</Code>")[0] or str(status)
        raise NotWritten(f"S3.{code}", f"The object could not be written to {bucket}: {code}.")
