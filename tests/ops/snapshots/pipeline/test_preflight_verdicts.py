"""Each verdict of the preflight: it reports what will fail before a run, and guesses nothing."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from ministack.services import ec2

from ops.aws.cloud import Place
from ops.aws.rds.databases import CLUSTER, Database
from ops.settings import Account
from ops.snapshots.pipeline.model import PipelineSettings
from ops.snapshots.pipeline.preflight import PASSED, UNKNOWN, WILL_FAIL, PreflightVerdict, preflight
from tests.ops.in_process import InProcessCloud

NOW = datetime(2026, 5, 4, tzinfo=UTC)
QA = "222222222222"
DATABASE = Database("shop", "arn", "postgres", "18", "available", "db.t4g.micro", 20, "", "", "app")
PLACE = Place(Account("production", "111111111111"), "eu-west-1")


@cache
def cloud() -> InProcessCloud:
    return InProcessCloud((PLACE.account,))


class Network:
    """A VPC with two subnets in two zones, and no route to the internet."""

    def __init__(self) -> None:
        self.ec2 = cloud().client("ec2", "production", "eu-west-1")
        self.vpc = self.create_vpc("10.0.0.0/16")
        self.subnets = (self.subnet("10.0.1.0/24", "a"), self.subnet("10.0.2.0/24", "b"))

    def create_vpc(self, block: str) -> str:
        return str(self.ec2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"])

    def subnet(self, block: str, zone: str, vpc: str = "") -> str:
        answer = self.ec2.create_subnet(
            VpcId=vpc or self.vpc, CidrBlock=block, AvailabilityZone=f"eu-west-1{zone}"
        )
        return str(answer["Subnet"]["SubnetId"])

    def route(self, **target: str) -> None:
        tables = self.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])
        table = tables["RouteTables"][0]["RouteTableId"]
        self.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", **target)


@pytest.fixture
def network() -> Iterator[Network]:
    cloud().reset()
    ec2.reset()
    yield Network()
    ec2.reset()


Verdict = tuple[PreflightVerdict, str]


def verdicts(network: Network, database: Database | None = DATABASE, **changed: Any) -> dict[str, Verdict]:
    settings = PipelineSettings("shop", "", network.vpc, network.subnets)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ops.snapshots.pipeline.preflight.find_database", lambda *_: database)
        results = preflight(cloud(), PLACE, replace(settings, **changed), NOW)
    return {result.subject: (result.verdict, result.reason) for result in results}


@pytest.mark.parametrize(
    ("database", "verdict", "reason"),
    [
        (DATABASE, PASSED, "postgres 18, 20 GiB"),
        (None, WILL_FAIL, "the database shop does not exist"),
        (replace(DATABASE, engine="oracle-ee"), WILL_FAIL, "runs oracle-ee"),
        (replace(DATABASE, status="modifying"), UNKNOWN, "the current status is modifying"),
    ],
)
def test_the_database_must_be_there_supported_and_available(
    network: Network, database: Database | None, verdict: PreflightVerdict, reason: str
) -> None:
    found = verdicts(network, database)["Database"]
    assert found[0] is verdict and reason in found[1]


def test_option_groups_of_what_is_not_there_are_unknown(network: Network) -> None:
    assert verdicts(network, None)["Option groups"] == (UNKNOWN, "the database does not exist")
    cluster = replace(DATABASE, kind=CLUSTER, engine="aurora-postgresql")
    assert verdicts(network, cluster)["Option groups"][0] is PASSED


def test_a_policy_that_keeps_unlisted_columns_is_not_called_fine(network: Network) -> None:
    assert verdicts(network)["Policy"] == (PASSED, "the policy is valid")
    kept = verdicts(network, policy="unlisted = 'keep'\n[tables.people]\nemail = 'null'")["Policy"]
    assert kept == (UNKNOWN, "unlisted columns are kept unchanged and shared")
    assert verdicts(network, policy="engine = 'mysql'")["Policy"][0] is WILL_FAIL
    assert verdicts(network, None, policy="nonsense")["Policy"][0] is WILL_FAIL


def test_invalid_settings_will_fail(network: Network) -> None:
    found = verdicts(network, share_with=("12",), name_format="1", schedule="daily")
    assert [found[subject][0] for subject in ("Accounts", "Snapshot name", "Settings")] == [WILL_FAIL] * 3


def key(*accounts: str) -> str:
    principals = [f"arn:aws:iam::{account}:root" for account in (PLACE.account.id, *accounts)]
    allow = {"Effect": "Allow", "Principal": {"AWS": principals}, "Action": "kms:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    created = cloud().client("kms", "production", "eu-west-1").create_key(Policy=policy)
    return str(created["KeyMetadata"]["Arn"])


def test_a_key_must_let_the_other_accounts_use_it(network: Network) -> None:
    assert verdicts(network)["KMS key"][0] is PASSED
    ours = key()
    assert verdicts(network, kms_key=ours)["KMS key"] == (PASSED, "a customer managed key")
    verdict, reason = verdicts(network, kms_key=ours, share_with=(QA,))["KMS key"]
    assert verdict is UNKNOWN and f"does not name {QA}" in reason
    assert verdicts(network, kms_key=key(QA), share_with=(QA,))["KMS key"][0] is PASSED


def test_the_key_of_the_source_must_be_usable(network: Network) -> None:
    subject, kms = "Source KMS key", cloud().client("kms", "production", "eu-west-1")
    assert verdicts(network)[subject] == (PASSED, "the database is not encrypted")
    assert verdicts(network, None)[subject][0] is UNKNOWN
    ours = key()
    encrypted = replace(DATABASE, kms_key=ours)
    assert verdicts(network, encrypted)[subject][0] is PASSED
    kms.disable_key(KeyId=ours)
    assert verdicts(network, encrypted)[subject][0] is WILL_FAIL
    closed = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{QA}:root"}, "Action": "kms:*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{**closed, "Resource": "*"}]})
    other = kms.create_key(Policy=policy)["KeyMetadata"]["Arn"]
    assert verdicts(network, replace(DATABASE, kms_key=other))[subject][0] is UNKNOWN
    gone = f"{ours[:-4]}0000"
    assert verdicts(network, replace(DATABASE, kms_key=gone))[subject][0] is WILL_FAIL


def test_what_the_default_key_encrypts_cannot_be_shared(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.snapshots.pipeline.preflight.kms.is_aws_managed", lambda *_: True)
    encrypted = replace(DATABASE, kms_key="alias/aws/rds")
    assert verdicts(network, encrypted)["KMS key"][0] is PASSED
    assert verdicts(network, encrypted, share_with=(QA,))["KMS key"][0] is WILL_FAIL


def test_a_key_that_cannot_be_read_is_unknown(network: Network) -> None:
    ours = key()
    cloud().refuse = lambda call, *_: ("AccessDeniedException", 400) if call == "kms:DescribeKey" else None
    assert verdicts(network, kms_key=ours)["KMS key"][0] is UNKNOWN


def test_the_subnets_are_two_zones_of_one_vpc(network: Network) -> None:
    assert verdicts(network)["Subnets"] == (PASSED, "in eu-west-1a and eu-west-1b")
    first, second = network.subnets
    same_zone = network.subnet("10.0.3.0/24", "a")
    other = network.subnet("10.1.1.0/24", "b", network.create_vpc("10.1.0.0/16"))
    for subnets, reason in (
        ((first, "subnet-0"), "the subnet subnet-0 does not exist"),
        ((first, other), "the subnets are in different VPCs"),
        ((first, same_zone), "both subnets are in eu-west-1a"),
    ):
        verdict, said = verdicts(network, subnets=subnets)["Subnets"]
        assert verdict is WILL_FAIL and reason in said
    assert second


def test_the_task_must_reach_the_image_registry(network: Network) -> None:
    subject = "Image registry access"
    assert verdicts(network)[subject][0] is UNKNOWN
    gateway = network.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    network.route(GatewayId=gateway)
    assert verdicts(network)[subject][0] is WILL_FAIL
    assert verdicts(network, assign_public_ip=True)[subject][0] is PASSED


def test_each_subnet_must_have_a_route(network: Network) -> None:
    """Fargate may place the task in either subnet."""
    subject = "Image registry access"
    nat = network.ec2.create_nat_gateway(SubnetId=network.subnets[0])["NatGateway"]["NatGatewayId"]
    network.route(NatGatewayId=nat)
    assert verdicts(network)[subject] == (PASSED, "through a NAT gateway")
    table = network.ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["RouteTableId"]
    network.ec2.associate_route_table(RouteTableId=table, SubnetId=network.subnets[1])
    verdict, reason = verdicts(network)[subject]
    assert verdict is UNKNOWN and f"the subnet {network.subnets[1]} has no default route" in reason
    gateway = network.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    network.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    verdict, reason = verdicts(network)[subject]
    assert verdict is WILL_FAIL and f"the only route of the subnet {network.subnets[1]}" in reason
    assert verdicts(network, assign_public_ip=True)[subject][0] is PASSED


def test_other_default_routes_are_unknown(network: Network) -> None:
    network.route(TransitGatewayId="tgw-1")
    assert verdicts(network)["Image registry access"][0] is UNKNOWN


def test_permissions_that_are_denied_will_fail(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    module = "ops.snapshots.pipeline.preflight.iam"
    monkeypatch.setattr(f"{module}.current_principal", lambda *_: "arn:aws:iam::1:role/ops")
    monkeypatch.setattr(f"{module}.denied_actions", lambda *_: ["a:A", "b:B", "c:C", "d:D", "e:E"])
    found = verdicts(network)["Permissions"]
    assert found == (WILL_FAIL, "ops is not allowed to perform a:A, b:B, c:C and 2 more")
    monkeypatch.setattr(f"{module}.denied_actions", lambda *_: [])
    assert verdicts(network)["Permissions"][0] is PASSED
