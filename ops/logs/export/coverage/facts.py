"""What applies to all log groups of an account and region: stacks, account policy, tags, and errors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ops.aws.cloud import Cloud, Place
from ops.aws.logs import account_policies
from ops.aws.logs.account_policies import AccountPolicy
from ops.aws.logs.destinations import read_destination
from ops.aws.logs.groups import STANDARD, LogGroup, group_name
from ops.aws.tagged import find_tagged
from ops.errors import NotFound, SlipwayError
from ops.logs.export.coverage.subscriber_log import read_subscribe_errors
from ops.logs.export.installed import Export, find_exports

EXPORT_TAG, OPTED_OUT = "slipway:export", "no"  # the tag of a log group that was unsubscribed manually
RESOURCE_TYPE = "logs:log-group"


@dataclass(frozen=True)
class CoverageFacts:
    """Read once, before the subscription filters of each log group.

    `destination_errors` are, by stack ID, why its destination cannot be subscribed to; `subscribe_errors`
    are the subscriber's errors by log group; `notes` list what could not be read.
    """

    exports: tuple[Export, ...] = ()
    policy: AccountPolicy | SlipwayError | None = None
    opted_out: frozenset[str] = frozenset()
    subscribe_errors: Mapping[str, str] = field(default_factory=dict)
    destination_errors: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def export_of(self, group: str) -> Export:
        """Return the stack that includes the group, else the first one."""
        return next((export for export in self.exports if export.rules.includes(group)), self.exports[0])

    def covering_policy(self, group: LogGroup) -> AccountPolicy | None:
        """Return the account policy that exports the group: one with the export's name and destination."""
        policy = self.policy
        if not self.exports or not isinstance(policy, AccountPolicy) or group.log_class != STANDARD:
            return None
        rules = self.export_of(group.name).rules
        ours = (policy.name, policy.destination) == (rules.filter, rules.destination)
        return policy if ours and policy.covers(group.name) else None


def read_facts(cloud: Cloud, place: Place, now: datetime) -> CoverageFacts:
    """Read the facts. Raises if the stacks cannot be listed; other errors are notes."""
    exports = find_exports(cloud, place)
    if not exports:
        return CoverageFacts()
    notes: list[str] = []
    policy: AccountPolicy | SlipwayError | None
    try:
        policy = account_policies.read_policy(cloud, place)
    except SlipwayError as error:
        policy = error
    left_out: frozenset[str] = frozenset()
    try:
        left_out = find_opted_out(cloud, place)
    except SlipwayError as error:
        notes.append(f"cannot read which log groups were unsubscribed manually: {error}")
    refusals: dict[str, str] = {}
    for export in exports:
        try:
            refusals |= read_subscribe_errors(cloud, place, export.stack.name, now)
        except SlipwayError as error:
            notes.append(f"cannot read the log of the subscriber of {export.stack.name}: {error}")
    barriers = {export.stack.id: _destination_error(cloud, export, notes) for export in exports}
    prefixed = tuple(f"{place.account.name}, {place.region}: {note}" for note in notes)
    return CoverageFacts(exports, policy, left_out, refusals, barriers, prefixed)


def find_opted_out(cloud: Cloud, place: Place) -> frozenset[str]:
    """Return the names of log groups that were unsubscribed manually."""
    return frozenset(map(group_name, find_tagged(cloud, place, RESOURCE_TYPE, EXPORT_TAG, OPTED_OUT)))


def _destination_error(cloud: Cloud, export: Export, notes: list[str]) -> str:
    """Return why no log group can be subscribed to the stack's destination; empty if they can."""
    destination, account = export.rules.destination, export.place.account.id
    if not destination:
        return f"the stack {export.stack.name} has no destination: its status is {export.stack.status}"
    try:
        log_destination = read_destination(cloud, destination)
    except NotFound:  # in an account that is not configured: the subscriber's log has the errors
        return ""
    except SlipwayError as error:
        notes.append(f"cannot read whether {destination} allows this account: {error}")
        return ""
    if log_destination is None:
        return f"the destination {destination} no longer exists: update the central stack"
    if not log_destination.may_subscribe(account):
        return (
            f"the access policy of {destination} does not allow this account: add {account} to "
            "AllowedAccounts of its stack"
        )
    return ""
