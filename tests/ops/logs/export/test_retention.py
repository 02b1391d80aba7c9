"""Retention: costs, savings, and no deletion of events whose export is not verified."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.aws.cloud import Place
from ops.aws.logs import groups as log_groups
from ops.aws.logs.groups import LogGroup
from ops.errors import InputError
from ops.logs.export.error_records import GroupHour
from ops.logs.export.ledger.model import EventCount, Ledger, LedgerCounts, build_ledger
from ops.logs.export.retention import (
    GB,
    ExportProof,
    RetentionAdvice,
    advise_retention,
    plan_retention,
    prove_export,
)
from ops.logs.lake.layout import HOUR
from ops.plan import Readiness
from ops.settings import Account

NOW = datetime(2026, 5, 2, tzinfo=UTC)
PLACE = Place(Account("production", "111111111111"), "eu-west-1")
BEGAN = NOW - timedelta(days=3)


def group(name: str = "/app", *, stored: int = 100 * GB, days: int | None = None) -> LogGroup:
    return LogGroup(name, PLACE, BEGAN - timedelta(days=400), stored, days)


def ledger(exported: int, failed: int = 0) -> Ledger:
    at = GroupHour("111111111111", "eu-west-1", "/app", NOW - 5 * HOUR)
    books = LedgerCounts({at: EventCount(10)}, {at: EventCount(exported)}, {at: failed}, {group().key: BEGAN})
    return build_ledger(books, BEGAN, NOW, NOW)


GOOD = ExportProof(True, "complete in 1 hours", NOW)


def test_cost_and_savings_without_retention() -> None:
    groups = [group("/small", stored=GB), group("/large"), group("/limited", days=7)]
    proofs = {each.key: GOOD for each in groups}
    found = advise_retention(groups, {groups[1].key: 2.0 * GB}, proofs)
    assert [each.group.name for each in found] == ["/large", "/small"]
    large = found[0]
    assert large.cost == pytest.approx(100 * 0.15 * 0.03)
    assert large.saved == pytest.approx({1: 98 * 0.0045, 7: 86 * 0.0045, 30: 40 * 0.0045})


@pytest.mark.parametrize(
    ("books", "since", "backfilled", "reason"),
    [
        (ledger(10), None, True, "not exported"),
        (ledger(8), BEGAN, True, "2 events are missing"),
        (ledger(8, failed=2), BEGAN, True, "2 events failed: replay them first"),
        (ledger(10), BEGAN, False, "not backfilled"),
        (Ledger(BEGAN, NOW, ()), BEGAN, True, "no complete hour"),
    ],
)
def test_unverified_exports_are_rejected(
    books: Ledger, since: datetime | None, backfilled: bool, reason: str
) -> None:
    proof = prove_export(group(), books, since, backfilled, NOW)
    assert not proof.proven and reason in proof.reason
    with pytest.raises(InputError, match=reason):
        plan([RetentionAdvice(group(), 0, 0, {}, proof)], 7)


def plan(chosen: list[RetentionAdvice], days: int, now: datetime = NOW) -> Any:
    cloud: Any = None
    return plan_retention(cloud, chosen, days, lambda: now)


def test_verified_export() -> None:
    proof = prove_export(group(), ledger(10), BEGAN, True, NOW)
    assert proof == ExportProof(True, "complete in all 1 checked hours", NOW)


@pytest.mark.parametrize("hour", [BEGAN, NOW - HOUR], ids=["the subscription's", "the newest"])
def test_an_hour_that_is_not_complete_proves_nothing(hour: datetime) -> None:
    at = GroupHour("111111111111", "eu-west-1", "/app", hour)
    counts = LedgerCounts({at: EventCount(10)}, {at: EventCount(10)}, {}, {group().key: BEGAN})
    proof = prove_export(group(), build_ledger(counts, BEGAN, NOW, NOW), BEGAN, True, NOW)
    assert proof == ExportProof(False, "the ledger has no complete hour yet", NOW)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[str, int | None]:
    """The retention of each log group in AWS."""
    days: dict[str, int | None] = {"/app": None}

    def put(cloud: Any, place: Place, name: str, wanted: int) -> None:
        days[name] = wanted

    monkeypatch.setattr(log_groups, "retention_of", lambda cloud, place, name: days[name])
    monkeypatch.setattr(log_groups, "set_retention", put)
    return days


def test_plan_sets_the_retention_once(kept: dict[str, int | None]) -> None:
    (step,) = plan([RetentionAdvice(group(), 0, 0, {}, GOOD)], 7).steps
    assert step.check().readiness is Readiness.READY
    step.act(lambda message: None)
    assert kept == {"/app": 7}
    assert step.check().readiness is Readiness.DONE


def test_a_retention_that_has_changed_is_kept(kept: dict[str, int | None]) -> None:
    (step,) = plan([RetentionAdvice(group(), 0, 0, {}, GOOD)], 7).steps
    kept["/app"] = 30
    assert step.check().readiness is Readiness.CHANGED


def test_an_old_verification_is_rejected(kept: dict[str, int | None]) -> None:
    later = NOW + timedelta(hours=2)
    (step,) = plan([RetentionAdvice(group(), 0, 0, {}, GOOD)], 7, later).steps
    assert step.check().readiness is Readiness.CHANGED


def test_a_verification_is_valid_for_an_hour(kept: dict[str, int | None]) -> None:
    (step,) = plan([RetentionAdvice(group(), 0, 0, {}, GOOD)], 7, NOW + HOUR).steps
    assert step.check().readiness is Readiness.READY


def test_unsupported_retention() -> None:
    with pytest.raises(InputError, match="retention of 2 days"):
        plan([RetentionAdvice(group(), 0, 0, {}, GOOD)], 2)


def test_nothing_selected_is_refused() -> None:
    with pytest.raises(InputError, match="No log groups are selected"):
        plan([], 7)


def test_deletion_requires_typed_confirmation() -> None:
    made = plan([RetentionAdvice(group(), 0, 0, {}, GOOD)], 30)
    assert made.confirm == group().name
    assert all(step.destructive for step in made.steps)
