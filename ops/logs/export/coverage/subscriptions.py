"""Subscribing and unsubscribing chosen log groups, as plans.

Unsubscribing marks the group with a tag, or the subscriber would subscribe it again with its next look.
"""

from collections import defaultdict
from collections.abc import Sequence

from ops.aws.cloud import Cloud
from ops.aws.logs import account_policies
from ops.aws.logs import groups as log_groups
from ops.aws.logs.groups import LogGroup
from ops.errors import InputError
from ops.logs.export.coverage.facts import EXPORT_TAG, OPTED_OUT, find_opted_out
from ops.logs.export.coverage.verdicts import CoverageState, GroupCoverage
from ops.logs.export.installed import Export
from ops.operations import Operation
from ops.plan import READY, Check, Plan, Readiness, Resource, Step

CAN_SUBSCRIBE = (
    CoverageState.PENDING,
    CoverageState.NOT_SUBSCRIBED,
    CoverageState.BLOCKED,
    CoverageState.UNSUBSCRIBED,
)
FILTER, POLICY = "AWS::Logs::SubscriptionFilter", "AWS::Logs::AccountPolicy"
READS = ("logs:DescribeSubscriptionFilters", "logs:ListTagsForResource")


def plan_subscribe(cloud: Cloud, entries: Sequence[GroupCoverage]) -> Plan:
    """Exports the chosen groups from now on. Raises InputError for one that cannot be subscribed."""
    _check_not_empty(entries)
    for entry in entries:
        if entry.state not in CAN_SUBSCRIBE:
            raise InputError(
                f"{entry.group.name} cannot be subscribed: {entry.reason or 'it is subscribed'}.",
                field="groups",
                hint=_remedy(entry),
            )
    steps = [
        step
        for export, groups in _by_export(entries)
        for step in (
            [_policy_step(cloud, export, groups, leave_out=False)]
            if export.rules.by_account
            else [_subscribe_step(cloud, export, entry) for entry in groups]
        )
    ]
    return Plan(f"Export {_count(entries)}", tuple(steps), Operation.SUBSCRIBE_GROUPS)


def plan_unsubscribe(cloud: Cloud, entries: Sequence[GroupCoverage]) -> Plan:
    """Ends the export of the chosen groups until they are subscribed by hand again."""
    _check_not_empty(entries)
    for entry in entries:
        if entry.state not in (CoverageState.SUBSCRIBED, CoverageState.PENDING, CoverageState.NOT_SUBSCRIBED):
            raise InputError(
                f"{entry.group.name} is not exported: {entry.reason}.",
                field="groups",
                hint="Choose groups that are.",
            )
    steps = [
        step
        for export, groups in _by_export(entries)
        for step in (
            [_policy_step(cloud, export, groups, leave_out=True)]
            if export.rules.by_account
            else [_unsubscribe_step(cloud, export, entry) for entry in groups]
        )
    ]
    return Plan(
        f"Stop exporting {_count(entries)}",
        tuple(steps),
        Operation.UNSUBSCRIBE_GROUPS,
        confirm="stop exporting",
    )


def _check_not_empty(entries: Sequence[GroupCoverage]) -> None:
    if not entries:
        raise InputError("No log group was chosen.", field="groups")


def _remedy(covered: GroupCoverage) -> str:
    if covered.state is CoverageState.EXCLUDED:
        return "Change the patterns of the export's stack there, then update it."
    if covered.state is CoverageState.FILTER_LIMIT:
        return "Remove one of the two filters, or let the export subscribe by account (SubscribeBy)."
    if covered.state is CoverageState.NO_EXPORT:
        return "Deploy the export to that account and region first."
    return "Choose groups that are wanted and not exported."


def _count(entries: Sequence[GroupCoverage]) -> str:
    return f"{len(entries):,} log group{'s' if len(entries) > 1 else ''}"


def _by_export(entries: Sequence[GroupCoverage]) -> list[tuple[Export, list[GroupCoverage]]]:
    by_stack: dict[str, list[GroupCoverage]] = defaultdict(list)
    exports: dict[str, Export] = {}
    for entry in entries:
        if entry.export:
            exports[entry.export.stack.id] = entry.export
            by_stack[entry.export.stack.id].append(entry)
    return [(exports[id], groups) for id, groups in by_stack.items()]


