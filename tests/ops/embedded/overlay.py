"""Clients, roles and patience for the tests of the embedded cloud's overlays."""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import boto3
import pytest
from botocore.exceptions import ClientError

T = TypeVar("T")

ACCOUNT = "111111111111"
REGION = "eu-west-1"


def client(embedded: Any, service: str, *, account: str = ACCOUNT, region: str = REGION) -> Any:
    """A client with the root credentials of the account."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name=region,
        endpoint_url=embedded.endpoint,
        aws_access_key_id=account,
        aws_secret_access_key="test",
    )


def unique(stem: str) -> str:
    return f"{stem}-{uuid.uuid4().hex[:8]}"


def allow(actions: str | list[str], resources: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def role(embedded: Any, service: str, *statements: dict[str, Any], name: str | None = None) -> str:
    """A new role that the service may assume; returns its ARN."""
    iam = client(embedded, "iam")
    name = name or unique("role")
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document(trust))
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="test", PolicyDocument=_document(*statements))
    return str(made["Role"]["Arn"])


def _document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def eventually(look: Callable[[], T | None], *, within_s: float = 30) -> T:
    """The first truthy value that `look` gives; fails with the last one when time is up."""
    deadline = time.monotonic() + within_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"still {found!r} after {within_s} s")
        time.sleep(0.05)


def refused(call: Any, **arguments: Any) -> Any:
    """The error that AWS answers the call with."""
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    return raised.value.response["Error"]


def metric(embedded: Any, namespace: str, name: str, dimensions: dict[str, str]) -> float:
    """Its sum over the last hours."""
    now = time.time()
    query = {
        "Id": "m",
        "MetricStat": {
            "Metric": {
                "Namespace": namespace,
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
            },
            "Period": 3600,
            "Stat": "Sum",
        },
    }
    answer = client(embedded, "cloudwatch").get_metric_data(
        MetricDataQueries=[query], StartTime=now - 7200, EndTime=now + 3600
    )
    return float(sum(answer["MetricDataResults"][0]["Values"]))
