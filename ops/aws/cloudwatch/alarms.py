"""CloudWatch alarms: their states, and since when and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ops.aws.calls import translated
from ops.aws.cloud import Cloud, Place

MAX_NAMES = 100  # CloudWatch API Reference, DescribeAlarms: alarm names per call


@dataclass(frozen=True)
class Alarm:
    """A metric alarm. `state` is OK, ALARM, or INSUFFICIENT_DATA."""

    name: str
    state: str
    description: str
    reason: str
    since: datetime

    @property
    def active(self) -> bool:
        """Whether it is in the ALARM state."""
        return self.state == "ALARM"


def read_alarms(cloud: Cloud, place: Place, names: Sequence[str]) -> list[Alarm]:
    """Return the alarms with these names. Names without an alarm are omitted."""
    client = cloud.client("cloudwatch", place.account.id, place.region)
    alarms: list[Alarm] = []
    with translated(f"Reading alarms of {place.account.name} in {place.region}"):
        for first in range(0, len(names), MAX_NAMES):
            pages = client.get_paginator("describe_alarms").paginate(
                AlarmNames=list(names[first : first + MAX_NAMES]), AlarmTypes=["MetricAlarm"]
            )
            for page in pages:
                alarms += [
                    Alarm(
                        alarm["AlarmName"],
                        alarm["StateValue"],
                        alarm.get("AlarmDescription", ""),
                        alarm.get("StateReason", ""),
                        alarm["StateUpdatedTimestamp"],
                    )
                    for alarm in page["MetricAlarms"]
                ]
    return alarms
