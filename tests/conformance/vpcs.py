"""A VPC without a route to the internet, and a Fargate task in it."""

import json
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tests.conformance.callers import REGION, Account, allow, unique

ANYWHERE = "0.0.0.0/0"
PUBLIC_IMAGE = "public.ecr.aws/docker/library/postgres:18.1"
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Vpc:
    """A VPC of its own with two subnets; each method adds what its name says and returns the ID."""

    account: Account
    name: str = field(default_factory=lambda: unique("vpc"))

    @cached_property
    def ec2(self) -> Any:
        return self.account.client("ec2")

    @cached_property
    def id(self) -> str:
        id_ = str(self.ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"])
        for attribute in ("EnableDnsSupport", "EnableDnsHostnames"):
            self.ec2.modify_vpc_attribute(VpcId=id_, **{attribute: {"Value": True}})
        return id_

    @cached_property
    def subnets(self) -> tuple[str, str]:
        first, second = (self.subnet(f"10.7.{number}.0/24", zone) for number, zone in ((1, "a"), (2, "b")))
        return first, second

    def subnet(self, block: str, zone: str = "a") -> str:
        made = self.ec2.create_subnet(VpcId=self.id, CidrBlock=block, AvailabilityZone=f"{REGION}{zone}")
        return str(made["Subnet"]["SubnetId"])

    @cached_property
    def main_table(self) -> str:
        found = self.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [self.id]}])
        return str(found["RouteTables"][0]["RouteTableId"])

    def internet_gateway(self) -> str:
        gateway = str(self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"])
        self.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.id)
        return gateway

    def route(self, table: str = "", **target: str) -> None:
        self.ec2.create_route(RouteTableId=table or self.main_table, DestinationCidrBlock=ANYWHERE, **target)

    def nat_gateway(self) -> str:
        """A public NAT gateway in a subnet with a route to an internet gateway."""
        subnet = self.subnet("10.7.3.0/24")
        table = self.ec2.create_route_table(VpcId=self.id)["RouteTable"]["RouteTableId"]
        self.ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
        self.route(table, GatewayId=self.internet_gateway())
        allocation = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        made = self.ec2.create_nat_gateway(SubnetId=subnet, AllocationId=allocation)
        return str(made["NatGateway"]["NatGatewayId"])

    def group(self, ingress: Any = (), egress: Any = None) -> str:
        """A security group; `egress` None keeps the rule that allows all."""
        id_ = str(
            self.ec2.create_security_group(GroupName=unique("group"), Description="test", VpcId=self.id)[
                "GroupId"
            ]
        )
        if ingress:
            self.ec2.authorize_security_group_ingress(GroupId=id_, IpPermissions=list(ingress))
        if egress is not None:
            everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": ANYWHERE}]}
            self.ec2.revoke_security_group_egress(GroupId=id_, IpPermissions=[everything])
            if egress:
                self.ec2.authorize_security_group_egress(GroupId=id_, IpPermissions=list(egress))
        return id_

    def interface_endpoint(self, service: str, group: str, **more: Any) -> str:
        return self._endpoint(
            service,
            VpcEndpointType="Interface",
            SubnetIds=list(self.subnets),
            SecurityGroupIds=[group],
            **{"PrivateDnsEnabled": True, **more},
        )

    def gateway_endpoint(self, service: str, *tables: str) -> str:
        return self._endpoint(service, VpcEndpointType="Gateway", RouteTableIds=list(tables))

    def _endpoint(self, service: str, **more: Any) -> str:
        name = f"com.amazonaws.{REGION}.{service}"
        made = self.ec2.create_vpc_endpoint(VpcId=self.id, ServiceName=name, **more)
        return str(made["VpcEndpoint"]["VpcEndpointId"])


def rule(port: int, *blocks: str, group: str = "") -> dict[str, Any]:
    """A rule for a TCP port, and CIDR blocks or a security group."""
    given: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
    if blocks:
        given["IpRanges"] = [{"CidrIp": block} for block in blocks]
    if group:
        given["UserIdGroupPairs"] = [{"GroupId": group}]
    return given


def run(vpc: Vpc, *containers: dict[str, Any], **network: Any) -> dict[str, Any]:
    """Run a task on Fargate until it stops, and return it. `network` has members of awsvpcConfiguration."""
    ecs, name = vpc.account.client("ecs"), unique("network")
    ecs.create_cluster(clusterName=name)
    role = vpc.account.role(
        "ecs-tasks.amazonaws.com",
        allowed=(allow(["logs:CreateLogStream", "secretsmanager:GetSecretValue", "ssm:GetParameters"]),),
    )
    reader = vpc.account.role("ecs-tasks.amazonaws.com", allowed=(allow("s3:*"),))
    ecs.register_task_definition(
        family=name,
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        executionRoleArn=role,
        taskRoleArn=reader,
        containerDefinitions=[
            {
                "name": "main",
                "image": PUBLIC_IMAGE,
                "essential": True,
                "entryPoint": ["/bin/sh", "-c"],
                "command": ["true"],
                **container,
            }
            for container in containers or ({},)
        ],
    )
    started = ecs.run_task(
        cluster=name,
        taskDefinition=name,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": list(vpc.subnets), **network}},
    )
    arn, deadline = started["tasks"][0]["taskArn"], time.monotonic() + PATIENCE_S
    while True:
        task: dict[str, Any] = ecs.describe_tasks(cluster=name, tasks=[arn])["tasks"][0]
        if task["lastStatus"] == "STOPPED":
            return task
        assert time.monotonic() < deadline, task["lastStatus"]
        time.sleep(0.05)


def ran(task: dict[str, Any]) -> bool:
    """Return whether the task ran, and its program succeeded."""
    return bool(task["stopCode"] == "EssentialContainerExited" and task["containers"][0]["exitCode"] == 0)


def logged(vpc: Vpc) -> dict[str, Any]:
    """A log group of its own, as the log configuration of a container."""
    name = unique("network")
    vpc.account.client("logs").create_log_group(logGroupName=name)
    options = {"awslogs-group": name, "awslogs-region": REGION, "awslogs-stream-prefix": "run"}
    return {"logConfiguration": {"logDriver": "awslogs", "options": options}}


def lines(vpc: Vpc, container: dict[str, Any]) -> str:
    """Return what the container wrote to its log group."""
    group = container["logConfiguration"]["options"]["awslogs-group"]
    events = vpc.account.client("logs").filter_log_events(logGroupName=group)["events"]
    return "\n".join(event["message"] for event in events)


def secret(vpc: Vpc) -> dict[str, Any]:
    """A secret of its own, as the secrets of a container."""
    made = vpc.account.client("secretsmanager").create_secret(
        Name=unique("network"), SecretString=json.dumps({"password": "x"})
    )
    return {"secrets": [{"name": "PASSWORD", "valueFrom": f"{made['ARN']}:password::"}]}
