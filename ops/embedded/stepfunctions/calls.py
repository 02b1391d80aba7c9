"""What a state machine calls: checked against its role, and ecs:runTask.sync as AWS does it.

Without this the emulator calls with every right, and a task that fails counts as a success.
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

from ops.embedded.context import Context
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
Need = tuple[str, str, Mapping[str, Any]]

RUN_TASK = "arn:aws:states:::ecs:runTask"
LOOK_S = 0.1

# Service of the call: error name of the state, then how the AWS SDK for Java names service, status and code.
_DENIED = {
    "lambda": ("Lambda.AWSLambdaException", "AWSLambda", 403, "AccessDeniedException"),
    "ecs": ("ECS.AccessDeniedException", "AmazonECS", 400, "AccessDeniedException"),
    "sns": ("SNS.AuthorizationErrorException", "AmazonSNS", 403, "AuthorizationError"),
    "sqs": ("SQS.AmazonSQSException", "AmazonSQS", 403, "AccessDenied"),
    "states": ("StepFunctions.AWSStepFunctionsException", "AWSStepFunctions", 400, "AccessDeniedException"),
}

_sdk_service: ContextVar[str] = ContextVar("sdk_service", default="")
_abandoned: ContextVar[threading.Event | None] = ContextVar("abandoned", default=None)


def install(context: Context) -> None:
    invoke = sf._invoke_resource
    sf._invoke_resource = lambda resource, parameters: _invoke(invoke, resource, parameters)
    call_back = sf._invoke_with_callback
    sf._invoke_with_callback = lambda resource, parameters, *rest: _invoke(
        call_back, resource, parameters, *rest
    )
    timed = sf._invoke_resource_with_timeout
    sf._invoke_resource_with_timeout = lambda *arguments: _timed(timed, *arguments)
    sf._SERVICE_DISPATCH[RUN_TASK] = _run_task
    handler = app.call_service_handler_sync
    app.call_service_handler_sync = lambda *arguments, **more: _sdk_call(handler, *arguments, **more)


def _invoke(original: Callable[..., Any], resource: str, parameters: Any, *rest: Any) -> Any:
    execution = executions.current()
    if execution is None:  # TestState
        return original(resource, parameters, *rest)
    history.called_with(executions.writing() or execution, parameters)
    service = "lambda" if ":function:" in resource else resource.partition(":::")[2].partition(":")[0]
    for action, target, context in _needs(resource, parameters):
        if message := identity.denial(_role(execution), action, target, context):
            raise _denied(service, message)
    token = _sdk_service.set(resource.split(":")[6] if ":aws-sdk:" in resource else "")
    try:
        return original(resource, parameters, *rest)
    finally:
        _sdk_service.reset(token)


def _role(execution: Record) -> identity.Session:
    """The role that the machine had when the execution started."""
    role = execution["events"][0]["executionStartedEventDetails"]["roleArn"]
    return identity.assume(role, execution["name"])


def _denied(service: str, message: str) -> Exception:
    error, name, status, code = _DENIED[service]
    cause = (
        f"{message} (Service: {name}; Status Code: {status}; Error Code: {code}; "
        f"Request ID: {new_uuid()}; Proxy: null)"
    )
    refused: Exception = sf._ExecutionError(error, cause)
    return refused


def _needs(resource: str, parameters: Any) -> Iterator[Need]:
    """The permissions that an integration needs; those of aws-sdk are known when its request is."""
    if ":function:" in resource:
        yield "lambda:InvokeFunction", resource, {}
        return
    service, _, call = resource.partition(":::")[2].partition(":")
    if service == "lambda":
        yield "lambda:InvokeFunction", _function(parameters["FunctionName"]), {}
    elif service == "ecs":
        yield from _run_task_needs(parameters, synchronous=call.endswith(".sync"))
    elif service == "sns":
        yield "sns:Publish", parameters.get("TopicArn", "*"), {}
    elif service == "sqs":
        account, queue = parameters["QueueUrl"].rsplit("/", 2)[-2:]
        yield "sqs:SendMessage", f"arn:aws:sqs:{get_region()}:{account}:{queue}", {}
    elif service == "states":
        yield "states:StartExecution", parameters["StateMachineArn"], {}
        if ".sync" in call:
            yield from _managed_rule("StepFunctionsGetEventsForStepFunctionsExecutionRule")


def _here(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{get_region()}:{get_account_id()}:{resource}"


def _function(reference: str) -> str:
    return reference if reference.startswith("arn:") else _here("lambda", f"function:{reference}")


def _managed_rule(name: str) -> Iterator[Need]:
    """How Step Functions learns that what it waits for has ended."""
    for action in ("events:PutTargets", "events:PutRule", "events:DescribeRule"):
        yield action, _here("events", f"rule/{name}"), {}


def _run_task_needs(parameters: Record, *, synchronous: bool) -> Iterator[Need]:
    definition = _definition(parameters["TaskDefinition"])
    target = str(definition.get("taskDefinitionArn", parameters["TaskDefinition"]))
    cluster = parameters.get("Cluster", "default")
    cluster = cluster if cluster.startswith("arn:") else _here("ecs", f"cluster/{cluster}")
    yield "ecs:RunTask", target, {"ecs:cluster": cluster}
    overrides = parameters.get("Overrides", {})
    for kind in ("executionRoleArn", "taskRoleArn"):
        if role := overrides.get(kind[0].upper() + kind[1:]) or definition.get(kind):
            yield "iam:PassRole", role, {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    if synchronous:
        yield from _managed_rule("StepFunctionsGetEventsForECSTaskRule")


def _definition(reference: str) -> Record:
    found: Record = emulated_ecs._task_defs.get(emulated_ecs._resolve_td_key(reference)) or {}
    return found


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
    """The emulator's services call each other without a check; a state machine's aws-sdk call gets one."""
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
    return identity.denial(_role(execution), action, target, tags)


def _timed(original: Callable[..., Any], resource: str, parameters: Any, timeout: float) -> Any:
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
    answer = json.loads(body)
    if status >= 400:
        code = str(answer.get("__type", "AmazonECSException")).rpartition("#")[2]
        raise sf._ExecutionError(f"ECS.{code}", answer.get("message", ""))
    if not synchronous:
        return _pascal(answer)
    execution = executions.current()
    if execution is not None:
        history.submitted(execution, resource, _pascal(answer))
    return _ended_task(answer["tasks"][0]["taskArn"], parameters.get("Cluster", "default"))


def _ended_task(arn: str, cluster: str) -> Record:
    """Waits for the task; stops it when nobody waits for it any more."""
    abandoned = _abandoned.get()
    try:
        while (task := emulated_ecs._tasks[arn])["lastStatus"] != "STOPPED":
            if abandoned is not None and abandoned.is_set():
                raise executions.Aborted(arn)
            executions.pause(LOOK_S)
    except executions.Aborted:
        _stop_task(arn, cluster)
        raise
    ended: Record = _pascal(emulated_ecs._sanitize(task))
    if _has_failed(task):
        raise sf._ExecutionError("States.TaskFailed", json.dumps(ended))
    return ended


def _stop_task(arn: str, cluster: str) -> None:
    execution = executions.current()
    if execution is None or not identity.denial(_role(execution), "ecs:StopTask", arn):
        ecs.stop_task({"task": arn, "cluster": cluster, "reason": "Stopped by AWS Step Functions"})


def _has_failed(task: Record) -> bool:
    essentials = zip(task["containers"], task["_container_essentials"], strict=True)
    return task["stopCode"] != "EssentialContainerExited" or any(
        essential and container["exitCode"] != 0 for container, essential in essentials
    )


def _pascal(value: Any) -> Any:
    """Step Functions shows members in PascalCase, whatever the service's own."""
    if isinstance(value, dict):
        return {f"{key[:1].upper()}{key[1:]}": _pascal(each) for key, each in value.items()}
    return [_pascal(each) for each in value] if isinstance(value, list) else value
