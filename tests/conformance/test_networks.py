"""Networks: what a task on Fargate reaches, and how ECS reports what it does not."""

from typing import Any

import pytest

from tests.conformance.callers import REGION, Account, error, unique
from tests.conformance.vpcs import ANYWHERE, PUBLIC_IMAGE, Vpc, lines, logged, ran, rule, run, secret

PRIVATE_IMAGE = f"111111111111.dkr.ecr.{REGION}.amazonaws.com/postgres:18.1"
AWS_CLI = "public.ecr.aws/aws-cli/aws-cli:2.33.0"
TIMEOUT = "i/o timeout"
SOON: Any = {"Delay": 0.1, "MaxAttempts": 600}


@pytest.fixture
def vpc(account: Account) -> Vpc:
    return Vpc(account)


def test_a_public_image_needs_a_route_to_the_internet(vpc: Vpc) -> None:
    """A task without a route to the internet cannot pull an image from a public registry.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html
    """
    reason = run(vpc)["stoppedReason"]
    assert reason.startswith(
        f"CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref "
        f'{PUBLIC_IMAGE}: failed to do request: Head "https://public.ecr.aws/v2/docker/library/postgres/'
        'manifests/18.1": dial tcp '
    )
    assert reason.endswith(TIMEOUT)


def test_an_internet_gateway_serves_tasks_with_a_public_ip(vpc: Vpc) -> None:
    """Through an internet gateway, only a task with a public IP reaches the internet.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html
    """
    vpc.route(GatewayId=vpc.internet_gateway())
    assert run(vpc)["stoppedReason"].endswith(TIMEOUT)
    task = run(vpc, assignPublicIp="ENABLED")
    assert ran(task)
    details = {each["name"]: each["value"] for each in task["attachments"][0]["details"]}
    assert details["subnetId"] in vpc.subnets and details["privateIPv4Address"].startswith("10.7.")


def test_a_nat_gateway_serves_tasks_without_a_public_ip(vpc: Vpc) -> None:
    """Through a NAT gateway in a public subnet, a task needs no public IP.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html
    """
    nat = vpc.nat_gateway()
    vpc.route(NatGatewayId=nat)
    assert ran(run(vpc))
    vpc.ec2.delete_nat_gateway(NatGatewayId=nat)
    assert run(vpc)["stoppedReason"].endswith(TIMEOUT)


def test_a_nat_gateway_without_an_internet_gateway_reaches_nothing(vpc: Vpc) -> None:
    """A NAT gateway in a subnet without a route to an internet gateway does not reach the internet.

    https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html
    """
    isolated = vpc.subnet("10.7.9.0/24")
    nat = vpc.ec2.create_nat_gateway(SubnetId=isolated, ConnectivityType="private")["NatGateway"]
    vpc.route(NatGatewayId=nat["NatGatewayId"])
    assert run(vpc)["stoppedReason"].endswith(TIMEOUT)


def test_the_route_table_of_a_subnet_replaces_the_main_one(vpc: Vpc) -> None:
    """A subnet uses the route table it is associated with, otherwise the main one of its VPC.

    https://docs.aws.amazon.com/vpc/latest/userguide/subnet-route-tables.html
    """
    vpc.route(NatGatewayId=vpc.nat_gateway())
    table = vpc.ec2.create_route_table(VpcId=vpc.id)["RouteTable"]["RouteTableId"]
    vpc.ec2.associate_route_table(RouteTableId=table, SubnetId=vpc.subnets[1])
    assert ran(run(vpc, subnets=[vpc.subnets[0]]))
    assert run(vpc, subnets=[vpc.subnets[1]])["stoppedReason"].endswith(TIMEOUT)


