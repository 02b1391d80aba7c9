"""An account, its roles, and callers that have assumed one of them."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

REGION = "eu-west-1"
Statement = dict[str, Any]


@dataclass(frozen=True)
class Account:
    """An account, with the credentials of its root user."""

    endpoint: str
    id: str = "111111111111"

    def client(self, service: str, region: str = REGION) -> Any:
        """Return a client of the root user, whom no identity policy restricts."""
        return self._client(service, region, aws_access_key_id=self.id, aws_secret_access_key="test")

    def other(self, id_: str = "222222222222") -> "Account":
        return Account(self.endpoint, id_)

    def role(self, *principals: str, allowed: tuple[Statement, ...] = (), **condition: Any) -> str:
        """Create a role that the principals, services or ARNs, may assume; return its ARN."""
        trust: Statement = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": _principal(principals),
        }
        if condition:
            trust["Condition"] = condition
        iam, name = self.client("iam"), unique("role")
        created = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))
        if allowed:
            iam.put_role_policy(RoleName=name, PolicyName="test", PolicyDocument=document(*allowed))
        return str(created["Role"]["Arn"])

    def caller(self, *allowed: Statement) -> "Caller":
        """Return a caller that may do what the statements allow, and nothing else."""
        arn = self.role(f"arn:aws:iam::{self.id}:root", allowed=allowed)
        credentials = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        return Caller(self, arn, credentials)

    def _client(self, service: str, region: str = REGION, **credentials: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            region_name=region,
            endpoint_url=self.endpoint,
            config=Config(retries={"total_max_attempts": 1}),
            **credentials,
        )


@dataclass(frozen=True)
class Caller:
    """A session of a role."""

    account: Account
    role: str
    credentials: dict[str, str]

    def client(self, service: str) -> Any:
        return self.account._client(
            service,
            aws_access_key_id=self.credentials["AccessKeyId"],
            aws_secret_access_key=self.credentials["SecretAccessKey"],
            aws_session_token=self.credentials["SessionToken"],
        )


def allow(actions: str | list[str], resources: str | list[str] = "*", **condition: Any) -> Statement:
    statement: Statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    return {**statement, "Condition": condition} if condition else statement


def document(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def unique(stem: str) -> str:
    return f"{stem}-{uuid.uuid4().hex[:8]}"


def error(call: Any, **arguments: Any) -> tuple[str, str]:
    """Return code and message of the error that the call is answered with."""
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    answer = raised.value.response["Error"]
    return str(answer["Code"]), str(answer["Message"])


def _principal(principals: tuple[str, ...]) -> dict[str, list[str]]:
    arns = [name for name in principals if name.startswith("arn:")]
    services = [name for name in principals if not name.startswith("arn:")]
    return {kind: names for kind, names in (("AWS", arns), ("Service", services)) if names}
