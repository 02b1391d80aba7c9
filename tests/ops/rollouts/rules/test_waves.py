"""Targets and stages: every target once, and the rules, whatever the file says."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.errors import InputError
from ops.rollouts.rules.rollout import Rollout, parse
from ops.rollouts.rules.waves import (
    RolloutStage,
    StageKind,
    broken_rules,
    make_stages,
    make_targets,
    rollback_order,
)
from tests.ops.rollouts.samples import FILE, REGIONS, SHOP, A, B, accounts_of, relaxed, rollouts, stages_of

ROLLOUT = parse(SHOP, FILE)


def test_targets_are_accounts_times_regions_with_their_overrides() -> None:
    targets = {target.id: target for target in make_targets(ROLLOUT, accounts_of)}
    assert list(targets) == [
        f"{A}/eu-north-1/shop-one-box",
        *(
            f"{account}/{region}/shop"
            for region in ("eu-north-1", "eu-west-1", "us-east-1")
            for account in (A, B)
        ),
    ]
    box, *_, plain, other = targets.values()
    assert (box.parameters["Size"], box.one_box, box.alarms) == ("one", 10, ("shop-health",))
    assert (plain.parameters["Size"], plain.one_box, plain.points) == ("large", 0, None)
    assert (other.parameters, other.points) == ({"Size": "small", "Mode": ""}, 20)
    assert other.alarms == ("shop-health-us",)


def test_an_override_can_remove_all_alarms_and_none_changes_nothing() -> None:
    """An empty list is not the same as no list."""
    without = parse(SHOP.replace('alarms = ["shop-health-us"]\npoints = 20', "alarms = []\npoints = 1"), FILE)
    *_, other = make_targets(without, accounts_of)
    assert (other.alarms, other.points) == ((), 1)
    unchanged = parse(SHOP.replace('alarms = ["shop-health-us"]\npoints = 20\n', ""), FILE)
    *_, other = make_targets(unchanged, accounts_of)
    assert (other.alarms, other.points) == (("shop-health",), None)


def test_a_tag_is_resolved() -> None:
    asked: list[tuple[str, str]] = []

    def resolve(kind: str, name: str) -> Sequence[str]:
        asked.append((kind, name))
        return [B]

    rollout = parse(SHOP.replace('unit = "ou-ab12-11111111"', 'tag = "stage=qa"'), FILE)
    targets = make_targets(rollout, resolve)
    assert asked == [("tag", "stage=qa")] and targets[-1].account == B


def test_a_target_belongs_to_the_first_group_that_names_it() -> None:
    text = SHOP.replace('stack = "shop-one-box"\n', "")
    targets = make_targets(parse(text, FILE), accounts_of)
    assert [target.id for target in targets].count(f"{A}/eu-north-1/shop") == 1
    assert targets[0].one_box == 10


# What is replaced in SHOP by what, the line that is named, and what is wrong.
WRONG = {
    "a unit without accounts": ("ou-ab12-11111111", "ou-ab12-22222222", 14, "where adds no target"),
    "a group twice": (
        "[[override]]",
        f'[[where]]\naccounts = ["{A}"]\nregions = ["eu-west-1"]\n[[override]]',
        18,
        "where adds no target",
    ),
    "an idle override": (f'account = "{B}"', 'account = "444444444444"', 18, "override matches no target"),
    "a first without targets": (
        'first = "eu-north-1"',
        'first = "ap-east-1"',
        25,
        "ap-east-1, has no target",
    ),
    "a forgotten region": ("[limits]", 'waves = [["us-east-1"]]\n[limits]', 25, "eu-west-1 is in no wave"),
    "a region without targets": (
        "[limits]",
        'waves = [["us-east-1"], ["eu-west-1", "ap-east-1"]]\n[limits]',
        25,
        "ap-east-1 has no target",
    ),
    "nothing but a box": (
        'regions = ["eu-north-1"]',
        'regions = ["ap-east-1"]',
        25,
        "ap-east-1 has one-boxes only",
    ),
    "big boxes together": (
        "[[override]]",
        f'[[where]]\naccounts = ["{B}"]\nregions = ["eu-north-1"]\nstack = "two"\none_box = 1\n[[override]]',
        30,
        "The one-boxes of eu-north-1 take 11% of its traffic",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_only_the_targets_show_names_its_line_too(name: str) -> None:
    old, new, line, said = WRONG[name]
    assert old in SHOP
    rollout = parse(SHOP.replace(old, new, 1), FILE)
    with pytest.raises(InputError) as caught:
        stages_of(rollout)
    assert str(caught.value).startswith(f"{FILE}, line {line}: ") and said in str(caught.value)


def shape(stages: Sequence[RolloutStage]) -> list[tuple[StageKind, int, tuple[str, ...]]]:
    return [(stage.kind, stage.wave, stage.regions) for stage in stages]


def test_stages_are_one_box_first_wave_and_the_others() -> None:
    stages = stages_of(ROLLOUT)
    assert shape(stages) == [
        (StageKind.ONE_BOX, 1, ("eu-north-1",)),
        (StageKind.FIRST, 1, ("eu-north-1",)),
        (StageKind.LATER, 2, ("eu-west-1",)),
        (StageKind.LATER, 3, ("us-east-1",)),
    ]
    assert [stage.name for stage in stages][:2] == ["one-box of wave 1", "wave 1"]
    assert [stage.bake for stage in stages] == [
        ROLLOUT.one_box_bake,
        ROLLOUT.first_bake,
        ROLLOUT.later_bake,
        ROLLOUT.later_bake,
    ]
    assert [stages[3].points(target) for target in stages[3].targets] == [1, 20]


def fleet(regions: Sequence[str], order: str) -> Rollout:
    return parse(
        f'[what]\nstack = "s"\ntemplate = "t"\n[[where]]\naccounts = ["{A}"]\nregions = {list(regions)!r}\n'
        f'[evidence]\nnone = "a test"\n[order]\n{order}',
        FILE,
    )


def test_waves_double_where_none_are_written() -> None:
    stages = stages_of(fleet(REGIONS, 'first = "us-east-1"'))
    assert [stage.regions for stage in stages] == [
        ("us-east-1",),
        ("eu-north-1",),
        ("eu-west-1", "us-west-2"),
        ("ap-east-1", "sa-east-1", "ca-west-1"),
    ]


def test_waves_are_as_they_are_written() -> None:
    order = 'first = "eu-north-1"\nwaves = [["us-east-1", "us-west-2"], ["eu-west-1"]]'
    stages = stages_of(fleet(REGIONS[:4], order))
    assert [stage.regions for stage in stages][1:] == [("us-east-1", "us-west-2"), ("eu-west-1",)]


def test_waves_grow() -> None:
    order = 'first = "eu-north-1"\nwaves = [["us-east-1", "us-west-2"], ["eu-west-1"], ["ap-east-1"]]'
    with pytest.raises(InputError, match="line 9: wave 3 has fewer regions than wave 2"):
        stages_of(fleet(REGIONS[:5], order))


@relaxed
@given(rollouts())
def test_every_target_is_in_one_stage_and_the_rules_hold(rollout: Rollout) -> None:
    targets = make_targets(rollout, accounts_of)
    stages = make_stages(rollout, targets)
    staged = [target.id for stage in stages for target in stage.targets]
    assert sorted(staged) == sorted(target.id for target in targets)
    assert len(set(staged)) == len(staged)
    assert broken_rules(stages) == ()
    first = [stage.kind for stage in stages].index(StageKind.FIRST)
    assert {region for stage in stages[: first + 1] for region in stage.regions} == {rollout.first}
    baked = 0
    for stage in stages:
        if stage.kind is StageKind.ONE_BOX:
            for region in stage.regions:
                assert sum(each.one_box for each in stage.targets if each.region == region) <= 10 * len(
                    {each.account for each in stage.targets}
                )
        else:
            assert len(stage.regions) <= max(baked, 1)
            baked += len(stage.regions)


STAGES = stages_of(ROLLOUT)
BOX, FIRST, SECOND, THIRD = STAGES


def with_boxes(share: int) -> RolloutStage:
    return replace(BOX, targets=tuple(replace(each, one_box=share) for each in BOX.targets))


BROKEN = {
    "a target twice": ([BOX, FIRST, SECOND, SECOND], "is in the rollout 2 times"),
    "an empty stage": ([BOX, FIRST, replace(SECOND, targets=())], "wave 2 has no target"),
    "two regions first": (
        [replace(FIRST, targets=FIRST.targets + SECOND.targets)],
        "The first wave has 2 regions",
    ),
    "no first wave": ([BOX, SECOND], "The first wave must come first, and exactly once"),
    "nothing": ([], "The first wave must come first, and exactly once"),
    "a wave before the first": ([BOX, SECOND, FIRST], "The first wave must come first, and exactly once"),
    "two first waves": (
        [BOX, FIRST, replace(SECOND, kind=StageKind.FIRST)],
        "The first wave must come first, and exactly once",
    ),
    "one-box elsewhere": (
        [replace(BOX, targets=tuple(replace(each, region="us-east-1") for each in BOX.targets)), FIRST],
        "us-east-1 and eu-north-1 get the change before the first wave has baked",
    ),
    "a big one-box": ([with_boxes(11), FIRST], "take 11% of its traffic; the limit is 10%"),
    "a late one-box": ([FIRST, BOX], "a one-box, comes after its region"),
    "a box in a wave": (
        [replace(FIRST, targets=FIRST.targets + BOX.targets)],
        "the wrong kind of stage, wave 1",
    ),
    "a leap": (
        [
            FIRST,
            replace(SECOND, targets=(*SECOND.targets, *THIRD.targets, replace(BOX.targets[0], region="x"))),
        ],
        "wave 2 has 3 regions, wave 1 has 1; a wave may at most double",
    ),
    "a fleet as a box": ([with_boxes(0), FIRST], "the wrong kind of stage, one-box of wave 1"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_stages_that_break_a_rule_are_told(name: str) -> None:
    stages, said = BROKEN[name]
    assert any(said in words for words in broken_rules(stages))


def test_the_sample_breaks_none() -> None:
    assert broken_rules(STAGES) == ()


@relaxed
@given(rollouts(), st.data())
def test_rolling_back_is_the_reverse_and_only_of_what_was_touched(
    rollout: Rollout, data: st.DataObject
) -> None:
    stages = stages_of(rollout)
    order = [target.id for stage in stages for target in stage.targets]
    touched = data.draw(st.sets(st.sampled_from(order)))
    groups = rollback_order(stages, touched)
    assert [target.id for group in groups for target in group] == [
        each for each in reversed(order) if each in touched
    ]
    stage_of = {target.id: number for number, stage in enumerate(stages) for target in stage.targets}
    numbers = [{stage_of[target.id] for target in group} for group in groups]
    assert all(len(each) == 1 for each in numbers)
    assert len(set().union(*numbers)) == len(groups)
