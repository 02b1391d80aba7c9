"""Whether a network interface reaches an AWS service, the internet, or a database.

Network ACLs are not evaluated.
"""

import hashlib
import ipaddress
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2, rds

from ops.embedded.rds.common import LISTENS_ON
from ops.embedded.vpc import routes
from ops.embedded.vpc.security_groups import End, connects

SEAMS = (
    "ministack.services.ec2._aws_pl_id_from_name",
    "ministack.services.ec2._ensure_defaults_initialized",
    "ministack.services.ec2._subnets",
    "ministack.services.ec2._vpc_endpoints",
    "ministack.services.ec2._vpcs",
    "ministack.services.rds._clusters",
    "ministack.services.rds._instances",
    "ministack.services.rds._subnet_groups",
)

Record = dict[str, Any]

HTTPS = 443
RESERVED = 4  # addresses at the start of a subnet, which AWS keeps


@dataclass(frozen=True)
class NetworkInterface:
    """A network interface of this account and Region; `name` decides which address of the subnet it has."""

    name: str
    subnet_id: str
    security_groups: tuple[str, ...]
    public_ip: bool

    @property
    def subnet(self) -> Record:
        ec2._ensure_defaults_initialized()
        return dict(ec2._subnets[self.subnet_id])

    @property
    def end(self) -> End:
        groups = self.security_groups or default_groups(self.subnet["VpcId"])
        return End(address_in(self.subnet, self.name), groups)


def address_in(subnet: Record, name: str) -> str:
    """Return an address of the subnet, the same for the same name."""
    network = ipaddress.ip_network(subnet["CidrBlock"], strict=False)
    size = max(network.num_addresses - RESERVED - 1, 1)  # the last address is reserved too
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % size
    return str(network[min(RESERVED + number, network.num_addresses - 1)])


def default_groups(vpc: str) -> tuple[str, ...]:
    group = (ec2._vpcs.get(vpc) or {}).get("DefaultSecurityGroupId")
    return (group,) if group else ()


def internet(interface: NetworkInterface, port: int = HTTPS) -> bool:
    """Return whether the interface can connect to a host on the internet."""
    return routes.reaches_internet(interface.subnet, public_ip=interface.public_ip) and connects(
        interface.end, End(routes.INTERNET), port
    )


def service(interface: NetworkInterface, name: str, region: str = "") -> bool:
    """Return whether the interface can connect to an AWS service by its public DNS name.

    With private DNS, the name resolves to the interface endpoint, even if that refuses the connection.
    `name` is the service's in the names of endpoints: `ecr.api`, `logs`, `s3`. `region` is that of the
    service; an endpoint serves its own Region only.

    https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html
    """
    if region not in ("", get_region()):
        return internet(interface)
    full_name = f"com.amazonaws.{get_region()}.{name}"
    endpoints = [
        endpoint
        for endpoint in ec2._vpc_endpoints.values()
        if endpoint["ServiceName"] == full_name and endpoint["VpcId"] == interface.subnet["VpcId"]
    ]
    for endpoint in endpoints:
        if endpoint["VpcEndpointType"] == "Interface" and endpoint.get("PrivateDnsEnabled"):
            return connects(interface.end, _end_of(endpoint), HTTPS)
    table = routes.table_of(interface.subnet).get("RouteTableId")
    if any(table in endpoint["RouteTableIds"] for endpoint in endpoints):
        prefix_list = ec2._aws_pl_id_from_name(full_name)
        return connects(interface.end, End(routes.INTERNET, prefix_list=prefix_list), HTTPS)
    return internet(interface)


def database(interface: NetworkInterface, instance: Record) -> bool:
    """Return whether the interface can connect to a DB instance of this account and Region.

    The port is the one that the instance has on AWS, not that of its local server.
    """
    database = rds._clusters.get(instance.get("DBClusterIdentifier")) or instance
    vpc, subnet = _placed(database)
    groups = tuple(group["VpcSecurityGroupId"] for group in database.get("VpcSecurityGroups") or [])
    end = End(address_in(subnet, instance["DBInstanceIdentifier"]), groups or default_groups(vpc))
    port = int(database.get(LISTENS_ON) or 0)
    if vpc == interface.subnet["VpcId"] or routes.peering_to(interface.subnet, end.address):
        return connects(interface.end, end, port)
    # From another VPC, only the public address is left, and the groups do not name each other.
    public = End(routes.INTERNET)
    return bool(
        instance.get("PubliclyAccessible")
        and internet(interface, port)
        and connects(public, End(end.address, end.groups), port)
    )


def unreachable_databases(interface: NetworkInterface) -> list[int]:
    """Return the local ports of the DB instances that the interface cannot connect to."""
    return sorted(
        int(instance["Endpoint"]["Port"])
        for instance in rds._instances.values()
        if instance.get("Endpoint", {}).get("Port") and not database(interface, instance)
    )


def _end_of(endpoint: Record) -> End:
    subnet = ec2._subnets.get(next(iter(endpoint["SubnetIds"]), None))
    address = address_in(subnet, endpoint["VpcEndpointId"]) if subnet else routes.INTERNET
    return End(address, tuple(endpoint.get("SecurityGroupIds") or ()))


def _placed(database: Record) -> tuple[str, Record]:
    """Return the VPC and a subnet of a database; without a subnet group, those of the default VPC."""
    ec2._ensure_defaults_initialized()
    group = database.get("DBSubnetGroup")  # clusters have only the name
    group = group if isinstance(group, dict) else rds._subnet_groups.get(group)
    members = (group or {}).get("Subnets", [])
    for member in members:
        if subnet := ec2._subnets.get(member.get("SubnetIdentifier")):
            return str(subnet["VpcId"]), dict(subnet)
    subnet = next(iter(each for each in ec2._subnets.values() if each.get("DefaultForAz")), None)
    if subnet is None:
        raise LookupError(f"{get_account_id()} has no default subnet in {get_region()}")
    return str(subnet["VpcId"]), dict(subnet)
