"""The Resource Groups Tagging API: resources by tag."""

from collections.abc import Iterator
from typing import Any

from ops.aws.calls import translated
from ops.aws.cloud import Cloud, Place


def find_tagged(cloud: Cloud, place: Place, resource_type: str, key: str, value: str) -> Iterator[str]:
    """Yield the ARNs of the resources of a type (such as `logs:log-group`) that have the tag."""
    client: Any = cloud.client("resourcegroupstaggingapi", place.account.id, place.region)
    with translated(f"Finding resources with the tag {key} in {place.account.name}, {place.region}"):
        pages = client.get_paginator("get_resources").paginate(
            TagFilters=[{"Key": key, "Values": [value]}], ResourceTypeFilters=[resource_type]
        )
        for page in pages:
            for resource in page["ResourceTagMappingList"]:
                yield resource["ResourceARN"]


def list_tag_values(cloud: Cloud, place: Place, resource_type: str, key: str) -> dict[str, str]:
    """Return the value of a tag for each resource of the type that has it, by ARN."""
    client: Any = cloud.client("resourcegroupstaggingapi", place.account.id, place.region)
    with translated(f"Reading the tag {key} of resources in {place.account.name}, {place.region}"):
        pages = client.get_paginator("get_resources").paginate(
            TagFilters=[{"Key": key}], ResourceTypeFilters=[resource_type]
        )
        return {
            resource["ResourceARN"]: tag["Value"]
            for page in pages
            for resource in page["ResourceTagMappingList"]
            for tag in resource["Tags"]
            if tag["Key"] == key
        }
