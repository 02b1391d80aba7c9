"""Locks: the name of a rollout and each stack that it deploys belong to one run at a time.

A lock is an item of the table, written on condition that there is none. It holds while its run is in
progress, its rollback included. It never outlives its run: a run that has ended, or whose start was
interrupted, has lost its locks, whether or not it could still delete them.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from ops.functions.rollouts import store
from ops.rollouts.rules.document import Document

STARTING = timedelta(minutes=15)  # the longest time that a Lambda function can take to start a run


def lock_run(document: Document, names: Iterable[str]) -> str:
    """Lock the rollout's name and the stacks of these targets; return why that is impossible, or nothing."""
    name = document.rollout.name
    if holder := _lock(store.ACTIVE, name, document.run):
        return f"the rollout {name} is already in progress: {holder}"
    # In one order for all runs: of two that start at the same time, one gets every stack that both need.
    for target in sorted(names):
        if holder := _lock(store.STACKS, target, document.run):
            unlock_run(document)
            return blocked(target, holder)
    return ""


def blocked(target: str, holder: str) -> str:
    """Return the words for a stack that another run holds."""
    return (
        f"the rollout {holder} has the stack {target}: start again when it has ended, or roll it back first"
    )


def holder_of(target: str, run: str) -> str:
    """Return the other run that holds the stack, or nothing."""
    lock = store.get(store.STACKS, target)
    return str(lock["holder"]) if lock and lock["holder"] != run and _holds(lock) else ""


def unlock_run(document: Document) -> None:
    """Delete the locks that the run has."""
    held = {"holder": document.run}
    store.delete(store.ACTIVE, document.rollout.name, only_if=held)
    for name in document.targets:
        store.delete(store.STACKS, name, only_if=held)


def _lock(kind: str, name: str, run: str) -> str:
    """Lock the name for the run; return the run that holds it instead, or nothing."""
    values = {"holder": run, "taken": store.now().isoformat()}
    while not store.put(kind, name, values, new=True):
        lock = store.get(kind, name)
        if lock.get("holder") == run:
            return ""
        if lock and _holds(lock):
            return str(lock["holder"])
        if lock and store.update(kind, name, values, only_if={"holder": lock["holder"]}):
            return ""
    return ""


def _holds(lock: store.Record) -> bool:
    """Return whether the lock's run is in progress, or is just being started."""
    run = store.get(store.RUNS, lock["holder"])
    if run.get("status") == "RUNNING":
        return True
    taken = datetime.fromisoformat(lock.get("taken") or "1970-01-01T00:00:00+00:00")
    is_older = bool(run.get("ended")) and taken <= datetime.fromisoformat(run["ended"])
    return not is_older and store.now() - taken < STARTING
