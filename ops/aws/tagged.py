"""The tagging API: which resources of a kind bear a tag."""

from collections.abc import Iterator
from typing import Any

from ops.aws.calls import translated
from ops.aws.cloud import Cloud, Place


def find_tagged(cloud: Cloud, place: Place, kind: str, key: str, value: str) -> Iterator[str]:
    """ARNs of the resources of that kind (as `logs:log-group`) in the place that bear the tag."""
    client: Any = cloud.client("resourcegroupstaggingapi", place.account.id, place.region)
    with translated(f"Looking for the tag {key} in {place.account.name}, {place.region}"):
        pages = client.get_paginator("get_resources").paginate(
            TagFilters=[{"Key": key, "Values": [value]}], ResourceTypeFilters=[kind]
        )
        for page in pages:
            for each in page["ResourceTagMappingList"]:
                yield each["ResourceARN"]
