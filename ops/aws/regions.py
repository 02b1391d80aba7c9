"""AWS Account Management: the enabled regions of an account."""

from typing import Any

from ops.aws.calls import translated
from ops.aws.cloud import Cloud

MAY_HAVE_RESOURCES = ["ENABLED", "ENABLED_BY_DEFAULT", "DISABLING"]


def list_regions(cloud: Cloud, account: str) -> list[str]:
    """Return the regions in which the account may have resources, sorted. `account` is an id."""
    client: Any = cloud.client("account", account)
    with translated(f"Listing the regions of {account}"):
        pages = client.get_paginator("list_regions").paginate(RegionOptStatusContains=MAY_HAVE_RESOURCES)
        return sorted(region["RegionName"] for page in pages for region in page["Regions"])
