"""Log destinations: targets of cross-account subscriptions, and their access policies."""

import json
import re
from dataclasses import dataclass
from typing import Any

from ops.aws.calls import translated
from ops.aws.cloud import Cloud
from ops.aws.logs.groups import client_of

SUBSCRIBE = "logs:PutSubscriptionFilter"


@dataclass(frozen=True)
class Destination:
    """A log destination; `policy` is its access policy, or empty, and `target` the ARN of its stream."""

    arn: str
    policy: dict[str, Any]
    target: str = ""

    def may_subscribe(self, account: str) -> bool:
        """Whether the access policy allows the account. Conditions on an organization count as met."""
        return any(_allows(statement, account) for statement in _listed(self.policy.get("Statement", [])))


def read_destination(cloud: Cloud, arn: str) -> Destination | None:
    """Read the destination from its own account, or return None if it does not exist.

    Raises NotFound for an account that is not configured.
    """
    _, _, _, region, account, _, name = arn.split(":", 6)
    place = cloud.place(account, region)
    pages = client_of(cloud, place).get_paginator("describe_destinations")
    with translated(f"Reading the log destination {name} of {place.account.name}"):
        for page in pages.paginate(DestinationNamePrefix=name):
            for destination in page["destinations"]:
                if destination["arn"] == arn:
                    policy = json.loads(destination.get("accessPolicy") or "{}")
                    return Destination(arn, policy, destination.get("targetArn", ""))
    return None


def _allows(statement: dict[str, Any], account: str) -> bool:
    if statement.get("Effect") != "Allow" or SUBSCRIBE not in _listed(statement.get("Action", [])):
        return False
    principal = statement.get("Principal", {})
    named = [
        str(name) for name in _listed(principal.get("AWS", []) if isinstance(principal, dict) else principal)
    ]
    of_account = re.compile(rf"\*|{account}|arn:[a-z-]+:iam::{account}:.+")
    return any(of_account.fullmatch(name) for name in named)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
