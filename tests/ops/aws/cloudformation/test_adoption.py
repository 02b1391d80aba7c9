"""When the adopted stack may be deleted: not early, not without agreement, not with what others need."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import adoption as adoptions
from ops.aws.cloudformation import stacks as stacks_module
from ops.aws.cloudformation.adoption import Adoption, Comparison
from ops.aws.cloudformation.stacks import Stack, StackSpec
from ops.errors import Conflict, NotFound, SlipwayError
from ops.plan import Readiness
from ops.settings import Account, Settings

PLACE = Place(Account("production", "111111111111", "", ("eu-west-1",)), "eu-west-1")
CLOUD = Cloud(Settings(cloud="aws", accounts=(PLACE.account,)))
NOW = datetime(2026, 5, 2, 12, tzinfo=UTC)
OLD = Stack("old", "arn:old", "CREATE_COMPLETE", "", "", {}, {}, {}, NOW - timedelta(days=900), None)
NEW = replace(
    OLD, name="new", id="arn:new", tags={adoptions.ADOPTS_TAG: OLD.id}, created=NOW - timedelta(days=2)
)
ADOPTION = Adoption(
    "a tool", PLACE, OLD, (), StackSpec("new", "{}", {}, {"a": "b"}, (), "111111111111", "eu-west-1")
)
EQUAL = Comparison(({"log_group": "/app", "before": 1, "after": 1},))


class Stacks:
    """The stacks of the account."""

    def __init__(self, *stacks: Stack) -> None:
        self.stacks = list(stacks)

    def list_stacks(self, *place: Any) -> list[Stack]:
        return self.stacks

    def read_stack(self, cloud: Any, account: str, region: str, name: str) -> Stack | None:
        return next((stack for stack in self.stacks if name in (stack.name, stack.id)), None)


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch) -> Stacks:
    stacks = Stacks(OLD, NEW)
    monkeypatch.setattr(stacks_module, "list_stacks", stacks.list_stacks)
    monkeypatch.setattr(stacks_module, "read_stack", stacks.read_stack)
    monkeypatch.setattr(stacks_module, "client_of", lambda *place: None)
    return stacks


@pytest.mark.parametrize(
    ("new", "comparison", "adoption", "error", "reason"),
    [
        (replace(NEW, tags={}), EQUAL, ADOPTION, NotFound, "No stack runs beside old yet"),
        (replace(NEW, created=NOW - timedelta(hours=23)), EQUAL, ADOPTION, Conflict, "23.0 hours only"),
        (replace(NEW, updated=NOW - timedelta(hours=1)), EQUAL, ADOPTION, Conflict, "1.0 hours only"),
        (replace(NEW, status="UPDATE_ROLLBACK_COMPLETE"), EQUAL, ADOPTION, Conflict, "UPDATE_ROLLBACK"),
        (NEW, Comparison(()), ADOPTION, Conflict, "nothing to compare yet"),
        (NEW, replace(EQUAL, missing=("2 events are missing.",)), ADOPTION, Conflict, "2 events are missing"),
        (NEW, EQUAL, replace(ADOPTION, shared="the app needs it."), Conflict, "the app needs it"),
    ],
)
def test_the_adopted_stack_is_kept(
    stacks: Stacks,
    new: Stack,
    comparison: Comparison,
    adoption: Adoption,
    error: type[SlipwayError],
    reason: str,
) -> None:
    stacks.stacks = [OLD, new]
    with pytest.raises(error, match=reason):
        adoptions.plan_finish(CLOUD, adoption, comparison, NOW)


def test_it_is_deleted_only_while_the_new_stack_runs(stacks: Stacks) -> None:
    plan = adoptions.plan_finish(CLOUD, ADOPTION, EQUAL, NOW)
    [step] = plan.steps
    assert plan.confirm == OLD.name and step.destructive and step.parameters == {"stack": OLD.id}
    assert step.check().readiness is Readiness.READY
    stacks.stacks = [OLD]
    assert step.check().readiness is Readiness.CHANGED
    stacks.stacks = [NEW]
    assert step.check().readiness is Readiness.DONE


def test_another_stack_of_the_name_is_not_changed(stacks: Stacks) -> None:
    stacks.stacks = [OLD, replace(NEW, tags={})]
    with pytest.raises(Conflict, match="was not deployed for old"):
        adoptions.plan_start(CLOUD, ADOPTION)


def test_the_new_stack_names_the_adopted_one() -> None:
    assert ADOPTION.tagged_spec.tags == {"a": "b", adoptions.ADOPTS_TAG: OLD.id}
