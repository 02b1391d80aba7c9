"""The life of an execution: idempotent start, immediate stop, timeout, and isolated branches."""

import copy
import json
import re
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any

from ministack.core.responses import (
    error_response_json,
    get_account_id,
    get_region,
    json_response,
    request_scope,
)
from ministack.services import stepfunctions as sf

from ops.embedded.context import OverlayContext
from ops.embedded.stepfunctions import history

SEAMS = (
    "ministack.services.stepfunctions._start_execution",
    "ministack.services.stepfunctions._stop_execution",
    "ministack.services.stepfunctions._run_execution",
    "ministack.services.stepfunctions._fail_execution",
    "ministack.services.stepfunctions._run_sub_machine",
    "ministack.services.stepfunctions._run_map_items",
    "ministack.services.stepfunctions._run_parallel_branches",
    "ministack.services.stepfunctions._scaled_sleep",
    "ministack.services.stepfunctions._execute_task",
    "ministack.services.stepfunctions._fail_state_error",
    "ministack.services.stepfunctions._emit_execution_status_event",
    "ministack.services.stepfunctions._resolve_state_machine_arn",
    "ministack.services.stepfunctions._executions",
    "ministack.services.stepfunctions._state_machines",
    "ministack.services.stepfunctions._ExecutionError",
)

Record = dict[str, Any]
StepResult = tuple[Any, str | None]

# Characters that are invalid in a name: API_StartExecution.
_INVALID_NAME = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]")

_current: ContextVar[Record | None] = ContextVar("execution", default=None)
_history_owner: ContextVar[Record | None] = ContextVar("writing", default=None)
_ended: dict[str, threading.Event] = {}


class Aborted(Exception):
    """The execution ended from outside; its work stops."""


def install(context: OverlayContext) -> None:
    _wrap("_start_execution", _start)
    _wrap("_stop_execution", _stop)
    _wrap("_run_execution", _run)
    _wrap("_fail_execution", _fail)
    _wrap("_execute_task", _task)
    _wrap("_run_parallel_branches", lambda original, *args: _run_composite("Parallel", original, *args))
    _wrap("_run_map_items", lambda original, *args: _run_composite("Map", original, *args))
    sf._run_sub_machine = _run_states
    sf._scaled_sleep = lambda seconds: pause(seconds * sf._SFN_WAIT_SCALE)


def resume() -> None:
    """Report executions that the last stop interrupted as failed, so that listeners can clean up.

    Call this only when the cloud answers, because the listeners call it.
    """
    for (account, region, _), execution in list(sf._executions._data.items()):
        is_unreported = execution["events"] and execution["events"][-1]["type"] != "ExecutionFailed"
        if execution.get("error") == "States.ServiceRestart" and is_unreported:
            with request_scope(account, region):
                details = {"error": execution["error"], "cause": execution["cause"]}
                history.add(execution, "ExecutionFailed", {"executionFailedEventDetails": details})
                sf._emit_execution_status_event(execution)


def _wrap(name: str, around: Callable[..., Any]) -> None:
    original = getattr(sf, name)
    setattr(sf, name, lambda *arguments: around(original, *arguments))


def current() -> Record | None:
    """Return the execution that this thread works for."""
    return _current.get()


def history_owner() -> Record | None:
    """Return the execution whose history this thread writes: a distributed Map's child has its own."""
    return _history_owner.get() or _current.get()


def pause(seconds: float) -> None:
    """Wait; raise Aborted as soon as the execution ends."""
    execution = _current.get()
    if execution is None:
        time.sleep(max(0.0, seconds))
        return
    _ended[execution["executionArn"]].wait(max(0.0, seconds))
    check(execution)


def check(execution: Record) -> None:
    """Raise Aborted if the execution, or for a distributed Map's child its parent, has ended."""
    for involved in (execution, _current.get() or execution):
        if involved["status"] != "RUNNING":
            raise Aborted(involved["executionArn"])


def _start(original: Callable[..., Any], request: Record) -> Any:
    name = request.get("name")
    if name is not None and (not 1 <= len(name) <= 80 or _INVALID_NAME.search(name)):
        return error_response_json("InvalidName", f"Invalid Name: '{name}'", 400)
    try:
        json.loads(request.get("input", "{}"))
    except ValueError as error:
        return error_response_json(
            "InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'", 400
        )
    if duplicate := _running_duplicate(request):
        return json_response({"executionArn": duplicate["executionArn"], "startDate": duplicate["startDate"]})
    response = original(request)
    if response[0] == 200:
        sf._executions[json.loads(response[2])["executionArn"]]["events"][0]["previousEventId"] = 0
    return response


