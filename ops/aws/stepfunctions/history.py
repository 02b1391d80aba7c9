"""Derives the state of every step of an execution from its definition and its history."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ops.aws.stepfunctions.events import ATTEMPTS, FAILURES, Event, StateEvent, readable_cause, state_events

NOT_READY = "NotReady"  # the error that a polling state retries on
PENDING, RUNNING, WAITING = "pending", "running", "waiting"
SUCCEEDED, FAILED, SKIPPED, ABORTED = "succeeded", "failed", "skipped", "aborted"
ENDED_FROM_OUTSIDE = ("ABORTED", "TIMED_OUT")

Definition = Mapping[str, Any]


@dataclass(frozen=True)
class StepState:
    """One state of the state machine in an execution.

    `polls` counts attempts that raised NotReady, `retries` those that raised other errors. `branch` is the
    surrounding Parallel or Map state, if any.
    """

    name: str
    kind: str
    status: str = PENDING
    polls: int = 0
    retries: int = 0
    started: datetime | None = None
    ended: datetime | None = None
    error: str = ""
    cause: str = ""
    branch: str = ""


@dataclass(frozen=True)
class Execution:
    """An execution. `status` is AWS's; `steps` are in the order of the definition."""

    arn: str
    name: str
    status: str
    started: datetime
    stopped: datetime | None
    error: str
    cause: str
    input: str
    output: str
    steps: tuple[StepState, ...] = ()

    @property
    def current(self) -> tuple[StepState, ...]:
        """The steps in progress."""
        return tuple(step for step in self.steps if step.status in (RUNNING, WAITING))

    @property
    def failed_step(self) -> StepState | None:
        """The step that failed first."""
        failed = [step for step in self.steps if step.status == FAILED and step.started]
        return min(failed, key=lambda step: step.started or datetime.max, default=None)


@dataclass
class _Trace:
    """The last visit of a state, from the history."""

    entered: datetime
    exited: datetime | None = None
    polls: int = 0
    retries: int = 0
    error: str = ""
    cause: str = ""
    failed_at: datetime | None = None  # when the last attempt failed, if none has started since
    retried: bool = False  # that failure is counted in `retries`

    def retries_in(self, status: str) -> int:
        """Return the number of retries. The failure that ended the state is not one."""
        return self.retries - (status == FAILED and self.retried and self.failed_at is not None)


def read_execution(
    definition: Definition, events: Sequence[Event], description: Mapping[str, Any]
) -> Execution:
    """Return an execution with all its steps. `description` is the response of DescribeExecution."""
    status = description["status"]
    stopped = description.get("stopDate")
    traces = _trace(definition, events)
    steps = tuple(
        _step(name, state, branch, traces.get(name), status, stopped)
        for name, state, branch in walk_states(definition)
    )
    steps = _settle_inner_steps(steps, traces)
    if status == "RUNNING":
        steps = _skip_unreachable(definition, steps)
    return Execution(
        arn=description["executionArn"],
        name=description["name"],
        status=status,
        started=description["startDate"],
        stopped=stopped,
        error=description.get("error", ""),
        cause=readable_cause(description.get("cause", "")),
        input=description.get("input", ""),
        output=description.get("output", ""),
        steps=steps,
    )


