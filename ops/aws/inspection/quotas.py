"""Quotas that the services themselves report, with what is used of them.

Service Quotas knows more of them, but not what is used.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ops.aws.calls import translated
from ops.aws.cloud import Cloud, Place

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_rds import RDSClient

LOG_POLICIES = 10  # resource policies per account and Region: CloudWatch Logs User Guide, "quotas"


@dataclass(frozen=True)
class Quota:
    """A quota. `used` and `limit` are counts."""

    name: str
    used: int
    limit: int

    @property
    def free(self) -> int:
        return self.limit - self.used


def database_quotas(cloud: Cloud, place: Place) -> dict[str, Quota]:
    """Return the quotas of Amazon RDS by their names, such as `ManualSnapshots`.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeAccountAttributes.html
    """
    client: RDSClient = cloud.client("rds", place.account.id, place.region)
    with translated("Reading the quotas of Amazon RDS"):
        quotas = client.describe_account_attributes()["AccountQuotas"]
    return {
        each["AccountQuotaName"]: Quota(each["AccountQuotaName"], each["Used"], each["Max"])
        for each in quotas
    }


def stream_quotas(cloud: Cloud, place: Place) -> tuple[Quota, Quota]:
    """Return the quotas of shards and of on-demand streams.

    https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DescribeLimits.html
    """
    client: Any = cloud.client("kinesis", place.account.id, place.region)
    with translated("Reading the limits of Kinesis"):
        limits = client.describe_limits()
    return (
        Quota("Kinesis shards", limits["OpenShardCount"], limits["ShardLimit"]),
        Quota("Kinesis on-demand streams", limits["OnDemandStreamCount"], limits["OnDemandStreamCountLimit"]),
    )


def concurrency(cloud: Cloud, place: Place) -> Quota:
    """Return the concurrent executions of Lambda; used are those that functions have reserved.

    https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html
    """
    client: LambdaClient = cloud.client("lambda", place.account.id, place.region)
    with translated("Reading the limits of Lambda"):
        limit = client.get_account_settings()["AccountLimit"]
    total = limit["ConcurrentExecutions"]
    return Quota("Lambda concurrent executions", total - limit["UnreservedConcurrentExecutions"], total)


def identity_quotas(cloud: Cloud, place: Place) -> tuple[Quota, Quota]:
    """Return the quotas of roles and of managed policies, which are the same in every Region.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html
    """
    client: IAMClient = cloud.client("iam", place.account.id)
    with translated("Reading the quotas of IAM"):
        summary = client.get_account_summary()["SummaryMap"]
    return (
        Quota("IAM roles", summary["Roles"], summary["RolesQuota"]),
        Quota("IAM policies", summary["Policies"], summary["PoliciesQuota"]),
    )


def log_policies(cloud: Cloud, place: Place) -> Quota:
    """Return the resource policies of CloudWatch Logs.

    Services that deliver logs add statements to them, or another one.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
    """
    client: CloudWatchLogsClient = cloud.client("logs", place.account.id, place.region)
    with translated("Reading the resource policies of CloudWatch Logs"):
        return Quota("Resource policies of CloudWatch Logs", sum(1 for _ in _policies(client)), LOG_POLICIES)


def _policies(client: "CloudWatchLogsClient") -> Iterator[object]:
    for page in client.get_paginator("describe_resource_policies").paginate():
        yield from page["resourcePolicies"]
