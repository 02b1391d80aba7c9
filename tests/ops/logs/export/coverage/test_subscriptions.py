"""Which log groups can be subscribed and unsubscribed; the steps run on the embedded cloud."""

from dataclasses import replace

import pytest

from ops.aws.cloud import Cloud
from ops.errors import InputError
from ops.logs.export.coverage.subscriptions import CAN_SUBSCRIBE, plan_subscribe, plan_unsubscribe
from ops.logs.export.coverage.verdicts import CoverageState, GroupCoverage
from ops.plan import Plan
from ops.settings import Settings
from tests.ops.logs.export.coverage.test_verdicts import BY_ACCOUNT, GROUP, export

CLOUD = Cloud(Settings())
CAN_UNSUBSCRIBE = (
    CoverageState.SUBSCRIBED,
    CoverageState.NOT_DELIVERED,
    CoverageState.PENDING,
    CoverageState.NOT_SUBSCRIBED,
)
EXPORT = export()


def entry(state: CoverageState, reason: str = "its reason") -> GroupCoverage:
    return GroupCoverage(GROUP, state, reason, export=EXPORT)


@pytest.mark.parametrize("state", CoverageState)
def test_a_group_is_subscribed_only_if_it_is_included_and_not_exported(state: CoverageState) -> None:
    if state in CAN_SUBSCRIBE:
        assert [step.does for step in plan_subscribe(CLOUD, [entry(state)]).steps] == ["Subscribe /app/a"]
    else:
        with pytest.raises(InputError, match="Cannot subscribe /app/a: its reason"):
            plan_subscribe(CLOUD, [entry(state)])


@pytest.mark.parametrize("state", CoverageState)
def test_a_group_is_unsubscribed_only_if_it_is_or_will_be_subscribed(state: CoverageState) -> None:
    if state in CAN_UNSUBSCRIBE:
        plan = plan_unsubscribe(CLOUD, [entry(state)])
        assert (plan.confirm, plan.steps[0].destructive) == ("/app/a", True)
    else:
        with pytest.raises(InputError, match="Cannot unsubscribe /app/a: its reason"):
            plan_unsubscribe(CLOUD, [entry(state)])


def test_an_exported_group_says_so_and_each_reason_has_its_remedy() -> None:
    with pytest.raises(InputError, match="already subscribed"):
        plan_subscribe(CLOUD, [entry(CoverageState.SUBSCRIBED, "")])
    hints = set()
    for state in (CoverageState.EXCLUDED, CoverageState.FILTER_LIMIT, CoverageState.NO_EXPORT):
        with pytest.raises(InputError) as refused:
            plan_subscribe(CLOUD, [entry(state)])
        hints.add(refused.value.hint)
    assert len(hints) == 3


def test_nothing_selected_is_refused() -> None:
    for plan in (plan_subscribe, plan_unsubscribe):
        with pytest.raises(InputError, match="No log groups are selected"):
            plan(CLOUD, [])


def test_groups_of_an_account_policy_are_one_step() -> None:
    entries = [
        GroupCoverage(replace(GROUP, name=name), CoverageState.UNSUBSCRIBED, export=BY_ACCOUNT)
        for name in ("/app/a", "/app/b")
    ]
    plan: Plan = plan_subscribe(CLOUD, entries)
    assert [step.parameters for step in plan.steps] == [{"include": "/app/a, /app/b"}]
