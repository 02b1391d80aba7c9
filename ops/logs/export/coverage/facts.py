"""What applies to all log groups of an account and region: stacks, account policy, tags, and errors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ops.aws.cloud import Cloud, Place
from ops.aws.kinesis import stream_exists
from ops.aws.logs import account_policies
from ops.aws.logs.account_policies import AccountPolicy
from ops.aws.logs.destinations import Destination, read_destination
from ops.aws.logs.groups import STANDARD, LogGroup, group_name
from ops.aws.tagged import find_tagged
from ops.errors import NotFound, SlipwayError
from ops.logs.export.coverage.subscriber_log import read_subscribe_errors
from ops.logs.export.installed import Export, find_exports

EXPORT_TAG, OPTED_OUT = "slipway:export", "no"  # the tag of a log group that was unsubscribed manually
RESOURCE_TYPE = "logs:log-group"
REPAIR = "deploy the export again, then subscribe the log groups"


@dataclass(frozen=True)
class CoverageFacts:
    """Read once, before the subscription filters of each log group.

    By stack ID, `lost` says why nothing arrives that is sent to its destination, and `destination_errors` why
    no further log group can be subscribed to it. `subscribe_errors` are the subscriber's errors by log group;
    `notes` list what could not be read.
    """

    exports: tuple[Export, ...] = ()
    policy: AccountPolicy | SlipwayError | None = None
    opted_out: frozenset[str] = frozenset()
    subscribe_errors: Mapping[str, str] = field(default_factory=dict)
    destination_errors: Mapping[str, str] = field(default_factory=dict)
    lost: Mapping[str, str] = field(default_factory=dict)
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
    destinations = {export.stack.id: _read_destination(cloud, export) for export in exports}
    notes += [found.note for found in destinations.values() if found.note]
    return CoverageFacts(
        exports,
        policy,
        left_out,
        refusals,
        {id_: found.refused or found.lost for id_, found in destinations.items()},
        {id_: found.lost for id_, found in destinations.items()},
        tuple(f"{place.account.name}, {place.region}: {note}" for note in notes),
    )


def find_opted_out(cloud: Cloud, place: Place) -> frozenset[str]:
    """Return the names of log groups that were unsubscribed manually."""
    return frozenset(map(group_name, find_tagged(cloud, place, RESOURCE_TYPE, EXPORT_TAG, OPTED_OUT)))


@dataclass(frozen=True)
class _DestinationFacts:
    """Why nothing arrives at a destination, and why nothing further can be subscribed; empty if not so.

    `note` says what could not be read.
    """

    lost: str = ""
    refused: str = ""
    note: str = ""


def _read_destination(cloud: Cloud, export: Export) -> _DestinationFacts:
    destination, account = export.rules.destination, export.place.account.id
    if not destination:
        return _DestinationFacts(
            refused=f"the stack {export.stack.name} has no destination: its status is {export.stack.status}"
        )
    try:
        log_destination = read_destination(cloud, destination)
        if log_destination is None:
            return _DestinationFacts(f"the destination {destination} no longer exists: {REPAIR}")
        if not _has_stream(cloud, log_destination):
            return _DestinationFacts(
                f"the stream {log_destination.target} of the destination no longer exists: {REPAIR}"
            )
    except NotFound:  # in an account that is not configured: the subscriber's log has the errors
        return _DestinationFacts()
    except SlipwayError as error:
        return _DestinationFacts(note=f"cannot read whether {destination} receives events: {error}")
    if log_destination.may_subscribe(account):
        return _DestinationFacts()
    return _DestinationFacts(
        refused=f"the access policy of {destination} does not allow this account: add {account} to "
        "AllowedAccounts of its stack"
    )


def _has_stream(cloud: Cloud, destination: Destination) -> bool:
    """Whether the destination's stream exists, as far as its account is configured."""
    if ":kinesis:" not in destination.target:
        return True
    try:
        return stream_exists(cloud, destination.target)
    except NotFound:
        return True
