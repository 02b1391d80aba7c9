"""Targets grouped into stages: one-box, the first wave alone, then growing waves; and their constraints."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from ops.rollouts.rules.evidence import Bake
from ops.rollouts.rules.rollout import MAX_ONE_BOX_PERCENT, Override, Rollout, TargetGroup

ResolveAccounts = Callable[[str, str], Sequence[str]]  # ("unit", id) or ("tag", "key=value") → account ids


@dataclass(frozen=True)
class RolloutTarget:
    """One stack in one account and region.

    `one_box` is the traffic percentage of its group, or 0. `points` overrides the bake's unless it is None.
    """

    account: str
    region: str
    stack: str
    parameters: Mapping[str, str]
    alarms: tuple[str, ...]
    points: int | None
    one_box: int

    @property
    def id(self) -> str:
        return f"{self.account}/{self.region}/{self.stack}"


class StageKind(StrEnum):
    ONE_BOX = "one-box"
    FIRST = "first wave"
    LATER = "wave"


@dataclass(frozen=True)
class RolloutStage:
    """Targets that are deployed and then baked together.

    `wave` counts from 1. The one-box stage of a wave has the number of that wave.
    """

    kind: StageKind
    wave: int
    targets: tuple[RolloutTarget, ...]
    bake: Bake

    @property
    def regions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(target.region for target in self.targets))

    @property
    def name(self) -> str:
        return f"one-box of wave {self.wave}" if self.kind is StageKind.ONE_BOX else f"wave {self.wave}"

    def points(self, target: RolloutTarget) -> int:
        """Return how many data points the target needs."""
        return self.bake.points if target.points is None else target.points


def make_targets(rollout: Rollout, resolve: ResolveAccounts) -> tuple[RolloutTarget, ...]:
    """Return every target once, in the file's order. Raises InputError for an unused group or override."""
    targets: dict[str, RolloutTarget] = {}
    used: set[int] = set()
    for group in rollout.groups:
        new = _targets(rollout, group, _accounts(group, resolve), used)
        added = {target.id: target for target in new if target.id not in targets}
        if not added:
            raise rollout.mistake(
                group.line,
                "where adds no target that an earlier group does not have.",
                "Put the smaller group first, or check that the unit or tag has accounts.",
            )
        targets.update(added)
    if unused := next((override for override in rollout.overrides if override.line not in used), None):
        raise rollout.mistake(
            unused.line, "override matches no target.", "Correct its account and region, or remove it."
        )
    return tuple(targets.values())


def _accounts(group: TargetGroup, resolve: ResolveAccounts) -> Sequence[str]:
    if group.accounts:
        return group.accounts
    return resolve("unit", group.unit) if group.unit else resolve("tag", group.tag)


def _targets(
    rollout: Rollout, group: TargetGroup, accounts: Sequence[str], used: set[int]
) -> Iterator[RolloutTarget]:
    """Yield the group's targets; add the lines of the overrides that match one of them to `used`."""
    for region in group.regions:
        for account in accounts:
            parameters, alarms, points = dict(group.parameters), rollout.alarms, None
            for override in rollout.overrides:
                if _matches(override, account, region):
                    used.add(override.line)
                    parameters.update(override.parameters)
                    alarms = alarms if override.alarms is None else override.alarms
                    points = points if override.points is None else override.points
            yield RolloutTarget(account, region, group.stack, parameters, alarms, points, group.one_box)


def _matches(override: Override, account: str, region: str) -> bool:
    return override.account in ("", account) and override.region in ("", region)


def make_stages(rollout: Rollout, targets: Sequence[RolloutTarget]) -> tuple[RolloutStage, ...]:
    """Return the stages in order. Raises InputError when the targets cannot satisfy the constraints."""
    regions = tuple(dict.fromkeys(target.region for target in targets))
    fleet = {target.region for target in targets if not target.one_box}
    if boxes_only := next((region for region in regions if region not in fleet), ""):
        raise rollout.mistake(
            rollout.order_line,
            f"{boxes_only} has one-boxes only.",
            "Add a [[where]] with the region's other targets.",
        )
    stages = tuple(_stages(rollout, targets, _waves(rollout, regions)))
    if violations := broken_rules(stages):
        raise rollout.mistake(rollout.order_line, violations[0], "Change [order], or one_box in [[where]].")
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


