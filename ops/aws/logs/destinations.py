"""Log destinations: where a region's subscriptions lead, and who may subscribe."""

import json
from dataclasses import dataclass
from typing import Any

from ops.aws.calls import translated
from ops.aws.cloud import Cloud, Place
from ops.aws.logs.groups import client_of

SUBSCRIBE = "logs:PutSubscriptionFilter"


@dataclass(frozen=True)
class Destination:
    """A destination; `policy` is its access policy, empty where it has none."""

    arn: str
    policy: dict[str, Any]

    def may_subscribe(self, account: str) -> bool:
        """Whether the policy speaks for the account. An organization's condition is taken to hold."""
        return any(_allows(statement, account) for statement in _listed(self.policy.get("Statement", [])))


def read_destination(cloud: Cloud, arn: str) -> Destination | None:
    """The destination, asked in its own account; None where there is none. Raises NotFound for an account
    that is not configured."""
    _, _, _, region, account, _, name = arn.split(":", 6)
    place = Place(cloud.account(account), region)
    pages = client_of(cloud, place).get_paginator("describe_destinations")
    with translated(f"Reading the log destination {name} of {place.account.name}"):
        for page in pages.paginate(DestinationNamePrefix=name):
            for destination in page["destinations"]:
                if destination["arn"] == arn:
                    return Destination(arn, json.loads(destination.get("accessPolicy") or "{}"))
    return None


def _allows(statement: dict[str, Any], account: str) -> bool:
    if statement.get("Effect") != "Allow" or SUBSCRIBE not in _listed(statement.get("Action", [])):
        return False
    principal = statement.get("Principal", {})
    named = [
        str(name) for name in _listed(principal.get("AWS", []) if isinstance(principal, dict) else principal)
    ]
    return any(
        name == "*" or name == account or name.startswith(f"arn:aws:iam::{account}:") for name in named
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
