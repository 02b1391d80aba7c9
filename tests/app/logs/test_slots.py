"""Slots for queries: so many in all, so many for one person, and a queue whose reasons are shown."""

import threading
from contextlib import ExitStack

import pytest

from app.logs.slots import Slots
from ops.logs.search.cursor import QueryCanceled

WAIT_S = 60


class Query:
    """Holds a slot in a thread of its own until `go` is set."""

    def __init__(self, slots: Slots, person: str) -> None:
        self.go, self.runs, self.waits, self.left = (threading.Event() for _ in range(4))
        self.reason = ""
        self.canceled = False
        self._slots, self._person = slots, person
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._slots.slot(self._person, self._check, self._report):
                self.runs.set()
                self.go.wait(WAIT_S)
        except QueryCanceled:
            self.left.set()

    def _check(self) -> None:
        if self.canceled:
            raise QueryCanceled("canceled")

    def _report(self, reason: str) -> None:
        self.reason = reason
        self.waits.set()

    def end(self) -> None:
        """End the query, also while it waits for those that end after it."""
        self.canceled = True
        self.go.set()
        self._thread.join(WAIT_S)


def start(slots: Slots, person: str, stack: ExitStack, *, runs: bool) -> Query:
    query = Query(slots, person)
    stack.callback(query.end)
    assert (query.runs if runs else query.waits).wait(WAIT_S)
    assert query.runs.is_set() is runs
    return query


@pytest.fixture
def slots() -> Slots:
    return Slots(in_all=3, per_person=2)


def test_one_person_does_not_take_the_slots_of_others(slots: Slots) -> None:
    with ExitStack() as stack:
        first, _ = (start(slots, "a", stack, runs=True) for _ in range(2))
        third = start(slots, "a", stack, runs=False)
        assert third.reason == "Queued: 2 of your queries are running"
        start(slots, "b", stack, runs=True)  # passes the one that may not run
        first.end()
        assert third.runs.wait(WAIT_S)


def test_who_waits_first_runs_first_and_sees_how_many_are_ahead(slots: Slots) -> None:
    with ExitStack() as stack:
        running = [start(slots, person, stack, runs=True) for person in "abc"]
        fourth = start(slots, "d", stack, runs=False)
        fifth = start(slots, "e", stack, runs=False)
        assert fourth.reason == "Queued: 3 queries are running, 0 ahead of this one"
        assert fifth.reason == "Queued: 3 queries are running, 1 ahead of this one"
        running[0].end()
        assert fourth.runs.wait(WAIT_S)
        assert not fifth.runs.is_set()


def test_a_query_that_is_canceled_leaves_the_queue(slots: Slots) -> None:
    with ExitStack() as stack:
        running = [start(slots, person, stack, runs=True) for person in "abc"]
        fourth, fifth = start(slots, "d", stack, runs=False), start(slots, "e", stack, runs=False)
        fourth.canceled = True
        assert fourth.left.wait(WAIT_S)
        running[0].end()
        assert fifth.runs.wait(WAIT_S)


def test_a_query_that_fails_gives_its_slot_back(slots: Slots) -> None:
    for _ in range(4):
        with pytest.raises(ValueError, match="fails"), slots.slot("a", lambda: None, print):
            raise ValueError("fails")
