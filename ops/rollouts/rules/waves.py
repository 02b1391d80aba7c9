"""Targets grouped into stages: by the [[stage]] tables of the file, or by its [order] of regions.

With an [order]: one-box, the first wave alone, then growing waves. A [[where]] with accounts that the ones
before it do not have begins another ring, in the file's order: first beta, then production. Several stacks of
the same accounts are one ring. A region with many accounts gets the change by shares.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial

from ops.rollouts.rules.app.model import AppStack
from ops.rollouts.rules.app.targets import check_app, leads, stacks_at, with_all_stacks
from ops.rollouts.rules.model import (
    Rollout,
    RolloutStage,
    RolloutTarget,
    StageKind,
    TargetGroup,
)
from ops.rollouts.rules.rings import WHOLE, by_share, fewest_stages, ring_stages
from ops.rollouts.rules.safety import broken_rules

__all__ = [
    "ResolveAccounts",
    "RolloutStage",
    "RolloutTarget",
    "StageKind",
    "broken_rules",
    "make_stages",
    "make_targets",
    "rollback_order",
]

ResolveAccounts = Callable[[str, str], Sequence[str]]  # ("unit", id) or ("tag", "key=value") → account ids


def make_targets(
    rollout: Rollout, resolve: ResolveAccounts, app: Sequence[AppStack] = ()
) -> tuple[RolloutTarget, ...]:
    """Return every target once, in the file's order, for the stacks of an app if there is one.

    Raises InputError for an unused group or override, and for a stack of the app that has no place.
    """
    targets: dict[str, RolloutTarget] = {}
    places: set[tuple[str, str]] = set()
    for group, accounts in _ringed(rollout, resolve):
        places |= {(account, region) for account in accounts for region in group.regions}
        new = _targets(rollout, group, accounts, app)
        added = {target.id: target for target in new if target.id not in targets}
        if not added:
            raise rollout.mistake(
                group.line,
                "where adds no target that an earlier group does not have.",
                "Put the smaller group first, or check that the unit or tag has accounts.",
            )
        targets.update(added)
    for override in rollout.overrides:
        if any(override.covers(*place) for place in places):
            continue
        raise rollout.mistake(
            override.line, "override matches no target.", "Correct its account and region, or remove it."
        )
    if app:
        check_app(rollout, app, tuple(targets.values()))
    return tuple(targets.values())


def _ringed(rollout: Rollout, resolve: ResolveAccounts) -> Iterator[tuple[TargetGroup, Sequence[str]]]:
    """Yield each group with its ring and its accounts. One-boxes have the ring that begins after them."""
    ring, members = -1, set[str]()
    for group in rollout.groups:
        accounts = _accounts(group, resolve)
        if rollout.rings:
            yield group, accounts
        elif group.one_box:
            yield replace(group, ring=ring + 1), accounts
        else:
            if not members.issuperset(accounts):
                ring, members = ring + 1, set(accounts)
            yield replace(group, ring=ring), accounts


def _accounts(group: TargetGroup, resolve: ResolveAccounts) -> Sequence[str]:
    """Return the accounts that everything in the group selects, in the order of its first selection."""
    selections = [
        *([group.accounts] if group.accounts else []),
        *([resolve("unit", group.unit)] if group.unit else []),
        *([resolve("tag", group.tag)] if group.tag else []),
    ]
    return [account for account in selections[0] if all(account in other for other in selections[1:])]


def _targets(
    rollout: Rollout, group: TargetGroup, accounts: Sequence[str], app: Sequence[AppStack]
) -> Iterator[RolloutTarget]:
    for region in group.regions:
        for account in accounts:
            parameters, points = dict(group.parameters), None
            alarms = rollout.alarms if group.alarms is None else group.alarms
            for override in rollout.overrides:
                if override.covers(account, region):
                    parameters.update(override.parameters)
                    alarms = alarms if override.alarms is None else override.alarms
                    points = points if override.points is None else override.points
            for cell in group.cells:
                target = RolloutTarget(
                    account=account,
                    region=region,
                    stack=group.stack.replace("{cell}", cell),
                    parameters=parameters,
                    alarms=alarms,
                    points=points,
                    one_box=group.one_box,
                    metric=group.metric,
                    cell=cell,
                    ring=group.ring,
                )
                if not app:
                    yield _filled(target)
                    continue
                for stack, name in stacks_at(rollout, group.line, app, account, region, target.stack):
                    own = {key: value for key, value in parameters.items() if key in stack.parameters}
                    placed = replace(target, stack=name, parameters=own)
                    yield _filled(replace(placed, artifact=stack.artifact, order=stack.order))


def _filled(target: RolloutTarget) -> RolloutTarget:
    """Return the target with its own names in those of its alarms, metric dimensions, and parameters."""

    def fill(text: str) -> str:
        for name in ("account", "region", "stack", "cell"):
            text = text.replace(f"{{{name}}}", getattr(target, name))
        return text

    metric = target.metric
    dimensions = {name: fill(value) for name, value in metric.dimensions.items()} if metric else {}
    return replace(
        target,
        alarms=tuple(fill(alarm) for alarm in target.alarms),
        metric=metric and replace(metric, dimensions=dimensions),
        parameters={
            name: value.replace("{cell}", target.cell) if target.cell else value
            for name, value in target.parameters.items()
        },
    )


def make_stages(
    rollout: Rollout,
    targets: Sequence[RolloutTarget],
    *,
    whole_waves: bool = False,
    app: Sequence[AppStack] = (),
) -> tuple[RolloutStage, ...]:
    """Return the stages in order. Raises InputError when the targets cannot satisfy the constraints.

    With `whole_waves`, the waves of an [order] are not divided, as in older runs.
    """
    if not app:
        return _stages_of(rollout, targets, whole_waves=whole_waves)
    stages = _stages_of(rollout, leads(targets), whole_waves=whole_waves)
    return with_all_stacks(rollout, app, stages, targets)


def _stages_of(
    rollout: Rollout, targets: Sequence[RolloutTarget], *, whole_waves: bool
) -> tuple[RolloutStage, ...]:
    regions = tuple(dict.fromkeys(target.region for target in targets))
    fleet = {target.region for target in targets if not target.one_box}
    if boxes_only := next((region for region in regions if region not in fleet), ""):
        raise rollout.mistake(
            rollout.order_line,
            f"{boxes_only} has one-boxes only.",
            "Add a [[where]] with the region's other targets.",
        )
    if rollout.rings:
        if empty := next(
            (ring for n, ring in enumerate(rollout.rings) if n not in {t.ring for t in targets}), None
        ):
            raise rollout.mistake(empty.line, f"stage {empty.name} has no target.", "Correct its where.")
        hint = "Change the order of [[stage]], or their where and waves."
        return _checked(rollout, fewest_stages(partial(ring_stages, rollout, targets)), hint)
    hint = "Change [order], or one_box in [[where]]."
    stages = _checked(rollout, tuple(_stages(rollout, targets, _waves(rollout, regions))), hint)
    return (
        stages if whole_waves else _checked(rollout, fewest_stages(partial(_divided, rollout, stages)), hint)
    )


def _checked(rollout: Rollout, stages: tuple[RolloutStage, ...], hint: str) -> tuple[RolloutStage, ...]:
    if violations := broken_rules(stages):
        raise rollout.mistake(rollout.order_line, violations[0], hint)
    return stages


def _waves(rollout: Rollout, regions: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the regions of each wave."""
    if rollout.first not in regions:
        raise rollout.mistake(
            rollout.order_line,
            f"the first region, {rollout.first}, has no target.",
            "Choose a region that has targets.",
        )
    others = [region for region in regions if region != rollout.first]
    if not rollout.waves:
        return [(rollout.first,), *_doubling(others)]
    listed = [region for wave in rollout.waves for region in wave]
    for region in others:
        if region not in listed:
            raise rollout.mistake(rollout.order_line, f"{region} is in no wave.", "Add it to waves.")
    for region in listed:
        if region not in others:
            raise rollout.mistake(rollout.order_line, f"{region} has no target.", "Remove it from waves.")
    return [(rollout.first,), *rollout.waves]


