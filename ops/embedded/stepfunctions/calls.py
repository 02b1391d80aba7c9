"""The calls of a state machine: checked against its role, with ecs:runTask.sync as on AWS.

The emulator makes these calls without permission checks, and treats a failed task as a success.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from ministack import app
from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services import ecs as emulated_ecs
from ministack.services import stepfunctions as sf

from ops.embedded.authority import passed_roles
from ops.embedded.context import OverlayContext
from ops.embedded.ecs import service as ecs
from ops.embedded.iam import identity
from ops.embedded.stepfunctions import executions, history

SEAMS = (
    "ministack.app.call_service_handler_sync",
    "ministack.core.iam_actions.extract_iam_action",
    "ministack.core.iam_actions.extract_resource_arn",
    "ministack.core.iam_actions.request_tag_context",
    "ministack.services.ecs._run_task",
    "ministack.services.ecs._task_defs",
    "ministack.services.ecs._resolve_td_key",
    "ministack.services.ecs._tasks",
    "ministack.services.stepfunctions._invoke_resource",
    "ministack.services.stepfunctions._invoke_resource_with_timeout",
    "ministack.services.stepfunctions._invoke_with_callback",
    "ministack.services.stepfunctions._SERVICE_DISPATCH",
    "ministack.services.stepfunctions._pascal_to_camel",
    "ministack.services.stepfunctions._prefix_sdk_error",
)

Record = dict[str, Any]
Permission = tuple[str, str, Mapping[str, Any]]

RUN_TASK = "arn:aws:states:::ecs:runTask"
POLL_S = 0.1

# Service: the state's error name, then the AWS SDK for Java's service name, status code, and error code.
_DENIED = {
    "lambda": ("Lambda.AWSLambdaException", "AWSLambda", 403, "AccessDeniedException"),
    "ecs": ("ECS.AccessDeniedException", "AmazonECS", 400, "AccessDeniedException"),
    "sns": ("SNS.AuthorizationErrorException", "AmazonSNS", 403, "AuthorizationError"),
    "sqs": ("SQS.AmazonSQSException", "AmazonSQS", 403, "AccessDenied"),
    "states": ("StepFunctions.AWSStepFunctionsException", "AWSStepFunctions", 400, "AccessDeniedException"),
}

_sdk_service: ContextVar[str] = ContextVar("sdk_service", default="")
_abandoned: ContextVar[threading.Event | None] = ContextVar("abandoned", default=None)


def install(context: OverlayContext) -> None:
    invoke = sf._invoke_resource
    sf._invoke_resource = lambda resource, parameters: _invoke(invoke, resource, parameters)
    call_back = sf._invoke_with_callback
    sf._invoke_with_callback = lambda resource, parameters, *rest: _invoke(
        call_back, resource, parameters, *rest
    )
    timed = sf._invoke_resource_with_timeout
    sf._invoke_resource_with_timeout = lambda *arguments: _invoke_with_timeout(timed, *arguments)
    sf._SERVICE_DISPATCH[RUN_TASK] = _run_task
    handler = app.call_service_handler_sync
    app.call_service_handler_sync = lambda *arguments, **more: _sdk_call(handler, *arguments, **more)


def _invoke(original: Callable[..., Any], resource: str, parameters: Any, *rest: Any) -> Any:
    execution = executions.current()
    if execution is None:  # TestState
        return original(resource, parameters, *rest)
    history.record_parameters(executions.history_owner() or execution, parameters)
    service = "lambda" if ":function:" in resource else resource.partition(":::")[2].partition(":")[0]
    for action, target, context in _required_permissions(resource, parameters):
        if message := identity.denial_message(_role(execution), action, target, context):
            raise _denied(service, message)
    token = _sdk_service.set(resource.split(":")[6] if ":aws-sdk:" in resource else "")
    try:
        return original(resource, parameters, *rest)
    finally:
        _sdk_service.reset(token)


def _role(execution: Record) -> identity.RoleSession:
    """Return a session of the state machine's role at the start of the execution."""
    role = execution["events"][0]["executionStartedEventDetails"]["roleArn"]
    return identity.assume(role, execution["name"])


def _denied(service: str, message: str) -> Exception:
    error, name, status, code = _DENIED[service]
    cause = (
        f"{message} (Service: {name}; Status Code: {status}; Error Code: {code}; "
        f"Request ID: {new_uuid()}; Proxy: null)"
    )
    execution_error: Exception = sf._ExecutionError(error, cause)
    return execution_error


def _required_permissions(resource: str, parameters: Any) -> Iterator[Permission]:
    """Yield the permissions of an integration; those of aws-sdk depend on the request, so they come later."""
    if ":function:" in resource:
        yield "lambda:InvokeFunction", resource, {}
        return
    service, _, call = resource.partition(":::")[2].partition(":")
    if service == "lambda":
        yield "lambda:InvokeFunction", _function(parameters["FunctionName"]), {}
    elif service == "ecs":
        yield from _run_task_permissions(parameters, synchronous=call.endswith(".sync"))
    elif service == "sns":
        yield "sns:Publish", parameters.get("TopicArn", "*"), {}
    elif service == "sqs":
        account, queue = parameters["QueueUrl"].rsplit("/", 2)[-2:]
        yield "sqs:SendMessage", f"arn:aws:sqs:{get_region()}:{account}:{queue}", {}
    elif service == "states":
        yield "states:StartExecution", parameters["StateMachineArn"], {}
        if ".sync" in call:
            yield from _managed_rule("StepFunctionsGetEventsForStepFunctionsExecutionRule")


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{get_region()}:{get_account_id()}:{resource}"


