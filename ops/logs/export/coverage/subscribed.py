"""Which log groups are exported, and since when: by the filter or account policy of the subscriber's name."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from ops.aws.cloud import Cloud, Place
from ops.aws.logs import account_policies
from ops.aws.logs import groups as log_groups
from ops.aws.logs.groups import LogGroup
from ops.logs.export.installed import filter_name

READERS = 5  # of DescribeSubscriptionFilters, ten a second in an account and region


@dataclass(frozen=True)
class Exported:
    """A log group, and when its export began; None where it is not exported."""

    group: LogGroup
    since: datetime | None


def list_exported(cloud: Cloud, place: Place) -> list[Exported]:
    """Every log group of the account and region. One call a group, unless a policy covers it."""
    groups = log_groups.list_groups(cloud, place)
    policy = account_policies.read_policy(cloud, place)
    name = filter_name(place.region)
    ours = policy if policy and policy.name == name else None

    def one(group: LogGroup) -> Exported:
        if ours and ours.covers(group.name):
            return Exported(group, max(group.created, ours.since))
        found = log_groups.list_subscriptions(cloud, place, group.name)
        since = [each.since for each in found if each.name == name]
        return Exported(group, min(since) if since else None)

    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(one, groups))
