"""Rollouts for tests: one as a user writes it, and any that hypothesis can think of."""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache

from hypothesis import settings
from hypothesis import strategies as st

from ops.rollouts.rules.rollout import Rollout, parse
from ops.rollouts.rules.waves import RolloutStage, make_stages, make_targets

relaxed = settings(deadline=None)

FILE = "rollouts/shop.toml"
A, B, C = "111111111111", "222222222222", "333333333333"
REGIONS = ("eu-north-1", "eu-west-1", "us-east-1", "us-west-2", "ap-east-1", "sa-east-1", "ca-west-1")

SHOP = f"""[what]
stack = "shop"
template = "shop.template.json"
capabilities = ["CAPABILITY_IAM"]
parameters = {{ Size = "large", Mode = "" }}

[[where]]
accounts = ["{A}"]
regions = ["eu-north-1"]
stack = "shop-one-box"
parameters = {{ Size = "one" }}
one_box = 10

[[where]]
unit = "ou-ab12-11111111"
regions = ["eu-north-1", "eu-west-1", "us-east-1"]

[[override]]
account = "{B}"
region = "us-east-1"
parameters = {{ Size = "small" }}
alarms = ["shop-health-us"]
points = 20

[order]
first = "eu-north-1"

[limits]
at_once = 2
failures = 1

[bake.first]
time = "1d2h"
points = 1000
wait = "5h"

[evidence]
namespace = "Shop"
metric = "Requests"
statistic = "Sum"
dimensions = {{ Service = "api" }}

[alarms]
target = ["shop-health"]
neighbours = ["{C}/eu-west-1/billing/health"]

[blockers]
zone = "Europe/Berlin"
holidays = [2026-12-25]

[[blockers.window]]
days = ["sat", "fri"]
from = "14:00"
to = "24:00"

[[blockers.window]]
start = 2026-11-26T00:00:00
end = 2026-11-30T12:00:00
zone = "America/New_York"
"""


def accounts_of(kind: str, name: str) -> Sequence[str]:
    """The organization of the tests: one unit with two accounts, one tag with one of them and another."""
    return {
        ("unit", "ou-ab12-11111111"): (A, B),
        ("tag", "stage=qa"): (C,),
        ("tag", "stage=both"): (B, C),
    }.get((kind, name), ())


def stages_of(rollout: Rollout) -> tuple[RolloutStage, ...]:
    return make_stages(rollout, make_targets(rollout, accounts_of))


WINDOWS = st.lists(
    st.tuples(
        st.lists(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1, unique=True),
        st.integers(0, 23),
        st.integers(0, 24),
        st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    ),
    max_size=2,
)


@st.composite
def rollouts(draw: st.DrawFn) -> Rollout:
    """A valid rollout of up to 7 regions and 4 accounts."""
    regions = draw(st.lists(st.sampled_from(REGIONS), min_size=1, unique=True))
    accounts = [str(number) * 12 for number in range(1, draw(st.integers(1, 4)) + 1)]
    boxed = [region for region in regions if draw(st.booleans())]
    lines = ['[what]\nstack = "s"\ntemplate = "t"']
    if boxed:
        share = draw(st.integers(1, 10))
        box = f'accounts = ["{A}"]\nregions = {boxed!r}\nstack = "box"\none_box = {share}'
        lines.append(f"[[where]]\n{box}")
    lines.append(f"[[where]]\naccounts = {accounts!r}\nregions = {regions!r}")
    lines.append(f'[order]\nfirst = "{regions[draw(st.integers(0, len(regions) - 1))]}"')
    lines.append(f"[limits]\nat_once = {draw(st.integers(1, 5))}\nfailures = {draw(st.integers(0, 3))}")
    for bake in ("one_box", "first", "later"):
        hours = f'time = "{draw(st.integers(1, 30))}h"\nwait = "{draw(st.integers(0, 9))}h"'
        lines.append(f"[bake.{bake}]\n{hours}\npoints = {draw(st.integers(1, 1000))}")
    lines.append('[evidence]\nnamespace = "n"\nmetric = "m"')
    lines.append(f'[alarms]\ntarget = ["health"]\nneighbours = ["{C}/eu-west-1/other"]')
    for days, start, end, zone in draw(WINDOWS):
        times = f'from = "{start:02}:00"\nto = "{end:02}:30"' if end < 24 else 'from = "12:00"\nto = "24:00"'
        lines.append(f'[[blockers.window]]\ndays = {days!r}\n{times}\nzone = "{zone}"')
    return parse("\n".join(lines), FILE)


