"""What a state received, did, and returned in its last visit: input, output, and attempts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ops.aws.stepfunctions.events import ATTEMPTS, FAILURES, Event, StateEvent, readable_cause, state_events


@dataclass(frozen=True)
class Attempt:
    """One call of a task. `ended` is None while it runs; without an error, it succeeded."""

    started: datetime
    ended: datetime | None = None
    error: str = ""
    cause: str = ""


@dataclass(frozen=True)
class Visit:
    """The last visit of a state. `input` and `output` are JSON texts; the output is empty until its end."""

    input: str = ""
    output: str = ""
    attempts: tuple[Attempt, ...] = ()


def read_visits(events: Sequence[Event]) -> dict[str, Visit]:
    """Return the last visit of every state that was entered."""
    visits: dict[str, Visit] = {}
    for event in state_events(events):
        if event.kind.endswith("StateEntered"):
            visits[event.state] = Visit(event.details.get("input", ""))
        elif visit := visits.get(event.state):
            visits[event.state] = _after(visit, event)
    return visits


def _after(visit: Visit, event: StateEvent) -> Visit:
    if event.kind.endswith("StateExited"):
        return replace(visit, output=event.details.get("output", ""))
    if not event.kind.startswith(ATTEMPTS):
        return visit
    if event.kind.endswith("Scheduled"):
        return replace(visit, attempts=(*visit.attempts, Attempt(event.at)))
    if not event.kind.endswith((*FAILURES, "Succeeded")):
        return visit
    *before, last = visit.attempts or (Attempt(event.at),)
    cause = readable_cause(event.details.get("cause", ""))
    ended = replace(last, ended=event.at, error=event.details.get("error", ""), cause=cause)
    return replace(visit, attempts=(*before, ended))
