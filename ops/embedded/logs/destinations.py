"""Destinations of CloudWatch Logs: who may subscribe, and whether the target accepts records."""

import base64
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.responses import error_response_json, get_account_id, get_region, request_scope
from ministack.services import cloudwatch_logs, firehose, lambda_svc

from ops.embedded.context import OverlayContext
from ops.embedded.iam import service_roles
from ops.embedded.logs.filter_pattern import UnsupportedFilterPattern, matcher
from ops.embedded.logs.subscription_records import control_record
from ops.embedded.services import kinesis

SEAMS = (
    "ministack.services.cloudwatch_logs._destinations",
    "ministack.services.cloudwatch_logs._put_destination",
    "ministack.services.firehose._streams",
    "ministack.services.firehose._put_record_batch",
    "ministack.services.lambda_svc._get_func_record_for_ref_in_scope",
    "ministack.services.lambda_svc._execution_record_for_config",
    "ministack.services.lambda_svc._execute_function_with_config_scope",
    "ministack.core.iam_evaluator.resource_policy_allows",
)
Response = tuple[int, dict[str, str], bytes]
WRITE_ACTIONS = {"kinesis": "kinesis:PutRecord", "firehose": "firehose:PutRecord"}


class NotDelivered(Exception):
    """The target did not accept the record; a retry may succeed."""


@dataclass(frozen=True)
class SubscriptionTarget:
    """The resource that receives records, and the role with which CloudWatch Logs writes to it."""

    arn: str
    role: str
    kind: str  # Kinesis, Firehose or Lambda: the DestinationType of the metrics

    @property
    def scope(self) -> tuple[str, str]:
        """Account and region of the resource."""
        return self.arn.split(":")[4], self.arn.split(":")[3]


def install(context: OverlayContext) -> None:
    put = cloudwatch_logs._put_destination
    cloudwatch_logs._put_destination = lambda data: _put_destination(put, data)


def resolve_target(destination_arn: str, role: str) -> SubscriptionTarget:
    """Return the resource behind a subscription's destination. Raises LookupError."""
    service = destination_arn.split(":")[2] if destination_arn.count(":") >= 5 else ""
    if service == "logs":
        account, region, name = (destination_arn.split(":")[n] for n in (4, 3, 6))
        destination = cloudwatch_logs._destinations.get_scoped(account, region, name)
        if destination is None:
            raise LookupError(f"Destination {destination_arn} does not exist.")
        return resolve_target(destination["targetArn"], destination["roleArn"])
    destination_types = {"kinesis": "Kinesis", "firehose": "Firehose", "lambda": "Lambda"}
    if service not in destination_types:
        raise LookupError(f"{destination_arn} is not a destination for log data.")
    return SubscriptionTarget(destination_arn, role, destination_types[service])


def may_subscribe(destination_arn: str, role: str, action: str) -> bool:
    """Return whether the destination's access policy allows the current account to subscribe.

    Only a subscription with a role has an organization: CloudWatch Logs assumes the role to find it.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CreateSubscriptionFilter-CrossAccount.html
    """
    _, _, service, region, owner, _, *rest = destination_arn.split(":")
    account = get_account_id()
    if service != "logs" or not app.AUTH:
        return True
    destination = cloudwatch_logs._destinations.get_scoped(owner, region, rest[0])
    trusted = bool(role) and service_roles.trusts(role, "logs", region=get_region(), source_arn="")
    request = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:iam::{account}:root",
        principal_type="Root",
        principal_account=account,
        action=action,
        resource_arn=destination_arn,
        region=region,
        principal_keys={} if trusted else {"aws:principalorgid": None},
    )
    policy = destination["accessPolicy"] if destination else None
    return bool(iam_evaluator.resource_policy_allows(policy, request, owner == account))


