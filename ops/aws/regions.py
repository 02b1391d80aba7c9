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


@cache
def partition_of(region: str) -> str:
    """Return the partition of the region, as in ARNs: `aws`, `aws-cn`, `aws-us-gov`, …"""
    try:
        return str(get_session().get_partition_for_region(region))
    except UnknownRegionError:  # a placeholder, such as the region of a stack without an environment
        return "aws"
