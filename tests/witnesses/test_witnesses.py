"""Every refusal of these modules has a witness: disabling it makes a test fail.

`python -m tests.witnesses` looks at all modules of `ops/`.
"""

import ast

import pytest

from tests.witnesses.__main__ import modules, results
from tests.witnesses.refusals import Refusal, disabled, find_refusals
from tests.witnesses.session import CAUGHT, EXECUTE, NOT_EXECUTED

# The modules, and the tests that must notice.
AREAS = {
    "plans": (["ops/plan.py"], ["tests/ops/test_plan.py"]),
    "rollout rules": (["ops/rollouts/rules"], ["tests/ops/rollouts/rules"]),
    "snapshot pipelines": (
        ["ops/snapshots/pipeline/model.py"],
        ["tests/ops/snapshots/pipeline/test_model.py"],
    ),
    "subscriptions": (
        ["ops/logs/export/coverage/verdicts.py", "ops/logs/export/retention.py"],
        ["tests/ops/logs/export/coverage", "tests/ops/logs/export/test_retention.py"],
    ),
    "support stacks": (["ops/support_stacks"], ["tests/ops/support_stacks"]),
}


def described(refusal: dict[str, str]) -> str:
    return f"{refusal['result']}: {refusal['path']}:{refusal['line']} {refusal['text']}"


def test_every_refusal_is_executed() -> None:
    """Cheaper than disabling each: a refusal that no test executes cannot have a witness."""
    roots = [root for area in AREAS.values() for root in area[0]]
    tests = [path for area in AREAS.values() for path in area[1]]
    found = list(results(modules(roots), tests, EXECUTE))
    assert len(found) > 100
    assert [described(refusal) for refusal in found if refusal["result"] == NOT_EXECUTED] == []


@pytest.mark.thorough
@pytest.mark.parametrize("area", AREAS)
def test_disabling_a_refusal_makes_a_test_fail(area: str) -> None:
    roots, tests = AREAS[area]
    assert [
        described(refusal) for refusal in results(modules(roots), tests) if refusal["result"] != CAUGHT
    ] == []


SOURCE = """
def check(size, doubts):
    if size > 3:
        raise ValueError(size)
    if not size:
        return Check(Readiness.CHANGED, "empty")
    elif size == 1:
        doubts.append("one")
    doubts += ["always"]
    if size == 2:
        size = 3
    return READY if size else changed("never")
"""


@pytest.fixture
def refusals(tmp_path_factory: pytest.TempPathFactory) -> list[Refusal]:
    folder = tmp_path_factory.mktemp("module")
    (folder / "module.py").write_text(SOURCE)
    return find_refusals("module.py", folder)


def test_raises_verdicts_and_doubts_are_refusals(refusals: list[Refusal]) -> None:
    assert [(refusal.line, refusal.text) for refusal in refusals] == [
        (4, "raise ValueError(size)"),
        (6, "if not size"),
        (8, "if size == 1"),
        (9, "doubts += ['always']"),
        (12, "READY if size else changed('never')"),
    ]
    assert {refusal.function for refusal in refusals} == {"check"}


def test_one_refusal_is_disabled_at_a_time(refusals: list[Refusal]) -> None:
    changed = [ast.unparse(disabled(SOURCE, refusal)) for refusal in refusals]
    original = ast.unparse(ast.parse(SOURCE)).splitlines()
    differences = [
        [new.strip() for old, new in zip(original, text.splitlines(), strict=True) if new != old]
        for text in changed
    ]
    assert differences == [["pass"], ["if False:"], ["elif False:"], ["doubts += []"], ["return READY"]]
