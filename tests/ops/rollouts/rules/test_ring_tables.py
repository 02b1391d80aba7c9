"""The [[stage]] tables: what is understood, and what a mistake says, with its line."""

from datetime import time, timedelta

import pytest

from ops.errors import InputError
from ops.rollouts.rules import ring_tables as module
from ops.rollouts.rules.blockers import WeeklyWindow
from ops.rollouts.rules.evidence import Bake
from ops.rollouts.rules.model import EvidenceMetric, WaveOrder, WaveRule
from ops.rollouts.rules.rollout import parse
from tests.ops.rollouts.samples import FILE, RINGS, A, B, C

HOUR = timedelta(hours=1)


def test_stages_are_understood() -> None:
    rollout = parse(RINGS, FILE)
    beta, box, production = rollout.rings
    assert [ring.name for ring in rollout.rings] == ["beta", "one box", "production"]
    assert (beta.bake, box.bake) == (Bake(HOUR, 1, 2 * HOUR), Bake(2 * HOUR, 500, HOUR))
    assert (production.at_once, production.failures, beta.at_once, beta.failures) == (3, 1, 10, 0)
    assert production.blockers.weekly == (WeeklyWindow((4,), time(14), time(0), "UTC"),)
    assert beta.blockers == rollout.blockers and production.waves == WaveRule(WaveOrder.SHARES)
    assert [(group.ring, group.one_box) for group in rollout.groups] == [(0, 0), (1, 5), (2, 0), (2, 0)]
    *_, both, cells = rollout.groups
    assert (both.unit, both.tag, both.cells) == ("ou-ab12-11111111", "stage=both", ("",))
    assert (cells.accounts, cells.cells, cells.stack) == ((C,), ("c1", "c2"), "shop-{cell}")
    assert all(group.metric == rollout.metric for group in rollout.groups)


def test_a_stage_and_a_where_have_their_own_evidence() -> None:
    text = RINGS.replace(
        'name = "beta"\n', 'name = "beta"\nmetrics = { none = "test traffic" }\nalarms = ["beta-health"]\n'
    ).replace("one_box = 5 }", 'one_box = 5, alarms = ["box"], metrics = { namespace = "N", metric = "M" } }')
    beta, box, *_ = parse(text, FILE).groups
    assert (beta.metric, beta.alarms) == (None, ("beta-health",))
    assert (box.metric, box.alarms) == (EvidenceMetric("N", "M", "SampleCount", {}), ("box",))


def test_the_example_in_the_documentation_is_valid() -> None:
    _, example = str(module.__doc__).split("\n\n", 1)
    head = '[what]\nstack = "shop"\ntemplate = "t"\n[evidence]\nnamespace = "Shop"\nmetric = "Requests"\n'
    rollout = parse(head + example, FILE)
    assert rollout.rings[2].waves == WaveRule(WaveOrder.SHARES, (10, 50, 100))


