"""What the subscriber says of the groups that it could not subscribe: its last report, from its log."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from ops.aws.cloud import Cloud, Place
from ops.aws.logs.history import milliseconds, read_events
from ops.errors import NotFound
from ops.templates.logs.subscriber import OWN_GROUPS

LOOK_BACK = timedelta(hours=26)  # a schedule of a day, and what it takes


def read_refusals(cloud: Cloud, place: Place, stack: str, now: datetime) -> Mapping[str, str]:
    """Each refused group, and why; of all reports of a day, the latest word on each."""
    start, end = milliseconds(now - LOOK_BACK), milliseconds(now + timedelta(minutes=1))
    found: dict[str, str] = {}
    try:
        for event in read_events(cloud, place, f"{OWN_GROUPS}{stack}/subscriber", start, end, '"refused"'):
            found.update(_refused(event.message))
    except NotFound:  # the stack is just being made
        return {}
    return found


def _refused(line: str) -> dict[str, str]:
    try:
        report = json.loads(line[line.index("{") :])
        return {str(group): str(reason) for group, reason in report["refused"].items()}
    except (ValueError, KeyError, AttributeError):
        return {}
