"""The response of a function that is a custom resource of CloudFormation."""

import json
import urllib.request
from typing import Any

MAXIMUM_REASON = 1000  # characters: a response is at most 4,096 bytes


def respond(request: dict[str, Any], status: str, physical_id: str, reason: str = "") -> None:
    """Send the result of a request to CloudFormation. `status` is SUCCESS or FAILED."""
    answer = {
        "Status": status,
        "Reason": (reason or "done")[:MAXIMUM_REASON],
        "PhysicalResourceId": physical_id,
        **{name: request[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
    }
    body = json.dumps(answer).encode()
    headers = {"content-type": "", "content-length": str(len(body))}
    put = urllib.request.Request(request["ResponseURL"], data=body, headers=headers, method="PUT")
    # The URL comes from CloudFormation, in the request of the custom resource.
    urllib.request.urlopen(put, timeout=30).close()  # nosec B310
