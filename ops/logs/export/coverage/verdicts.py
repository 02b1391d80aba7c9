"""Whether a log group is exported, and why not. Pure: from what was read to a word and a reason."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from ops.aws.logs.account_policies import AccountPolicy
from ops.aws.logs.groups import FILTERS, STANDARD, LogGroup, Subscription
from ops.errors import SlipwayError
from ops.logs.export.coverage.facts import EXPORT_TAG, LEFT_OUT, Facts
from ops.logs.export.installed import Export

NEW = timedelta(hours=1)  # the subscriber's schedule, unless another one was chosen


class State(StrEnum):
    """How it is with a log group's export, in a word."""

    SUBSCRIBED = "subscribed"
    NEW = "new"
    MISSING = "not subscribed"
    FULL = "no free filter"
    REFUSED = "refused"
    UNREADABLE = "unreadable"
    EXCLUDED = "excluded"
    LEFT_OUT = "unsubscribed"
    OWN = "the export's own"
    UNSUPPORTED = "class without subscriptions"
    NO_EXPORT = "no export here"


GAPS = (State.MISSING, State.FULL, State.REFUSED)  # wanted, and not exported
WANTED = (State.SUBSCRIBED, State.NEW, *GAPS, State.UNREADABLE)


@dataclass(frozen=True)
class Covered:
    """One log group. `by` names the filter or policy that exports it, `export` the stack that decides."""

    group: LogGroup
    state: State
    reason: str = ""
    by: str = ""
    since: datetime | None = None
    export: Export | None = field(default=None, repr=False)
    bytes_a_day: float | None = None


Filters = list[Subscription] | SlipwayError | None  # of a group; None where they were not asked for


def needs_filters(facts: Facts, group: LogGroup) -> bool:
    """Whether the group's filters have to be asked for: a call of its own."""
    return bool(facts.exports) and group.log_class == STANDARD and facts.policy_over(group) is None


def judge(
    facts: Facts, group: LogGroup, filters: Filters, now: datetime, bytes_a_day: float | None = None
) -> Covered:
    if not facts.exports:
        reason = "no stack of the export is deployed in this account and region"
        return Covered(group, State.NO_EXPORT, reason, bytes_a_day=bytes_a_day)
    export = facts.export_of(group.name)
    by, since = _exporting(facts, group, filters, export)
    state, reason = (State.SUBSCRIBED, "") if by else _why_not(facts, group, filters, export, now)
    return Covered(group, state, reason, by, since, export, bytes_a_day)


def _exporting(
    facts: Facts, group: LogGroup, filters: Filters, export: Export
) -> tuple[str, datetime | None]:
    """What exports the group, and since when; empty for nothing."""
    if policy := facts.policy_over(group):
        return f"account policy {policy.name}", max(group.created, policy.since)
    rules = export.rules
    for each in filters if isinstance(filters, list) else []:
        if (each.name, each.destination) == (rules.filter, rules.destination):
            return f"filter {each.name}", each.since
    return "", None


def _why_not(
    facts: Facts, group: LogGroup, filters: Filters, export: Export, now: datetime
) -> tuple[State, str]:
    if group.log_class != STANDARD:
        name = group.log_class.replace("_", " ").title()
        return State.UNSUPPORTED, f"the class {name} takes no subscription"
    if export.rules.is_own(group.name):
        return State.OWN, "exporting the export's own logs would never end"
    if group.name in facts.left_out:
        return State.LEFT_OUT, f"unsubscribed by hand: it bears the tag {EXPORT_TAG} = {LEFT_OUT}"
    if objection := export.rules.objection(group.name):
        return State.EXCLUDED, objection
    if isinstance(filters, SlipwayError):
        return State.UNREADABLE, str(filters)
    if barrier := facts.barriers.get(export.stack.id):
        return State.REFUSED, barrier
    if export.rules.by_account:
        return _without_policy(facts, export)
    return _without_filter(facts, group, filters or [], export, now)


def _without_policy(facts: Facts, export: Export) -> tuple[State, str]:
    policy, name = facts.policy, export.rules.filter
    if isinstance(policy, SlipwayError):
        return State.UNREADABLE, f"the account's policy cannot be read: {policy}"
    if not isinstance(policy, AccountPolicy):
        return State.MISSING, f"the account's policy {name} is missing"
    if policy.name != name:
        return State.REFUSED, f"the account has another policy, {policy.name}, and AWS allows one"
    if policy.destination != export.rules.destination:
        return State.MISSING, f"the account's policy {name} leads to {policy.destination}"
    return State.MISSING, f"the account's policy {name} leaves it out"


def _without_filter(
    facts: Facts, group: LogGroup, filters: list[Subscription], export: Export, now: datetime
) -> tuple[State, str]:
    name = export.rules.filter
    own = next((each for each in filters if each.name == name), None)
    if own is None and len(filters) >= FILTERS:
        others = ", ".join(each.name for each in filters)
        return State.FULL, f"it has two filters of others, which is CloudWatch's limit: {others}"
    if refusal := facts.refusals.get(group.name):
        return State.REFUSED, f"the subscriber was refused: {refusal}"
    if own:
        return State.MISSING, f"its filter {name} leads to {own.destination}"
    if now - group.created < NEW:
        return State.NEW, f"just made; the subscriber looks again: {export.schedule}"
    return State.MISSING, f"the subscriber has not come to it; it looks again: {export.schedule}"
