"""Rings: the stages of a file in its order, the waves generated inside them, and the limits of each."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given

from ops.errors import InputError
from ops.rollouts.limits import MAX_EVENTS, limit_usage
from ops.rollouts.rules.document import Document, from_json
from ops.rollouts.rules.model import Rollout, RolloutStage, StageKind
from ops.rollouts.rules.rings import MAX_STAGES
from ops.rollouts.rules.rollout import parse
from ops.rollouts.rules.waves import broken_rules, make_stages, make_targets
from ops.rollouts.scenarios import Scenario
from ops.rollouts.simulator import ActionKind, SimulationOutcome, simulate
from tests.ops.rollouts.samples import (
    FILE,
    REGIONS,
    RINGS,
    A,
    B,
    C,
    accounts_of,
    relaxed,
    ring_rollouts,
    stages_of,
)

MONDAY = datetime(2026, 7, 6, 8, tzinfo=UTC)
HEAD = '[what]\nstack = "api"\ntemplate = "t"\n[evidence]\nnone = "a test"\n'
BAKES = timedelta(hours=1)


def numbered(count: int, first: int = 1) -> str:
    return json.dumps([f"{number:012}" for number in range(first, first + count)])


def stage(name: str, where: str, more: str = "") -> str:
    return f'[[stage]]\nname = "{name}"\nwhere = {{ {where} }}\nbake = "1h"\n{more}\n'


def shape(stages: Sequence[RolloutStage]) -> list[tuple[str, int]]:
    return [(stage.name, len(stage.targets)) for stage in stages]


def ids(stage: RolloutStage) -> list[str]:
    return [target.id for target in stage.targets]


def test_stages_are_those_of_the_file_in_its_order() -> None:
    stages = stages_of(parse(RINGS, FILE))
    assert [(stage.name, stage.kind, ids(stage)) for stage in stages] == [
        ("beta", StageKind.FIRST, [f"{A}/eu-west-1/shop"]),
        ("one box", StageKind.ONE_BOX, [f"{B}/eu-west-1/shop-one-box"]),
        ("production, wave 1", StageKind.LATER, [f"{B}/eu-west-1/shop"]),
        ("production, wave 2", StageKind.LATER, [f"{B}/us-east-1/shop"]),
        ("production, wave 3", StageKind.LATER, [f"{C}/eu-west-1/shop-c1"]),
        ("production, wave 4", StageKind.LATER, [f"{C}/eu-west-1/shop-c2"]),
    ]
    assert [stage.bake.time / BAKES for stage in stages] == [1, 2, 12, 12, 12, 12]


def test_a_stage_without_targets_is_a_mistake() -> None:
    rollout = parse(RINGS, FILE)
    targets = [target for target in make_targets(rollout, accounts_of) if target.ring != 1]
    with pytest.raises(InputError, match=f"{FILE}, line 19: .*stage one box has no target"):
        make_stages(rollout, targets)


def test_a_target_is_judged_by_its_own_alarms_and_metric() -> None:
    _, (box,), (fleet,), *_ = (stage.targets for stage in stages_of(parse(RINGS, FILE)))
    assert (box.alarms, fleet.alarms) == (("shop-one-box-health",), ("shop-health",))
    assert box.metric and fleet.metric
    assert (box.metric.dimensions, fleet.metric.dimensions) == ({"Stack": "shop-one-box"}, {"Stack": "shop"})


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('target = ["{stack}-health"]', 'target = ["health"]', "shares the alarm health with"),
        ('Stack = "{stack}"', 'Stack = "shop"', "shares its metric with"),
    ],
    ids=["alarm", "metric"],
)
def test_a_one_box_does_not_share_its_evidence(old: str, new: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        stages_of(parse(RINGS.replace(old, new), FILE))


def test_every_selection_of_a_where_selects_the_account() -> None:
    text = HEAD + stage("all", 'unit = "ou-ab12-11111111", tag = "stage=both", regions = ["eu-west-1"]')
    assert [target.account for target in make_targets(parse(text, FILE), accounts_of)] == [B]


def test_seven_accounts_of_one_region_get_the_change_after_beta_and_never_all_at_once() -> None:
    where = f'accounts = {numbered(7, 2)}, regions = ["eu-west-1"]'
    beta = stage("beta", 'accounts = ["000000000001"], regions = ["eu-west-1"]')
    stages = stages_of(parse(HEAD + beta + stage("production", where), FILE))
    assert shape(stages) == [
        ("beta", 1),
        *((f"production, wave {n}", k) for n, k in enumerate((1, 2, 2, 2), 1)),
    ]


@pytest.mark.parametrize(
    ("waves", "sizes"),
    [
        ("", [2, 3, 4, 5, 2, 3, 4, 5]),
        ('waves = "double"', [1, 2, 4, 7, 14]),
        ('waves = "regions"', [2, 12, 14]),
        ("waves = [5, 50, 100]", [1, 6, 7, 1, 6, 7]),
    ],
    ids=["shares", "double", "regions", "own shares"],
)
def test_waves_are_generated_inside_a_stage(waves: str, sizes: list[int]) -> None:
    where = f'accounts = {numbered(14)}, regions = ["eu-west-1", "us-east-1"]'
    stages = stages_of(parse(HEAD + stage("all", where, waves), FILE))
    assert sum(sizes) == 28 and [len(stage.targets) for stage in stages] == sizes


def test_regions_and_cells_double() -> None:
    where = 'accounts = ["000000000001"], regions = ["eu-west-1"], cells = ["a", "b", "c", "d", "e"]'
    stages = stages_of(parse(HEAD + stage("cells", f'{where}, stack = "api-{{cell}}"'), FILE))
    assert [[target.cell for target in each.targets] for each in stages] == [["a"], ["b"], ["c", "d"], ["e"]]
    regions = ["eu-west-1", "us-east-1", "eu-north-1", "us-west-2", "ap-east-1"]
    stages = stages_of(parse(HEAD + stage("all", f"accounts = {numbered(1)}, regions = {regions}"), FILE))
    assert [stage.regions for stage in stages] == [
        (regions[0],), (regions[1],), tuple(regions[2:4]), (regions[4],)
    ]  # fmt: skip


def test_many_cells_do_not_let_many_regions_follow_together() -> None:
    cells = [f"c{number}" for number in range(8)]
    one = f'{{ accounts = {numbered(1)}, regions = ["eu-west-1"], cells = {cells}, stack = "api-{{cell}}" }}'
    rest = f"{{ accounts = {numbered(1, 2)}, regions = {list(REGIONS[2:])} }}"
    text = HEAD + f'[[stage]]\nname = "all"\nwhere = [{one}, {rest}]\nbake = "1h"\n'
    stages = stages_of(parse(text, FILE))
    assert [len(stage.regions) for stage in stages] == [1, 1, 1, 1, 1, 2, 2]
    assert [len(stage.targets) for stage in stages][:4] == [1, 1, 2, 4]


@pytest.mark.parametrize("key", ["{cell}", "{stack}"])
def test_a_cell_names_its_stack_alarms_and_parameters(key: str) -> None:
    where = 'accounts = ["000000000001"], regions = ["eu-west-1"], cells = ["a"], stack = "api-{cell}"'
    more = f', parameters = {{ Cell = "{{cell}}", Json = "{{}}" }}, alarms = ["{key}-up"]'
    ((target,),) = (each.targets for each in stages_of(parse(HEAD + stage("cells", where + more), FILE)))
    assert (target.stack, target.parameters) == ("api-a", {"Cell": "a", "Json": "{}"})
    assert target.alarms == ({"{cell}": "a-up", "{stack}": "api-a-up"}[key],)


TWO = ["eu-west-1", "us-east-1"]
UNSAFE = {
    "half of a region first": (
        stage("all", f'accounts = {numbered(10)}, regions = ["eu-west-1"]', "waves = [50, 100]"),
        "all, wave 1, the first, has 5 of 10 targets (50%); the limit is 10%, or one target.",
    ),
    "all at once": (
        stage("beta", 'accounts = ["000000000099"], regions = ["eu-west-1"]')
        + stage("all", f'accounts = {numbered(10)}, regions = ["eu-west-1"]', "waves = [100]"),
        "all has 10 of the 10 targets that are left (100%) in one wave; the limit is 50%.",
    ),
    "a one-box elsewhere": (
        stage("box", 'accounts = ["000000000001"], regions = ["us-east-1"], stack = "box", one_box = 1')
        + stage("all", f"accounts = {numbered(1)}, regions = {TWO}"),
        "us-east-1 and eu-west-1 get the change before the first wave has baked.",
    ),
    "a one-box in another cell": (
        stage("box", 'accounts = ["1%s"], regions = ["eu-west-1"], cells = ["b"], one_box = 1' % ("0" * 11))
        + stage("all", f'accounts = {numbered(1)}, regions = ["eu-west-1"], cells = ["a"]'),
        "a and b get the change before the first wave has baked.",
    ),
    "a one-box afterward": (
        stage("all", f'accounts = {numbered(1)}, regions = ["eu-west-1"]')
        + stage("box", 'accounts = ["000000000001"], regions = ["eu-west-1"], stack = "box", one_box = 1'),
        "000000000001/eu-west-1/box, a one-box, comes after its region.",
    ),
    "boxes one after the other": (
        stage("one", 'accounts = ["000000000001"], regions = ["eu-west-1"], stack = "b1", one_box = 6')
        + stage("two", 'accounts = ["000000000001"], regions = ["eu-west-1"], stack = "b2", one_box = 6')
        + stage("all", f'accounts = {numbered(1)}, regions = ["eu-west-1"]'),
        "The one-boxes of eu-west-1 take 12% of its traffic; the limit is 10%.",
    ),
    "an empty stage": (
        stage("all", f'accounts = {numbered(1)}, tag = "stage=qa", regions = ["eu-west-1"]'),
        "where adds no target",
    ),
}


@pytest.mark.parametrize("name", UNSAFE)
def test_no_file_breaks_a_rule(name: str) -> None:
    text, said = UNSAFE[name]
    with pytest.raises(InputError) as caught:
        stages_of(parse(HEAD + text, FILE))
    assert said in str(caught.value)


def test_test_accounts_do_not_make_production_look_small() -> None:
    many = stage("beta", f'accounts = {numbered(40, 100)}, regions = ["eu-west-1"]')
    production = stage("all", f'accounts = {numbered(4)}, regions = ["eu-west-1"]')
    assert shape(stages_of(parse(HEAD + many + production, FILE)))[-2:] == [
        ("all, wave 1", 2),
        ("all, wave 2", 2),
    ]


def spread(stage: RolloutStage, field: str) -> RolloutStage:
    """The stage with three targets, each of its own region or cell."""
    targets = (replace(stage.targets[0], stack=f"s{n}", **{field: f"x-{n}"}) for n in range(3))  # type: ignore[arg-type]
    return replace(stage, targets=tuple(targets))


BETA, BOX, ONE, *_ = PRODUCTION = stages_of(parse(RINGS, FILE))
BROKEN = {
    "rings swapped": ([BETA, ONE, BOX], "not in the order of the file"),
    "three regions": ([BETA, spread(ONE, "region")], "brings the change to 3 regions, 1 have it"),
    "three cells": ([BETA, spread(ONE, "cell")], "brings the change to 3 cells, 0 have it"),
    "a large wave": ([BETA, spread(ONE, "account")], "has 3 of the 3 targets that are left (100%)"),
    "a large first wave": (
        [spread(BETA, "account"), *PRODUCTION[1:]],
        "beta, the first, has 3 of 7 targets (42%); the limit is 10%, or one target.",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_stages_that_break_a_rule_of_rings_are_reported(name: str) -> None:
    stages, said = BROKEN[name]
    assert any(said in words for words in broken_rules(stages))


def test_the_sample_breaks_none() -> None:
    assert broken_rules(PRODUCTION) == ()


@relaxed
@given(ring_rollouts())
def test_rules_hold_for_any_file(rollout: Rollout) -> None:
    """Stated here in their own words: `broken_rules` is not asked."""
    targets = make_targets(rollout, accounts_of)
    try:
        stages = make_stages(rollout, targets)
    except InputError as error:  # only what the file asks for itself can be too much
        assert any(words in str(error) for words in ("the limit is", "before the first wave", "comes after"))
        assume(False)
    order = [target for stage in stages for target in stage.targets]
    assert sorted(target.id for target in order) == sorted(target.id for target in targets)
    assert [target.ring for target in order] == sorted(target.ring for target in targets)
    fleet = [target for target in targets if not target.one_box]
    regions: set[str] = set()
    cells: set[str] = set()
    baked = False
    for stage in stages:
        size, left = len(stage.targets), sum(t.ring >= stage.targets[0].ring for t in fleet)
        new_regions = set(stage.regions) - regions
        new_cells = {target.cell for target in stage.targets if target.cell} - cells
        assert len(new_regions) <= max(1, len(regions)) and len(new_cells) <= max(1, len(cells))
        regions |= new_regions
        cells |= new_cells
        if not baked:
            assert len(regions) == 1 and len(cells) <= 1
        if stage.kind is not StageKind.ONE_BOX:
            assert size <= max(1, left // 2)
            assert baked or size <= max(1, len(fleet) // 10)
            baked = True
    names = [stage.name for stage in stages]
    assert len(set(names)) == len(names)


@relaxed
@given(ring_rollouts())
def test_a_simulation_starts_every_target_in_the_order_of_the_stages(rollout: Rollout) -> None:
    try:
        stages = stages_of(rollout)
    except InputError:
        assume(False)
    result = simulate(rollout, stages, MONDAY)
    assert result.outcome is SimulationOutcome.SUCCEEDED
    running, started = 0, []
    for action in result.actions:
        if action.did is ActionKind.STARTED:
            running += 1
            started.append(action.target)
            assert action.target in ids(action.stage) and running <= action.stage.at_once(rollout)
        elif action.did is ActionKind.DEPLOYED:
            running -= 1
    assert started == [target.id for stage in stages for target in stage.targets]


def test_a_stage_has_its_own_window_and_tolerance() -> None:
    rollout = parse(RINGS, FILE)
    stages = stages_of(rollout)
    friday = datetime(2026, 7, 10, 14, tzinfo=UTC)
    result = simulate(rollout, stages, friday)
    started = {a.target: a.at for a in result.actions if a.did is ActionKind.STARTED}
    assert started[f"{A}/eu-west-1/shop"] == friday  # only production has the window
    assert started[f"{B}/eu-west-1/shop"] == datetime(2026, 7, 11, tzinfo=UTC)
    tolerated = Scenario(failing=frozenset({f"{C}/eu-west-1/shop-c1"}))
    failed = simulate(rollout, stages, MONDAY, scenario=tolerated)
    assert [a.why for a in failed.actions if a.did is ActionKind.STOPPED] == [
        "every target of production, wave 3 failed"
    ]
    box = simulate(rollout, stages, MONDAY, scenario=Scenario(failing=frozenset({ids(stages[1])[0]})))
    assert [a.why for a in box.actions if a.did is ActionKind.STOPPED] == [
        f"{B}/eu-west-1/shop-one-box failed; failures of stage one box is 0"
    ]


ORDER = '[order]\nfirst = "eu-west-1"\n'


def order(*groups: str) -> Rollout:
    return parse(HEAD + ORDER + "".join(f"[[where]]\n{group}\n" for group in groups), FILE)


def test_groups_of_an_older_file_are_rings_in_its_order() -> None:
    beta = f'accounts = ["{A}"]\nregions = ["eu-west-1", "us-east-1"]'
    box = f'accounts = ["{B}"]\nregions = ["us-east-1"]\nstack = "box"\none_box = 5'
    production = f"accounts = {numbered(8, 2)}\nregions = {TWO}"
    stages = stages_of(order(beta, box, production))
    assert [(stage.name, len(stage.targets), stage.regions) for stage in stages] == [
        ("wave 1", 1, ("eu-west-1",)),
        ("wave 2", 1, ("us-east-1",)),
        *((f"wave {n}", k, ("eu-west-1",)) for n, k in enumerate((1, 2, 2, 3), 3)),
        ("one-box of wave 7", 1, ("us-east-1",)),
        *((f"wave {n}", k, ("us-east-1",)) for n, k in enumerate((1, 2, 2, 3), 7)),
    ]
    assert [stage.kind for stage in stages].count(StageKind.FIRST) == 1 and broken_rules(stages) == ()


def test_stacks_of_the_same_accounts_are_one_ring() -> None:
    api, web = (f'accounts = ["{A}"]\nregions = {TWO}\nstack = "{name}"' for name in ("api", "web"))
    stages = stages_of(order(api, web, f'accounts = ["{B}"]\nregions = ["eu-west-1"]'))
    assert [ids(stage) for stage in stages] == [
        [f"{A}/eu-west-1/api", f"{A}/eu-west-1/web"],
        [f"{A}/us-east-1/api", f"{A}/us-east-1/web"],
        [f"{B}/eu-west-1/api"],
    ]


def test_a_first_ring_elsewhere_begins_with_one_region() -> None:
    beta = f'accounts = ["{A}"]\nregions = ["us-east-1", "eu-north-1", "us-west-2"]'
    production = f'accounts = ["{B}"]\nregions = ["eu-west-1", "us-east-1", "eu-north-1", "us-west-2"]'
    stages = stages_of(order(beta, production))
    assert [stage.regions for stage in stages] == [
        ("us-east-1",),
        ("eu-north-1", "us-west-2"),
        ("eu-west-1",),
        ("us-east-1",),
        ("eu-north-1", "us-west-2"),
    ]


def test_a_run_keeps_the_stages_that_it_was_started_with() -> None:
    text = HEAD + ORDER + f'[[where]]\naccounts = {numbered(9)}\nregions = ["eu-west-1"]'
    stored = Document("shop-1", FILE, text, {}, "{}", "Ada").to_json().replace('"divided": false,', "")
    assert shape(from_json(stored).stages) == [("wave 1", 9)]
    assert len(Document("shop-1", FILE, text, {}, "{}", "Ada", divided=True).stages) == 4


FLEETS = {
    "older file, 6 regions": (40, 6, HEAD + ORDER + "[[where]]\naccounts = %s\nregions = %s"),
    "older file, 30 regions": (8, 30, HEAD + ORDER + "[[where]]\naccounts = %s\nregions = %s"),
    "stages, 6 regions": (40, 6, HEAD + "[[stage]]\nwhere = { accounts = %s, regions = %s }"),
    "stages, 30 regions": (8, 30, HEAD + "[[stage]]\nwhere = { accounts = %s, regions = %s }"),
}


@pytest.mark.parametrize("name", FLEETS)
def test_forty_accounts_get_the_change_by_shares_and_stay_within_the_quotas(name: str) -> None:
    accounts, regions, text = FLEETS[name]
    names = ["eu-west-1", *(f"ap-east-{n % 10}" if n < 11 else f"us-{'x' * n}-1" for n in range(1, regions))]
    stages = stages_of(parse(text % (numbered(accounts), json.dumps(names)), FILE))
    assert sum(len(stage.targets) for stage in stages) == 240 and len(stages) <= MAX_STAGES
    assert len(stages[0].targets) <= 4
    for stage in stages:
        counts = [sum(target.region == region for target in stage.targets) for region in stage.regions]
        assert max(counts) <= 16 or accounts < 40
    assert all(usage.margin >= 0 for usage in limit_usage(stages, "r" * 66)), MAX_EVENTS
