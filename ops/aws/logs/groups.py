"""CloudWatch log groups: what there is, how long it is kept, what it is subscribed to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ops.aws.calls import code, translated
from ops.aws.cloud import Cloud, Place
from ops.errors import NotFound

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

# What PutRetentionPolicy takes: CloudWatch Logs API Reference.
RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731)
STANDARD = "STANDARD"  # the one class that takes subscriptions
MAX_FILTERS = 2  # a log group takes: CloudWatch Logs quotas


@dataclass(frozen=True)
class LogGroup:
    """A log group. `retention_days` is None where logs are kept for ever, `log_class` is AWS's word."""

    name: str
    place: Place
    created: datetime
    stored_bytes: int
    retention_days: int | None
    log_class: str = STANDARD

    @property
    def key(self) -> tuple[str, str, str]:
        """Account, region and name: what tells it from all others."""
        return self.place.account.id, self.place.region, self.name


@dataclass(frozen=True)
class SubscriptionFilter:
    """What sends a group's events on: a filter, or an account policy (whose `group` is empty)."""

    group: str
    name: str
    destination: str
    since: datetime


def client_of(cloud: Cloud, place: Place) -> "CloudWatchLogsClient":
    client: CloudWatchLogsClient = cloud.client("logs", place.account.id, place.region)
    return client


def list_groups(cloud: Cloud, place: Place, prefix: str = "") -> list[LogGroup]:
    """Every log group of an account and region, by name."""
    groups = []
    with translated(f"Listing the log groups of {place.account.name} in {place.region}"):
        pages = client_of(cloud, place).get_paginator("describe_log_groups")
        for page in pages.paginate(logGroupNamePrefix=prefix) if prefix else pages.paginate():
            for group in page["logGroups"]:
                groups.append(
                    LogGroup(
                        name=group["logGroupName"],
                        place=place,
                        created=to_datetime(group["creationTime"]),
                        stored_bytes=group.get("storedBytes", 0),
                        retention_days=group.get("retentionInDays"),
                        log_class=group.get("logGroupClass", STANDARD),
                    )
                )
    return groups


def list_subscription_filters(cloud: Cloud, place: Place, group: str) -> list[SubscriptionFilter]:
    """The subscription filters of one group."""
    with translated(f"Reading the subscriptions of {group}"):
        try:
            answer = client_of(cloud, place).describe_subscription_filters(logGroupName=group)
        except ClientError as error:
            if code(error) == "ResourceNotFoundException":
                return []
            raise
    return [
        SubscriptionFilter(
            group,
            subscription["filterName"],
            subscription["destinationArn"],
            to_datetime(subscription["creationTime"]),
        )
        for subscription in answer["subscriptionFilters"]
    ]


def retention_of(cloud: Cloud, place: Place, group: str) -> int | None:
    """For how many days the group keeps its events; None for ever. Raises NotFound."""
    for candidate in list_groups(cloud, place, prefix=group):
        if candidate.name == group:
            return candidate.retention_days
    raise NotFound(f"The log group {group} does not exist in {place.account.name}, {place.region}.")


def set_retention(cloud: Cloud, place: Place, group: str, days: int) -> None:
    """Keeps the group's events for that many days: older ones are deleted."""
    with translated(f"Setting the retention of {group}"):
        client_of(cloud, place).put_retention_policy(logGroupName=group, retentionInDays=days)


def put_subscription_filter(cloud: Cloud, place: Place, group: str, name: str, destination: str) -> None:
    """Sends all events of the group to the destination, by the filter of that name."""
    with translated(f"Subscribing {group}"):
        client_of(cloud, place).put_subscription_filter(
            logGroupName=group, filterName=name, filterPattern="", destinationArn=destination
        )


def delete_subscription_filter(cloud: Cloud, place: Place, group: str, name: str) -> None:
    with translated(f"Unsubscribing {group}"):
        client_of(cloud, place).delete_subscription_filter(logGroupName=group, filterName=name)


def tags_of(cloud: Cloud, place: Place, group: str) -> Mapping[str, str]:
    client = client_of(cloud, place)
    with translated(f"Reading the tags of {group}"):
        answer = client.list_tags_for_resource(resourceArn=_arn(client.meta.partition, place, group))
    return answer["tags"]


def tag(cloud: Cloud, place: Place, group: str, tags: Mapping[str, str]) -> None:
    client = client_of(cloud, place)
    with translated(f"Tagging {group}"):
        client.tag_resource(resourceArn=_arn(client.meta.partition, place, group), tags=tags)


def untag(cloud: Cloud, place: Place, group: str, *keys: str) -> None:
    client = client_of(cloud, place)
    with translated(f"Removing a tag of {group}"):
        client.untag_resource(resourceArn=_arn(client.meta.partition, place, group), tagKeys=keys)


def group_name(arn: str) -> str:
    """The group's name in its ARN, with or without the `:*` that some APIs add."""
    return arn.split(":", 6)[6].removesuffix(":*")


def _arn(partition: str, place: Place, group: str) -> str:
    return f"arn:{partition}:logs:{place.region}:{place.account.id}:log-group:{group}"


def to_datetime(milliseconds: int) -> datetime:
    """The time of CloudWatch's milliseconds."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
