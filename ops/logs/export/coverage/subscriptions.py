"""Plans that subscribe and unsubscribe log groups.

Unsubscribing tags the log group, because the subscriber would otherwise subscribe it again on its next run.
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
from ops.text.confirmations import typed_name

CAN_SUBSCRIBE = (
    CoverageState.PENDING,
    CoverageState.NOT_SUBSCRIBED,
    CoverageState.BLOCKED,
    CoverageState.UNSUBSCRIBED,
)
HAS_FILTER = (CoverageState.SUBSCRIBED, CoverageState.NOT_DELIVERED)
CAN_UNSUBSCRIBE = (*HAS_FILTER, CoverageState.PENDING, CoverageState.NOT_SUBSCRIBED)
FILTER, POLICY = "AWS::Logs::SubscriptionFilter", "AWS::Logs::AccountPolicy"
READS = ("logs:DescribeSubscriptionFilters", "logs:ListTagsForResource")


def plan_subscribe(cloud: Cloud, entries: Sequence[GroupCoverage]) -> Plan:
    """Plan to export log groups from now on. Raises InputError for a group that cannot be subscribed."""
    _check_not_empty(entries)
    for entry in entries:
        if entry.state not in CAN_SUBSCRIBE:
            raise InputError(
                f"Cannot subscribe {entry.group.name}: {entry.reason or 'already subscribed'}.",
                field="groups",
                hint=_remedy(entry),
            )
    steps = [
        step
        for export, groups in _by_export(entries)
        for step in (
            [_policy_step(cloud, export, groups, exclude=False)]
            if export.rules.by_account
            else [_subscribe_step(cloud, export, entry) for entry in groups]
        )
    ]
    return Plan(f"Subscribe {_count(entries)}", tuple(steps), Operation.SUBSCRIBE_GROUPS)


def plan_unsubscribe(cloud: Cloud, entries: Sequence[GroupCoverage]) -> Plan:
    """Plan to stop the export of log groups until they are subscribed manually."""
    _check_not_empty(entries)
    for entry in entries:
        if entry.state not in CAN_UNSUBSCRIBE:
            raise InputError(
                f"Cannot unsubscribe {entry.group.name}: {entry.reason}.",
                field="groups",
                hint="Select log groups that are subscribed.",
            )
    steps = [
        step
        for export, groups in _by_export(entries)
        for step in (
            [_policy_step(cloud, export, groups, exclude=True)]
            if export.rules.by_account
            else [_unsubscribe_step(cloud, export, entry) for entry in groups]
        )
    ]
    return Plan(
        f"Unsubscribe {_count(entries)}",
        tuple(steps),
        Operation.UNSUBSCRIBE_GROUPS,
        confirm=typed_name([entry.group.name for entry in entries], "log group"),
    )


def _check_not_empty(entries: Sequence[GroupCoverage]) -> None:
    if not entries:
        raise InputError("No log groups are selected.", field="groups", hint="Select at least one.")


def _remedy(covered: GroupCoverage) -> str:
    if covered.state is CoverageState.EXCLUDED:
        return "Change the patterns in the parameters of the export's stack, then update it."
    if covered.state is CoverageState.FILTER_LIMIT:
        return "Remove one of the two filters, or set the export's parameter SubscribeBy to account."
    if covered.state is CoverageState.NO_EXPORT:
        return "Deploy the export to that account and region first."
    return "Select log groups that the export includes and that are not exported."


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


def _subscribe_step(cloud: Cloud, export: Export, covered: GroupCoverage) -> Step[None]:
    rules, group = export.rules, covered.group

    def check() -> Check:
        filters = log_groups.list_subscription_filters(cloud, group.place, group.name)
        names = {subscription.name: subscription.destination for subscription in filters}
        if names.get(rules.filter) == rules.destination and not _is_opted_out(cloud, group):
            return Check(Readiness.DONE, "already subscribed")
        if rules.filter not in names and len(names) >= log_groups.MAX_FILTERS:
            return Check(Readiness.CHANGED, f"it now has two other subscription filters: {', '.join(names)}")
        return READY

    def act() -> None:
        log_groups.untag(cloud, group.place, group.name, EXPORT_TAG)
        log_groups.put_subscription_filter(
            cloud, group.place, group.name, rules.filter, rules.destination, rules.role
        )

    return Step(
        id="/".join(group.key),
        does=f"Subscribe {group.name}",
        resource=_resource(FILTER, group),
        parameters={"filter": rules.filter, "destination": rules.destination},
        evidence=covered.reason,
        actions=(
            *(*READS, "logs:PutSubscriptionFilter", "logs:UntagResource"),
            *(("iam:PassRole",) if rules.role else ()),
        ),
        check=check,
        act=lambda say: act(),
    )


def _unsubscribe_step(cloud: Cloud, export: Export, covered: GroupCoverage) -> Step[None]:
    rules, group = export.rules, covered.group

    def exports_group() -> bool:
        filters = log_groups.list_subscription_filters(cloud, group.place, group.name)
        return (rules.filter, rules.destination) in {
            (subscription.name, subscription.destination) for subscription in filters
        }

    def check() -> Check:
        if not exports_group() and _is_opted_out(cloud, group):
            return Check(Readiness.DONE, "already unsubscribed")
        return READY

    def act() -> None:
        log_groups.tag(cloud, group.place, group.name, {EXPORT_TAG: OPTED_OUT})
        if exports_group():  # a filter with another destination is not the export's
            log_groups.delete_subscription_filter(cloud, group.place, group.name, rules.filter)

    return Step(
        id="/".join(group.key),
        does=f"Unsubscribe {group.name} and tag it",
        resource=_resource(FILTER, group),
        parameters={"filter": rules.filter, "tag": f"{EXPORT_TAG}={OPTED_OUT}"},
        evidence=covered.exported_by or covered.reason,
        actions=(*READS, "logs:DeleteSubscriptionFilter", "logs:TagResource"),
        check=check,
        act=lambda say: act(),
        destructive=True,
    )


def _policy_step(
    cloud: Cloud, export: Export, groups: Sequence[GroupCoverage], *, exclude: bool
) -> Step[None]:
    """Return one step for all groups of an account and region, which has one policy."""
    place, rules = export.place, export.rules
    names = frozenset(entry.group.name for entry in groups)
    shown = ", ".join(sorted(names)[:5]) + (", …" if len(names) > 5 else "")

    def check() -> Check:
        policy = account_policies.read_policy(cloud, place)
        if policy is None or (policy.name, policy.destination) != (rules.filter, rules.destination):
            return Check(Readiness.CHANGED, f"the account policy is no longer {rules.filter}")
        tagged, excluded = find_opted_out(cloud, place), policy.excluded
        done = names <= (tagged & excluded) if exclude else not names & (tagged | excluded)
        return Check(Readiness.DONE, "already up to date") if done else READY

    def act() -> None:
        for name in sorted(names):
            if exclude:
                log_groups.tag(cloud, place, name, {EXPORT_TAG: OPTED_OUT})
            else:
                log_groups.untag(cloud, place, name, EXPORT_TAG)
        policy = account_policies.read_policy(cloud, place)
        before = policy.excluded if policy else frozenset()
        excluded = before | names if exclude else before - names
        account_policies.exclude_groups(cloud, place, rules.filter, excluded)

    return Step(
        id=f"{place.account.id}/{place.region}/{rules.filter}",
        does=f"{'Exclude' if exclude else 'Include'} {shown} in the account policy",
        resource=Resource(POLICY, rules.filter, place.account.id, place.region),
        parameters={"exclude" if exclude else "include": ", ".join(sorted(names))},
        evidence=groups[0].exported_by or groups[0].reason,
        actions=(
            "logs:DescribeAccountPolicies",
            "logs:PutAccountPolicy",
            "logs:TagResource" if exclude else "logs:UntagResource",
            "tag:GetResources",
        ),
        check=check,
        act=lambda say: act(),
        destructive=exclude,
    )


def _is_opted_out(cloud: Cloud, group: LogGroup) -> bool:
    return log_groups.tags_of(cloud, group.place, group.name).get(EXPORT_TAG) == OPTED_OUT


def _resource(kind: str, group: LogGroup) -> Resource:
    return Resource(kind, group.name, group.place.account.id, group.place.region)