def _running_duplicate(request: Record) -> Record | None:
    """Return the running execution with the same name and input: clients may repeat a call."""
    machine = sf._resolve_state_machine_arn(request.get("stateMachineArn", ""))
    if machine is None or not request.get("name"):
        return None
    name = f"{sf._state_machines[machine]['name']}:{request['name']}"
    execution = sf._executions.get(f"arn:aws:states:{get_region()}:{get_account_id()}:execution:{name}")
    if not execution or execution["status"] != "RUNNING" or execution["input"] != request.get("input", "{}"):
        return None
    duplicate: Record = execution
    return duplicate


def _stop(original: Callable[..., Any], request: Record) -> Any:
    response = original(request)
    if response[0] == 200 and (event := _ended.get(request["executionArn"])):
        event.set()
    return response


def _run(original: Callable[..., Any], arn: str) -> None:
    execution = sf._executions[arn]
    event = _ended.setdefault(arn, threading.Event())
    token = _current.set(execution)
    history.begin_execution()
    timer = _timer(execution)
    try:
        original(arn)
    finally:
        if timer:
            timer.cancel()
        event.set()
        _ended.pop(arn, None)
        _current.reset(token)


def _timer(execution: Record) -> threading.Timer | None:
    machine = sf._state_machines.get(execution["stateMachineArn"])
    seconds = machine and json.loads(machine["definition"]).get("TimeoutSeconds")
    if not seconds:
        return None
    # The timer's thread needs this one's account and region.
    end = partial(copy_context().run, _time_out, execution)
    timer = threading.Timer(seconds * sf._SFN_WAIT_SCALE, end)
    timer.daemon = True
    timer.start()
    return timer


def _time_out(execution: Record) -> None:
    if execution["status"] != "RUNNING":
        return
    execution.update(status="TIMED_OUT", stopDate=sf.now_iso())
    history.add(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}})
    sf._emit_execution_status_event(execution)
    _ended[execution["executionArn"]].set()


def _fail(original: Callable[..., Any], execution: Record, error: str, cause: str) -> None:
    if execution["status"] == "RUNNING":
        original(execution, error, cause)


def _task(
    original: Callable[..., Any], state: Record, data: Any, execution: Record | None, ctx: Record
) -> Any:
    if execution is not None and "executionArn" in execution:
        check(execution)
    return original(state, data, execution, ctx)


def _run_composite(
    state_type: str, original: Callable[..., Any], state: Record, data: Any, execution: Record, ctx: Record
) -> Any:
    history.add(execution, f"{state_type}StateStarted")
    try:
        result = original(state, data, execution, ctx)
    except sf._ExecutionError:
        history.add(execution, f"{state_type}StateFailed")
        raise
    check(execution)
    history.add(execution, f"{state_type}StateSucceeded")
    return result


def _run_states(states: Record, start_at: str, data: Any, execution: Record, ctx: Record) -> Any:
    """Run one branch of a Parallel or one item of a Map, with its own history links."""
    history.begin_branch()
    _history_owner.set(execution)
    ctx = dict(ctx)
    name: str | None = start_at
    data = copy.deepcopy(data)
    while name:
        check(execution)
        state = states.get(name)
        if not state:
            raise sf._ExecutionError("States.Runtime", f"State '{name}' not found")
        ctx["State"] = {"Name": name, "EnteredTime": sf.now_iso(), "RetryCount": 0}
        state_type = state.get("Type")
        entered = {"name": name, "input": json.dumps(data)}
        history.add(execution, f"{state_type}StateEntered", {"stateEnteredEventDetails": entered})
        data, next_name = _step(state, data, execution, ctx)
        exited = {"name": name, "output": json.dumps(data)}
        history.add(execution, f"{state_type}StateExited", {"stateExitedEventDetails": exited})
        name = next_name
    return data


def _step(state: Record, data: Any, execution: Record, ctx: Record) -> StepResult:
    state_type = state.get("Type")
    if state_type == "Fail":
        raise sf._ExecutionError(*sf._fail_state_error(state, data, ctx))
    if state_type == "Succeed":
        return sf._apply_output_path(state, sf._apply_input_path(state, data, ctx), ctx), None
    if state_type in ("Task", "Parallel", "Map"):
        result: StepResult = getattr(sf, f"_execute_{state_type.lower()}")(state, data, execution, ctx)
        return result
    if state_type in ("Pass", "Choice", "Wait"):
        simple_result: StepResult = getattr(sf, f"_execute_{state_type.lower()}")(state, data, ctx)
        return simple_result
    raise sf._ExecutionError("States.Runtime", f"Unknown state type: {state_type}")