def _function(reference: str) -> str:
    return reference if reference.startswith("arn:") else _arn("lambda", f"function:{reference}")


def _managed_rule(name: str) -> Iterator[Permission]:
    """Yield the permissions for the rule with which Step Functions detects the end of a .sync call."""
    for action in ("events:PutTargets", "events:PutRule", "events:DescribeRule"):
        yield action, _arn("events", f"rule/{name}"), {}


def _run_task_permissions(parameters: Record, *, synchronous: bool) -> Iterator[Permission]:
    reference = parameters["TaskDefinition"]
    definition: Record = emulated_ecs._task_defs.get(emulated_ecs._resolve_td_key(reference)) or {}
    target = str(definition.get("taskDefinitionArn", reference))
    cluster = parameters.get("Cluster", "default")
    cluster = cluster if cluster.startswith("arn:") else _arn("ecs", f"cluster/{cluster}")
    yield "ecs:RunTask", target, {"ecs:cluster": cluster}
    for role in passed_roles.of_task(parameters["TaskDefinition"], parameters.get("Overrides", {})):
        yield "iam:PassRole", role, {"iam:PassedToService": passed_roles.passed_to("ecs:RunTask")}
    if synchronous:
        yield from _managed_rule("StepFunctionsGetEventsForECSTaskRule")


def _sdk_call(
    original: Callable[..., Any],
    handler: Any,
    method: str,
    path: str,
    headers: Record,
    body: Any,
    query: Record,
    *rest: Any,
    **more: Any,
) -> Any:
    """Check the permissions of a state machine's aws-sdk call, which the emulator does not check."""
    execution, named = executions.current(), _sdk_service.get()
    if execution is not None and named:
        if message := _sdk_denial(execution, method, path, headers, body, query):
            raise sf._ExecutionError(sf._prefix_sdk_error(named, "AccessDeniedException"), message)
    return original(handler, method, path, headers, body, query, *rest, **more)


def _sdk_denial(
    execution: Record, method: str, path: str, headers: Record, body: Any, query: Record
) -> str | None:
    service = headers["authorization"].split("/")[3]
    data = body.encode() if isinstance(body, str) else body or b""
    parameters = app._routing_params(method, path, headers, data, query)
    action = iam_actions.extract_iam_action(service, method, path, headers, data, parameters)
    if action is None:
        return None
    target = iam_actions.extract_resource_arn(
        service, method, path, headers, data, parameters, get_region(), get_account_id()
    )
    tags = iam_actions.request_tag_context(service, action, data, parameters)
    return identity.denial_message(_role(execution), action, target, tags)


def _invoke_with_timeout(original: Callable[..., Any], resource: str, parameters: Any, timeout: float) -> Any:
    abandoned = threading.Event()
    token = _abandoned.set(abandoned)
    try:
        return original(resource, parameters, timeout * sf._SFN_WAIT_SCALE)
    finally:
        abandoned.set()
        _abandoned.reset(token)


def _run_task(resource: str, parameters: Record) -> Any:
    request = sf._pascal_to_camel(parameters)
    synchronous = resource.endswith(".sync")
    if synchronous:
        request["startedBy"] = "AWS Step Functions"
    status, _, body = emulated_ecs._run_task(request)
    response = json.loads(body)
    if status >= 400:
        code = str(response.get("__type", "AmazonECSException")).rpartition("#")[2]
        raise sf._ExecutionError(f"ECS.{code}", response.get("message", ""))
    if not synchronous:
        return _pascal(response)
    execution = executions.current()
    if execution is not None:
        history.record_submitted(execution, resource, _pascal(response))
    return _wait_for_task(response["tasks"][0]["taskArn"], parameters.get("Cluster", "default"))


def _wait_for_task(arn: str, cluster: str) -> Record:
    """Wait until the task stops; stop it if the execution or the wait ends first."""
    abandoned = _abandoned.get()
    try:
        while (task := emulated_ecs._tasks[arn])["lastStatus"] != "STOPPED":
            if abandoned is not None and abandoned.is_set():
                raise executions.Aborted(arn)
            executions.pause(POLL_S)
    except executions.Aborted:
        execution = executions.current()
        if execution is None or not identity.denial_message(_role(execution), "ecs:StopTask", arn):
            ecs.stop_task({"task": arn, "cluster": cluster, "reason": "Stopped by AWS Step Functions"})
        raise
    stopped: Record = _pascal(emulated_ecs._sanitize(task))
    if _has_failed(task):
        raise sf._ExecutionError("States.TaskFailed", json.dumps(stopped))
    return stopped


def _has_failed(task: Record) -> bool:
    essentials = zip(task["containers"], task["_container_essentials"], strict=True)
    return task["stopCode"] != "EssentialContainerExited" or any(
        essential and container["exitCode"] != 0 for container, essential in essentials
    )


def _pascal(value: Any) -> Any:
    """Convert keys to PascalCase, as Step Functions does for every service."""
    if isinstance(value, dict):
        return {f"{key[:1].upper()}{key[1:]}": _pascal(member) for key, member in value.items()}
    return [_pascal(member) for member in value] if isinstance(value, list) else value
