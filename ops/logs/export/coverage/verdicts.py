"""Whether a log group is exported, and why not: derives its state and reason. Pure."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from ops.aws.logs.account_policies import AccountPolicy
from ops.aws.logs.groups import MAX_FILTERS, STANDARD, LogGroup, SubscriptionFilter
from ops.errors import SlipwayError
from ops.logs.export.coverage.facts import EXPORT_TAG, OPTED_OUT, CoverageFacts
from ops.logs.export.installed import Export

PENDING_PERIOD = timedelta(hours=1)  # the default schedule of the subscriber


class CoverageState(StrEnum):
    """The state of a log group's export."""

    SUBSCRIBED = "subscribed"
    PENDING = "pending"
    NOT_SUBSCRIBED = "not subscribed"
    FILTER_LIMIT = "filter limit reached"
    BLOCKED = "blocked"
    NOT_DELIVERED = "not delivered"  # subscribed, but nothing arrives
    NOT_READ = "not read"
    EXCLUDED = "excluded"
    UNSUBSCRIBED = "unsubscribed"
    EXPORT_LOGS = "export logs"
    UNSUPPORTED = "unsupported log class"
    NO_EXPORT = "no export"


GAPS = (
    CoverageState.NOT_SUBSCRIBED,
    CoverageState.FILTER_LIMIT,
    CoverageState.BLOCKED,
    CoverageState.NOT_DELIVERED,
)  # included by the export, but not exported
INCLUDED = (CoverageState.SUBSCRIBED, CoverageState.PENDING, *GAPS, CoverageState.NOT_READ)


@dataclass(frozen=True)
class GroupCoverage:
    """The coverage of a log group: `exported_by` a filter or policy, decided by the stack `export`."""

    group: LogGroup
    state: CoverageState
    reason: str = ""
    exported_by: str = ""
    since: datetime | None = None
    export: Export | None = field(default=None, repr=False)
    bytes_per_day: float | None = None
    ingested_hours: tuple[datetime, ...] | None = (
        None  # of the last day, in which events came in; None: not read
    )


Filters = list[SubscriptionFilter] | SlipwayError | None  # of a log group; None if they were not read


def needs_filters(facts: CoverageFacts, group: LogGroup) -> bool:
    """Whether the subscription filters of the group must be read, which takes a call."""
    return bool(facts.exports) and group.log_class == STANDARD and facts.covering_policy(group) is None


def judge_group(
    facts: CoverageFacts, group: LogGroup, filters: Filters, now: datetime, bytes_a_day: float | None = None
) -> GroupCoverage:
    if not facts.exports:
        reason = "the export is not deployed in this account and region"
        return GroupCoverage(group, CoverageState.NO_EXPORT, reason, bytes_per_day=bytes_a_day)
    export = facts.export_of(group.name)
    exported_by, since = _exporting(facts, group, filters, export)
    if exported_by and (lost := facts.lost.get(export.stack.id)):
        state, reason = CoverageState.NOT_DELIVERED, lost
    elif exported_by:
        state, reason = CoverageState.SUBSCRIBED, ""
    else:
        state, reason = _why_not(facts, group, filters, export, now)
    return GroupCoverage(group, state, reason, exported_by, since, export, bytes_a_day)


def _exporting(
    facts: CoverageFacts, group: LogGroup, filters: Filters, export: Export
) -> tuple[str, datetime | None]:
    """Return the filter or policy that exports the group, and since when; empty if none does."""
    if policy := facts.covering_policy(group):
        return f"account policy {policy.name}", max(group.created, policy.since)
    rules = export.rules
    for subscription in filters if isinstance(filters, list) else []:
        if (subscription.name, subscription.destination) == (rules.filter, rules.destination):
            return f"filter {subscription.name}", subscription.since
    return "", None


def _why_not(
    facts: CoverageFacts, group: LogGroup, filters: Filters, export: Export, now: datetime
) -> tuple[CoverageState, str]:
    if group.log_class != STANDARD:
        name = group.log_class.replace("_", " ").title()
        return CoverageState.UNSUPPORTED, f"the log class {name} does not support subscription filters"
    if export.rules.is_own(group.name):
        return CoverageState.EXPORT_LOGS, "exporting the logs of the export would be an endless loop"
    if group.name in facts.opted_out:
        return (
            CoverageState.UNSUBSCRIBED,
            f"unsubscribed manually: it has the tag {EXPORT_TAG} = {OPTED_OUT}",
        )
    if reason := export.rules.exclusion_reason(group.name):
        return CoverageState.EXCLUDED, reason
    if isinstance(filters, SlipwayError):
        return CoverageState.NOT_READ, str(filters)
    if error := facts.destination_errors.get(export.stack.id):
        return CoverageState.BLOCKED, error
    if export.rules.by_account:
        return _without_policy(facts, export)
    return _without_filter(facts, group, filters or [], export, now)


def _without_policy(facts: CoverageFacts, export: Export) -> tuple[CoverageState, str]:
    policy, name = facts.policy, export.rules.filter
    if isinstance(policy, SlipwayError):
        return CoverageState.NOT_READ, f"cannot read the account policy: {policy}"
    if not isinstance(policy, AccountPolicy):
        return CoverageState.NOT_SUBSCRIBED, f"the account policy {name} does not exist"
    if policy.name != name:
        return CoverageState.BLOCKED, f"the account already has the policy {policy.name}, and AWS allows one"
    if policy.destination != export.rules.destination:
        return CoverageState.NOT_SUBSCRIBED, f"the account policy {name} sends to {policy.destination}"
    return CoverageState.NOT_SUBSCRIBED, f"the account policy {name} excludes it"


def _without_filter(
    facts: CoverageFacts, group: LogGroup, filters: list[SubscriptionFilter], export: Export, now: datetime
) -> tuple[CoverageState, str]:
    name = export.rules.filter
    own_filter = next((subscription for subscription in filters if subscription.name == name), None)
    if own_filter is None and len(filters) >= MAX_FILTERS:
        names = ", ".join(subscription.name for subscription in filters)
        return (
            CoverageState.FILTER_LIMIT,
            f"it already has two other subscription filters, the CloudWatch Logs limit: {names}",
        )
    if error := facts.subscribe_errors.get(group.name):
        return CoverageState.BLOCKED, f"the subscriber failed: {error}"
    if own_filter:
        return CoverageState.NOT_SUBSCRIBED, f"its filter {name} sends to {own_filter.destination}"
    if now - group.created < PENDING_PERIOD:
        return CoverageState.PENDING, f"created recently; next check by the subscriber: {export.schedule}"
    return (
        CoverageState.NOT_SUBSCRIBED,
        f"not processed by the subscriber yet; next check: {export.schedule}",
    )
