"""The account-level subscription filter policy, which covers every log group that it does not exclude."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ops.aws.calls import translated
from ops.aws.cloud import Cloud, Place
from ops.aws.logs.groups import client_of, to_datetime
from ops.errors import InputError, NotFound

POLICY_TYPE = "SUBSCRIPTION_FILTER_POLICY"
MAXIMUM_SELECTION = 25_600  # bytes of selectionCriteria: API Reference, PutAccountPolicy
_EXCLUDED = re.compile(r"LogGroupName\s+NOT\s+IN\s+(\[.*\])", re.DOTALL)


@dataclass(frozen=True)
class AccountPolicy:
    """A policy. `since` is its last update: AWS does not return the time of its creation."""

    name: str
    destination: str
    excluded: frozenset[str]
    since: datetime

    def covers(self, group: str) -> bool:
        return group not in self.excluded


def exclude_groups(cloud: Cloud, place: Place, name: str, excluded: Iterable[str]) -> None:
    """Set the log groups that the policy excludes. Raises NotFound, InputError."""
    client: Any = client_of(cloud, place)
    names = sorted(excluded)
    selection = f"LogGroupName NOT IN {json.dumps(names)}" if names else ""
    if len(selection.encode()) > MAXIMUM_SELECTION:
        raise InputError(
            f"An account policy cannot exclude {len(names):,} log groups.",
            field="groups",
            hint="Set the export's parameter SubscribeBy to group, or exclude fewer groups.",
        )
    with translated(f"Updating the subscription policy of {place.account.name} in {place.region}"):
        policies = client.describe_account_policies(policyType=POLICY_TYPE, policyName=name)[
            "accountPolicies"
        ]
        if not policies:
            raise NotFound(
                f"{place.account.name} has no subscription policy {name} in {place.region}.",
                hint="Update the export's stack there: its subscriber function creates the policy.",
            )
        client.put_account_policy(
            policyName=name,
            policyType=POLICY_TYPE,
            policyDocument=policies[0]["policyDocument"],
            scope="ALL",
            **({"selectionCriteria": selection} if selection else {}),
        )


def read_policy(cloud: Cloud, place: Place) -> AccountPolicy | None:
    """Return the policy of the account and region, or None."""
    client: Any = client_of(cloud, place)
    with translated(f"Reading the subscription policy of {place.account.name} in {place.region}"):
        policies = client.describe_account_policies(policyType=POLICY_TYPE)["accountPolicies"]
    for policy in policies:
        match = _EXCLUDED.fullmatch(policy.get("selectionCriteria", "").strip())
        return AccountPolicy(
            name=policy["policyName"],
            destination=json.loads(policy["policyDocument"])["DestinationArn"],
            excluded=frozenset(json.loads(match[1]) if match else ()),
            since=to_datetime(policy["lastUpdatedTime"]),
        )
    return None
