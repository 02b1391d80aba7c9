"""CloudTrail events for new log groups: CreateLogGroup reaches the rules of EventBridge.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
"""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch_logs, eventbridge

from ops.embedded.context import OverlayContext
from ops.embedded.logs import events as log_events

SEAMS = (
    "ministack.services.cloudwatch_logs._create_log_group",
    "ministack.services.cloudwatch_logs._log_groups",
    "ministack.services.eventbridge._put_events",
    "ministack.core.iam_evaluator.caller_arn",
)
Response = tuple[int, dict[str, str], bytes]


def install(context: OverlayContext) -> None:
    create = cloudwatch_logs._create_log_group
    cloudwatch_logs._create_log_group = lambda data: _create(create, data)
    log_events.on_stored(_announce_service_group)


def _create(original: Callable[[dict[str, Any]], Response], data: dict[str, Any]) -> Response:
    response = original(data)
    if response[0] == 200:
        _announce(data["logGroupName"])
    return response


def _announce_service_group(group: str, stream: str, events: list[dict[str, Any]]) -> None:
    """Announce a group that Lambda created at a function's first call, without an API request."""
    if not cloudwatch_logs._log_groups[group].get("announced"):
        _announce(group)


def _announce(group: str) -> None:
    cloudwatch_logs._log_groups[group]["announced"] = True
    entry = {
        "Source": "aws.logs",
        "DetailType": "AWS API Call via CloudTrail",
        "Detail": json.dumps(_record(group)),
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def _record(group: str) -> dict[str, Any]:
    account = get_account_id()
    return {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "arn": iam_evaluator.caller_arn() or f"arn:aws:iam::{account}:root",
            "accountId": account,
        },
        "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "logs.amazonaws.com",
        "eventName": "CreateLogGroup",
        "awsRegion": get_region(),
        "sourceIPAddress": "127.0.0.1",
        "userAgent": "embedded",
        "requestParameters": {"logGroupName": group},
        "responseElements": None,
        "requestID": str(uuid.uuid4()),
        "eventID": str(uuid.uuid4()),
        "readOnly": False,
        "eventType": "AwsApiCall",
        "apiVersion": "20140328",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
    }