def test_outbound_rules_decide_what_a_task_reaches(vpc: Vpc) -> None:
    """A task whose security groups do not allow outbound HTTPS cannot pull its image.

    https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
    """
    vpc.route(NatGatewayId=vpc.nat_gateway())
    closed = vpc.group(egress=[rule(5432, ANYWHERE), rule(443, "10.0.0.0/8")])
    assert run(vpc, securityGroups=[closed])["stoppedReason"].endswith(TIMEOUT)
    opened = vpc.group(egress=[rule(443, ANYWHERE)])
    assert ran(run(vpc, securityGroups=[closed, opened]))


def test_a_security_group_of_a_task_exists(vpc: Vpc) -> None:
    """A task needs security groups that exist.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AwsVpcConfiguration.html
    """
    call = {"securityGroups": ["sg-0123456789abcdef1"]}
    code, message = error(lambda **more: run(vpc, **more), **call)
    assert code == "InvalidParameterException" and "InvalidGroup.NotFound" in message


SERVICES = ("ecr.api", "ecr.dkr", "s3", "secretsmanager", "logs")
NO_ENDPOINT = {
    "ecr.api": "unable to pull secrets or registry auth: The task cannot pull registry auth from Amazon ECR: "
    "There is a connection issue between the task and Amazon ECR. Check your task network configuration.",
    "ecr.dkr": "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve "
    f"ref {PRIVATE_IMAGE}:",
    "s3": "CannotPullContainerError: ref pull has been retried 5 time(s): failed to copy: httpReadSeeker:",
    "secretsmanager": "ResourceInitializationError: unable to pull secrets or registry auth: unable to "
    "retrieve secret from asm: There is a connection issue between the task and AWS Secrets Manager.",
    "logs": "ResourceInitializationError: failed to validate logger args: The task cannot find the Amazon "
    "CloudWatch log group defined in the task definition. There is a connection issue between the task and "
    "Amazon CloudWatch.",
}


def isolated(vpc: Vpc, *without: str) -> dict[str, Any]:
    """A task of a VPC with endpoints and no route to the internet."""
    group = vpc.group(ingress=[rule(443, "10.7.0.0/16")])
    for service in SERVICES:
        if service not in without:
            if service == "s3":
                vpc.gateway_endpoint(service, vpc.main_table)
            else:
                vpc.interface_endpoint(service, group)
    container = {"image": PRIVATE_IMAGE, **logged(vpc), **secret(vpc)}
    return run(vpc, container)


@pytest.mark.parametrize("missing", SERVICES)
def test_an_isolated_task_needs_each_endpoint(vpc: Vpc, missing: str) -> None:
    """Without the internet, a task needs endpoints of ECR, Amazon S3, Secrets Manager, and CloudWatch Logs.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
    """
    assert NO_ENDPOINT[missing] in isolated(vpc, missing)["stoppedReason"]


def test_an_isolated_task_runs_with_endpoints(vpc: Vpc) -> None:
    """With all endpoints, a task runs without a route to the internet.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
    """
    assert ran(isolated(vpc))


def test_endpoints_do_not_serve_public_registries(vpc: Vpc) -> None:
    """Amazon ECR Public is not reached through endpoints of Amazon ECR.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
    """
    group = vpc.group(ingress=[rule(443, ANYWHERE)])
    for service in ("ecr.api", "ecr.dkr"):
        vpc.interface_endpoint(service, group)
    assert "https://public.ecr.aws/" in run(vpc)["stoppedReason"]


def test_private_dns_replaces_the_route_to_the_internet(vpc: Vpc) -> None:
    """An interface endpoint with private DNS gets the traffic of its service, and its groups must allow it.

    https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html
    """
    vpc.route(NatGatewayId=vpc.nat_gateway())
    container = secret(vpc)
    endpoint = vpc.interface_endpoint("secretsmanager", vpc.group())
    assert NO_ENDPOINT["secretsmanager"] in run(vpc, container)["stoppedReason"]
    vpc.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, PrivateDnsEnabled=False)
    assert ran(run(vpc, container))
    allowing = vpc.group(ingress=[rule(443, "10.7.0.0/16")])
    vpc.ec2.modify_vpc_endpoint(
        VpcEndpointId=endpoint, PrivateDnsEnabled=True, AddSecurityGroupIds=[allowing]
    )
    assert ran(run(vpc, container))
    (found,) = vpc.ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]
    assert found["PrivateDnsEnabled"] is True
    assert allowing in [group["GroupId"] for group in found["Groups"]]