def _doubling(regions: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield waves of 1, 2, 4, … regions: never more than have baked already, the first wave included."""
    done = 0
    while done < len(regions):
        size = done + 1
        yield tuple(regions[done : done + size])
        done += size


def _stages(
    rollout: Rollout, targets: Sequence[RolloutTarget], waves: Sequence[tuple[str, ...]]
) -> Iterator[RolloutStage]:
    for number, regions in enumerate(waves, 1):
        in_wave = [target for region in regions for target in targets if target.region == region]
        boxes = tuple(target for target in in_wave if target.one_box)
        if boxes:
            yield RolloutStage(StageKind.ONE_BOX, number, boxes, rollout.one_box_bake)
        fleet = tuple(target for target in in_wave if not target.one_box)
        if number == 1:
            yield RolloutStage(StageKind.FIRST, number, fleet, rollout.first_bake)
        else:
            yield RolloutStage(StageKind.LATER, number, fleet, rollout.later_bake)


def _divided(
    rollout: Rollout, stages: Sequence[RolloutStage], shares: Sequence[int]
) -> Iterator[RolloutStage]:
    """Yield the stages of one ring after the other, with the waves of large regions divided by shares."""
    targets = [target for stage in stages for target in stage.targets]
    rings = {target.id: _ring(target, targets) for target in targets}
    waves = [
        [
            target
            for stage in stages
            if stage.wave == wave
            for target in stage.targets
            if rings[target.id] == ring
        ]
        for ring in sorted(set(rings.values()))
        for wave in dict.fromkeys(stage.wave for stage in stages)
    ]
    number = 1
    for wave in waves:
        regions = list(dict.fromkeys(target.region for target in wave))
        for part in (regions[:1], regions[1:]) if number == 1 else (regions,):
            own = [target for target in wave if target.region in part]
            if boxes := tuple(target for target in own if target.one_box):
                yield RolloutStage(StageKind.ONE_BOX, number, boxes, rollout.one_box_bake)
            fleet = [target for target in own if not target.one_box]
            for share in _shares_of_accounts(fleet, shares):
                if number == 1:
                    yield RolloutStage(StageKind.FIRST, number, share, rollout.first_bake)
                else:
                    yield RolloutStage(StageKind.LATER, number, share, rollout.later_bake)
                number += 1


def _shares_of_accounts(
    fleet: Sequence[RolloutTarget], shares: Sequence[int]
) -> Iterator[tuple[RolloutTarget, ...]]:
    """Yield shares of the accounts in each region. All stacks of an account get the change together."""
    accounts: dict[tuple[str, str], RolloutTarget] = {}
    for target in fleet:
        accounts.setdefault((target.account, target.region), target)
    regions = dict.fromkeys(target.region for target in fleet)
    places = [tuple(each for each in accounts.values() if each.region == region) for region in regions]
    for share in by_share(places, shares, whole=WHOLE):
        chosen = {(target.account, target.region) for target in share}
        yield tuple(target for target in fleet if (target.account, target.region) in chosen)


def _ring(target: RolloutTarget, targets: Sequence[RolloutTarget]) -> int:
    """Return the target's ring; a one-box has that of the next group in the file that has its region."""
    rings = sorted({each.ring for each in targets if each.region == target.region and not each.one_box})
    return next((ring for ring in rings if ring >= target.ring), rings[-1])


def rollback_order(
    stages: Sequence[RolloutStage], touched: Collection[str]
) -> tuple[tuple[RolloutTarget, ...], ...]:
    """Return the touched targets in groups, the last stage first, and in a stage the dependent stacks.

    The targets of a group may be rolled back at the same time; the groups only one after the other.
    """
    groups = (
        tuple(t for t in reversed(stage.targets) if t.order == order and t.id in touched)
        for stage in reversed(stages)
        for order in sorted({target.order for target in stage.targets}, reverse=True)
    )
    return tuple(group for group in groups if group)
