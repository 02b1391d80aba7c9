"""The plan of shared replication buckets: invalid input, and buckets that are gone or cannot be read."""

from typing import Any

import pytest

from ops.errors import AccessDenied, InputError, NotFound
from ops.plan import Plan, Running
from ops.support_stacks.replication import DIRECTORY, MAX_EXPIRE_DAYS, plan_replication, read_shared
from tests.ops.support_stacks.fleet import REGION, Fleet, fleet

__all__ = ["fleet"]


@pytest.fixture(autouse=True)
def two_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    regions = [REGION, "us-east-1"]
    monkeypatch.setattr("ops.support_stacks.replication.list_regions", lambda _cloud, _account: regions)


def planned(fleet: Fleet, *regions: str, **more: Any) -> Plan:
    return plan_replication(fleet.cloud, fleet.tools, regions, **more)


@pytest.mark.parametrize(
    ("regions", "more", "message"),
    [
        ((), {}, "No region is selected"),
        (("eu-nowhere-1",), {}, "'eu-nowhere-1' does not exist or is not enabled in tools"),
        ((REGION,), {"targets": ["222222222222", "12"]}, "'12' is not an account ID"),
        ((REGION,), {"targets": ["22222222222x"]}, "'22222222222x' is not an account ID"),
        ((REGION,), {"expire_days": 0}, "0 is not a valid number of days"),
        ((REGION,), {"expire_days": MAX_EXPIRE_DAYS + 1}, f"{MAX_EXPIRE_DAYS + 1} is not a valid number"),
    ],
    ids=str,
)
def test_invalid_input_is_refused(
    fleet: Fleet, regions: tuple[str, ...], more: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        planned(fleet, *regions, **more)


def test_the_longest_and_the_shortest_expiry_are_valid(fleet: Fleet) -> None:
    for days in (1, MAX_EXPIRE_DAYS):
        assert planned(fleet, REGION, targets=["222222222222"], expire_days=days).steps


def test_buckets_that_cannot_be_read_are_an_error(fleet: Fleet) -> None:
    fleet.refuse("cloudformation:DescribeStacks")
    with pytest.raises(AccessDenied):
        read_shared(fleet.cloud, fleet.tools, [REGION])
    with pytest.raises(AccessDenied):
        planned(fleet, REGION)


def test_the_directory_is_not_written_while_a_bucket_is_missing(fleet: Fleet) -> None:
    steps = [step for step in planned(fleet, REGION).steps if step.resource.id == DIRECTORY]
    prepare = next(step for step in steps if "change-set" in step.id)
    with pytest.raises(NotFound, match="A shared bucket no longer exists"):
        prepare.act(Running(lambda text: None, {}))
    assert "cloudformation:CreateChangeSet" not in fleet.cloud.calls
