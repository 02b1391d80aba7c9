"""The constraints on stages that no rollout file can violate, each in terms of what can fail together."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from ops.rollouts.rules.model import RolloutStage, RolloutTarget, StageKind
from ops.rollouts.rules.tables import MAX_ONE_BOX_PERCENT

FIRST_SHARE = 10  # percent of all targets in the first wave; one target always may
WAVE_SHARE = 50  # percent, in one wave, of the targets of its ring and the rings after it


def first_wave_limit(targets: int) -> int:
    """Return how many of the rollout's targets the first wave may have."""
    return max(1, targets * FIRST_SHARE // 100)


def wave_limit(remaining: int) -> int:
    """Return how many targets a wave may have. `remaining` are those of its ring and the rings after it.

    Rings before it do not count: many test accounts must not make a large share of production look small.
    """
    return max(1, remaining * WAVE_SHARE // 100)


def broken_rules(stages: Sequence[RolloutStage]) -> tuple[str, ...]:
    """Return the constraints that the stages violate, one sentence each."""
    return (
        *_duplicates(stages),
        *_first_wave(stages),
        *_unproven(stages),
        *_one_boxes(stages),
        *(_ring_rules(stages) if any(stage.ring for stage in stages) else _order_rules(stages)),
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


def _unproven(stages: Sequence[RolloutStage]) -> list[str]:
    """Until the first wave has baked, the change is unproven: only one region and one cell may have it."""
    regions: list[str] = []
    cells: list[str] = []
    for stage in stages:
        regions += [region for region in stage.regions if region not in regions]
        cells += [each.cell for each in stage.targets if each.cell and each.cell not in cells]
        if stage.kind is StageKind.FIRST:
            break
    return [
        f"{' and '.join(names)} get the change before the first wave has baked."
        for names in (regions, sorted(set(cells)))
        if len(names) > 1
    ]


def _one_boxes(stages: Sequence[RolloutStage]) -> list[str]:
    """A one-box comes before other targets of its region; together they have little of its traffic."""
    violations: list[str] = []
    shares: Counter[str] = Counter()
    for number, stage in enumerate(stages):
        boxes = stage.kind is StageKind.ONE_BOX
        later = {
            region for after in stages[number:] if after.kind is not stage.kind for region in after.regions
        }
        for target in stage.targets:
            shares[target.region] += target.one_box
            if bool(target.one_box) != boxes:
                violations.append(f"{target.id} is in the wrong kind of stage, {stage.name}.")
            elif boxes and target.region not in later:
                violations.append(f"{target.id}, a one-box, comes after its region.")
        violations += [
            f"The one-boxes of {region} take {share}% of its traffic; the limit is {MAX_ONE_BOX_PERCENT}%."
            for region in stage.regions
            if boxes and (share := shares[region]) > MAX_ONE_BOX_PERCENT
        ]
        for region in () if boxes else stage.regions:
            shares[region] = 0
    return violations


def _order_rules(stages: Sequence[RolloutStage]) -> list[str]:
    """The waves of regions of an [order] neither shrink, except for the last, nor more than double."""
    if len({target.ring for stage in stages for target in stage.targets}) > 1:
        return []  # the rings after the first follow a change that has baked
    waves: list[tuple[RolloutStage, set[str]]] = []
    for stage in stages:
        if stage.kind is not StageKind.ONE_BOX and not (waves and set(stage.regions) <= waves[-1][1]):
            waves.append((stage, set(stage.regions)))
    later = [(stage, regions) for stage, regions in waves if stage.kind is StageKind.LATER][:-1]
    return [
        *(
            f"{after.name} has fewer regions than {before.name}; waves must not shrink."
            for (before, earlier), (after, regions) in pairwise(later)
            if len(regions) < len(earlier)
        ),
        *(
            f"{after.name} has {len(regions)} regions, {before.name} has {len(earlier)}; "
            "a wave may at most double."
            for (before, earlier), (after, regions) in pairwise(waves)
            if len(regions) > 2 * len(earlier)
        ),
    ]


def _ring_rules(stages: Sequence[RolloutStage]) -> list[str]:
    """Rings keep the file's order; a wave is a limited share, and at most doubles regions and cells."""
    violations: list[str] = []
    rings = [target.ring for stage in stages for target in stage.targets]
    if rings != sorted(rings):
        violations.append("The stages are not in the order of the file.")
    regions: set[str] = set()
    cells: set[str] = set()
    fleet = [target for stage in stages for target in stage.targets if not target.one_box]
    for stage in stages:
        new_regions = set(stage.regions) - regions
        new_cells = {target.cell for target in stage.targets} - cells - {""}
        for new, known, word in ((new_regions, regions, "regions"), (new_cells, cells, "cells")):
            if len(new) > max(1, len(known)):
                violations.append(
                    f"{stage.name} brings the change to {len(new)} {word}, {len(known)} have it; "
                    f"a wave may at most double the {word}."
                )
            known.update(new)
        if stage.kind is not StageKind.ONE_BOX and stage.targets:
            violations += _large_wave(stage, fleet)
    return violations + _shared_evidence(stages, fleet)


def _large_wave(stage: RolloutStage, fleet: Sequence[RolloutTarget]) -> list[str]:
    size = len(stage.targets)
    remaining = sum(target.ring >= stage.targets[0].ring for target in fleet)
    if size > wave_limit(remaining):
        share = f"{size} of the {remaining} targets that are left ({size * 100 // remaining}%)"
        return [f"{stage.name} has {share} in one wave; the limit is {WAVE_SHARE}%."]
    if stage.kind is StageKind.FIRST and size > first_wave_limit(len(fleet)):
        share = f"{size} of {len(fleet)} targets ({size * 100 // len(fleet)}%)"
        return [f"{stage.name}, the first, has {share}; the limit is {FIRST_SHARE}%, or one target."]
    return []


def _shared_evidence(stages: Sequence[RolloutStage], fleet: Sequence[RolloutTarget]) -> list[str]:
    """A one-box is judged by its own alarms and data points: the fleet's would hide what it does."""
    places: dict[tuple[str, str], list[RolloutTarget]] = {}
    for target in fleet:
        places.setdefault((target.account, target.region), []).append(target)
    violations: list[str] = []
    boxes = (each for stage in stages for each in stage.targets if each.one_box)
    for box in boxes:
        for other in places.get((box.account, box.region), []):
            shared = [f"the alarm {alarm}" for alarm in box.alarms if alarm in other.alarms]
            shared += ["its metric"] if box.metric and box.metric == other.metric else []
            if shared:
                violations.append(
                    f"{box.id}, a one-box, shares {' and '.join(shared)} with {other.id}; "
                    "name its own, for example with {stack}."
                )
    return violations
