"""Locks on a table with conditional writes: one run a stack, whatever is interrupted."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ops.functions.rollouts import aws, locks, runs, store
from ops.rollouts.rules.document import Document
from tests.ops.rollouts.samples import A, B

NOW = datetime(2026, 7, 6, 8, tzinfo=UTC)
REGION = "eu-west-1"
STACK = f"{A}/{REGION}/api"


def document(run: str, accounts: list[str], file: str = "") -> Document:
    text = f"""[what]\nstack = "api"\ntemplate = "t"\n[[where]]\naccounts = {accounts}\nregions = ["{REGION}"]
[order]\nfirst = "{REGION}"\n[evidence]\nnone = "a test\""""
    return Document(run, f"rollouts/{file or run}.toml", text, {}, "{}", "Ada", divided=True)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[datetime]]:
    """The controller's table, and its clock."""
    now = [NOW]
    monkeypatch.setenv("TABLE", "runs")
    monkeypatch.setattr(store, "now", lambda: now[0])
    with mock_aws():
        table = boto3.client("dynamodb", region_name=REGION)
        table.create_table(
            TableName="runs",
            KeySchema=[
                {"AttributeName": "run", "KeyType": "HASH"},
                {"AttributeName": "item", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("run", "item")],
            BillingMode="PAY_PER_REQUEST",
        )
        for module in (aws, store, runs):
            monkeypatch.setattr(module, "central_client", lambda service: table)
        yield now


def lock(run: str, *accounts: str) -> str:
    made = document(run, list(accounts) or [A])
    return locks.lock_run(made, made.targets)


def in_progress(run: str, status: str = "RUNNING", **more: str) -> None:
    store.put(store.RUNS, run, {"status": status, **more})


def held() -> dict[str, str]:
    return {item["item"]: item["holder"] for item in store.list_items(store.STACKS)}


def test_two_rollouts_of_one_stack_exclude_each_other_and_the_second_is_told_by_whom() -> None:
    assert lock("one-1") == ""
    in_progress("one-1")
    refused = lock("two-1", B, A)
    assert refused == (
        f"the rollout one-1 has the stack {STACK}: start again when it has ended, or roll it back first"
    )
    assert held() == {STACK: "one-1"}  # what the second could lock is free again
    assert [item["item"] for item in store.list_items(store.ACTIVE)] == ["one-1"]
    assert lock("three-1", B) == ""
    assert locks.holder_of(STACK, "two-1") == "one-1" and not locks.holder_of(STACK, "one-1")


def test_a_rollout_may_be_started_twice_and_its_file_may_not() -> None:
    assert (lock("one-1"), lock("one-1")) == ("", "")
    in_progress("one-1")
    again = document("one-2", [B], "one-1")
    assert locks.lock_run(again, again.targets) == "the rollout one-1 is already in progress: one-1"


def test_the_end_of_a_run_frees_its_stacks_and_only_these() -> None:
    lock("one-1")
    lock("two-1", B)
    locks.unlock_run(document("one-1", [A, B]))
    assert set(held().values()) == {"two-1"}


@pytest.mark.parametrize("status", ["DONE", "ROLLED_BACK", "STUCK"])
def test_a_run_that_ended_without_deleting_its_locks_has_lost_them(
    clock: list[datetime], status: str
) -> None:
    lock("one-1")
    in_progress("one-1", status, ended=(NOW + timedelta(minutes=1)).isoformat())
    clock[0] = NOW + timedelta(minutes=2)
    assert lock("two-1") == "" and held() == {STACK: "two-1"}
    assert lock("one-1").startswith("the rollout two-1 has the stack")


def test_a_run_whose_start_was_interrupted_holds_its_locks_as_long_as_it_may_still_be_starting(
    clock: list[datetime],
) -> None:
    lock("one-1")
    clock[0] = NOW + locks.STARTING - timedelta(seconds=1)
    assert lock("two-1")
    clock[0] = NOW + locks.STARTING
    assert lock("two-1") == "" and held() == {STACK: "two-1"}


def test_a_stack_is_locked_again_while_its_rollback_is_retried(clock: list[datetime]) -> None:
    lock("one-1")
    in_progress("one-1", "STUCK", ended=(NOW + timedelta(minutes=1)).isoformat())
    locks.unlock_run(document("one-1", [A]))
    clock[0] = NOW + timedelta(minutes=2)
    assert lock("one-1") == ""  # and its status is only written afterward
    assert lock("two-1").startswith("the rollout one-1 has the stack")


def test_a_lock_of_a_controller_without_times_belongs_to_runs_in_progress() -> None:
    store.put(store.ACTIVE, "one", {"holder": "one-1"})
    in_progress("one-1")
    made = document("one-2", [A], "one")
    assert locks.lock_run(made, made.targets) == "the rollout one is already in progress: one-1"
    in_progress("one-1", "DONE")
    assert locks.lock_run(made, made.targets) == ""


def test_of_two_that_take_over_a_lock_one_gets_it(
    monkeypatch: pytest.MonkeyPatch, clock: list[datetime]
) -> None:
    lock("one-1")
    clock[0] = NOW + locks.STARTING
    holds = locks._holds

    def overtaken(found: dict[str, Any]) -> bool:
        """Another run takes the lock over after it was read."""
        if found["holder"] == "one-1" and held() == {STACK: "one-1"}:
            store.update(store.STACKS, STACK, {"holder": "three-1", "taken": store.now().isoformat()})
            return False
        return holds(found)

    monkeypatch.setattr(locks, "_holds", overtaken)
    assert lock("two-1").startswith("the rollout three-1 has the stack")


def test_an_interrupted_end_is_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    lock("one-1")
    in_progress("one-1")
    notified: list[str] = []
    monkeypatch.setattr(store, "document", lambda run: document(run, [A]))
    monkeypatch.setattr(runs, "notify", lambda run, status, why: notified.append(status))
    store.put("one-1", "run", {"status": "ROLLED_BACK"})  # and then the function was killed
    runs.finish("one-1", "ROLLED_BACK", "why")
    assert store.get(store.RUNS, "one-1")["status"] == "ROLLED_BACK" and held() == {}
