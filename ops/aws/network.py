"""Amazon VPC: subnets, security groups, and routes to the internet."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ops.aws.calls import translated
from ops.aws.cloud import Cloud, Place

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import RouteTableTypeDef


@dataclass(frozen=True)
class Subnet:
    """A subnet. `public`: instances get a public IP at launch."""

    id: str
    vpc: str
    zone: str
    name: str
    public: bool


def list_subnets(cloud: Cloud, place: Place) -> list[Subnet]:
    """Return every subnet of an account and region, by VPC and Availability Zone."""
    ec2: EC2Client = cloud.client("ec2", place.account.id, place.region)
    with translated(f"Listing the subnets of {place.account.name} in {place.region}"):
        pages = ec2.get_paginator("describe_subnets").paginate()
        subnets = [
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
    return sorted(subnets, key=lambda subnet: (subnet.vpc, subnet.zone, subnet.id))


@dataclass(frozen=True)
class SecurityGroup:
    id: str
    vpc: str
    name: str


def list_security_groups(cloud: Cloud, place: Place) -> list[SecurityGroup]:
    """Return every security group of an account and region, by VPC and name."""
    ec2: EC2Client = cloud.client("ec2", place.account.id, place.region)
    with translated(f"Listing the security groups of {place.account.name} in {place.region}"):
        pages = ec2.get_paginator("describe_security_groups").paginate()
        groups = [
            SecurityGroup(item["GroupId"], item.get("VpcId", ""), item["GroupName"])
            for page in pages
            for item in page["SecurityGroups"]
        ]
    return sorted(groups, key=lambda group: (group.vpc, group.name))


class DefaultRoute(StrEnum):
    """The target of a subnet's default route. A route whose target is gone counts as none."""

    NAT = "nat"
    INTERNET = "internet"
    OTHER = "other"
    NONE = "none"


def default_routes(cloud: Cloud, place: Place, vpc: str, subnets: tuple[str, ...]) -> dict[str, DefaultRoute]:
    """Return the target of each subnet's default route."""
    ec2: EC2Client = cloud.client("ec2", place.account.id, place.region)
    with translated(f"Reading the routes of {vpc}"):
        pages = ec2.get_paginator("describe_route_tables").paginate(
            Filters=[{"Name": "vpc-id", "Values": [vpc]}]
        )
        tables = [table for page in pages for table in page["RouteTables"]]
    links = [(link, table) for table in tables for link in table.get("Associations", [])]
    associated = {link["SubnetId"]: table for link, table in links if "SubnetId" in link}
    main = next((table for link, table in links if link.get("Main")), None)
    return {subnet: _default_route(associated.get(subnet) or main) for subnet in subnets}


def _default_route(table: "RouteTableTypeDef | None") -> DefaultRoute:
    for route in table["Routes"] if table else []:
        if route.get("DestinationCidrBlock") == "0.0.0.0/0" and route.get("State") != "blackhole":
            if "NatGatewayId" in route:
                return DefaultRoute.NAT
            is_internet = str(route.get("GatewayId", "")).startswith("igw-")
            return DefaultRoute.INTERNET if is_internet else DefaultRoute.OTHER
    return DefaultRoute.NONE
