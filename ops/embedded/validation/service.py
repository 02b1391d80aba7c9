"""Validates every request in front of the emulator's services; Amazon S3's XML bodies are not read."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

from botocore.model import ServiceModel
from botocore.session import get_session
from ministack import app

from ops.embedded.context import OverlayContext
from ops.embedded.limits.keys import caller
from ops.embedded.limits.rules import problems
from ops.embedded.validation.constraints import violations
from ops.embedded.validation.refusals import Response, answer, refusal
from ops.embedded.validation.requests import Request, read_call

SEAMS = ("ministack.app.SERVICE_HANDLERS", "ministack.app.extract_access_key_id")
# The emulator's names of services that botocore names otherwise.
MODEL_NAMES = {
    "elasticfilesystem": "efs",
    "elasticloadbalancing": "elbv2",
    "elasticmapreduce": "emr",
    "monitoring": "cloudwatch",
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
}
NOT_READ = ("s3",)

Handler = Callable[..., Awaitable[Response]]


def install(context: OverlayContext) -> None:
    """Put the validation in front of every service, after the other overlays have replaced theirs."""
    for name, handler in app.SERVICE_HANDLERS.items():
        if name not in NOT_READ and (model := MODEL_NAMES.get(name, name)) in _models():
            app.SERVICE_HANDLERS[name] = partial(_validated, model, handler)


async def _validated(
    name: str,
    handler: Handler,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Sequence[str]],
) -> Any:
    service = _model(name)
    try:
        call = read_call(service, Request(method, path, headers, body, query))
    except ValueError:  # not the protocol's form: the service answers
        call = None
    if call and call.operation.input_shape:
        if found := list(violations(call.operation.input_shape, call.parameters)):
            return refusal(service, call, found)
        caller.set(app.extract_access_key_id(headers, query))
        for problem in problems(name, call.operation.name, call.parameters):
            return answer(call, problem)
    return await handler(method, path, headers, body, query)


@cache
def _models() -> frozenset[str]:
    return frozenset(get_session().get_available_services())


@cache
def _model(name: str) -> ServiceModel:
    return get_session().get_service_model(name)
