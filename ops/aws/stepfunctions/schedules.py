"""The schedules of Amazon EventBridge that start state machines."""

from typing import Any

from ops.aws.calls import translated
from ops.aws.cloud import Cloud, Place


def read_schedule(cloud: Cloud, place: Place, rule: str) -> str:
    """Return the schedule of a rule, such as `rate(7 days)`; empty if the rule is disabled."""
    client: Any = cloud.client("events", place.account.id, place.region)
    with translated(f"Reading the rule {rule}"):
        found = client.describe_rule(Name=rule)
    return str(found.get("ScheduleExpression", "")) if found.get("State") != "DISABLED" else ""
