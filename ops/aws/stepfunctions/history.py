"""A state machine's run as the state of every step: from its definition and its history, both as data.

Reads AWS's history and coarser ones alike: events without links belong to the state entered last.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

NOT_READY = "NotReady"  # the error that means: look again later
PENDING, RUNNING, WAITING = "pending", "running", "waiting"
SUCCEEDED, FAILED, SKIPPED, ABORTED = "succeeded", "failed", "skipped", "aborted"
ENDED_FROM_OUTSIDE = ("ABORTED", "TIMED_OUT")

Definition = Mapping[str, Any]
Event = Mapping[str, Any]

# Events that say that an attempt of a task has failed; the state may retry, catch or fail with it.
_ATTEMPTS = ("Task", "LambdaFunction", "Activity", "Evaluation")
_FAILURES = ("Failed", "TimedOut", "StartFailed", "ScheduleFailed", "SubmitFailed")


@dataclass(frozen=True)
class StepState:
    """One state of the machine in this run.

    `polls` counts the looks that said NotReady, `retries` those after other errors. `branch` names the
    Parallel or Map state around it, if any.
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
    """A run. `status` as AWS names it; `steps` in the order of the definition."""

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
        """The steps that are under way."""
        return tuple(step for step in self.steps if step.status in (RUNNING, WAITING))

    @property
    def failed_step(self) -> StepState | None:
        """The step whose failure came first."""
        failed = [step for step in self.steps if step.status == FAILED and step.started]
        return min(failed, key=lambda step: step.started or datetime.max, default=None)


@dataclass
class _Trace:
    """What the history says of one state's last visit."""

    entered: datetime
    exited: datetime | None = None
    polls: int = 0
    retries: int = 0
    error: str = ""
    cause: str = ""
    failed_at: datetime | None = None  # when the last attempt failed, if none has begun since
    retried: bool = False  # that failure is among `retries`

    def retries_in(self, status: str) -> int:
        """The failure that ended the state is not a retry."""
        return self.retries - (status == FAILED and self.retried and self.failed_at is not None)


def read_execution(
    definition: Definition, events: Sequence[Event], description: Mapping[str, Any]
) -> Execution:
    """The run and every step of it. `description` is DescribeExecution's answer."""
    status = description["status"]
    stopped = description.get("stopDate")
    traces = _trace(definition, events)
    steps = tuple(
        _step(name, state, branch, traces.get(name), status, stopped)
        for name, state, branch in walk(definition)
    )
    steps = _settle(steps, traces)
    if status == "RUNNING":
        steps = _skip_unreachable(definition, steps)
    return Execution(
        arn=description["executionArn"],
        name=description["name"],
        status=status,
        started=description["startDate"],
        stopped=stopped,
        error=description.get("error", ""),
        cause=words(description.get("cause", "")),
        input=description.get("input", ""),
        output=description.get("output", ""),
        steps=steps,
    )


def walk(definition: Definition, branch: str = "") -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """(name, state, surrounding state) of every state: the way without errors first, then the catchers."""
    states = definition["States"]
    for name in _order(definition):
        state = states[name]
        yield name, state, branch
        for inner in inside(state):
            yield from walk(inner, name)


def inside(state: Mapping[str, Any]) -> list[Definition]:
    """The machines inside a Parallel or a Map."""
    processor = state.get("ItemProcessor") or state.get("Iterator")
    return [*state.get("Branches", ()), *([processor] if processor else [])]


def following(state: Mapping[str, Any], *, errors: bool) -> list[str]:
    """The states that may come next; with `errors` those of its catchers as well."""
    choices = [choice["Next"] for choice in state.get("Choices", ())]
    named = [*choices, *(state[key] for key in ("Next", "Default") if key in state)]
    catchers = [catcher["Next"] for catcher in state.get("Catch", ())] if errors else []
    return [*named, *catchers]


def _order(definition: Definition) -> list[str]:
    """Each state after those that lead to it, as far as there are no circles; then what catchers lead to."""
    states = definition["States"]
    order = _chain(states, definition["StartAt"], set())
    for name in order:  # grows meanwhile: a clean-up may have catchers of its own
        for catcher in states[name].get("Catch", ()):
            order += _chain(states, catcher["Next"], set(order))
    for name in states:
        order += _chain(states, name, set(order))
    return order


def _chain(states: Mapping[str, Any], start: str, known: set[str]) -> list[str]:
    """What can be reached from `start` without errors and is not known yet, in topological order."""
    finished: list[str] = []

    def visit(name: str) -> None:
        if name in known:
            return
        known.add(name)
        for successor in following(states[name], errors=False):
            visit(successor)
        finished.append(name)

    visit(start)
    return finished[::-1]


def _trace(definition: Definition, events: Sequence[Event]) -> dict[str, _Trace]:
    """The last visit of every state that was entered."""
    states = {name: state for name, state, _ in walk(definition)}
    branches = {name: branch for name, _, branch in walk(definition)}
    traces: dict[str, _Trace] = {}
    owner: dict[int, str] = {}  # event → the state that it belongs to
    last = ""
    for event in events:
        kind, at = event["type"], _moment(event["timestamp"])
        details = _details(event)
        if kind.endswith("StateEntered"):
            last = details["name"]
            traces = {name: trace for name, trace in traces.items() if branches.get(name) != last}
            traces[last] = _entered(states.get(last, {}), at)
            owner[event["id"]] = last
            continue
        name = details.get("name") if kind.endswith("StateExited") else None
        name = name or owner.get(event.get("previousEventId", 0)) or last
        owner[event["id"]] = name
        if trace := traces.get(name):
            _note(trace, kind, at, details, states[name].get("Retry", ()))
    return traces