@cache
def some(count: int) -> st.SearchStrategy[frozenset[int]]:
    """Some of so many, by number; mostly none: what happens after a fault is not reached else."""
    return st.just(frozenset[int]()) | st.frozensets(st.integers(0, count - 1), max_size=2)


@cache
def hours(low: int, high: int) -> st.SearchStrategy[timedelta]:
    return st.integers(low * 60, high * 60).map(lambda minutes: timedelta(minutes=minutes))


RINGS = f"""[what]
stack = "shop"
template = "shop.template.json"
parameters = {{ Size = "large" }}

[evidence]
namespace = "Shop"
metric = "Requests"
dimensions = {{ Stack = "{{stack}}" }}

[alarms]
target = ["{{stack}}-health"]

[[stage]]
name = "beta"
where = {{ accounts = ["{A}"], regions = ["eu-west-1"] }}
bake = "1h"

[[stage]]
name = "one box"
where = {{ accounts = ["{B}"], regions = ["eu-west-1"], stack = "shop-one-box", one_box = 5 }}
bake = {{ time = "2h", points = 500, wait = "1h" }}

[[stage]]
name = "production"
where = [
    {{ unit = "ou-ab12-11111111", tag = "stage=both", regions = ["eu-west-1", "us-east-1"] }},
    {{ accounts = ["{C}"], regions = ["eu-west-1"], stack = "shop-{{cell}}", cells = ["c1", "c2"] }},
]
bake = "12h"
at_once = 3
failures = 1

[[stage.window]]
days = ["fri"]
from = "14:00"
to = "24:00"
"""


@st.composite
def ring_rollouts(draw: st.DrawFn) -> Rollout:
    """A file with up to 4 stages, each of up to 12 accounts, 3 regions, and 2 cells."""
    lines = [
        '[what]\nstack = "s"\ntemplate = "t"\n[evidence]\nnone = "a test"\n[alarms]\ntarget = ["{stack}-up"]'
    ]
    lines.append(f"[limits]\nat_once = {draw(st.integers(1, 50))}")
    for number in range(draw(st.integers(1, 4))):
        regions = draw(st.lists(st.sampled_from(REGIONS), min_size=1, max_size=3, unique=True))
        accounts = [f"{number + 1}{account:011}" for account in range(draw(st.integers(1, 12)))]
        cells = [f"c{cell}" for cell in range(draw(st.integers(0, 2)))]
        in_cells = f', cells = {cells!r}, stack = "s-{{cell}}"' if cells else ""
        where = [f"{{ accounts = {accounts!r}, regions = {regions!r}{in_cells} }}"]
        if draw(st.booleans()) and draw(st.booleans()):
            box = f"accounts = {accounts[:1]!r}, regions = {regions[:1]!r}"
            where.insert(0, f'{{ {box}, stack = "box", one_box = {draw(st.integers(1, 10))} }}')
        waves = draw(st.sampled_from(["", 'waves = "double"', 'waves = "regions"', "waves = [10, 50, 100]"]))
        lines.append(f"[[stage]]\nwhere = [{', '.join(where)}]\nbake = '{draw(st.integers(1, 9))}h'\n{waves}")
    return parse("\n".join(lines), FILE)
