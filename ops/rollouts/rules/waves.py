"""Targets → stages: one-box, the first wave alone, then waves that grow; and the rules that stages obey."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from ops.rollouts.rules.evidence import Bake
from ops.rollouts.rules.rollout import MOST_ONE_BOX, Group, Override, Rollout

Resolve = Callable[[str, str], Sequence[str]]  # ("unit", id) or ("tag", "key=value") → account ids


@dataclass(frozen=True)
class Target:
    """A stack of an account's region. `one_box` is its group's percentage, or 0; `points` is overridden if
    not None."""

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


class Kind(StrEnum):
    ONE_BOX = "one-box"
    FIRST = "first wave"
    LATER = "wave"


@dataclass(frozen=True)
class Stage:
    """Targets that are deployed, then baked together. `wave` counts from 1; its one-boxes have its number."""

    kind: Kind
    wave: int
    targets: tuple[Target, ...]
    bake: Bake

    @property
    def regions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(target.region for target in self.targets))

    @property
    def name(self) -> str:
        return f"one-box of wave {self.wave}" if self.kind is Kind.ONE_BOX else f"wave {self.wave}"

    def points(self, target: Target) -> int:
        """How many data points the target needs."""
        return self.bake.points if target.points is None else target.points


def make_targets(rollout: Rollout, resolve: Resolve) -> tuple[Target, ...]:
    """Every target once, as the file names them. Raises InputError where a group or override has none."""
    targets: dict[str, Target] = {}
    used: set[int] = set()
    for group in rollout.groups:
        new = _targets(rollout, group, _accounts(group, resolve), used)
        added = {each.id: each for each in new if each.id not in targets}
        if not added:
            raise rollout.wrong(
                group.line,
                "where names no target that an earlier group does not name.",
                "Put the smaller group first, or look whether its unit or tag has accounts.",
            )
        targets.update(added)
    if idle := next((each for each in rollout.overrides if each.line not in used), None):
        raise rollout.wrong(idle.line, "override is for no target.", "Mend its account and region.")
    return tuple(targets.values())


def _accounts(group: Group, resolve: Resolve) -> Sequence[str]:
    if group.accounts:
        return group.accounts
    return resolve("unit", group.unit) if group.unit else resolve("tag", group.tag)


def _targets(rollout: Rollout, group: Group, accounts: Sequence[str], used: set[int]) -> Iterator[Target]:
    """The group's targets; adds to `used` the lines of the overrides that are for one of them."""
    for region in group.regions:
        for account in accounts:
            parameters, alarms, points = dict(group.parameters), rollout.alarms, None
            for each in rollout.overrides:
                if _is_for(each, account, region):
                    used.add(each.line)
                    parameters.update(each.parameters)
                    alarms = alarms if each.alarms is None else each.alarms
                    points = points if each.points is None else each.points
            yield Target(account, region, group.stack, parameters, alarms, points, group.one_box)


def _is_for(override: Override, account: str, region: str) -> bool:
    return override.account in ("", account) and override.region in ("", region)


def make_stages(rollout: Rollout, targets: Sequence[Target]) -> tuple[Stage, ...]:
    """The stages in order. Raises InputError when the targets cannot be ordered within the rules."""
    regions = tuple(dict.fromkeys(target.region for target in targets))
    fleet = {target.region for target in targets if not target.one_box}
    if alone := next((region for region in regions if region not in fleet), ""):
        raise rollout.wrong(
            rollout.order_line, f"{alone} has nothing but a one-box.", "Add the targets that it stands for."
        )
    stages = tuple(_stages(rollout, targets, _waves(rollout, regions)))
    if broken := broken_rules(stages):
        raise rollout.wrong(rollout.order_line, broken[0], "Mend [order] or the one_box in [[where]].")
    return stages


def _waves(rollout: Rollout, regions: Sequence[str]) -> list[tuple[str, ...]]:
    """The regions of each wave."""
    if rollout.first not in regions:
        raise rollout.wrong(
            rollout.order_line, f"the first region, {rollout.first}, has no target.", "Name one that has."
        )
    rest = [region for region in regions if region != rollout.first]
    if not rollout.waves:
        return [(rollout.first,), *_doubling(rest)]
    named = [region for wave in rollout.waves for region in wave]
    for region in rest:
        if region not in named:
            raise rollout.wrong(rollout.order_line, f"no wave has {region}.", "Add it to waves.")
    for region in named:
        if region not in rest:
            raise rollout.wrong(rollout.order_line, f"{region} has no target.", "Remove it from waves.")
    return [(rollout.first,), *rollout.waves]