def _subscribe_step(cloud: Cloud, export: Export, covered: GroupCoverage) -> Step:
    rules, group = export.rules, covered.group

    def check() -> Check:
        filters = log_groups.list_subscription_filters(cloud, group.place, group.name)
        names = {subscription.name: subscription.destination for subscription in filters}
        if names.get(rules.filter) == rules.destination and not _is_left_out(cloud, group):
            return Check(Readiness.DONE, "subscribed already")
        if rules.filter not in names and len(names) >= log_groups.MAX_FILTERS:
            return Check(Readiness.CHANGED, f"it has two filters of others meanwhile: {', '.join(names)}")
        return READY

    def act() -> None:
        log_groups.untag(cloud, group.place, group.name, EXPORT_TAG)
        log_groups.put_subscription_filter(cloud, group.place, group.name, rules.filter, rules.destination)

    return Step(
        id="/".join(group.key),
        does=f"Subscribe {group.name}",
        resource=_resource(FILTER, group),
        parameters={"filter": rules.filter, "destination": rules.destination},
        evidence=covered.reason,
        actions=(*READS, "logs:PutSubscriptionFilter", "logs:UntagResource"),
        check=check,
        act=lambda say: act(),
    )


def _unsubscribe_step(cloud: Cloud, export: Export, covered: GroupCoverage) -> Step:
    rules, group = export.rules, covered.group

    def exports_group() -> bool:
        filters = log_groups.list_subscription_filters(cloud, group.place, group.name)
        return (rules.filter, rules.destination) in {
            (subscription.name, subscription.destination) for subscription in filters
        }

    def check() -> Check:
        if not exports_group() and _is_left_out(cloud, group):
            return Check(Readiness.DONE, "unsubscribed already")
        return READY

    def act() -> None:
        log_groups.tag(cloud, group.place, group.name, {EXPORT_TAG: OPTED_OUT})
        if exports_group():  # a filter that leads elsewhere is somebody else's
            log_groups.delete_subscription_filter(cloud, group.place, group.name, rules.filter)

    return Step(
        id="/".join(group.key),
        does=f"Unsubscribe {group.name}, and mark it so that it stays so",
        resource=_resource(FILTER, group),
        parameters={"filter": rules.filter, "tag": f"{EXPORT_TAG}={OPTED_OUT}"},
        evidence=covered.exported_by or covered.reason,
        actions=(*READS, "logs:DeleteSubscriptionFilter", "logs:TagResource"),
        check=check,
        act=lambda say: act(),
        destructive=True,
    )


def _policy_step(cloud: Cloud, export: Export, groups: Sequence[GroupCoverage], *, leave_out: bool) -> Step:
    """One for all groups of the place: the account has one policy."""
    place, rules = export.place, export.rules
    names = frozenset(entry.group.name for entry in groups)
    names_shown = ", ".join(sorted(names)[:5]) + (", …" if len(names) > 5 else "")

    def check() -> Check:
        policy = account_policies.read_policy(cloud, place)
        if policy is None or (policy.name, policy.destination) != (rules.filter, rules.destination):
            return Check(Readiness.CHANGED, f"the account's policy is not {rules.filter} any more")
        tagged, excluded = find_opted_out(cloud, place), policy.excluded
        done = names <= (tagged & excluded) if leave_out else not names & (tagged | excluded)
        return Check(Readiness.DONE, "so already") if done else READY

    def act() -> None:
        for name in sorted(names):
            if leave_out:
                log_groups.tag(cloud, place, name, {EXPORT_TAG: OPTED_OUT})
            else:
                log_groups.untag(cloud, place, name, EXPORT_TAG)
        policy = account_policies.read_policy(cloud, place)
        before = policy.excluded if policy else frozenset()
        excluded = before | names if leave_out else before - names
        account_policies.exclude_groups(cloud, place, rules.filter, excluded)

    return Step(
        id=f"{place.account.id}/{place.region}/{rules.filter}",
        does=f"Let the account policy {'leave out' if leave_out else 'cover'} {names_shown}",
        resource=Resource(POLICY, rules.filter, place.account.id, place.region),
        parameters={"leave_out" if leave_out else "cover": ", ".join(sorted(names))},
        evidence=groups[0].exported_by or groups[0].reason,
        actions=(
            "logs:DescribeAccountPolicies",
            "logs:PutAccountPolicy",
            "logs:TagResource" if leave_out else "logs:UntagResource",
            "tag:GetResources",
        ),
        check=check,
        act=lambda say: act(),
        destructive=leave_out,
    )


def _is_left_out(cloud: Cloud, group: LogGroup) -> bool:
    return log_groups.tags_of(cloud, group.place, group.name).get(EXPORT_TAG) == OPTED_OUT


def _resource(kind: str, group: LogGroup) -> Resource:
    return Resource(kind, group.name, group.place.account.id, group.place.region)
