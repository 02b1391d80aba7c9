"""The judge: takes the records of a cloud in order, and reports each record that breaks an invariant."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from tests.faults.monitor.approval import Approval
from tests.faults.monitor.attribution import Attribution
from tests.faults.monitor.certainty import Certainty
from tests.faults.monitor.deletion import Deletion
from tests.faults.monitor.events import Events
from tests.faults.monitor.honesty import Honesty
from tests.faults.monitor.leftovers import Leftovers
from tests.faults.monitor.records import Call, Item, Transition
from tests.faults.monitor.secrets import Secrets
from tests.faults.monitor.sharing import Sharing


class Invariant(Protocol):
    """An invariant of DESIGN.md, with what it has to remember.

    `take` yields what the record breaks; `close` yields what is broken once nothing more happens.
    """

    number: int

    def take(self, item: Item) -> Iterator[str]: ...

    def close(self) -> Iterator[str]: ...


@dataclass(frozen=True)
class Violation:
    """A broken invariant, and the record that broke it; None for what only the end shows."""

    invariant: int
    what: str
    record: Item | None

    def __str__(self) -> str:
        return f"invariant {self.invariant}: {self.what}{_place(self.record)}"


class Judge:
    """Judges every record when it is taken, so a violation that is undone later still counts."""

    def __init__(self, invariants: Iterable[Invariant] | None = None) -> None:
        self.invariants = list(all_invariants() if invariants is None else invariants)
        self.violations: list[Violation] = []
        self.taken = 0

    def take(self, item: Item) -> list[Violation]:
        """Judge one record; return its violations."""
        self.taken += 1
        found = [Violation(each.number, what, item) for each in self.invariants for what in each.take(item)]
        self.violations += found
        return found

    def close(self) -> list[Violation]:
        """Judge the end; return all violations."""
        for each in self.invariants:
            self.violations += [Violation(each.number, what, None) for what in each.close()]
        return self.violations


def all_invariants() -> tuple[Invariant, ...]:
    """Return the nine invariants, in the order of DESIGN.md."""
    return (
        Sharing(),
        Leftovers(),
        Secrets(),
        Events(),
        Deletion(),
        Attribution(),
        Honesty(),
        Certainty(),
        Approval(),
    )


def _place(item: Item | None) -> str:
    if isinstance(item, Call):
        return f" [{item.name} in {item.account}]"
    if isinstance(item, Transition):
        return f" [{item.type} of {item.run}]"
    return f" [{type(item).__name__}]" if item else ""