HOOK = '{ url = "https://example.com/" }, '
# What is replaced in RINGS by what, the line that is named, and what is wrong there.
WRONG = {
    "approval": ("failures = 1", "approval = true", 32, "stage.approval is not a table"),
    "no role": ("failures = 1", 'approval = { role = "viewer" }', 32, "approval.role is 'viewer'"),
    "no time": ("failures = 1", 'approval = { expires = "0h" }', 32, "approval.expires is zero"),
    "hooks": ("failures = 1", "hooks.during = []", 32, "stage.hooks.during is not a known key"),
    "many hooks": ("failures = 1", f"hooks.after = [{HOOK * 6}]", 32, "stage.hooks.after has 6 hooks"),
    "unknown key": ("failures = 1", "failure = 1", 32, "stage.failure is not a known key"),
    "unknown key in where": ("one_box = 5", "onebox = 5", 21, "stage.where.onebox is not a known key"),
    "where beside it": ("[alarms]", "[[where]]\n[alarms]", 11, "where cannot be used with [[stage]]"),
    "order beside it": ("[alarms]", "[order]\n[alarms]", 11, "order cannot be used with [[stage]]"),
    "bake beside it": ("[alarms]", "[bake]\n[alarms]", 11, "bake cannot be used with [[stage]]"),
    "stage as table": ("[[stage.window]]", "[stage.window]", 34, "is not a list of tables"),
    "no where": (f'where = {{ accounts = ["{A}"], regions = ["eu-west-1"] }}\n', "", 14, "where is missing"),
    "no selection": (
        f'where = {{ accounts = ["{A}"], regions = ["eu-west-1"] }}',
        "where = []",
        16,
        "selects nothing",
    ),
    "no account": (f'accounts = ["{A}"], ', "", 16, "selects no account"),
    "no region": (', regions = ["eu-west-1"] }\nbake = "1h"', ' }\nbake = "1h"', 16, "lists no region"),
    "a name twice": ('name = "one box"', 'name = "beta"', 20, "'beta', as that of another stage"),
    "a bad name": ('name = "one box"', 'name = "a/b"', 20, "'a/b'"),
    "no cell": ('cells = ["c1", "c2"]', "cells = []", 26, "where.cells is empty"),
    "cells of one stack": ('shop-{cell}"', 'shop"', 26, "would all be one stack"),
    "a bad stack": ('"shop-one-box"', '"shop one"', 21, "'shop one'"),
    "a bad cell": ('"c1"', '"c 1"', 26, "'c 1'"),
    "a big one-box": ("one_box = 5", "one_box = 11", 21, "one_box is 11"),
    "bake as number": ('bake = "12h"', "bake = 12", 30, "stage.bake is not a table"),
    "bad bake": ('bake = "12h"', 'bake = "12 hours"', 30, "stage.bake.time is '12 hours'"),
    "no bake": ('bake = "12h"', 'bake = "0h"', 30, "stage.bake.time is zero"),
    "falling shares": ('bake = "12h"', "waves = [50, 10, 100]", 30, "stage.waves is [50, 10, 100]"),
    "not all": ('bake = "12h"', "waves = [10, 50]", 30, "stage.waves is [10, 50]"),
    "share twice": ('bake = "12h"', "waves = [10, 10, 100]", 30, "stage.waves is [10, 10, 100]"),
    "no share": ('bake = "12h"', "waves = []", 30, "stage.waves is []"),
    "true share": ('bake = "12h"', "waves = [true, 100]", 30, "stage.waves is [True, 100]"),
    "waves as text": ('bake = "12h"', 'waves = "fast"', 30, "stage.waves is 'fast'"),
    "several metrics": ('bake = "12h"', "metrics = [{}]", 30, "stage.metrics is not a table"),
    "many alarms": ('bake = "12h"', 'alarms = ["1","2","3","4","5","6"]', 30, "has 6 alarms"),
    "none at once": ("at_once = 3", "at_once = 0", 31, "stage.at_once is 0"),
    "bad window": ('from = "14:00"', 'from = "2pm"', 36, "stage.window.from has '2pm'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_names_file_line_and_what_is_wrong(name: str) -> None:
    old, new, line, said = WRONG[name]
    assert old in RINGS
    with pytest.raises(InputError) as caught:
        parse(RINGS.replace(old, new, 1), FILE)
    assert str(caught.value).startswith(f"{FILE}, line {line}: ") and said in str(caught.value)
    assert caught.value.hint and caught.value.field == "rollout"


def test_evidence_is_named_by_the_file_or_each_stage() -> None:
    start, end = RINGS.index("[evidence]"), RINGS.index("[alarms]")
    text = RINGS[:start] + RINGS[end:]
    with pytest.raises(InputError, match=r"stage.metrics is missing, and the file has no \[evidence\]"):
        parse(text.replace("points = 500, ", ""), FILE)
    own = text.replace("points = 500, ", "").replace("[[stage]]", '[[stage]]\nmetrics = { none = "x" }')
    assert [ring.bake.points for ring in parse(own, FILE).rings] == [0, 0, 0]
    assert B in str(parse(own, FILE).groups)


def test_no_stage_is_a_mistake() -> None:
    with pytest.raises(InputError, match="stage lists no stage"):
        parse('stage = []\n[what]\nstack = "s"\ntemplate = "t"\n[evidence]\nnone = "x"', FILE)