def test_private_dns_needs_dns_of_the_vpc(vpc: Vpc) -> None:
    """Private DNS of an endpoint requires DNS hostnames and DNS support of the VPC.

    https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html
    """
    vpc.ec2.modify_vpc_attribute(VpcId=vpc.id, EnableDnsHostnames={"Value": False})
    code, message = error(lambda **more: vpc.interface_endpoint("logs", vpc.group(), **more))
    assert code == "InvalidParameter" and "enableDnsHostnames" in message
    vpc.interface_endpoint("logs", vpc.group(), PrivateDnsEnabled=False)


def test_a_gateway_endpoint_serves_its_route_tables(vpc: Vpc) -> None:
    """A gateway endpoint serves the subnets of its route tables only; the AWS CLI elsewhere times out.

    https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html
    """
    bucket = unique("scripts")
    s3 = vpc.account.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=bucket, Key="one.sql", Body=b"select 1")
    group = vpc.group(ingress=[rule(443, ANYWHERE)])
    for service in ("ecr.api", "ecr.dkr", "logs"):
        vpc.interface_endpoint(service, group)
    # The layers of the image come from Amazon S3 too, so a NAT gateway must serve the subnet before.
    container = {"image": AWS_CLI, "command": [f"aws s3 cp s3://{bucket}/one.sql ."], **logged(vpc)}
    vpc.route(NatGatewayId=vpc.nat_gateway())
    only_https = vpc.group(egress=[rule(443, ANYWHERE)])
    assert ran(run(vpc, container, securityGroups=[only_https]))
    other = vpc.ec2.create_route_table(VpcId=vpc.id)["RouteTable"]["RouteTableId"]
    interface = vpc.interface_endpoint("s3", vpc.group())
    task = run(vpc, container)
    assert task["containers"][0]["exitCode"] == 1
    assert 'fatal error: Connect timeout on endpoint URL: "https://' in lines(vpc, container)
    vpc.ec2.delete_vpc_endpoints(VpcEndpointIds=[interface])
    vpc.gateway_endpoint("s3", other)
    vpc.ec2.delete_route(RouteTableId=vpc.main_table, DestinationCidrBlock=ANYWHERE)
    private = {**container, "image": f"111111111111.dkr.ecr.{REGION}.amazonaws.com/aws-cli:2"}
    assert NO_ENDPOINT["s3"] in run(vpc, private)["stoppedReason"]
    vpc.gateway_endpoint("s3", vpc.main_table)
    assert ran(run(vpc, private))


@pytest.fixture(scope="module")
def database_vpc(account: Account) -> Vpc:
    """A VPC with a NAT gateway and a subnet group."""
    vpc = Vpc(account)
    vpc.route(NatGatewayId=vpc.nat_gateway())
    account.client("rds").create_db_subnet_group(
        DBSubnetGroupName=vpc.name, DBSubnetGroupDescription="test", SubnetIds=list(vpc.subnets)
    )
    return vpc


def start_database(vpc: Vpc, group: str, **more: Any) -> dict[str, Any]:
    rds, name = vpc.account.client("rds"), unique("db")
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        Engine="postgres",
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20,
        DBName="app",
        MasterUsername="master",
        MasterUserPassword="long-enough",  # pragma: allowlist secret
        DBSubnetGroupName=vpc.name,
        VpcSecurityGroupIds=[group],
        **more,
    )
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name, WaiterConfig=SOON)
    found: dict[str, Any] = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
    return found


