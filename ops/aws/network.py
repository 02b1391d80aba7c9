"""Amazon VPC: subnets, security groups, and routes to the internet."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops.aws.calls import translated
from ops.aws.cloud import Cloud, Place

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client


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


def internet_routes(cloud: Cloud, place: Place, vpc: str, subnets: tuple[str, ...]) -> set[str]:
    """Return the targets of the subnets' default routes: `nat`, `internet`, both, or none."""
    ec2: EC2Client = cloud.client("ec2", place.account.id, place.region)
    with translated(f"Reading the routes of {vpc}"):
        pages = ec2.get_paginator("describe_route_tables").paginate(
            Filters=[{"Name": "vpc-id", "Values": [vpc]}]
        )
        tables = [table for page in pages for table in page["RouteTables"]]
    associated = {
        link["SubnetId"]: table
        for table in tables
        for link in table.get("Associations", [])
        if "SubnetId" in link
    }
    main = [table for table in tables if any(link.get("Main") for link in table.get("Associations", []))]
    used = [associated[subnet] if subnet in associated else table for subnet in subnets for table in main[:1]]
    routes = [route for table in used for route in table["Routes"]]
    targets = set()
    for route in routes:
        if route.get("DestinationCidrBlock") == "0.0.0.0/0":
            targets |= {"nat"} if "NatGatewayId" in route else set()
            targets |= {"internet"} if str(route.get("GatewayId", "")).startswith("igw-") else set()
    return targets
