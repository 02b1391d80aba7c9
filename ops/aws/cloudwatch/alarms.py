"""CloudWatch alarms, read: state, since when, and what it says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ops.aws.calls import translated
from ops.aws.cloud import Cloud, Place

NAMES = 100  # a call of DescribeAlarms


@dataclass(frozen=True)
class Alarm:
    """A metric's alarm. `state` is OK, ALARM or INSUFFICIENT_DATA."""

    name: str
    state: str
    description: str
    reason: str
    since: datetime

    @property
    def ringing(self) -> bool:
        return self.state == "ALARM"


def read_alarms(cloud: Cloud, place: Place, names: Sequence[str]) -> list[Alarm]:
    """The alarms of those names; what does not exist is left out."""
    client = cloud.client("cloudwatch", place.account.id, place.region)
    found: list[Alarm] = []
    with translated(f"Reading alarms of {place.account.name} in {place.region}"):
        for first in range(0, len(names), NAMES):
            pages = client.get_paginator("describe_alarms").paginate(
                AlarmNames=list(names[first : first + NAMES]), AlarmTypes=["MetricAlarm"]
            )
            for page in pages:
                found += [
                    Alarm(
                        each["AlarmName"],
                        each["StateValue"],
                        each.get("AlarmDescription", ""),
                        each.get("StateReason", ""),
                        each["StateUpdatedTimestamp"],
                    )
                    for each in page["MetricAlarms"]
                ]
    return found
