"""The sample logs of a new embedded cloud: log groups with the events of one day, as of their time."""

from datetime import datetime, timedelta

from ministack.core.responses import request_scope
from ministack.services import cloudwatch_logs

from ops.embedded.accounts import ACCOUNTS
from ops.embedded.logs.events import ingest
from ops.embedded.sample.logs import SampleLog, events_of, sample_logs

IDS = {account.name: account.id for account in ACCOUNTS}
SINCE = timedelta(hours=30)  # age of the groups, which are older than their events


def seed_logs(end: datetime) -> None:
    """Write the day before `end` without the API, which rejects old events."""
    for log in sample_logs():
        with request_scope(IDS[log.account], log.region):
            _fill(log, end)


def backdate_subscriptions() -> None:
    """Backdate the subscriptions to their groups' creation: the sample's bucket has all events."""
    for log in sample_logs():
        with request_scope(IDS[log.account], log.region):
            if group := cloudwatch_logs._log_groups.get(log.group):
                for subscription in group["subscriptionFilters"].values():
                    subscription["creationTime"] = group["creationTime"]


def _fill(log: SampleLog, end: datetime) -> None:
    cloudwatch_logs._create_log_group({"logGroupName": log.group})
    cloudwatch_logs._create_log_stream({"logGroupName": log.group, "logStreamName": log.stream})
    group = cloudwatch_logs._log_groups[log.group]
    group["creationTime"] = round((end - SINCE).timestamp() * 1000)
    if log.retention_days:
        cloudwatch_logs._put_retention_policy(
            {"logGroupName": log.group, "retentionInDays": log.retention_days}
        )
    ingest(log.group, log.stream, events_of(log, end))
