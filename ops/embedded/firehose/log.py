"""Firehose's error log, for destinations that enable it.

https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-logs.html
"""

import json
import time
from collections.abc import Mapping
from typing import Any

from ministack.core.responses import get_region
from ministack.services import cloudwatch_logs

from ops.embedded.iam import service_roles

SEAMS = (
    "ministack.services.cloudwatch_logs._create_log_stream",
    "ministack.services.cloudwatch_logs._put_log_events",
)


def write(stream: Mapping[str, Any], configuration: Mapping[str, Any], code: str, message: str) -> None:
    """Write one error event to the log stream in CloudWatchLoggingOptions, if the role allows it."""
    options = configuration.get("CloudWatchLoggingOptions") or {}
    if not options.get("Enabled"):
        return
    group, name = options["LogGroupName"], options["LogStreamName"]
    account = stream["arn"].split(":")[4]
    resource = f"arn:aws:logs:{get_region()}:{account}:log-group:{group}:log-stream:{name}"
    try:
        service_roles.require_permissions(
            configuration["RoleARN"], "firehose", [("logs:PutLogEvents", resource)], region=get_region()
        )
    except service_roles.ServiceRoleDenied:
        return
    cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": name})
    document = {
        "deliveryStreamARN": stream["arn"],
        "destination": configuration["BucketARN"],
        "deliveryStreamVersionId": stream["version"],
        "message": message,
        "errorCode": code,
    }
    event = {"timestamp": int(time.time() * 1000), "message": json.dumps(document)}
    cloudwatch_logs._put_log_events({"logGroupName": group, "logStreamName": name, "logEvents": [event]})
