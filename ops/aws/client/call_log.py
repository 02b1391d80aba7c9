"""Log the AWS calls that were retried, refused, or failed: hooks for the sessions that create the clients.

A call is logged once, when it has ended. Neither its parameters nor AWS's message, which can quote them, are
logged.
https://botocore.amazonaws.com/v1/documentation/api/latest/topics/events.html
"""

import logging
from collections.abc import Mapping
from typing import Any

from botocore.session import Session

from ops.aws.calls import ACCESS_DENIED, EXPIRED, THROTTLED

log = logging.getLogger(__name__)

REFUSED = ACCESS_DENIED | EXPIRED | THROTTLED
_ATTEMPTS = "slipway_failed_attempts"  # in the context of a call: the code of each failed attempt


def log_calls(session: Session) -> None:
    """Log the calls of all clients that the session creates from now on."""
    hooks: dict[str, Any] = {
        "needs-retry": _note_attempt,
        "after-call": _log_response,
        "after-call-error": _log_error,
    }
    for event, hook in hooks.items():
        session.register(event, hook)


def _note_attempt(
    response: tuple[Any, Mapping[str, Any]] | None,
    caught_exception: Exception | None,
    request_dict: Mapping[str, Any],
    **_: Any,
) -> None:
    """Note how an attempt failed. Whether there is another one is another hook's decision."""
    if code := _code(response[1] if response else {}, caught_exception):
        request_dict["context"].setdefault(_ATTEMPTS, []).append(code)


def _log_response(event_name: str, parsed: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
    _log(event_name, context, _code(parsed), parsed.get("ResponseMetadata", {}))


def _log_error(event_name: str, exception: Exception, context: dict[str, Any], **_: Any) -> None:
    _log(event_name, context, _code({}, exception), {})


def _log(event_name: str, context: dict[str, Any], code: str, response: Mapping[str, Any]) -> None:
    failed: list[str] = context.pop(_ATTEMPTS, [])
    if not failed and not code:
        return
    _, service, operation = event_name.split(".")
    fields = {
        "service": service,
        "operation": operation,
        "region": context.get("client_region", ""),
        "attempts": len(failed) + (not code),
        "code": code or failed[-1],
        "request_id": response.get("RequestId", ""),
    }
    if not code:
        log.info("AWS call retried", extra=fields)
    elif code in REFUSED:
        log.info("AWS call refused", extra=fields)
    elif 400 <= response.get("HTTPStatusCode", 0) < 500:
        log.debug("AWS call failed", extra=fields)  # such as NoSuchKey: to most callers an expected response
    else:
        log.info("AWS call failed", extra=fields)


def _code(parsed: Mapping[str, Any], exception: Exception | None = None) -> str:
    """Return the code of an error response or the class of a connection error; empty if there is none."""
    if exception:
        return type(exception).__name__
    if parsed.get("ResponseMetadata", {}).get("HTTPStatusCode", 200) < 300:
        return ""
    return str(parsed.get("Error", {}).get("Code", ""))
