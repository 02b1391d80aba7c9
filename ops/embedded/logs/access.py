"""The resource on which calls on log streams are authorized: the emulator checks the group, AWS the stream.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon CloudWatch Logs".
"""

import json
from typing import Any

from ministack.core import iam_actions

from ops.embedded.context import OverlayContext

SEAMS = ("ministack.core.iam_actions.extract_resource_arn",)

ON_STREAMS = ("CreateLogStream", "DeleteLogStream", "GetLogEvents", "PutLogEvents")


def install(context: OverlayContext) -> None:
    emulated = iam_actions.extract_resource_arn

    def extract(
        service: str, method: str, path: str, headers: dict[str, str], body: bytes, *rest: Any
    ) -> str:
        group_arn = str(emulated(service, method, path, headers, body, *rest))
        if service != "logs" or headers.get("x-amz-target", "").rsplit(".", 1)[-1] not in ON_STREAMS:
            return group_arn
        return f"{group_arn}:log-stream:{json.loads(body).get('logStreamName', '')}"

    iam_actions.extract_resource_arn = extract
