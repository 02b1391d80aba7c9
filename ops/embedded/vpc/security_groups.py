"""Whether security groups allow a connection.

https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
"""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ministack.services import ec2

SEAMS = ("ministack.services.ec2._security_groups",)

ANY_PROTOCOL, TCP = "-1", ("tcp", "6")


@dataclass(frozen=True)
class End:
    """One end of a connection: its address, its security groups, and a prefix list that contains it."""

    address: str
    groups: tuple[str, ...] = ()
    prefix_list: str = ""


def connects(source: End, target: End, port: int) -> bool:
    """Return whether the groups of both ends allow a TCP connection. An end without groups allows all."""
    return allows(source.groups, "IpPermissionsEgress", target, port) and allows(
        target.groups, "IpPermissions", source, port
    )


def allows(groups: Sequence[str], permissions: str, other: End, port: int) -> bool:
    """Return whether one of the groups' rules matches the port and the other end."""
    if not groups:
        return True
    rules = [rule for id_ in groups for rule in (ec2._security_groups.get(id_) or {}).get(permissions, [])]
    return any(_has_port(rule, port) and _names(rule, other) for rule in rules)


def _has_port(rule: Mapping[str, Any], port: int) -> bool:
    protocol = str(rule.get("IpProtocol", ANY_PROTOCOL)).lower()
    if protocol == ANY_PROTOCOL:
        return True
    first, last = rule.get("FromPort"), rule.get("ToPort")
    return (
        protocol in TCP and first is not None and int(first) <= port <= int(first if last is None else last)
    )


def _names(rule: Mapping[str, Any], other: End) -> bool:
    address = ipaddress.ip_address(other.address)
    return (
        any(
            address in ipaddress.ip_network(each["CidrIp"], strict=False)
            for each in rule.get("IpRanges") or []
        )
        or any(pair.get("GroupId") in other.groups for pair in rule.get("UserIdGroupPairs") or [])
        or any(
            each.get("PrefixListId") == other.prefix_list
            for each in rule.get("PrefixListIds") or []
            if other.prefix_list
        )
    )
