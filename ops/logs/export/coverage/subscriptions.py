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
from ops.logs.export.coverage.facts import EXPORT_TAG, LEFT_OUT, find_left_out
from ops.logs.export.coverage.verdicts import Covered, State
from ops.logs.export.installed import Export
from ops.operations import Operation
from ops.plan import READY, Check, Plan, Readiness, Resource, Step

CAN_SUBSCRIBE = (State.NEW, State.MISSING, State.REFUSED, State.LEFT_OUT)
FILTER, POLICY = "AWS::Logs::SubscriptionFilter", "AWS::Logs::AccountPolicy"
READS = ("logs:DescribeSubscriptionFilters", "logs:ListTagsForResource")


def plan_subscribe(cloud: Cloud, chosen: Sequence[Covered]) -> Plan:
    """Exports the chosen groups from now on. Raises InputError for one that cannot be subscribed."""
    _check_some(chosen)
    for each in chosen:
        if each.state not in CAN_SUBSCRIBE:
            raise InputError(
                f"{each.group.name} cannot be subscribed: {each.reason or 'it is subscribed'}.",
                field="groups",
                hint=_way_out(each),
            )
    steps = [
        step
        for export, groups in _by_export(chosen)
        for step in (
            [_policy_step(cloud, export, groups, leave_out=False)]
            if export.rules.by_account
            else [_subscribe_step(cloud, export, each) for each in groups]
        )
    ]
    return Plan(f"Export {_count(chosen)}", tuple(steps), Operation.SUBSCRIBE_GROUPS)


def plan_unsubscribe(cloud: Cloud, chosen: Sequence[Covered]) -> Plan:
    """Ends the export of the chosen groups until they are subscribed by hand again."""
    _check_some(chosen)
    for each in chosen:
        if each.state not in (State.SUBSCRIBED, State.NEW, State.MISSING):
            raise InputError(
                f"{each.group.name} is not exported: {each.reason}.",
                field="groups",
                hint="Choose groups that are.",
            )
    steps = [
        step
        for export, groups in _by_export(chosen)
        for step in (
            [_policy_step(cloud, export, groups, leave_out=True)]
            if export.rules.by_account
            else [_unsubscribe_step(cloud, export, each) for each in groups]
        )
    ]
    return Plan(
        f"Stop exporting {_count(chosen)}",
        tuple(steps),
        Operation.UNSUBSCRIBE_GROUPS,
        confirm="stop exporting",
    )


def _check_some(chosen: Sequence[Covered]) -> None:
    if not chosen:
        raise InputError("No log group was chosen.", field="groups")


def _way_out(covered: Covered) -> str:
    if covered.state is State.EXCLUDED:
        return "Change the patterns of the export's stack there, then update it."
    if covered.state is State.FULL:
        return "Remove one of the two filters, or let the export subscribe by account (SubscribeBy)."
    if covered.state is State.NO_EXPORT:
        return "Deploy the export to that account and region first."
    return "Choose groups that are wanted and not exported."


def _count(chosen: Sequence[Covered]) -> str:
    return f"{len(chosen):,} log group{'s' if len(chosen) > 1 else ''}"


def _by_export(chosen: Sequence[Covered]) -> list[tuple[Export, list[Covered]]]:
    found: dict[str, list[Covered]] = defaultdict(list)
    exports: dict[str, Export] = {}
    for each in chosen:
        if each.export:
            exports[each.export.stack.id] = each.export
            found[each.export.stack.id].append(each)
    return [(exports[id], groups) for id, groups in found.items()]


def _subscribe_step(cloud: Cloud, export: Export, covered: Covered) -> Step:
    rules, group = export.rules, covered.group

    def check() -> Check:
        filters = log_groups.list_subscriptions(cloud, group.place, group.name)
        names = {each.name: each.destination for each in filters}
        if names.get(rules.filter) == rules.destination and not _is_left_out(cloud, group):
            return Check(Readiness.DONE, "subscribed already")
        if rules.filter not in names and len(names) >= log_groups.FILTERS:
            return Check(Readiness.CHANGED, f"it has two filters of others meanwhile: {', '.join(names)}")
        return READY

    def act() -> None:
        log_groups.untag(cloud, group.place, group.name, EXPORT_TAG)
        log_groups.put_subscription(cloud, group.place, group.name, rules.filter, rules.destination)

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


def _unsubscribe_step(cloud: Cloud, export: Export, covered: Covered) -> Step:
    rules, group = export.rules, covered.group

    def ours() -> bool:
        filters = log_groups.list_subscriptions(cloud, group.place, group.name)
        return (rules.filter, rules.destination) in {(each.name, each.destination) for each in filters}

    def check() -> Check:
        if not ours() and _is_left_out(cloud, group):
            return Check(Readiness.DONE, "unsubscribed already")
        return READY

    def act() -> None:
        log_groups.tag(cloud, group.place, group.name, {EXPORT_TAG: LEFT_OUT})
        if ours():  # a filter that leads elsewhere is somebody else's
            log_groups.delete_subscription(cloud, group.place, group.name, rules.filter)

    return Step(
        id="/".join(group.key),
        does=f"Unsubscribe {group.name}, and mark it so that it stays so",
        resource=_resource(FILTER, group),
        parameters={"filter": rules.filter, "tag": f"{EXPORT_TAG}={LEFT_OUT}"},
        evidence=covered.by or covered.reason,
        actions=(*READS, "logs:DeleteSubscriptionFilter", "logs:TagResource"),
        check=check,
        act=lambda say: act(),
        destructive=True,
    )


def _policy_step(cloud: Cloud, export: Export, groups: Sequence[Covered], *, leave_out: bool) -> Step:
    """One for all groups of the place: the account has one policy."""
    place, rules = export.place, export.rules
    names = frozenset(each.group.name for each in groups)
    shown = ", ".join(sorted(names)[:5]) + (", …" if len(names) > 5 else "")

    def check() -> Check:
        policy = account_policies.read_policy(cloud, place)
        if policy is None or (policy.name, policy.destination) != (rules.filter, rules.destination):
            return Check(Readiness.CHANGED, f"the account's policy is not {rules.filter} any more")
        tagged, excluded = find_left_out(cloud, place), policy.excluded
        done = names <= (tagged & excluded) if leave_out else not names & (tagged | excluded)
        return Check(Readiness.DONE, "so already") if done else READY

    def act() -> None:
        for name in sorted(names):
            if leave_out:
                log_groups.tag(cloud, place, name, {EXPORT_TAG: LEFT_OUT})
            else:
                log_groups.untag(cloud, place, name, EXPORT_TAG)
        policy = account_policies.read_policy(cloud, place)
        before = policy.excluded if policy else frozenset()
        excluded = before | names if leave_out else before - names
        account_policies.leave_out(cloud, place, rules.filter, excluded)

    return Step(
        id=f"{place.account.id}/{place.region}/{rules.filter}",
        does=f"Let the account policy {'leave out' if leave_out else 'cover'} {shown}",
        resource=Resource(POLICY, rules.filter, place.account.id, place.region),
        parameters={"leave_out" if leave_out else "cover": ", ".join(sorted(names))},
        evidence=groups[0].by or groups[0].reason,
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
    return log_groups.tags_of(cloud, group.place, group.name).get(EXPORT_TAG) == LEFT_OUT


def _resource(kind: str, group: LogGroup) -> Resource:
    return Resource(kind, group.name, group.place.account.id, group.place.region)
