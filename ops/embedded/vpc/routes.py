"""The routes of a subnet.

https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html
"""

import ipaddress
from typing import Any

from ministack.services import ec2

SEAMS = (
    "ministack.services.ec2._internet_gateways",
    "ministack.services.ec2._nat_gateways",
    "ministack.services.ec2._route_tables",
    "ministack.services.ec2._subnets",
    "ministack.services.ec2._vpc_peering",
)

Record = dict[str, Any]

# Stands for any address on the internet: RFC 5737 reserves it, so no specific route or rule names it.
INTERNET = "198.51.100.1"


def table_of(subnet: Record) -> Record:
    """Return the route table of a subnet: its own or the main one of the VPC. Empty if there is none."""
    main: Record = {}
    for table in ec2._route_tables.values():
        for link in table.get("Associations", []):
            if link.get("SubnetId") == subnet["SubnetId"]:
                return dict(table)
            if link.get("Main") and table.get("VpcId") == subnet["VpcId"]:
                main = table
    return main


def route_to(subnet: Record, address: str) -> Record:
    """Return the most specific route to an address. Empty if there is none."""
    found: list[tuple[int, Record]] = []
    for route in table_of(subnet).get("Routes", []):
        block = route.get("DestinationCidrBlock")
        network = ipaddress.ip_network(block, strict=False) if block else None
        if network and ipaddress.ip_address(address) in network:
            found.append((network.prefixlen, route))
    return max(found, key=lambda each: each[0])[1] if found else {}


def reaches_internet(subnet: Record, *, public_ip: bool) -> bool:
    """Return whether an interface in the subnet reaches the internet.

    An internet gateway serves interfaces with a public IP only. A NAT gateway serves all if it is in a subnet
    that reaches the internet. What is behind a transit gateway or an appliance is unknown and counts as
    reachable; nothing on the internet is behind a peering connection.
    """
    route = route_to(subnet, INTERNET)
    gateway = str(route.get("GatewayId", ""))
    if gateway.startswith("igw-"):
        return public_ip and _is_attached(gateway, subnet["VpcId"])
    if nat := route.get("NatGatewayId"):
        return _nat_reaches_internet(nat)
    return bool(route.get("TransitGatewayId") or route.get("InstanceId"))


def peering_to(subnet: Record, address: str) -> bool:
    """Return whether the route to an address is an active peering connection."""
    connection = ec2._vpc_peering.get(route_to(subnet, address).get("VpcPeeringConnectionId"))
    return bool(connection and connection.get("Status", {}).get("Code") == "active")


def _is_attached(gateway: str, vpc: str) -> bool:
    attachments = (ec2._internet_gateways.get(gateway) or {}).get("Attachments", [])
    return any(attachment.get("VpcId") == vpc for attachment in attachments)


def _nat_reaches_internet(id_: str) -> bool:
    nat = ec2._nat_gateways.get(id_) or {}
    subnet = ec2._subnets.get(nat.get("SubnetId"))
    return bool(
        subnet
        and nat.get("State") == "available"
        and nat.get("ConnectivityType") == "public"
        and str(route_to(subnet, INTERNET).get("GatewayId", "")).startswith("igw-")
        and reaches_internet(subnet, public_ip=True)
    )