def walk_states(definition: Definition, branch: str = "") -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Yield (name, state, surrounding state): first the path without errors, then the targets of catchers."""
    states = definition["States"]
    for name in _order(definition):
        state = states[name]
        yield name, state, branch
        for inner in inner_machines(state):
            yield from walk_states(inner, name)


def inner_machines(state: Mapping[str, Any]) -> list[Definition]:
    """Return the state machines inside a Parallel or Map state."""
    processor = state.get("ItemProcessor") or state.get("Iterator")
    return [*state.get("Branches", ()), *([processor] if processor else [])]


def next_states(state: Mapping[str, Any], *, errors: bool) -> list[str]:
    """Return the possible next states; with `errors`, including those of its catchers."""
    choices = [choice["Next"] for choice in state.get("Choices", ())]
    named = [*choices, *(state[key] for key in ("Next", "Default") if key in state)]
    catchers = [catcher["Next"] for catcher in state.get("Catch", ())] if errors else []
    return [*named, *catchers]


def _order(definition: Definition) -> list[str]:
    """Return the states in topological order, as far as there are no cycles; targets of catchers last."""
    states = definition["States"]
    order = _chain(states, definition["StartAt"], set())
    for name in order:  # grows during iteration: a clean-up can have catchers too
        for catcher in states[name].get("Catch", ()):
            order += _chain(states, catcher["Next"], set(order))
    for name in states:
        order += _chain(states, name, set(order))
    return order


def _chain(states: Mapping[str, Any], start: str, known: set[str]) -> list[str]:
    """Return the unknown states reachable from `start` without errors, in topological order."""
    finished: list[str] = []

    def visit(name: str) -> None:
        if name in known:
            return
        known.add(name)
        for successor in next_states(states[name], errors=False):
            visit(successor)
        finished.append(name)

    visit(start)
    return finished[::-1]


def _trace(definition: Definition, events: Sequence[Event]) -> dict[str, _Trace]:
    """Return the last visit of every state that was entered."""
    states = {name: state for name, state, _ in walk_states(definition)}
    branches = {name: branch for name, _, branch in walk_states(definition)}
    traces: dict[str, _Trace] = {}
    for one in state_events(events):
        if one.kind.endswith("StateEntered"):
            traces = {name: trace for name, trace in traces.items() if branches.get(name) != one.state}
            traces[one.state] = _entered(states.get(one.state, {}), one.at)
        elif trace := traces.get(one.state):
            _note(trace, one, states[one.state].get("Retry", ()))
    return traces


def _entered(state: Mapping[str, Any], at: datetime) -> _Trace:
    if state.get("Type") != "Fail":
        return _Trace(at)
    return _Trace(
        at, error=state.get("Error", ""), cause=readable_cause(state.get("Cause", "")), failed_at=at
    )


def _note(trace: _Trace, event: StateEvent, retriers: Any) -> None:
    kind, at, details = event.kind, event.at, event.details
    if kind.endswith("StateExited"):
        trace.exited = at
    elif not kind.startswith(ATTEMPTS):
        return
    elif kind.endswith(FAILURES):
        trace.error, trace.cause = details.get("error", ""), readable_cause(details.get("cause", ""))
        trace.failed_at = at
        polled = trace.error == NOT_READY and _names(retriers, NOT_READY)
        trace.retried = not polled and _names(retriers, trace.error, "States.ALL")
        trace.polls += polled
        trace.retries += trace.retried
    elif kind.endswith("Scheduled"):
        trace.failed_at = None
    elif kind.endswith("Succeeded"):
        trace.failed_at, trace.error, trace.cause = None, "", ""


def _names(retriers: Any, *errors: str) -> bool:
    return any(error in retrier["ErrorEquals"] for retrier in retriers for error in errors)


def _step(
    name: str,
    state: Mapping[str, Any],
    branch: str,
    trace: _Trace | None,
    run: str,
    stopped: datetime | None,
) -> StepState:
    kind = state["Type"]
    if trace is None:
        return StepState(name, kind, PENDING if run == "RUNNING" else SKIPPED, branch=branch)
    status = _status(state, trace, run)
    finished = status not in (RUNNING, WAITING)
    shows_error = status in (FAILED, ABORTED) or (status == RUNNING and trace.failed_at)
    error, cause = (trace.error, trace.cause) if shows_error else ("", "")
    return StepState(
        name=name,
        kind=kind,
        status=status,
        polls=trace.polls,
        retries=trace.retries_in(status),
        started=trace.entered,
        ended=(trace.exited or stopped) if finished else None,
        error=error,
        cause=cause,
        branch=branch,
    )


def _status(state: Mapping[str, Any], trace: _Trace, run: str) -> str:
    if state["Type"] == "Fail":
        return FAILED
    if trace.exited:
        return FAILED if trace.failed_at else SUCCEEDED  # through a catcher, or regularly
    if run == "RUNNING":
        is_polling = trace.polls and not (trace.failed_at and trace.error != NOT_READY)
        return WAITING if state["Type"] == "Wait" or is_polling else RUNNING
    if run in ENDED_FROM_OUTSIDE:
        return ABORTED
    return SUCCEEDED if run == "SUCCEEDED" else FAILED


def _settle_inner_steps(steps: tuple[StepState, ...], traces: Mapping[str, _Trace]) -> tuple[StepState, ...]:
    """Close the states inside a finished Parallel or Map state that have no exit event.

    The one that failed last caused the failure; the others were aborted.
    """
    by_name = {step.name: step for step in steps}
    unexited = {name: trace for name, trace in traces.items() if not trace.exited}
    for name in by_name:  # outer states come first
        parent = by_name[name]
        children = [step for step in by_name.values() if step.branch == name and step.name in unexited]
        if not children or parent.status in (RUNNING, WAITING):
            continue
        cause = None
        if parent.status != ABORTED:
            cause = max(children, key=lambda child: _failure(_last_failure(child.name, steps, unexited)))
            source = _last_failure(cause.name, steps, unexited)
            by_name[name] = replace(parent, status=FAILED, error=source.error, cause=source.cause)
        for child in children:
            trace, status = unexited[child.name], FAILED if child is cause else ABORTED
            by_name[child.name] = replace(
                child,
                status=status,
                retries=trace.retries_in(status),
                ended=parent.ended,
                error=trace.error,
                cause=trace.cause,
            )
    return tuple(by_name.values())


def _last_failure(name: str, steps: tuple[StepState, ...], unexited: Mapping[str, _Trace]) -> _Trace:
    """Return the visit that failed last, of a state and all states inside it."""
    inner = [step.name for step in steps if step.branch == name and step.name in unexited]
    return max([unexited[name], *(_last_failure(child, steps, unexited) for child in inner)], key=_failure)


def _failure(trace: _Trace) -> tuple[bool, datetime]:
    return trace.failed_at is not None, trace.failed_at or trace.entered


def _skip_unreachable(definition: Definition, steps: tuple[StepState, ...]) -> tuple[StepState, ...]:
    """Mark pending states as skipped if the current states of a running execution cannot reach them."""
    current = {step.name for step in steps if step.status in (RUNNING, WAITING)}
    if not current:
        return steps
    states = {name: state for name, state, _ in walk_states(definition)}
    reachable: set[str] = set()
    todo = list(current)
    while todo:
        state = states[todo.pop()]
        nexts = [*next_states(state, errors=True), *(inner["StartAt"] for inner in inner_machines(state))]
        todo += [name for name in nexts if name not in reachable]
        reachable.update(nexts)
    return tuple(
        replace(step, status=SKIPPED) if step.status == PENDING and step.name not in reachable else step
        for step in steps
    )
