"""CreateExportTask: one active task for each account and region, with objects as CloudWatch Logs writes them.

    <prefix>/aws-logs-write-test                       tests whether the bucket is writable
    <prefix>/<task id>/<stream, / as ->/000000.gz      lines `YYYY-MM-DDTHH:MM:SS.mmmZ MESSAGE`

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/S3Export.html
"""

import gzip
import threading
import time
import uuid
from collections.abc import Mapping
from contextvars import copy_context
from datetime import UTC, datetime
from typing import Any

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.responses import (
    AccountRegionScopedDict,
    error_response_json,
    get_account_id,
    get_region,
    json_response,
)
from ministack.services import cloudwatch_logs, s3

from ops.embedded.context import OverlayContext
from ops.embedded.logs import extending
from ops.embedded.logs.extending import Response

SEAMS = (
    "ministack.core.iam_evaluator.evaluate_resource_policy",
    "ministack.services.cloudwatch_logs._log_groups",
    "ministack.services.s3._buckets",
    "ministack.services.s3._bucket_policies",
    "ministack.services.s3._put_object",
)
ACTIVE = ("PENDING", "RUNNING", "PENDING_CANCEL")
WRITE_TEST = "aws-logs-write-test"
OBJECT_LINES = 50_000

Record = dict[str, Any]

_tasks = AccountRegionScopedDict()  # task id → task
_delay: list[float] = []


def install(context: OverlayContext) -> None:
    _delay[:] = [context.delay_s]
    extending.add_actions(
        {"CreateExportTask": _create, "DescribeExportTasks": _describe, "CancelExportTask": _cancel}
    )
    extending.add_state("export_tasks", lambda: _tasks, _restore)


def _restore(tasks: Record) -> None:
    _tasks.update(tasks)
    for task in _tasks.all_values():  # tasks do not survive a restart
        if task["status"]["code"] in ACTIVE:
            task["status"] = {"code": "FAILED", "message": "The embedded cloud stopped during the task."}


def _create(data: Record) -> Response:
    if problem := _find_problem(data):
        return _error_response(*problem)
    task = {
        "taskId": str(uuid.uuid4()),
        "taskName": data.get("taskName", ""),
        "logGroupName": data["logGroupName"],
        "from": data["from"],
        "to": data["to"],
        "destination": data["destination"],
        "destinationPrefix": data.get("destinationPrefix") or "exportedlogs",
        "status": {"code": "PENDING", "message": "Task is pending"},
        "executionInfo": {"creationTime": _now()},
        "streams": data.get("logStreamNamePrefix", ""),
    }
    _tasks[task["taskId"]] = task
    _write(task, WRITE_TEST, b"Permission Check Successful")
    threading.Thread(target=copy_context().run, args=(_run, task), daemon=True).start()
    return _response({"taskId": task["taskId"]})


def _find_problem(data: Record) -> tuple[str, str] | None:
    if data.get("logGroupName") not in cloudwatch_logs._log_groups:
        return "ResourceNotFoundException", "The specified log group does not exist."
    if any(task["status"]["code"] in ACTIVE for task in _tasks.values()):
        return "LimitExceededException", "Resource limit exceeded."
    if data["from"] > data["to"]:
        return "InvalidParameterException", "from must not be later than to."
    if data["destination"] not in s3._buckets:
        return "InvalidParameterException", "The given bucket does not exist."
    prefix = data.get("destinationPrefix") or "exportedlogs"
    for action, resource in (("s3:GetBucketAcl", ""), ("s3:PutObject", f"/{prefix}/{WRITE_TEST}")):
        if not _allowed(data["destination"], action, resource):
            call = "GetBucketAcl" if action.endswith("Acl") else "PutObject"
            return (
                "InvalidParameterException",
                f"{call} call on the given bucket failed. Please check if CloudWatch Logs has been granted "
                "permission to perform this operation.",
            )
    return None


def _allowed(bucket: str, action: str, resource: str) -> bool:
    """Return whether the bucket policy allows the action for CloudWatch Logs on behalf of this account."""
    if not app.AUTH:
        return True
    account, region = get_account_id(), get_region()
    request = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:iam::{account}:service",
        principal_type="Service",
        principal_account=account,
        action=action,
        resource_arn=f"arn:aws:s3:::{bucket}{resource}",
        region=region,
        service_context={
            "aws:sourceaccount": account,
            "aws:sourcearn": f"arn:aws:logs:{region}:{account}:log-group:*",
            "s3:x-amz-acl": "bucket-owner-full-control",
        },
    )
    policy = s3._bucket_policies.get(bucket)
    return any(
        iam_evaluator.evaluate_resource_policy(policy, request, service).decision == "Allow"
        for service in (f"logs.{region}.amazonaws.com", "logs.amazonaws.com")
    )


def _run(task: Record) -> None:
    task["status"] = {"code": "RUNNING", "message": "Task is running"}
    time.sleep(_delay[0])
    group = cloudwatch_logs._log_groups.get(task["logGroupName"]) or {"streams": {}}
    for name, stream in sorted(group["streams"].items()):
        if name.startswith(task["streams"]):
            _export(task, name, list(stream["events"]))
        if task["status"]["code"] != "RUNNING":
            task["status"] = {"code": "CANCELLED", "message": "Cancelled by user"}
            return
    task["executionInfo"]["completionTime"] = _now()
    task["status"] = {"code": "COMPLETED", "message": "Completed successfully"}


def _export(task: Record, stream: str, events: list[Mapping[str, Any]]) -> None:
    selected = [event for event in events if task["from"] <= event["timestamp"] <= task["to"]]
    for number, start in enumerate(range(0, len(selected), OBJECT_LINES)):
        text = "".join(map(_line, selected[start : start + OBJECT_LINES]))
        key = f"{task['taskId']}/{stream.replace('/', '-')}/{number:06d}.gz"
        _write(task, key, gzip.compress(text.encode(), mtime=0))


def _line(event: Mapping[str, Any]) -> str:
    moment = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{event['timestamp'] % 1000:03d}Z {event['message']}\n"


def _write(task: Record, key: str, body: bytes) -> None:
    headers = {"content-length": str(len(body))}
    s3._put_object(task["destination"], f"{task['destinationPrefix']}/{key}", body, headers)


def _describe(data: Record) -> Response:
    tasks = [
        task
        for task in _tasks.values()
        if data.get("taskId") in (None, task["taskId"])
        and data.get("statusCode") in (None, task["status"]["code"])
    ]
    tasks.sort(key=lambda task: -task["executionInfo"]["creationTime"])
    visible = [{name: value for name, value in task.items() if name != "streams"} for task in tasks]
    return _response({"exportTasks": visible[: data.get("limit", 50)]})


def _cancel(data: Record) -> Response:
    task = _tasks.get(data["taskId"])
    if task is None:
        return _error_response("ResourceNotFoundException", "The specified export task does not exist.")
    if task["status"]["code"] not in ACTIVE:
        return _error_response("InvalidOperationException", "The specified export task has already finished")
    task["status"] = {"code": "PENDING_CANCEL", "message": "Cancellation is pending"}
    return _response({})


def _now() -> int:
    return int(time.time() * 1000)


def _error_response(code: str, message: str) -> Response:
    status, headers, body = error_response_json(code, message, 400)
    return status, headers, body


def _response(content: Record) -> Response:
    status, headers, body = json_response(content)
    return status, headers, body
