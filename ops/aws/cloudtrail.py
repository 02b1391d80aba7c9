"""AWS CloudTrail: the public keys with which digests are verified."""

from collections.abc import Mapping
from datetime import datetime

from ops.aws.calls import translated
from ops.aws.cloud import Cloud


def list_public_keys(
    cloud: Cloud, account: str, region: str, start: datetime, end: datetime
) -> Mapping[str, bytes]:
    """Return the keys that were valid in the time range in DER, by fingerprint. Each region has its own."""
    with translated(f"Listing the public keys of CloudTrail in {region}"):
        pages = cloud.client("cloudtrail", account, region).get_paginator("list_public_keys")
        return {
            key["Fingerprint"]: key["Value"]
            for page in pages.paginate(StartTime=start, EndTime=end)
            for key in page["PublicKeyList"]
        }
