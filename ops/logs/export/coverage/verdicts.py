"""Whether a log group is exported, and why not. Pure: from what was read to a word and a reason."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from ops.aws.logs.account_policies import AccountPolicy
from ops.aws.logs.groups import MAX_FILTERS, STANDARD, LogGroup, SubscriptionFilter
from ops.errors import SlipwayError
from ops.logs.export.coverage.facts import EXPORT_TAG, OPTED_OUT, CoverageFacts
from ops.logs.export.installed import Export

PENDING_PERIOD = timedelta(hours=1)  # the subscriber's schedule, unless another one was chosen


class CoverageState(StrEnum):
    """How it is with a log group's export, in a word."""

    SUBSCRIBED = "subscribed"
    PENDING = "new"
    NOT_SUBSCRIBED = "not subscribed"
    FILTER_LIMIT = "no free filter"
    BLOCKED = "refused"
    NOT_READ = "unreadable"
    EXCLUDED = "excluded"
    UNSUBSCRIBED = "unsubscribed"
    EXPORT_LOGS = "the export's own"
    UNSUPPORTED = "class without subscriptions"
    NO_EXPORT = "no export here"


GAPS = (
    CoverageState.NOT_SUBSCRIBED,
    CoverageState.FILTER_LIMIT,
    CoverageState.BLOCKED,
)  # wanted, and not exported
WANTED = (CoverageState.SUBSCRIBED, CoverageState.PENDING, *GAPS, CoverageState.NOT_READ)


@dataclass(frozen=True)
class GroupCoverage:
    """One log group. `by` names the filter or policy that exports it, `export` the stack that decides."""

    group: LogGroup
    state: CoverageState
    reason: str = ""
    exported_by: str = ""
    since: datetime | None = None
    export: Export | None = field(default=None, repr=False)
    bytes_per_day: float | None = None


Filters = list[SubscriptionFilter] | SlipwayError | None  # of a group; None where they were not asked for


def needs_filters(facts: CoverageFacts, group: LogGroup) -> bool:
    """Whether the group's filters have to be asked for: a call of its own."""
    return bool(facts.exports) and group.log_class == STANDARD and facts.covering_policy(group) is None


def judge_group(
    facts: CoverageFacts, group: LogGroup, filters: Filters, now: datetime, bytes_a_day: float | None = None
) -> GroupCoverage:
    if not facts.exports:
        reason = "no stack of the export is deployed in this account and region"
        return GroupCoverage(group, CoverageState.NO_EXPORT, reason, bytes_per_day=bytes_a_day)
    export = facts.export_of(group.name)
    exported_by, since = _exporting(facts, group, filters, export)
    state, reason = (
        (CoverageState.SUBSCRIBED, "") if exported_by else _why_not(facts, group, filters, export, now)
    )
    return GroupCoverage(group, state, reason, exported_by, since, export, bytes_a_day)


def _exporting(
    facts: CoverageFacts, group: LogGroup, filters: Filters, export: Export
) -> tuple[str, datetime | None]:
    """What exports the group, and since when; empty for nothing."""
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
        return CoverageState.UNSUPPORTED, f"the class {name} takes no subscription"
    if export.rules.is_own(group.name):
        return CoverageState.EXPORT_LOGS, "exporting the export's own logs would never end"
    if group.name in facts.opted_out:
        return (
            CoverageState.UNSUBSCRIBED,
            f"unsubscribed by hand: it bears the tag {EXPORT_TAG} = {OPTED_OUT}",
        )
    if objection := export.rules.exclusion_reason(group.name):
        return CoverageState.EXCLUDED, objection
    if isinstance(filters, SlipwayError):
        return CoverageState.NOT_READ, str(filters)
    if barrier := facts.destination_errors.get(export.stack.id):
        return CoverageState.BLOCKED, barrier
    if export.rules.by_account:
        return _without_policy(facts, export)
    return _without_filter(facts, group, filters or [], export, now)


def _without_policy(facts: CoverageFacts, export: Export) -> tuple[CoverageState, str]:
    policy, name = facts.policy, export.rules.filter
    if isinstance(policy, SlipwayError):
        return CoverageState.NOT_READ, f"the account's policy cannot be read: {policy}"
    if not isinstance(policy, AccountPolicy):
        return CoverageState.NOT_SUBSCRIBED, f"the account's policy {name} is missing"
    if policy.name != name:
        return CoverageState.BLOCKED, f"the account has another policy, {policy.name}, and AWS allows one"
    if policy.destination != export.rules.destination:
        return CoverageState.NOT_SUBSCRIBED, f"the account's policy {name} leads to {policy.destination}"
    return CoverageState.NOT_SUBSCRIBED, f"the account's policy {name} leaves it out"


def _without_filter(
    facts: CoverageFacts, group: LogGroup, filters: list[SubscriptionFilter], export: Export, now: datetime
) -> tuple[CoverageState, str]:
    name = export.rules.filter
    own_filter = next((subscription for subscription in filters if subscription.name == name), None)
    if own_filter is None and len(filters) >= MAX_FILTERS:
        names = ", ".join(subscription.name for subscription in filters)
        return (
            CoverageState.FILTER_LIMIT,
            f"it has two filters of others, which is CloudWatch's limit: {names}",
        )
    if refusal := facts.subscribe_errors.get(group.name):
        return CoverageState.BLOCKED, f"the subscriber was refused: {refusal}"
    if own_filter:
        return CoverageState.NOT_SUBSCRIBED, f"its filter {name} leads to {own_filter.destination}"
    if now - group.created < PENDING_PERIOD:
        return CoverageState.PENDING, f"just made; the subscriber looks again: {export.schedule}"
    return (
        CoverageState.NOT_SUBSCRIBED,
        f"the subscriber has not come to it; it looks again: {export.schedule}",
    )