def deliver(target: SubscriptionTarget, record: bytes, key: str, source_arn: str) -> None:
    """Deliver one record to the target. Raises NotDelivered with the reason."""
    account, region = target.scope
    service = target.arn.split(":")[2]
    try:
        if service in WRITE_ACTIONS:
            permissions = [(WRITE_ACTIONS[service], target.arn)]
            service_roles.require_permissions(
                target.role, "logs", permissions, region=region, source_arn=source_arn
            )
        with request_scope(account, region):
            _SENDERS[service](target, record, key)
    except (service_roles.ServiceRoleDenied, LookupError) as error:
        raise NotDelivered(str(error)) from error


def send_test_message(target: SubscriptionTarget) -> str:
    """Send the control message; return the reason if it is not delivered."""
    if target.kind == "Lambda":
        return ""
    source = f"arn:aws:logs:{get_region()}:{get_account_id()}:*"
    try:
        deliver(target, control_record(int(time.time() * 1000)), "control", source)
    except NotDelivered as error:
        return (
            f"Could not deliver test message to specified {target.kind} stream. "
            f"Check if the given {target.kind} stream is in ACTIVE state. ({error})"
        )
    return ""


def subscription_problem(destination_arn: str, role: str, pattern: str, action: str) -> tuple[str, str]:
    """Return the error code and message for an invalid subscription; both are empty if it is valid."""
    try:
        matcher(pattern)
        target = resolve_target(destination_arn, role)
    except (UnsupportedFilterPattern, LookupError) as error:
        return "InvalidParameterException", str(error)
    if not may_subscribe(destination_arn, role, action):
        message = (
            f"User with accountId: {get_account_id()} is not authorized to perform: {action} "
            f"on resource {destination_arn}"
        )
        return "AccessDeniedException", message
    if ":logs:" in destination_arn:
        if destination_arn.split(":")[3] != get_region():
            return "InvalidParameterException", "The destination must be in the region of the log group."
        return "", ""
    problem = send_test_message(target)
    return ("InvalidParameterException", problem) if problem else ("", "")


def _put_destination(original: Callable[[dict[str, Any]], Response], data: dict[str, Any]) -> Response:
    name = data.get("destinationName", "")
    try:
        problem = send_test_message(resolve_target(data["targetArn"], data["roleArn"]))
    except LookupError as error:
        problem = str(error)
    if problem:
        rejection: Response = error_response_json("InvalidParameterException", problem, 400)
        return rejection
    policy = cloudwatch_logs._destinations.get(name, {}).get("accessPolicy", "")
    return original({"accessPolicy": policy, **data})


def _to_kinesis(target: SubscriptionTarget, record: bytes, key: str) -> None:
    if not all(kinesis.put(target.arn, [(key, record)])):
        raise NotDelivered("Rate exceeded for a shard of the stream.")


def _to_firehose(target: SubscriptionTarget, record: bytes, key: str) -> None:
    name = target.arn.rsplit("/", 1)[-1]
    request = {"DeliveryStreamName": name, "Records": [{"Data": base64.b64encode(record).decode()}]}
    status, _, body = firehose._put_record_batch(request)
    if status != 200 or json.loads(body)["FailedPutCount"]:
        raise NotDelivered(f"The Firehose stream {name} did not accept the record.")


def _to_lambda(target: SubscriptionTarget, record: bytes, key: str) -> None:
    function, config, name = lambda_svc._get_func_record_for_ref_in_scope(
        target.arn, account_id=target.scope[0], region=target.scope[1]
    )
    if not function or not config:
        raise LookupError(f"Function {name} does not exist.")
    event = {"awslogs": {"data": base64.b64encode(record).decode()}}
    execution_record = lambda_svc._execution_record_for_config(function, config)
    threading.Thread(
        target=lambda_svc._execute_function_with_config_scope, args=(execution_record, event), daemon=True
    ).start()


_SENDERS = {"kinesis": _to_kinesis, "firehose": _to_firehose, "lambda": _to_lambda}
