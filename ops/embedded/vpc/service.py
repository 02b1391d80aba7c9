"""What the emulator lacks in VPCs: a default VPC that reaches the internet, and the network of endpoints.

On AWS, a default VPC has a route to its internet gateway, a default security group allows its own members,
and an interface endpoint has security groups and private DNS.
"""

from collections.abc import Callable
from typing import Any

from ministack.services import ec2

from ops.embedded.context import OverlayContext
from ops.embedded.vpc.reach import default_groups
from ops.embedded.vpc.routes import table_of

SEAMS = (
    "ministack.services.ec2._ACTION_MAP",
    "ministack.services.ec2._DEFAULT_IGW_ID",
    "ministack.services.ec2._DEFAULT_SUBNET_ID",
    "ministack.services.ec2._error",
    "ministack.services.ec2._init_defaults",
    "ministack.services.ec2._p",
    "ministack.services.ec2._parse_member_list",
    "ministack.services.ec2._security_groups",
    "ministack.services.ec2._subnets",
    "ministack.services.ec2._vpc_endpoints",
    "ministack.services.ec2._vpce_fields_xml",
    "ministack.services.ec2._vpcs",
)

Record = dict[str, Any]
Request = dict[str, Any]
Action = Callable[[Request], Any]


def install(context: OverlayContext) -> None:
    initialize, fields = ec2._init_defaults, ec2._vpce_fields_xml

    def initialize_and_complete() -> None:
        initialize()
        _allow_members()
        _route_to_internet()

    ec2._init_defaults = initialize_and_complete
    ec2._vpce_fields_xml = lambda endpoint, tag="item": _with_network(fields(endpoint, tag), endpoint, tag)
    for name, changed in (
        ("CreateVpc", _create_vpc),
        ("CreateDefaultVpc", _create_vpc),
        ("CreateVpcEndpoint", _create_endpoint),
        ("ModifyVpcEndpoint", _modify_endpoint),
    ):
        ec2._ACTION_MAP[name] = _wrapped(changed, ec2._ACTION_MAP[name])


def _wrapped(changed: Callable[[Action, Request], Any], action: Action) -> Action:
    return lambda request: changed(action, request)


def _create_vpc(create: Action, request: Request) -> Any:
    response = create(request)
    _allow_members()
    return response


def _allow_members() -> None:
    """Let the members of default security groups connect to each other; rules of users are kept."""
    for vpc in ec2._vpcs.values():
        group = ec2._security_groups.get(vpc.get("DefaultSecurityGroupId"))
        if group is None or vpc.get("_members"):
            continue
        vpc["_members"] = True  # once: a user may revoke the rule
        group["IpPermissions"] += [
            {
                "IpProtocol": "-1",
                "IpRanges": [],
                "Ipv6Ranges": [],
                "PrefixListIds": [],
                "UserIdGroupPairs": [{"GroupId": group["GroupId"], "UserId": group["OwnerId"]}],
            }
        ]


def _route_to_internet() -> None:
    routes = table_of(ec2._subnets[ec2._DEFAULT_SUBNET_ID])["Routes"]
    if not any(route.get("DestinationCidrBlock") == "0.0.0.0/0" for route in routes):
        routes.append(
            {
                "DestinationCidrBlock": "0.0.0.0/0",
                "GatewayId": ec2._DEFAULT_IGW_ID,
                "State": "active",
                "Origin": "CreateRoute",
            }
        )


def _create_endpoint(create: Action, request: Request) -> Any:
    """Store the security groups and private DNS, which is on by default."""
    interface = ec2._p(request, "VpcEndpointType") == "Interface"
    private_dns = interface and ec2._p(request, "PrivateDnsEnabled").lower() != "false"
    if private_dns and (refusal := _check_dns(ec2._p(request, "VpcId"))):
        return refusal
    before = set(ec2._vpc_endpoints)
    response = create(request)
    for id_ in set(ec2._vpc_endpoints) - before:
        endpoint = ec2._vpc_endpoints[id_]
        groups = ec2._parse_member_list(request, "SecurityGroupId")
        endpoint["SecurityGroupIds"] = groups or (default_groups(endpoint["VpcId"]) if interface else ())
        endpoint["PrivateDnsEnabled"] = private_dns
    return response


def _modify_endpoint(modify: Action, request: Request) -> Any:
    endpoint = ec2._vpc_endpoints.get(ec2._p(request, "VpcEndpointId"))
    private_dns = ec2._p(request, "PrivateDnsEnabled").lower()
    if endpoint and private_dns == "true" and (refusal := _check_dns(endpoint["VpcId"])):
        return refusal
    response = modify(request)
    if endpoint:
        removed = ec2._parse_member_list(request, "RemoveSecurityGroupId")
        groups = [id_ for id_ in endpoint.get("SecurityGroupIds", ()) if id_ not in removed]
        endpoint["SecurityGroupIds"] = groups + ec2._parse_member_list(request, "AddSecurityGroupId")
        if private_dns:
            endpoint["PrivateDnsEnabled"] = private_dns == "true"
    return response


def _check_dns(vpc_id: str) -> Any:
    vpc = ec2._vpcs.get(vpc_id)
    if vpc and not (
        vpc.get("EnableDnsSupport", True) and vpc.get("EnableDnsHostnames", vpc.get("IsDefault", False))
    ):
        return ec2._error(
            "InvalidParameter",
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set "
            f"to true for {vpc_id}",
            400,
        )
    return None


def _with_network(fields: str, endpoint: Record, tag: str) -> str:
    groups = "".join(
        f"<item><groupId>{id_}</groupId>"
        f"<groupName>{(ec2._security_groups.get(id_) or {}).get('GroupName', '')}</groupName></item>"
        for id_ in endpoint.get("SecurityGroupIds", ())
    )
    private_dns = str(bool(endpoint.get("PrivateDnsEnabled"))).lower()
    more = f"<privateDnsEnabled>{private_dns}</privateDnsEnabled><groupSet>{groups}</groupSet>"
    return fields.removesuffix(f"</{tag}>") + f"{more}</{tag}>"
