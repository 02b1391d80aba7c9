"""AWS Account Management: the enabled regions of an account. And the partition of a region."""

from functools import cache
from typing import Any

from botocore.exceptions import UnknownRegionError
from botocore.session import get_session

from ops.aws.calls import translated
from ops.aws.cloud import Cloud

MAY_HAVE_RESOURCES = ["ENABLED", "ENABLED_BY_DEFAULT", "DISABLING"]


def list_regions(cloud: Cloud, account: str) -> list[str]:
    """Return the regions in which the account may have resources, sorted. `account` is an id."""
    client: Any = cloud.client("account", account)
    with translated(f"Listing the regions of {account}"):
        pages = client.get_paginator("list_regions").paginate(RegionOptStatusContains=MAY_HAVE_RESOURCES)
        return sorted(region["RegionName"] for page in pages for region in page["Regions"])


def region_statuses(cloud: Cloud, account: str) -> dict[str, str]:
    """Return the status of every region for the account, such as `ENABLED` or `DISABLED`, by name.

    https://docs.aws.amazon.com/accounts/latest/reference/API_ListRegions.html
    """
    client: Any = cloud.client("account", account)
    with translated(f"Listing the regions of {account}"):
        pages = client.get_paginator("list_regions").paginate()
        return {
            region["RegionName"]: region["RegionOptStatus"] for page in pages for region in page["Regions"]
        }


@cache
def has_endpoint(service: str, region: str) -> bool:
    """Return whether botocore knows an endpoint of the service in the region. A new one may be missing."""
    return region in get_session().get_available_regions(service, partition_of(region))


@cache
def partition_of(region: str) -> str:
    """Return the partition of the region, as in ARNs: `aws`, `aws-cn`, `aws-us-gov`, …"""
    try:
        return str(get_session().get_partition_for_region(region))
    except UnknownRegionError:  # a placeholder, such as the region of a stack without an environment
        return "aws"
