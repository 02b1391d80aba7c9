"""Embedded clouds with empty accounts, in which `slipway prove` can work."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3

from ops import embedded as emulator
from ops.aws.cloud import Cloud
from ops.embedded.accounts import ACCOUNTS, DEVELOPMENT, HOME, QA
from ops.embedded.accounts import cloud as embedded_cloud
from ops.settings import Settings
from tests.end_to_end import assemblies

SANDBOX = (DEVELOPMENT, QA)
CONFIRM = ",".join(account.id for account in SANDBOX)


def empty(data: Path) -> None:
    """Make the folder of a cloud whose accounts have Slipway's role and a default VPC, and nothing else."""
    running = emulator.start(data, sample=False, owner=True)
    for account in ACCOUNTS:
        assemblies.make_role(running.endpoint, account.id)
        _add_internet_route(assemblies.client(running.endpoint, "ec2", account.id, HOME))
    emulator.stop(data)


def _add_internet_route(ec2: Any) -> None:
    (table,) = ec2.describe_route_tables()["RouteTables"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=table["VpcId"])
    ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)


@contextmanager
def sandbox_cloud(folder: Path, plant: Callable[..., Path]) -> Iterator[Cloud]:
    """Start such a cloud; yield it with settings that name two sandbox accounts."""
    settings = Settings(data=folder, prove_regions=(HOME,), prove_accounts=tuple(a.name for a in SANDBOX))
    data = plant(settings.embedded_data, empty)
    running = emulator.start(data, sample=False, owner=True, delay_s=0.2)
    try:
        yield embedded_cloud(replace(settings, audit_group=""), running.endpoint)
    finally:
        emulator.stop(data)


def client(cloud: Cloud, service: str, account: str, region: str = HOME) -> Any:
    """Return a client with the root credentials of the account."""
    assert cloud.endpoint
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name=region,
        endpoint_url=cloud.endpoint.url,
        aws_access_key_id=account,
        aws_secret_access_key="test",
    )
