"""AWS Account Management: the regions that an account has enabled."""

from typing import Any

from ops.aws.calls import translated
from ops.aws.cloud import Cloud

ON = ["ENABLED", "ENABLED_BY_DEFAULT", "DISABLING"]  # what still may hold resources


def list_regions(cloud: Cloud, account: str) -> list[str]:
    """Every region in which the account may have something, sorted. `account` is an id."""
    client: Any = cloud.client("account", account)
    with translated(f"Listing the regions of {account}"):
        pages = client.get_paginator("list_regions").paginate(RegionOptStatusContains=ON)
        return sorted(region["RegionName"] for page in pages for region in page["Regions"])
