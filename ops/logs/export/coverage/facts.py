"""What decides on all log groups of a place at once: stacks, account policy, tags, refusals, destinations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ops.aws.cloud import Cloud, Place
from ops.aws.logs import account_policies
from ops.aws.logs.account_policies import AccountPolicy
from ops.aws.logs.destinations import read_destination
from ops.aws.logs.groups import STANDARD, LogGroup, name_of
from ops.aws.tagged import find_tagged
from ops.errors import NotFound, SlipwayError
from ops.logs.export.coverage.subscriber_log import read_refusals
from ops.logs.export.installed import Export, find_exports

EXPORT_TAG, LEFT_OUT = "slipway:export", "no"  # on a group that was unsubscribed by hand
KIND = "logs:log-group"


@dataclass(frozen=True)
class Facts:
    """Read before the groups are asked one by one. `barriers` are what keeps a stack's groups from its
    destination, by the stack's id; `notes` what could not be told."""

    exports: tuple[Export, ...] = ()
    policy: AccountPolicy | SlipwayError | None = None
    left_out: frozenset[str] = frozenset()
    refusals: Mapping[str, str] = field(default_factory=dict)
    barriers: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def export_of(self, group: str) -> Export:
        """The stack that wants the group, else the first one."""
        return next((each for each in self.exports if each.rules.wants(group)), self.exports[0])

    def policy_over(self, group: LogGroup) -> AccountPolicy | None:
        """The policy that exports the group: ours exactly, by its name and by where it leads."""
        policy = self.policy
        if not self.exports or not isinstance(policy, AccountPolicy) or group.log_class != STANDARD:
            return None
        rules = self.export_of(group.name).rules
        ours = (policy.name, policy.destination) == (rules.filter, rules.destination)
        return policy if ours and policy.covers(group.name) else None


def read_facts(cloud: Cloud, place: Place, now: datetime) -> Facts:
    """Raises where the stacks cannot be listed; what else cannot be read is noted."""
    exports = find_exports(cloud, place)
    if not exports:
        return Facts()
    notes: list[str] = []
    policy: AccountPolicy | SlipwayError | None
    try:
        policy = account_policies.read_policy(cloud, place)
    except SlipwayError as error:
        policy = error
    left_out: frozenset[str] = frozenset()
    try:
        left_out = find_left_out(cloud, place)
    except SlipwayError as error:
        notes.append(f"groups that were unsubscribed by hand are not told from others: {error}")
    refusals: dict[str, str] = {}
    for export in exports:
        try:
            refusals |= read_refusals(cloud, place, export.stack.name, now)
        except SlipwayError as error:
            notes.append(f"what the subscriber of {export.stack.name} says is not known: {error}")
    barriers = {export.stack.id: _barrier(cloud, export, notes) for export in exports}
    said = tuple(f"{place.account.name}, {place.region}: {note}" for note in notes)
    return Facts(exports, policy, left_out, refusals, barriers, said)


def find_left_out(cloud: Cloud, place: Place) -> frozenset[str]:
    """Names of the groups that were unsubscribed by hand."""
    return frozenset(map(name_of, find_tagged(cloud, place, KIND, EXPORT_TAG, LEFT_OUT)))


def _barrier(cloud: Cloud, export: Export, notes: list[str]) -> str:
    """What keeps every group from the stack's destination; empty for nothing."""
    destination, account = export.rules.destination, export.place.account.id
    if not destination:
        return f"the stack {export.stack.name} has no destination: it is {export.stack.status}"
    try:
        found = read_destination(cloud, destination)
    except NotFound:  # in an account that is not configured: the subscriber's log says what it answers
        return ""
    except SlipwayError as error:
        notes.append(f"whether {destination} lets this account in is not known: {error}")
        return ""
    if found is None:
        return f"the destination {destination} does not exist any more: update the central stack"
    if not found.may_subscribe(account):
        return (
            f"the policy of {destination} does not name this account: add {account} to AllowedAccounts "
            "of the stack that has it"
        )
    return ""
