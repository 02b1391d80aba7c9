"""AWS's answer to a request that violates the model or a limit, for each protocol.

Which error it is differs: https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html has
ValidationError; JSON services answer ValidationException, or the error that their model declares instead.
"""

import json
from collections.abc import Sequence
from xml.sax.saxutils import escape

from botocore.model import OperationModel, ServiceModel

from ops.embedded.limits.problems import Problem
from ops.embedded.validation.requests import Call

Response = tuple[int, dict[str, str], bytes]
# Services whose documented error differs from what their protocol and model suggest.
CODES = {
    "cloudwatch": "ValidationError",
    "ec2": "InvalidParameterValue",
    "logs": "InvalidParameterException",
    "rds": "InvalidParameterValue",
    "sns": "InvalidParameter",
}
DECLARED = ("InvalidParameterException", "InvalidRequestException", "InvalidInputException")


def refusal(service: ServiceModel, call: Call, violations: Sequence[str]) -> Response:
    """Return the answer to a request that violates its model: status, headers, and body."""
    return answer(call, Problem(_code(service, call.operation), message_of(violations)))


def answer(call: Call, problem: Problem) -> Response:
    """Return status, headers, and body of the problem in the call's protocol."""
    code, message = problem.code, escape(problem.message)
    if call.protocol == "query":
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
            f"<Message>{message}</Message></Error></ErrorResponse>"
        )
        return problem.status, {"Content-Type": "text/xml"}, body.encode()
    if call.protocol == "ec2":
        body = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            "</Response>"
        )
        return problem.status, {"Content-Type": "text/xml"}, body.encode()
    return (
        problem.status,
        {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": code},
        json.dumps({"__type": code, "message": problem.message}).encode(),
    )


def message_of(violations: Sequence[str]) -> str:
    """Return AWS's message: `2 validation errors detected: …; …`."""
    errors = "error" if len(violations) == 1 else "errors"
    return f"{len(violations)} validation {errors} detected: {'; '.join(violations)}"


def _code(service: ServiceModel, operation: OperationModel) -> str:
    if code := CODES.get(service.service_name):
        return code
    if "query" in (service.protocol, *service.metadata.get("protocols", ())):
        return "ValidationError"
    declared = {shape.name for shape in operation.error_shapes}
    if "ValidationException" in declared:
        return "ValidationException"
    return next((code for code in DECLARED if code in declared), "ValidationException")
