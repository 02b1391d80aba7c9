"""The log groups that the subscriber function failed to subscribe, from the reports in its log."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from ops.aws.cloud import Cloud, Place
from ops.aws.logs.history import read_events, to_milliseconds
from ops.errors import NotFound
from ops.templates.logs.subscriber import OWN_GROUPS

LOOK_BACK = timedelta(hours=26)  # covers a daily schedule and the duration of a run


def read_subscribe_errors(cloud: Cloud, place: Place, stack: str, now: datetime) -> Mapping[str, str]:
    """Return the latest error of each log group that could not be subscribed in the last day."""
    start, end = to_milliseconds(now - LOOK_BACK), to_milliseconds(now + timedelta(minutes=1))
    errors: dict[str, str] = {}
    try:
        for event in read_events(cloud, place, f"{OWN_GROUPS}{stack}/subscriber", start, end, '"refused"'):
            errors.update(_parse_errors(event.message))
    except NotFound:  # the stack is still being created
        return {}
    return errors


def _parse_errors(line: str) -> dict[str, str]:
    try:
        report = json.loads(line[line.index("{") :])
        return {str(group): str(reason) for group, reason in report["refused"].items()}
    except (ValueError, KeyError, AttributeError):
        return {}