def rollback_order(
    stages: Sequence[RolloutStage], touched: Collection[str]
) -> tuple[tuple[RolloutTarget, ...], ...]:
    """Return the touched targets in groups, the last stage first.

    The targets of a group may be rolled back at the same time; the groups only one after the other.
    """
    groups = (
        tuple(target for target in reversed(stage.targets) if target.id in touched)
        for stage in reversed(stages)
    )
    return tuple(group for group in groups if group)


def broken_rules(stages: Sequence[RolloutStage]) -> tuple[str, ...]:
    """Return the constraints that the stages violate, one sentence each."""
    return (
        *_duplicates(stages),
        *_first_wave(stages),
        *_unproven_regions(stages),
        *_one_boxes(stages),
        *_shrinking_waves(stages),
        *_fast_growing_waves(stages),
    )


def _duplicates(stages: Sequence[RolloutStage]) -> list[str]:
    counts = Counter(target.id for stage in stages for target in stage.targets)
    empty = [f"{stage.name} has no target." for stage in stages if not stage.targets]
    return empty + [f"{name} is in the rollout {n} times." for name, n in counts.items() if n > 1]


def _first_wave(stages: Sequence[RolloutStage]) -> list[str]:
    waves = [stage for stage in stages if stage.kind is not StageKind.ONE_BOX]
    if (
        not waves
        or [stage.kind for stage in waves].count(StageKind.FIRST) != 1
        or waves[0].kind is not StageKind.FIRST
    ):
        return ["The first wave must come first, and exactly once."]
    if len(waves[0].regions) > 1:
        return [f"The first wave has {len(waves[0].regions)} regions; it must have exactly one."]
    return []


def _unproven_regions(stages: Sequence[RolloutStage]) -> list[str]:
    """Until the first wave has baked, the change is unproven, and only one region may have it."""
    unproven: list[str] = []
    for stage in stages:
        unproven += [region for region in stage.regions if region not in unproven]
        if stage.kind is StageKind.FIRST:
            break
    return (
        [f"{' and '.join(unproven)} get the change before the first wave has baked."]
        if len(unproven) > 1
        else []
    )


def _one_boxes(stages: Sequence[RolloutStage]) -> list[str]:
    violations: list[str] = []
    shares: Counter[str] = Counter()
    deployed: set[str] = set()
    for stage in stages:
        if stage.kind is not StageKind.ONE_BOX:
            deployed.update(stage.regions)
        for target in stage.targets:
            shares[target.region] += target.one_box
            if bool(target.one_box) != (stage.kind is StageKind.ONE_BOX):
                violations.append(f"{target.id} is in the wrong kind of stage, {stage.name}.")
            elif target.one_box and target.region in deployed:
                violations.append(f"{target.id}, a one-box, comes after its region.")
    for region, share in shares.items():
        if share > MAX_ONE_BOX_PERCENT:
            violations.append(
                f"The one-boxes of {region} take {share}% of its traffic; "
                f"the limit is {MAX_ONE_BOX_PERCENT}%."
            )
    return violations


def _shrinking_waves(stages: Sequence[RolloutStage]) -> list[str]:
    """A wave has at least as many regions as the one before it; only the last wave may have fewer."""
    waves = [stage for stage in stages if stage.kind is StageKind.LATER][:-1]
    return [
        f"{after.name} has fewer regions than {before.name}; waves must not shrink."
        for before, after in pairwise(waves)
        if len(after.regions) < len(before.regions)
    ]


def _fast_growing_waves(stages: Sequence[RolloutStage]) -> list[str]:
    """A wave has at most twice as many regions as the one before it."""
    waves = [stage for stage in stages if stage.kind is not StageKind.ONE_BOX]
    return [
        f"{after.name} has {len(after.regions)} regions, {before.name} has {len(before.regions)}; "
        "a wave may at most double."
        for before, after in pairwise(waves)
        if len(after.regions) > 2 * len(before.regions)
    ]
