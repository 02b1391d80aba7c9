"""CloudWatch log groups: their retention, tags, and subscription filters."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.aws.calls import code, translated
from ops.aws.cloud import Cloud, Place
from ops.errors import NotFound

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

# The values that PutRetentionPolicy accepts: CloudWatch Logs API Reference.
RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731)
STANDARD = "STANDARD"  # the only class with subscription filters: CloudWatch Logs User Guide, "Log classes"
MAX_FILTERS = 2  # subscription filters per log group: CloudWatch Logs quotas


@dataclass(frozen=True)
class LogGroup:
    """A log group. `retention_days` is None if events never expire; `log_class` is as AWS names it."""

    name: str
    place: Place
    created: datetime
    stored_bytes: int
    retention_days: int | None
    log_class: str = STANDARD

    @property
    def key(self) -> tuple[str, str, str]:
        """The account, region, and name, which identify the group."""
        return self.place.account.id, self.place.region, self.name


@dataclass(frozen=True)
class SubscriptionFilter:
    """A subscription filter of a log group, and when it was created."""

    group: str
    name: str
    destination: str
    since: datetime


def client_of(cloud: Cloud, place: Place) -> "CloudWatchLogsClient":
    client: CloudWatchLogsClient = cloud.client("logs", place.account.id, place.region)
    return client


def list_groups(cloud: Cloud, place: Place, prefix: str = "") -> list[LogGroup]:
    """Return all log groups of an account and region, by name."""
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
    """Return the subscription filters of a log group; none if the group does not exist."""
    with translated(f"Reading the subscription filters of {group}"):
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
    """Return the group's retention in days, or None if events never expire. Raises NotFound."""
    for candidate in list_groups(cloud, place, prefix=group):
        if candidate.name == group:
            return candidate.retention_days
    raise NotFound(f"The log group {group} does not exist in {place.account.name}, {place.region}.")


def create_group(cloud: Cloud, place: Place, group: str, stream: str) -> None:
    """Create a log group with one stream, as far as they do not exist."""
    client = client_of(cloud, place)
    with translated(f"Creating {group}"):
        with _ignoring("ResourceAlreadyExistsException"):
            client.create_log_group(logGroupName=group)
        with _ignoring("ResourceAlreadyExistsException"):
            client.create_log_stream(logGroupName=group, logStreamName=stream)


def delete_group(cloud: Cloud, place: Place, group: str) -> None:
    """Delete a log group with its events, if it exists."""
    with translated(f"Deleting {group}"), _ignoring("ResourceNotFoundException"):
        client_of(cloud, place).delete_log_group(logGroupName=group)


@contextmanager
def _ignoring(expected: str) -> Iterator[None]:
    """Ignore the error with this code."""
    try:
        yield
    except ClientError as error:
        if code(error) != expected:
            raise


def set_retention(cloud: Cloud, place: Place, group: str, days: int) -> None:
    """Set the retention of the group. CloudWatch deletes older events."""
    with translated(f"Setting the retention of {group}"):
        client_of(cloud, place).put_retention_policy(logGroupName=group, retentionInDays=days)


def put_subscription_filter(
    cloud: Cloud, place: Place, group: str, name: str, destination: str, role: str = ""
) -> None:
    """Create or update a subscription filter that sends all events of the group to the destination.

    A destination whose policy names an organization requires the ARN of a role.
    """
    more: Any = {"roleArn": role} if role else {}
    with translated(f"Creating the subscription filter of {group}"):
        client_of(cloud, place).put_subscription_filter(
            logGroupName=group, filterName=name, filterPattern="", destinationArn=destination, **more
        )


def delete_subscription_filter(cloud: Cloud, place: Place, group: str, name: str) -> None:
    with translated(f"Deleting the subscription filter of {group}"):
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
    with translated(f"Removing tags from {group}"):
        client.untag_resource(resourceArn=_arn(client.meta.partition, place, group), tagKeys=keys)


def group_name(arn: str) -> str:
    """Return the name in a log group ARN, with or without the `:*` that some APIs append."""
    return arn.split(":", 6)[6].removesuffix(":*")


def _arn(partition: str, place: Place, group: str) -> str:
    return f"arn:{partition}:logs:{place.region}:{place.account.id}:log-group:{group}"


def to_datetime(milliseconds: int) -> datetime:
    """Convert CloudWatch's milliseconds to a datetime in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
