"""What a rollout consists of: the content of its file, its targets, and its stages. Frozen data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePath

from ops.errors import InputError
from ops.rollouts.rules.blockers import Blockers
from ops.rollouts.rules.evidence import Bake
from ops.rollouts.rules.gates.model import Approval, Hooks

# The line of a table, for a mistake in it. A call, because only a mistake makes it worth reading the file for
# lines: a file without one is parsed once.
Line = Callable[[], int]


@dataclass(frozen=True)
class StackSource:
    """Where the template comes from: its path, or the path of a cloud assembly and patterns of its stacks.

    Without `artifacts`, all stacks of the assembly are deployed. `role` is the name of the service role for
    stacks that have none; if it is empty, they get none.
    """

    template: str
    assembly: str
    artifacts: tuple[str, ...]
    capabilities: tuple[str, ...]
    role: str = ""


@dataclass(frozen=True)
class EvidenceMetric:
    """The metric whose data points are evidence, in the account and region of each target."""

    namespace: str
    metric: str
    statistic: str
    dimensions: Mapping[str, str]


@dataclass(frozen=True)
class TargetGroup:
    """Accounts × regions × cells. `one_box` is a percentage, or 0.

    An account belongs to the group if `accounts`, `unit`, and `tag` all select it; what is empty selects
    every account. `alarms` is None when the group has the rollout's. `ring` is the index of its [[stage]].
    """

    accounts: tuple[str, ...]
    unit: str
    tag: str
    regions: tuple[str, ...]
    stack: str
    parameters: Mapping[str, str]
    one_box: int
    line: Line = field(repr=False, compare=False)
    cells: tuple[str, ...] = ("",)
    alarms: tuple[str, ...] | None = None
    metric: EvidenceMetric | None = None
    ring: int = 0


@dataclass(frozen=True)
class Override:
    """What differs in an account, a region, or both; None means not overridden."""

    account: str
    region: str
    parameters: Mapping[str, str]
    alarms: tuple[str, ...] | None
    points: int | None
    line: Line = field(repr=False, compare=False)

    def covers(self, account: str, region: str) -> bool:
        return self.account in ("", account) and self.region in ("", region)


@dataclass(frozen=True)
class NeighborAlarm:
    """An alarm of another service that stops the rollout."""

    account: str
    region: str
    alarm: str

    @property
    def name(self) -> str:
        return f"{self.account}/{self.region}/{self.alarm}"


class WaveOrder(StrEnum):
    """How the waves of a ring are generated, as written in the file."""

    SHARES = "shares"  # by percentages inside each region; regions in waves of 1, 1, 2, 4, …
    REGIONS = "regions"  # one region after the other
    DOUBLE = "double"  # 1, 2, 4, … targets


@dataclass(frozen=True)
class WaveRule:
    """How a ring is divided into waves.

    `shares` are cumulative percentages of the targets in a region; empty if the file lists none. A listed
    wave that is too large is a mistake, whereas generated waves are divided further.
    """

    order: WaveOrder
    shares: tuple[int, ...] = ()


@dataclass(frozen=True)
class Ring:
    """One [[stage]] of the file. `blockers` include those of the whole rollout."""

    name: str
    bake: Bake
    at_once: int
    failures: int
    blockers: Blockers
    waves: WaveRule
    line: Line = field(repr=False, compare=False)
    approval: Approval | None = None
    hooks: Hooks = field(default_factory=Hooks)


@dataclass(frozen=True)
class Rollout:
    """The content of a rollout file.

    A file has either `rings`, its [[stage]] tables, or an [order]: `first` and `waves`, which are empty when
    they are computed. Without a `metric`, `unmeasured` is the reason.
    """

    file: str
    source: StackSource
    groups: tuple[TargetGroup, ...]
    overrides: tuple[Override, ...]
    first: str
    waves: tuple[tuple[str, ...], ...]
    at_once: int
    failures: int
    one_box_bake: Bake
    first_bake: Bake
    later_bake: Bake
    metric: EvidenceMetric | None
    unmeasured: str
    alarms: tuple[str, ...]
    neighbors: tuple[NeighborAlarm, ...]
    blockers: Blockers
    order_line: Line = field(repr=False, compare=False)
    rings: tuple[Ring, ...] = ()

    @property
    def name(self) -> str:
        return PurePath(self.file).stem

    def mistake(self, line: Line, message: str, hint: str) -> InputError:
        """Return the error for a mistake that only the resolved targets show."""
        return InputError(f"{self.file}, line {line()}: {message}", field="rollout", hint=hint)


@dataclass(frozen=True)
class RolloutTarget:
    """One stack in one account and region.

    `one_box` is the traffic percentage of its group, or 0. `points` overrides the bake's unless it is None.
    `ring` is the index of its [[stage]]; in a file with an [order], see `ops.rollouts.rules.waves`. Of a
    stack from an app, `artifact` and `order` are those of `ops.rollouts.rules.app.model.AppStack`.
    """

    account: str
    region: str
    stack: str
    parameters: Mapping[str, str]
    alarms: tuple[str, ...]
    points: int | None
    one_box: int
    metric: EvidenceMetric | None = None
    cell: str = ""
    ring: int = 0
    artifact: str = ""
    order: int = 0

    @property
    def id(self) -> str:
        return f"{self.account}/{self.region}/{self.stack}"


class StageKind(StrEnum):
    ONE_BOX = "one-box"
    FIRST = "first wave"
    LATER = "wave"


@dataclass(frozen=True)
class RolloutStage:
    """Targets that are deployed and then baked together: a wave of a rollout, or its one-boxes.

    `wave` counts from 1. The one-box stage of a wave has the number of that wave. `ring` is the [[stage]] of
    the wave was generated from, and `label` the wave's name; a file with an [order] has neither.
    """

    kind: StageKind
    wave: int
    targets: tuple[RolloutTarget, ...]
    bake: Bake
    ring: Ring | None = None
    label: str = ""

    @property
    def regions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(target.region for target in self.targets))

    @property
    def name(self) -> str:
        if self.label:
            return self.label
        return f"one-box of wave {self.wave}" if self.kind is StageKind.ONE_BOX else f"wave {self.wave}"

    def points(self, target: RolloutTarget) -> int:
        """Return how many data points the target needs."""
        if target.metric is None:
            return 0
        return self.bake.points if target.points is None else target.points

    def at_once(self, rollout: Rollout) -> int:
        """Return how many of its targets may be in progress at the same time."""
        return self.ring.at_once if self.ring else rollout.at_once
