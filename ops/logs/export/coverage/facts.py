"""What decides on all log groups of a place at once: stacks, account policy, tags, refusals, destinations."""

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

EXPORT_TAG, OPTED_OUT = "slipway:export", "no"  # on a group that was unsubscribed by hand
RESOURCE_TYPE = "logs:log-group"


@dataclass(frozen=True)
class CoverageFacts:
    """Read before the groups are asked one by one. `barriers` are what keeps a stack's groups from its
    destination, by the stack's id; `notes` what could not be told."""

    exports: tuple[Export, ...] = ()
    policy: AccountPolicy | SlipwayError | None = None
    opted_out: frozenset[str] = frozenset()
    subscribe_errors: Mapping[str, str] = field(default_factory=dict)
    destination_errors: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def export_of(self, group: str) -> Export:
        """The stack that wants the group, else the first one."""
        return next((export for export in self.exports if export.rules.includes(group)), self.exports[0])

    def covering_policy(self, group: LogGroup) -> AccountPolicy | None:
        """The policy that exports the group: ours exactly, by its name and by where it leads."""
        policy = self.policy
        if not self.exports or not isinstance(policy, AccountPolicy) or group.log_class != STANDARD:
            return None
        rules = self.export_of(group.name).rules
        ours = (policy.name, policy.destination) == (rules.filter, rules.destination)
        return policy if ours and policy.covers(group.name) else None


def read_facts(cloud: Cloud, place: Place, now: datetime) -> CoverageFacts:
    """Raises where the stacks cannot be listed; what else cannot be read is noted."""
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
        notes.append(f"groups that were unsubscribed by hand are not told from others: {error}")
    refusals: dict[str, str] = {}
    for export in exports:
        try:
            refusals |= read_subscribe_errors(cloud, place, export.stack.name, now)
        except SlipwayError as error:
            notes.append(f"what the subscriber of {export.stack.name} says is not known: {error}")
    barriers = {export.stack.id: _destination_error(cloud, export, notes) for export in exports}
    prefixed = tuple(f"{place.account.name}, {place.region}: {note}" for note in notes)
    return CoverageFacts(exports, policy, left_out, refusals, barriers, prefixed)


def find_opted_out(cloud: Cloud, place: Place) -> frozenset[str]:
    """Names of the groups that were unsubscribed by hand."""
    return frozenset(map(group_name, find_tagged(cloud, place, RESOURCE_TYPE, EXPORT_TAG, OPTED_OUT)))


def _destination_error(cloud: Cloud, export: Export, notes: list[str]) -> str:
    """What keeps every group from the stack's destination; empty for nothing."""
    destination, account = export.rules.destination, export.place.account.id
    if not destination:
        return f"the stack {export.stack.name} has no destination: it is {export.stack.status}"
    try:
        log_destination = read_destination(cloud, destination)
    except NotFound:  # in an account that is not configured: the subscriber's log says what it answers
        return ""
    except SlipwayError as error:
        notes.append(f"whether {destination} lets this account in is not known: {error}")
        return ""
    if log_destination is None:
        return f"the destination {destination} does not exist any more: update the central stack"
    if not log_destination.may_subscribe(account):
        return (
            f"the policy of {destination} does not name this account: add {account} to AllowedAccounts "
            "of the stack that has it"
        )
    return ""
