"""What the subscriber says of the groups that it could not subscribe: its last report, from its log."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from ops.aws.cloud import Cloud, Place
from ops.aws.logs.history import read_events, to_milliseconds
from ops.errors import NotFound
from ops.templates.logs.subscriber import OWN_GROUPS

LOOK_BACK = timedelta(hours=26)  # a schedule of a day, and what it takes


def read_subscribe_errors(cloud: Cloud, place: Place, stack: str, now: datetime) -> Mapping[str, str]:
    """Each refused group, and why; of all reports of a day, the latest word on each."""
    start, end = to_milliseconds(now - LOOK_BACK), to_milliseconds(now + timedelta(minutes=1))
    errors: dict[str, str] = {}
    try:
        for event in read_events(cloud, place, f"{OWN_GROUPS}{stack}/subscriber", start, end, '"refused"'):
            errors.update(_parse_errors(event.message))
    except NotFound:  # the stack is just being made
        return {}
    return errors


def _parse_errors(line: str) -> dict[str, str]:
    try:
        report = json.loads(line[line.index("{") :])
        return {str(group): str(reason) for group, reason in report["refused"].items()}
    except (ValueError, KeyError, AttributeError):
        return {}
