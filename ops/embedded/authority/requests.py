"""Checks of a request that the emulator leaves out: condition keys, and `iam:PassRole` on the roles it names.

The emulator checks one action on one resource for most requests. Calls over HTTP and the aws-sdk calls of a
state machine extract the resource first and enforce then: the request is kept between the two.
"""

import json
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator

from ops.embedded.authority import condition_keys, passed_roles, resources
from ops.embedded.cloudformation.permissions import acting
from ops.embedded.context import OverlayContext
from ops.embedded.iam.identity import Refused

SEAMS = (
    "ministack.app._dispatch_service_request",
    "ministack.core.iam_actions.access_denied_response",
    "ministack.core.iam_actions.extract_resource_arn",
    "ministack.core.iam_actions.identity_denial_message",
    "ministack.core.iam_evaluator.AuthError",
    "ministack.core.iam_evaluator.enforce",
)

Response = tuple[int, dict[str, str], bytes]
_current: ContextVar["Request | None"] = ContextVar("request", default=None)


@dataclass(frozen=True)
class Request:
    """An API call: its service, such as `lambda`, and its parameters."""

    service: str
    body: bytes
    query: Mapping[str, Any]

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        """The members of a JSON body, or the flat names of the Query protocol."""
        if self.body[:1] != b"{":
            return self.query
        try:
            parameters: Mapping[str, Any] = json.loads(self.body)
            return parameters
        except ValueError:
            return {}


def install(context: OverlayContext) -> None:
    extract = iam_actions.extract_resource_arn
    iam_actions.extract_resource_arn = lambda *arguments: _extract(extract, *arguments)
    enforce = iam_evaluator.enforce
    iam_evaluator.enforce = lambda *arguments, **more: _enforce(enforce, *arguments, **more)
    dispatch = app._dispatch_service_request
    app._dispatch_service_request = lambda *arguments: _dispatch(dispatch, *arguments)


def _extract(
    original: Callable[..., str],
    service: str,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query: dict[str, Any],
    *scope: str,
) -> str:
    resource = original(service, method, path, headers, body, query, *scope)
    _current.set(Request(service, body, query))
    return resource


def _enforce(
    original: Callable[..., Any], access_key: str, action: str, service: str, region: str, **more: Any
) -> Any:
    request = _current.get()
    if request is None or request.service != service:
        return original(access_key, action, service, region, **more)
    _current.set(None)  # a request may have more than one check
    context = more.pop("service_context", None) or {}
    context = {**condition_keys.of_request(action, request.parameters, context), **context}
    emulated = more.pop("resource_arn")
    arns = resources.of_request(action, request.parameters, emulated)
    for arn in arns:
        denied = original(access_key, action, service, region, resource_arn=arn, service_context=context)
        if denied and (arns == [emulated] or isinstance(denied, iam_evaluator.AuthError)):
            return denied  # the emulator reports it
        _require_allowed(denied, service, action, arn)
    for role in passed_roles.named_in(action, request.parameters):
        passed_roles.require_own_account(action, role)
        keys = {"iam:PassedToService": passed_roles.passed_to(action)}
        denied = original(access_key, "iam:PassRole", "iam", region, resource_arn=role, service_context=keys)
        _require_allowed(denied, service, "iam:PassRole", role)
        passed_roles.require_trust(action, role, region=region, source_arn=arns[0])
    if service == "cloudformation":
        acting.set(access_key)
    return None


def _require_allowed(denied: Any, service: str, action: str, arn: str) -> None:
    """Raise Refused for the evaluator's denial of an action on a resource."""
    if denied:
        explicit = denied.decision == "Deny"
        message = iam_actions.identity_denial_message(action, denied.principal_arn, arn, explicit)
        raise Refused(service, "AccessDenied", message)


async def _dispatch(
    original: Callable[..., Any],
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query: dict[str, Any],
    request_id: str,
) -> Response:
    try:
        response: Response = await original(method, path, headers, body, query, request_id)
    except Refused as refused:
        status, reply_headers, content = iam_actions.access_denied_response(
            refused.service,
            "",
            "",
            request_id,
            error_code=refused.code,
            message=str(refused),
            headers=headers,
        )
        forbidden = refused.code == "AccessDenied" and refused.service != "logs"
        response = (status if forbidden else 400, reply_headers, content)
    return response