def _entered(state: Mapping[str, Any], at: datetime) -> _Trace:
    if state.get("Type") != "Fail":
        return _Trace(at)
    return _Trace(at, error=state.get("Error", ""), cause=words(state.get("Cause", "")), failed_at=at)


def _note(trace: _Trace, kind: str, at: datetime, details: Mapping[str, Any], retriers: Any) -> None:
    if kind.endswith("StateExited"):
        trace.exited = at
    elif not kind.startswith(_ATTEMPTS):
        return
    elif kind.endswith(_FAILURES):
        trace.error, trace.cause = details.get("error", ""), words(details.get("cause", ""))
        trace.failed_at = at
        looked = trace.error == NOT_READY and _names(retriers, NOT_READY)
        trace.retried = not looked and _names(retriers, trace.error, "States.ALL")
        trace.polls += looked
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
    over = status not in (RUNNING, WAITING)
    shows_error = status in (FAILED, ABORTED) or (status == RUNNING and trace.failed_at)
    error, cause = (trace.error, trace.cause) if shows_error else ("", "")
    return StepState(
        name=name,
        kind=kind,
        status=status,
        polls=trace.polls,
        retries=trace.retries_in(status),
        started=trace.entered,
        ended=(trace.exited or stopped) if over else None,
        error=error,
        cause=cause,
        branch=branch,
    )


def _status(state: Mapping[str, Any], trace: _Trace, run: str) -> str:
    if state["Type"] == "Fail":
        return FAILED
    if trace.exited:
        return FAILED if trace.failed_at else SUCCEEDED  # left by a catcher, or in the regular way
    if run == "RUNNING":
        looks = trace.polls and not (trace.failed_at and trace.error != NOT_READY)
        return WAITING if state["Type"] == "Wait" or looks else RUNNING
    if run in ENDED_FROM_OUTSIDE:
        return ABORTED
    return SUCCEEDED if run == "SUCCEEDED" else FAILED


def _settle(steps: tuple[StepState, ...], traces: Mapping[str, _Trace]) -> tuple[StepState, ...]:
    """When a Parallel or Map state has ended, so have the states in it that were never left.

    The one that failed last has failed it; the others were aborted with it.
    """
    found = {step.name: step for step in steps}
    unleft = {name: trace for name, trace in traces.items() if not trace.exited}
    for name in found:  # each after what is around it
        parent = found[name]
        children = [step for step in found.values() if step.branch == name and step.name in unleft]
        if not children or parent.status in (RUNNING, WAITING):
            continue
        guilty = None
        if parent.status != ABORTED:
            guilty = max(children, key=lambda child: _failure(_culprit(child.name, steps, unleft)))
            source = _culprit(guilty.name, steps, unleft)
            found[name] = replace(parent, status=FAILED, error=source.error, cause=source.cause)
        for child in children:
            trace, status = unleft[child.name], FAILED if child is guilty else ABORTED
            found[child.name] = replace(
                child,
                status=status,
                retries=trace.retries_in(status),
                ended=parent.ended,
                error=trace.error,
                cause=trace.cause,
            )
    return tuple(found.values())


def _culprit(name: str, steps: tuple[StepState, ...], unleft: Mapping[str, _Trace]) -> _Trace:
    """What failed last of the state and all that is in it."""
    inner = [step.name for step in steps if step.branch == name and step.name in unleft]
    return max([unleft[name], *(_culprit(child, steps, unleft) for child in inner)], key=_failure)


def _failure(trace: _Trace) -> tuple[bool, datetime]:
    return trace.failed_at is not None, trace.failed_at or trace.entered


def _skip_unreachable(definition: Definition, steps: tuple[StepState, ...]) -> tuple[StepState, ...]:
    """While the run goes on, what its current states can no longer lead to is skipped."""
    current = {step.name for step in steps if step.status in (RUNNING, WAITING)}
    if not current:
        return steps
    states = {name: state for name, state, _ in walk(definition)}
    reachable: set[str] = set()
    todo = list(current)
    while todo:
        state = states[todo.pop()]
        nexts = [*following(state, errors=True), *(inner["StartAt"] for inner in inside(state))]
        todo += [name for name in nexts if name not in reachable]
        reachable.update(nexts)
    return tuple(
        replace(step, status=SKIPPED) if step.status == PENDING and step.name not in reachable else step
        for step in steps
    )


def words(cause: str) -> str:
    """A cause in words: of a Lambda function its message, of an ECS task the reasons and exit codes."""
    try:
        found = json.loads(cause)
    except ValueError:
        return cause
    if not isinstance(found, dict):
        return cause
    if "errorMessage" in found:
        return str(found["errorMessage"])
    if "Containers" in found:
        return _task_words(found)
    return cause


def _task_words(task: Mapping[str, Any]) -> str:
    exits = [
        f"container {container.get('Name')} ended with exit code {container['ExitCode']}"
        for container in task["Containers"]
        if container.get("ExitCode")
    ]
    reasons = [container["Reason"] for container in task["Containers"] if container.get("Reason")]
    return "; ".join([*exits, *reasons]) or str(task.get("StoppedReason", "the task failed"))


def _details(event: Event) -> Mapping[str, Any]:
    """The part of the event that depends on its type."""
    return next((value for key, value in event.items() if key.endswith("EventDetails")), {})


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value.replace("Z", "+00:00"))
