"""Invokes a delivery stream's processor Lambda and handles its response.

A batch of at most 6 MB is sent and returned; each record comes back as Ok, Dropped, or ProcessingFailed.
Records that fail after all retries, or are not returned, go to the error prefix in Firehose's format.
https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-status-model.html
"""

import base64
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import get_region
from ministack.services import lambda_svc

from ops.embedded.iam import service_roles
from ops.embedded.services import flow_metrics

SEAMS = (
    "ministack.services.lambda_svc._get_func_record_for_ref",
    "ministack.services.lambda_svc._execution_record_for_config",
    "ministack.services.lambda_svc._execute_function",
    "ministack.services.lambda_svc._emit_lambda_metrics",
)
PAYLOAD_BYTES = 6_291_556  # Lambda's limit for a synchronous request and response
RETRIES = 3
PAUSE_S = 0.05
MEGABYTE = 1_048_576
FUNCTION_ERROR = "The Lambda function was successfully invoked but it returned an error result."


@dataclass(frozen=True)
class IncomingRecord:
    """A record from the source. `source` is Firehose's metadata of a Kinesis record, otherwise empty."""

    id: str
    data: bytes
    arrived_ms: int
    source: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TransformedRecord:
    """A record to deliver, with the partition keys from the processor."""

    record: IncomingRecord
    data: bytes
    keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FailedRecord:
    """A record for the error prefix."""

    record: IncomingRecord
    code: str
    message: str
    attempts: int
    function: str = ""


@dataclass(frozen=True)
class Processor:
    """A delivery stream's Lambda processor."""

    function: str
    role: str
    stream_arn: str
    source_arn: str
    buffer_bytes: int
    retries: int

    def transform(
        self, records: Sequence[IncomingRecord]
    ) -> tuple[list[TransformedRecord], list[FailedRecord]]:
        """Return the records to deliver and the failed records, in their original order."""
        attempts = 0
        while True:
            attempts += 1
            try:
                response = self._call(records)
                break
            except _CallFailed as error:
                if attempts > self.retries:
                    failed = [
                        FailedRecord(record, error.code, str(error), attempts, self.function)
                        for record in records
                    ]
                    return [], failed
                time.sleep(PAUSE_S * 2**attempts)
        return self._match_responses(records, response, attempts)

    def _call(self, records: Sequence[IncomingRecord]) -> Mapping[str, Any]:
        try:
            service_roles.require_permissions(
                self.role, "firehose", [("lambda:InvokeFunction", self.function)], region=get_region()
            )
        except service_roles.ServiceRoleDenied as error:
            raise _CallFailed("Lambda.InvokeAccessDenied", str(error)) from error
        function, config, name = lambda_svc._get_func_record_for_ref(self.function)
        if not function:
            raise _CallFailed("Lambda.FunctionNotFound", f"Function {name} does not exist.")
        began = time.monotonic()
        result = lambda_svc._execute_function(
            lambda_svc._execution_record_for_config(function, config), self._event(records)
        )
        failed = bool(result.get("error"))
        lambda_svc._emit_lambda_metrics(name, (time.monotonic() - began) * 1000, error=failed, throttle=False)
        dimensions = {"DeliveryStreamName": self.stream_arn.rsplit("/", 1)[-1]}
        duration_ms = (time.monotonic() - began) * 1000
        flow_metrics.count(
            "AWS/Firehose", dimensions, "Milliseconds", ExecuteProcessing__Duration=duration_ms
        )
        flow_metrics.count("AWS/Firehose", dimensions, "Count", ExecuteProcessing__Success=0 if failed else 1)
        return _check_response(result)

    def _event(self, records: Sequence[IncomingRecord]) -> dict[str, Any]:
        source = {"sourceKinesisStreamArn": self.source_arn} if self.source_arn else {}
        return {
            "invocationId": str(uuid.uuid4()),
            **source,
            "deliveryStreamArn": self.stream_arn,
            "region": get_region(),
            "records": [_request_record(record) for record in records],
        }

    def _match_responses(
        self, records: Sequence[IncomingRecord], response: Mapping[str, Any], attempts: int
    ) -> tuple[list[TransformedRecord], list[FailedRecord]]:
        returned: dict[str, list[Mapping[str, Any]]] = {}
        for returned_record in response["records"]:
            returned.setdefault(returned_record.get("recordId", ""), []).append(returned_record)
        transformed, failed = [], []
        for record in records:
            result = _transformed(record, returned.get(record.id, []))
            if isinstance(result, TransformedRecord):
                transformed.append(result)
            elif result:
                failed.append(FailedRecord(record, *result, attempts, self.function))
        return transformed, failed


