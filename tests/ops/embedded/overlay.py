"""Clients, roles, and polling for the tests of the embedded cloud's overlays."""

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
    """Return a client with the root credentials of the account."""
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
    """Create a role that the service may assume; return its ARN."""
    iam = client(embedded, "iam")
    name = name or unique("role")
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    created = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy_document(trust))
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="test", PolicyDocument=_policy_document(*statements))
    return str(created["Role"]["Arn"])


def _policy_document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def eventually(read: Callable[[], T | None], *, within_s: float = 30) -> T:
    """Poll `read` until its value is truthy; fail with the last value when the time is up."""
    deadline = time.monotonic() + within_s
    while True:
        value = read()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"still {value!r} after {within_s} s")
        time.sleep(0.05)


def refused(call: Any, **arguments: Any) -> Any:
    """Return the error of a call that AWS rejects."""
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    return raised.value.response["Error"]


def metric(embedded: Any, namespace: str, name: str, dimensions: dict[str, str]) -> float:
    """Return the metric's sum over the last hours."""
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
    response = client(embedded, "cloudwatch").get_metric_data(
        MetricDataQueries=[query], StartTime=now - 7200, EndTime=now + 3600
    )
    return float(sum(response["MetricDataResults"][0]["Values"]))
