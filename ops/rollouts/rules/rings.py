"""Waves generated inside a ring: by share, doubling, or region by region, within the limits of `safety`."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ops.rollouts.rules.model import (
    Ring,
    Rollout,
    RolloutStage,
    RolloutTarget,
    StageKind,
    WaveOrder,
)
from ops.rollouts.rules.safety import first_wave_limit, wave_limit

SHARES = (10, 30, 60, 100)  # cumulative percentages of the targets of a region
WHOLE = 4  # targets or accounts of a region that are deployed together unless the file lists shares
COARSER = (SHARES, (30, 100), (100,))  # shares to try, until there are few enough stages
MAX_STAGES = 24  # so that the history of a run stays within Step Functions' quota: see `ops.rollouts.limits`

Targets = tuple[RolloutTarget, ...]
_Part = tuple[StageKind, Targets]  # of a ring


@dataclass
class _Reach:
    """The regions and cells that have the change already."""

    regions: set[str] = field(default_factory=set)
    cells: set[str] = field(default_factory=set)

    def add(self, targets: Iterable[RolloutTarget]) -> None:
        for target in targets:
            self.regions.add(target.region)
            self.cells.update({target.cell} - {""})

    def allows(self, targets: Sequence[RolloutTarget]) -> bool:
        """Return whether one wave may bring the change to all of them: at most doubling regions and cells."""
        regions = {target.region for target in targets} - self.regions
        cells = {target.cell for target in targets} - self.cells - {""}
        return len(regions) <= max(1, len(self.regions)) and len(cells) <= max(1, len(self.cells))


def fewest_stages(
    generate: Callable[[Sequence[int]], Iterable[RolloutStage]],
) -> tuple[RolloutStage, ...]:
    """Return the stages with the finest default shares that give at most MAX_STAGES, or else the fewest."""
    for shares in COARSER:
        stages = tuple(generate(shares))
        if len(stages) <= MAX_STAGES:
            break
    return stages


def ring_stages(
    rollout: Rollout, targets: Sequence[RolloutTarget], shares: Sequence[int]
) -> Iterator[RolloutStage]:
    """Yield the stages of a file with [[stage]] tables, in the file's order.

    `shares` are those of rings for which the file lists none.
    """
    fleet = [target for target in targets if not target.one_box]
    reach, number = _Reach(), 0
    for index, ring in enumerate(rollout.rings):
        own = tuple(target for target in targets if target.ring == index)
        remaining = sum(target.ring >= index for target in fleet)
        limit = wave_limit(remaining)
        first = limit if any(target.ring < index for target in fleet) else first_wave_limit(len(fleet))
        parts = list(_with_boxes(ring, own, reach, _Limits(first, limit, shares)))
        for label, kind, wave in _labelled(ring.name, parts):
            if kind is not StageKind.ONE_BOX:
                number += 1
                kind = StageKind.FIRST if number == 1 else kind
            in_wave = number + (kind is StageKind.ONE_BOX)
            yield RolloutStage(kind, in_wave, wave, ring.bake, ring, label)


def _labelled(ring: str, parts: Sequence[_Part]) -> Iterator[tuple[str, StageKind, Targets]]:
    """Yield each part of a ring with its name: that of the ring, if there is one part only."""
    counts = Counter(kind for kind, _ in parts)
    done: Counter[StageKind] = Counter()
    for kind, targets in parts:
        done[kind] += 1
        word = "one-box" if kind is StageKind.ONE_BOX else "wave"
        label = f"{ring}, {word}" if len(counts) > 1 and kind is StageKind.ONE_BOX else ring
        if counts[kind] > 1:
            label = f"{ring}, {word} {done[kind]}"
        yield label, kind, targets


@dataclass(frozen=True)
class _Limits:
    """How many targets the ring's first wave and each other may have; and the default shares."""

    first: int
    wave: int
    shares: Sequence[int]


def _with_boxes(ring: Ring, own: Targets, reach: _Reach, limits: _Limits) -> Iterator[_Part]:
    """Yield the ring's waves, each after the one-boxes of its regions."""
    fleet = tuple(target for target in own if not target.one_box)
    boxes = [target for target in own if target.one_box]
    alone = [box for box in boxes if box.region not in {target.region for target in fleet}]
    for batch in _batches(alone, reach, together=True):
        yield StageKind.ONE_BOX, batch
    boxes = [box for box in boxes if box not in alone]
    for wave in _waves(ring, fleet, reach, limits):
        regions = {target.region for target in wave}
        if now := tuple(box for box in boxes if box.region in regions):
            yield StageKind.ONE_BOX, now
            boxes = [box for box in boxes if box not in now]
        yield StageKind.LATER, wave


def _waves(ring: Ring, fleet: Targets, reach: _Reach, limits: _Limits) -> Iterator[Targets]:
    rule, size, first = ring.waves, 1, limits.first
    for batch in _batches(fleet, reach, together=rule.order is not WaveOrder.REGIONS):
        if rule.shares:
            yield from by_share(_places(batch), rule.shares)
            continue
        if rule.order is WaveOrder.DOUBLE:
            waves = list(_doubling(batch, size))
            size = 2 * len(waves[-1])
        elif rule.order is WaveOrder.REGIONS:
            waves = [batch]
        else:
            waves = list(by_share(_places(batch), limits.shares, whole=WHOLE))
        for wave in waves:
            yield from _pieces(wave, first, limits.wave)
            first = limits.wave


def _batches(targets: Sequence[RolloutTarget], reach: _Reach, *, together: bool) -> Iterator[Targets]:
    """Yield the targets of 1, 1, 2, 4, … regions and cells; without `together`, of one region at a time."""
    batch: list[RolloutTarget] = []
    size, done = 0, 0
    for place in _places(targets):
        region_ends = bool(batch) and not together and place[0].region != batch[-1].region
        if batch and (size >= max(1, done) or region_ends or not reach.allows([*batch, *place])):
            yield tuple(batch)
            reach.add(batch)
            done, size, batch = done + size, 0, []
        batch += place
        size += 1
    if batch:
        yield tuple(batch)
        reach.add(batch)


def _places(targets: Iterable[RolloutTarget]) -> list[Targets]:
    """Return the targets of each region and cell, in the order of their first target."""
    places: dict[tuple[str, str], list[RolloutTarget]] = {}
    for target in targets:
        places.setdefault((target.region, target.cell), []).append(target)
    return [tuple(members) for members in places.values()]


def by_share(places: Sequence[Targets], shares: Sequence[int], *, whole: int = 0) -> Iterator[Targets]:
    """Yield waves of cumulative percentages of each place; one of at most `whole` targets in the first."""
    for before, share in pairwise((0, *shares)):
        wave: list[RolloutTarget] = []
        for place in places:
            if len(place) <= whole:
                wave += place if before == 0 else ()
            else:
                wave += place[-(-len(place) * before // 100) : -(-len(place) * share // 100)]
        if wave:
            yield tuple(wave)


def _doubling(targets: Targets, size: int) -> Iterator[Targets]:
    while targets:
        yield targets[:size]
        targets, size = targets[size:], 2 * size


def _pieces(wave: Targets, first: int, limit: int) -> Iterator[Targets]:
    """Yield the wave in pieces within the limits; `first` is that of the first piece."""
    yield wave[:first]
    for start in range(first, len(wave), limit):
        yield wave[start : start + limit]