def client_of(vpc: Vpc, database: dict[str, Any]) -> dict[str, Any]:
    """A container that asks the database for 1."""
    endpoint = database["Endpoint"]
    login = {
        "PGHOST": endpoint["Address"],
        "PGPORT": str(endpoint["Port"]),
        "PGUSER": "master",
        "PGPASSWORD": "long-enough",  # pragma: allowlist secret
        "PGDATABASE": "app",
    }
    variables = [{"name": name, "value": value} for name, value in login.items()]
    return {"command": ["psql -Atc 'select 40 + 2'"], "environment": variables, **logged(vpc)}


def test_a_database_is_reached_through_its_security_groups(database_vpc: Vpc) -> None:
    """A connection to a database needs outbound and inbound rules for its port; otherwise it times out.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.RDSSecurityGroups.html
    """
    vpc = database_vpc
    task_group, group = vpc.group(egress=[rule(443, ANYWHERE)]), vpc.group()
    container = client_of(vpc, start_database(vpc, group))
    network = {"securityGroups": [task_group]}
    assert run(vpc, container, **network)["containers"][0]["exitCode"] == 2
    vpc.ec2.authorize_security_group_egress(GroupId=task_group, IpPermissions=[rule(5432, group=group)])
    assert run(vpc, container, **network)["containers"][0]["exitCode"] == 2
    assert lines(vpc, container).count(" failed: Connection timed out") == 2
    vpc.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule(5432, group=task_group)])
    assert ran(run(vpc, container, **network))
    assert lines(vpc, container).endswith("42")


def test_a_group_that_opens_another_port_is_closed(database_vpc: Vpc) -> None:
    """A database listens on the port that it was created with; a restored one on that of its source.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBInstanceFromDBSnapshot.html
    """
    vpc, rds = database_vpc, database_vpc.account.client("rds")
    group = vpc.group(ingress=[rule(5432, "10.7.0.0/16")])
    database = start_database(vpc, group, Port=5433)
    container = client_of(vpc, database)
    assert run(vpc, container)["containers"][0]["exitCode"] == 2
    name = database["DBInstanceIdentifier"]
    rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=name)
    rds.get_waiter("db_snapshot_available").wait(DBSnapshotIdentifier=name, WaiterConfig=SOON)
    for restored, more, reached in ((f"{name}-a", {}, False), (f"{name}-b", {"Port": 5432}, True)):
        rds.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=restored,
            DBSnapshotIdentifier=name,
            DBSubnetGroupName=vpc.name,
            VpcSecurityGroupIds=[group],
            **more,
        )
        rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=restored, WaiterConfig=SOON)
        found = rds.describe_db_instances(DBInstanceIdentifier=restored)["DBInstances"][0]
        assert ran(run(vpc, client_of(vpc, found))) is reached


def test_members_of_the_default_group_reach_each_other(database_vpc: Vpc) -> None:
    """Without security groups, a task has the default one, which allows connections from its members.

    https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html
    """
    vpc = database_vpc
    found = vpc.ec2.describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [vpc.id]}, {"Name": "group-name", "Values": ["default"]}]
    )
    default = found["SecurityGroups"][0]["GroupId"]
    container = client_of(vpc, start_database(vpc, default))
    assert ran(run(vpc, container))
    assert run(vpc, container, securityGroups=[vpc.group()])["containers"][0]["exitCode"] == 2


def test_another_vpc_is_not_reached(database_vpc: Vpc, vpc: Vpc) -> None:
    """Without a peering connection, a private database of another VPC is not reached.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_VPC.Scenarios.html
    """
    group = database_vpc.group(ingress=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": ANYWHERE}]}])
    container = client_of(vpc, start_database(database_vpc, group))
    vpc.route(NatGatewayId=vpc.nat_gateway())
    assert run(vpc, container)["containers"][0]["exitCode"] == 2
    assert ran(run(database_vpc, container))
