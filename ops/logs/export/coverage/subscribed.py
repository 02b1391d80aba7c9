"""Which log groups are exported and since when, by the names of filters and account policies."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from ops.aws.cloud import Cloud, Place
from ops.aws.logs import account_policies
from ops.aws.logs import groups as log_groups
from ops.aws.logs.groups import LogGroup
from ops.logs.export.installed import subscription_filter_name
from ops.templates.logs.subscriber import CANARY_GROUPS

READERS = 5  # parallel calls of DescribeSubscriptionFilters


@dataclass(frozen=True)
class GroupExport:
    """A log group and the start of its export, which is None if it is not exported."""

    group: LogGroup
    since: datetime | None


def list_group_exports(cloud: Cloud, place: Place) -> list[GroupExport]:
    """Return the log groups of an account and region. Takes a call per group that no policy covers.

    Without the canary, whose events are in a folder of their own.
    """
    groups = [
        group for group in log_groups.list_groups(cloud, place) if not group.name.startswith(CANARY_GROUPS)
    ]
    policy = account_policies.read_policy(cloud, place)
    name = subscription_filter_name(place.region)
    own_policy = policy if policy and policy.name == name else None

    def read_one(group: LogGroup) -> GroupExport:
        if own_policy and own_policy.covers(group.name):
            return GroupExport(group, max(group.created, own_policy.since))
        filters = log_groups.list_subscription_filters(cloud, place, group.name)
        since = [subscription.since for subscription in filters if subscription.name == name]
        return GroupExport(group, min(since) if since else None)

    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(read_one, groups))
