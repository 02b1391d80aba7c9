"""Subnets, as a form offers them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops.aws.calls import translated
from ops.aws.cloud import Cloud, Place

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client


@dataclass(frozen=True)
class Subnet:
    """A subnet; `public` when it hands out public addresses at launch."""

    id: str
    vpc: str
    zone: str
    name: str
    public: bool


def list_subnets(cloud: Cloud, place: Place) -> list[Subnet]:
    """Every subnet of the place, by VPC and zone."""
    ec2: EC2Client = cloud.client("ec2", place.account.id, place.region)
    with translated(f"Listing the subnets of {place.account.name} in {place.region}"):
        pages = ec2.get_paginator("describe_subnets").paginate()
        found = [
            Subnet(
                id=item["SubnetId"],
                vpc=item["VpcId"],
                zone=item["AvailabilityZone"],
                name=next((t["Value"] for t in item.get("Tags", []) if t["Key"] == "Name"), ""),
                public=item.get("MapPublicIpOnLaunch", False),
            )
            for page in pages
            for item in page["Subnets"]
        ]
    return sorted(found, key=lambda subnet: (subnet.vpc, subnet.zone, subnet.id))
