"""Firehose's call of a processor Lambda, and what it makes of the answer.

A batch of at most 6 MB goes out and comes back; each record returns as Ok, Dropped or ProcessingFailed. What
fails again and again, or does not return, goes to the error prefix in Firehose's form.
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
PAYLOAD_BYTES = 6_291_556  # what a synchronous call may send and answer
RETRIES = 3
PAUSE_S = 0.05
MEGABYTE = 1_048_576
FUNCTION_ERROR = "The Lambda function was successfully invoked but it returned an error result."


@dataclass(frozen=True)
class Incoming:
    """A record as it was read. `source` is what Firehose tells of a Kinesis record, else empty."""

    id: str
    data: bytes
    arrived_ms: int
    source: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outgoing:
    """A record to be delivered, with the partition keys that the processor gave."""

    record: Incoming
    data: bytes
    keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """A record for the error prefix."""

    record: Incoming
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

    def transform(self, records: Sequence[Incoming]) -> tuple[list[Outgoing], list[Failed]]:
        """What is to be delivered and what has failed, in the order of the records."""
        attempts = 0
        while True:
            attempts += 1
            try:
                answer = self._call(records)
                break
            except _CallFailed as error:
                if attempts > self.retries:
                    failed = [
                        Failed(each, error.code, str(error), attempts, self.function) for each in records
                    ]
                    return [], failed
                time.sleep(PAUSE_S * 2**attempts)
        return self._sorted(records, answer, attempts)

    def _call(self, records: Sequence[Incoming]) -> Mapping[str, Any]:
        try:
            service_roles.demand(
                self.role, "firehose", [("lambda:InvokeFunction", self.function)], region=get_region()
            )
        except service_roles.Refused as error:
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
        _count(self.stream_arn, began, failed)
        return _body(result)

    def _event(self, records: Sequence[Incoming]) -> dict[str, Any]:
        source = {"sourceKinesisStreamArn": self.source_arn} if self.source_arn else {}
        return {
            "invocationId": str(uuid.uuid4()),
            **source,
            "deliveryStreamArn": self.stream_arn,
            "region": get_region(),
            "records": [_shown(each) for each in records],
        }

    def _sorted(
        self, records: Sequence[Incoming], answer: Mapping[str, Any], attempts: int
    ) -> tuple[list[Outgoing], list[Failed]]:
        returned: dict[str, list[Mapping[str, Any]]] = {}
        for each in answer["records"]:
            returned.setdefault(each.get("recordId", ""), []).append(each)
        kept, failed = [], []
        for record in records:
            outcome = _outcome(record, returned.get(record.id, []))
            if isinstance(outcome, Outgoing):
                kept.append(outcome)
            elif outcome:
                failed.append(Failed(record, *outcome, attempts, self.function))
        return kept, failed


class _CallFailed(Exception):
    """The call as a whole failed: it is tried again."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def processor_of(stream: Mapping[str, Any], configuration: Mapping[str, Any]) -> Processor | None:
    """The Lambda processor that a delivery stream's destination names."""
    processing = configuration.get("ProcessingConfiguration") or {}
    if not processing.get("Enabled"):
        return None
    for each in processing.get("Processors") or []:
        if each.get("Type") != "Lambda":
            continue
        given = {item["ParameterName"]: item["ParameterValue"] for item in each.get("Parameters", [])}
        return Processor(
            function=given["LambdaArn"],
            role=given.get("RoleArn") or configuration["RoleARN"],
            stream_arn=stream["arn"],
            source_arn=(stream.get("kinesis_source") or {}).get("KinesisStreamARN", ""),
            buffer_bytes=int(float(given.get("BufferSizeInMBs", 1)) * MEGABYTE),
            retries=int(given.get("NumberOfRetries", RETRIES)),
        )
    return None


def _shown(record: Incoming) -> dict[str, Any]:
    source = {"kinesisRecordMetadata": dict(record.source)} if record.source else {}
    return {
        "recordId": record.id,
        "approximateArrivalTimestamp": record.arrived_ms,
        "data": base64.b64encode(record.data).decode(),
        **source,
    }


def _body(result: Mapping[str, Any]) -> Mapping[str, Any]:
    body = result.get("body")
    if result.get("throttle"):
        raise _CallFailed("Lambda.InvokeLimitExceeded", "Rate exceeded.")
    if result.get("error"):
        kind = body.get("errorType", "") if isinstance(body, dict) else ""
        if kind == "Sandbox.Timedout":
            raise _CallFailed("Lambda.FunctionRequestTimedOut", "The Lambda function timed out.")
        raise _CallFailed("Lambda.FunctionError", FUNCTION_ERROR)
    if not isinstance(body, dict) or not isinstance(body.get("records"), list):
        raise _CallFailed("Lambda.JsonProcessingException", "The answer is not a JSON object with records.")
    # AWS answers such a call with Function.ResponseSizeTooLarge: an error of the function.
    if sum(len(each.get("data") or "") + 100 for each in body["records"]) > PAYLOAD_BYTES:
        if len(json.dumps(body, separators=(",", ":"))) > PAYLOAD_BYTES:
            raise _CallFailed("Lambda.FunctionError", FUNCTION_ERROR)
    return body


def _outcome(record: Incoming, answers: Sequence[Mapping[str, Any]]) -> Outgoing | tuple[str, str] | None:
    """What becomes of the record; None when it was dropped, code and message when it has failed."""
    if not answers:
        return "Lambda.MissingRecordId", f"The record {record.id} is missing in the answer."
    if len(answers) > 1:
        return "Lambda.DuplicatedRecordId", f"The record {record.id} is twice in the answer."
    (answer,) = answers
    status = answer.get("result")
    if status == "Dropped":
        return None
    if status == "ProcessingFailed":
        return "Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record"
    if status != "Ok":
        return "Lambda.InvalidReturnFormat", "The result must be Ok, Dropped or ProcessingFailed."
    try:
        data = base64.b64decode(answer.get("data") or "", validate=True)
    except ValueError:
        return "Lambda.InvalidReturnFormat", "The data is not base64."
    keys = (answer.get("metadata") or {}).get("partitionKeys") or {}
    return Outgoing(record, data, {str(name): str(value) for name, value in keys.items()})


def _count(stream_arn: str, began: float, failed: bool) -> None:
    dimensions = {"DeliveryStreamName": stream_arn.rsplit("/", 1)[-1]}
    duration_ms = (time.monotonic() - began) * 1000
    flow_metrics.count("AWS/Firehose", dimensions, "Milliseconds", ExecuteProcessing__Duration=duration_ms)
    flow_metrics.count("AWS/Firehose", dimensions, "Count", ExecuteProcessing__Success=0 if failed else 1)
