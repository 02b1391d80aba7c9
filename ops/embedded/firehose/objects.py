"""The objects that Firehose writes: prefix, name, compression, and error records.

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

from ops.embedded.firehose.processor import FailedRecord
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


class ObjectNotWritten(Exception):
    """S3 refused an object; Firehose retries."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class PrefixNotEvaluated(Exception):
    """The prefix has a partition key that the record lacks."""


def prefix(configuration: Configuration, arrived_ms: int, keys: Mapping[str, str]) -> str:
    """Return the evaluated prefix for records with these partition keys. Raises PrefixNotEvaluated."""
    try:
        return str(
            firehose._evaluate_prefix(
                configuration.get("Prefix", ""), time.gmtime(arrived_ms / 1000), {}, keys
            )
        )
    except firehose._DeliveryError as error:
        raise PrefixNotEvaluated(str(error)) from error


def error_prefix(configuration: Configuration, arrived_ms: int, error_type: str = PROCESSING_FAILED) -> str:
    """Return the prefix for records that failed with this error type."""
    arrived = time.gmtime(arrived_ms / 1000)
    if expression := configuration.get("ErrorOutputPrefix"):
        return str(firehose._evaluate_prefix(expression, arrived, error_type=error_type))
    return f"{configuration.get('Prefix', '')}{error_type}/{firehose._java_time('yyyy/MM/dd/HH/', arrived)}"


def compressed(configuration: Configuration, parts: Sequence[bytes]) -> bytes:
    """Return the concatenated records in the destination's compression format."""
    data = b"".join(parts)
    if configuration.get("CompressionFormat", "UNCOMPRESSED") == "GZIP":
        return gzip.compress(data, COMPRESSION, mtime=0)
    return data


def error_lines(records: Sequence[FailedRecord]) -> bytes:
    """Return Firehose's error records: one JSON object for each record, with its data in base64."""
    return b"".join(json.dumps(_error(failed_record)).encode() + b"\n" for failed_record in records)


def _error(record: FailedRecord) -> dict[str, Any]:
    function = {"lambdaARN": record.function} if record.function else {}
    return {
        "attemptsMade": record.attempts,
        "arrivalTimestamp": record.record.arrived_ms,
        "errorCode": record.code,
        "errorMessage": record.message,
        "attemptEndingTimestamp": int(time.time() * 1000),
        "rawData": base64.b64encode(record.record.data).decode(),
        **function,
    }


def write(
    stream: Mapping[str, Any], configuration: Configuration, folder: str, arrived_ms: int, body: bytes
) -> str:
    """Put one object into the folder with the stream's role; return its key. Raises ObjectNotWritten."""
    bucket = str(firehose._s3_bucket_from_arn(configuration["BucketARN"]))
    key = f"{folder}{_name(stream, configuration, arrived_ms)}"
    permissions = [("s3:PutObject", f"{configuration['BucketARN']}/{key}")]
    encryption = configuration.get("EncryptionConfiguration") or {}
    if kms_key := (encryption.get("KMSEncryptionConfig") or {}).get("AWSKMSKeyARN"):
        permissions.append(("kms:GenerateDataKey", kms_key))
    try:
        service_roles.require_permissions(
            configuration["RoleARN"], "firehose", permissions, region=get_region(), source_arn=stream["arn"]
        )
    except service_roles.ServiceRoleDenied as error:
        raise ObjectNotWritten("S3.AccessDenied", str(error)) from error
    _put(bucket, key, body)
    return key


def _name(stream: Mapping[str, Any], configuration: Configuration, arrived_ms: int) -> str:
    arrived = firehose._java_time("yyyy-MM-dd-HH-mm-ss", time.gmtime(arrived_ms / 1000))
    extension = configuration.get("FileExtension")
    if not extension:
        extension = EXTENSIONS[configuration.get("CompressionFormat", "UNCOMPRESSED")]
    return f"{stream['name']}-{stream['version']}-{arrived}-{uuid.uuid4()}{extension}"


def _put(bucket: str, key: str, body: bytes) -> None:
    headers = {
        "content-type": "application/octet-stream",
        "content-length": str(len(body)),
        "host": "s3.localhost",
    }

    async def put(method: str, path: str, headers: dict[str, str], data: bytes, query: Any) -> Any:
        return await s3.handle_request(method, path, headers, data, query, internal=True)

    status, _, response = app.call_service_handler_sync(put, "PUT", f"/{bucket}/{key}", headers, body, {})
    if status != 200:
        document = response.decode("utf-8", "replace") if isinstance(response, bytes) else str(response)
        code = document.partition("<Code>")[2].partition("</Code>")[0] or str(status)
        raise ObjectNotWritten(f"S3.{code}", f"Cannot write the object to {bucket}: {code}.")