class _CallFailed(Exception):
    """The whole invocation failed; it is retried."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def find_processor(stream: Mapping[str, Any], configuration: Mapping[str, Any]) -> Processor | None:
    """Return the Lambda processor of a delivery stream's destination, if it has one."""
    processing = configuration.get("ProcessingConfiguration") or {}
    if not processing.get("Enabled"):
        return None
    for processor in processing.get("Processors") or []:
        if processor.get("Type") != "Lambda":
            continue
        parameters = {
            parameter["ParameterName"]: parameter["ParameterValue"]
            for parameter in processor.get("Parameters", [])
        }
        return Processor(
            function=parameters["LambdaArn"],
            role=parameters.get("RoleArn") or configuration["RoleARN"],
            stream_arn=stream["arn"],
            source_arn=(stream.get("kinesis_source") or {}).get("KinesisStreamARN", ""),
            buffer_bytes=int(float(parameters.get("BufferSizeInMBs", 1)) * MEGABYTE),
            retries=int(parameters.get("NumberOfRetries", RETRIES)),
        )
    return None


def _request_record(record: IncomingRecord) -> dict[str, Any]:
    source = {"kinesisRecordMetadata": dict(record.source)} if record.source else {}
    return {
        "recordId": record.id,
        "approximateArrivalTimestamp": record.arrived_ms,
        "data": base64.b64encode(record.data).decode(),
        **source,
    }


def _check_response(result: Mapping[str, Any]) -> Mapping[str, Any]:
    body = result.get("body")
    if result.get("throttle"):
        raise _CallFailed("Lambda.InvokeLimitExceeded", "Rate exceeded.")
    if result.get("error"):
        error_type = body.get("errorType", "") if isinstance(body, dict) else ""
        if error_type == "Sandbox.Timedout":
            raise _CallFailed("Lambda.FunctionRequestTimedOut", "The Lambda function timed out.")
        raise _CallFailed("Lambda.FunctionError", FUNCTION_ERROR)
    if not isinstance(body, dict) or not isinstance(body.get("records"), list):
        raise _CallFailed("Lambda.JsonProcessingException", "The response is not a JSON object with records.")
    # AWS reports Function.ResponseSizeTooLarge, which is an error of the function.
    if sum(len(record.get("data") or "") + 100 for record in body["records"]) > PAYLOAD_BYTES:
        if len(json.dumps(body, separators=(",", ":"))) > PAYLOAD_BYTES:
            raise _CallFailed("Lambda.FunctionError", FUNCTION_ERROR)
    return body


def _transformed(
    record: IncomingRecord, responses: Sequence[Mapping[str, Any]]
) -> TransformedRecord | tuple[str, str] | None:
    """Return the transformed record, None if it was dropped, or the error code and message."""
    if not responses:
        return "Lambda.MissingRecordId", f"The record {record.id} is missing from the response."
    if len(responses) > 1:
        return "Lambda.DuplicatedRecordId", f"The record {record.id} appears more than once in the response."
    (response,) = responses
    status = response.get("result")
    if status == "Dropped":
        return None
    if status == "ProcessingFailed":
        return "Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record"
    if status != "Ok":
        return "Lambda.InvalidReturnFormat", "The result must be Ok, Dropped or ProcessingFailed."
    try:
        data = base64.b64decode(response.get("data") or "", validate=True)
    except ValueError:
        return "Lambda.InvalidReturnFormat", "The data is not base64."
    keys = (response.get("metadata") or {}).get("partitionKeys") or {}
    return TransformedRecord(record, data, {str(name): str(value) for name, value in keys.items()})