def _doubling(regions: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """1, 2, 4, … regions: never more than have baked before, with the first wave's."""
    done = 0
    while done < len(regions):
        size = done + 1
        yield tuple(regions[done : done + size])
        done += size


def _stages(rollout: Rollout, targets: Sequence[Target], waves: Sequence[tuple[str, ...]]) -> Iterator[Stage]:
    for number, regions in enumerate(waves, 1):
        here = [target for region in regions for target in targets if target.region == region]
        boxes = tuple(target for target in here if target.one_box)
        if boxes:
            yield Stage(Kind.ONE_BOX, number, boxes, rollout.one_box_bake)
        fleet = tuple(target for target in here if not target.one_box)
        if number == 1:
            yield Stage(Kind.FIRST, number, fleet, rollout.first_bake)
        else:
            yield Stage(Kind.LATER, number, fleet, rollout.later_bake)


def rollback_order(stages: Sequence[Stage], touched: Collection[str]) -> tuple[tuple[Target, ...], ...]:
    """The targets that were touched, the last first; a group's may go at once, groups only one by one."""
    groups = (
        tuple(each for each in reversed(stage.targets) if each.id in touched) for stage in reversed(stages)
    )
    return tuple(group for group in groups if group)


def broken_rules(stages: Sequence[Stage]) -> tuple[str, ...]:
    """Which rules these stages break, in words; however they were made."""
    return (
        *_twice(stages),
        *_first_not_alone(stages),
        *_too_much_at_once(stages),
        *_too_big_boxes(stages),
        *_shrinking(stages),
        *_leaping(stages),
    )


def _twice(stages: Sequence[Stage]) -> list[str]:
    counts = Counter(target.id for stage in stages for target in stage.targets)
    empty = [f"{stage.name} has no target." for stage in stages if not stage.targets]
    return empty + [f"{name} is in the rollout {n} times." for name, n in counts.items() if n > 1]


def _first_not_alone(stages: Sequence[Stage]) -> list[str]:
    whole = [stage for stage in stages if stage.kind is not Kind.ONE_BOX]
    if not whole or [stage.kind for stage in whole].count(Kind.FIRST) != 1 or whole[0].kind is not Kind.FIRST:
        return ["The first wave does not come first, or not once."]
    if len(whole[0].regions) > 1:
        return [f"The first wave has {len(whole[0].regions)} regions: it must be one, alone."]
    return []


def _too_much_at_once(stages: Sequence[Stage]) -> list[str]:
    """Until the first wave has baked, the change is of unproven quality: one region only has it."""
    unproven: list[str] = []
    for stage in stages:
        unproven += [region for region in stage.regions if region not in unproven]
        if stage.kind is Kind.FIRST:
            break
    return [f"{' and '.join(unproven)} are of unproven quality at once."] if len(unproven) > 1 else []


def _too_big_boxes(stages: Sequence[Stage]) -> list[str]:
    broken: list[str] = []
    shares: Counter[str] = Counter()
    whole: set[str] = set()
    for stage in stages:
        if stage.kind is not Kind.ONE_BOX:
            whole.update(stage.regions)
        for target in stage.targets:
            shares[target.region] += target.one_box
            if bool(target.one_box) != (stage.kind is Kind.ONE_BOX):
                broken.append(f"{target.id} is in the wrong kind of stage, {stage.name}.")
            elif target.one_box and target.region in whole:
                broken.append(f"{target.id}, a one-box, comes after its region.")
    for region, share in shares.items():
        if share > MOST_ONE_BOX:
            broken.append(
                f"The one-boxes of {region} take {share} % of its traffic: at most {MOST_ONE_BOX} %."
            )
    return broken


def _shrinking(stages: Sequence[Stage]) -> list[str]:
    """The last wave may be smaller: it has what is left."""
    waves = [stage for stage in stages if stage.kind is Kind.LATER][:-1]
    return [
        f"{after.name} is smaller than {before.name}: waves grow."
        for before, after in pairwise(waves)
        if len(after.regions) < len(before.regions)
    ]


def _leaping(stages: Sequence[Stage]) -> list[str]:
    """A wave has at most twice as many regions as the one before it."""
    waves = [stage for stage in stages if stage.kind is not Kind.ONE_BOX]
    return [
        f"{after.name} has {len(after.regions)} regions, {before.name} {len(before.regions)}: at most twice."
        for before, after in pairwise(waves)
        if len(after.regions) > 2 * len(before.regions)
    ]
