"""The account-level subscription policy, which covers every log group that it does not name."""

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
MAXIMUM_SELECTION = 25_600  # bytes: API Reference, PutAccountPolicy
_EXCLUDED = re.compile(r"LogGroupName\s+NOT\s+IN\s+(\[.*\])", re.DOTALL)


@dataclass(frozen=True)
class AccountPolicy:
    """A policy. `since` is when it was last written: AWS does not tell when it was made."""

    name: str
    destination: str
    excluded: frozenset[str]
    since: datetime

    def covers(self, group: str) -> bool:
        return group not in self.excluded


def exclude_groups(cloud: Cloud, place: Place, name: str, excluded: Iterable[str]) -> None:
    """Makes the policy of that name leave out just these groups. Raises NotFound, InputError."""
    client: Any = client_of(cloud, place)
    names = sorted(excluded)
    selection = f"LogGroupName NOT IN {json.dumps(names)}" if names else ""
    if len(selection.encode()) > MAXIMUM_SELECTION:
        raise InputError(
            f"{len(names):,} log groups are more than an account policy can leave out.",
            field="groups",
            hint="Let the export subscribe by group (SubscribeBy), or leave out fewer.",
        )
    with translated(f"Changing the subscription policy of {place.account.name} in {place.region}"):
        policies = client.describe_account_policies(policyType=POLICY_TYPE, policyName=name)[
            "accountPolicies"
        ]
        if not policies:
            raise NotFound(
                f"{place.account.name} has no subscription policy {name} in {place.region}.",
                hint="Update the export's stack there: its subscriber makes the policy.",
            )
        client.put_account_policy(
            policyName=name,
            policyType=POLICY_TYPE,
            policyDocument=policies[0]["policyDocument"],
            scope="ALL",
            **({"selectionCriteria": selection} if selection else {}),
        )


def read_policy(cloud: Cloud, place: Place) -> AccountPolicy | None:
    """The policy of the account and region; None where there is none."""
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
