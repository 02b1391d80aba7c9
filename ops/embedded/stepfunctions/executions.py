"""The life of an execution: started once by its name, stopped at once, timed out, run branch by branch."""

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

from ops.embedded.context import Context
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
Step = tuple[Any, str | None]

# Characters that a name may not hold: API_StartExecution.
_BAD_NAME = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]")

_current: ContextVar[Record | None] = ContextVar("execution", default=None)
_writing: ContextVar[Record | None] = ContextVar("writing", default=None)
_ended: dict[str, threading.Event] = {}


class Aborted(Exception):
    """The execution has ended from outside; whatever works for it stops."""


def install(context: Context) -> None:
    _wrap("_start_execution", _start)
    _wrap("_stop_execution", _stop)
    _wrap("_run_execution", _run)
    _wrap("_fail_execution", _fail)
    _wrap("_execute_task", _task)
    _wrap("_run_parallel_branches", lambda original, *args: _composite("Parallel", original, *args))
    _wrap("_run_map_items", lambda original, *args: _composite("Map", original, *args))
    sf._run_sub_machine = _run_states
    sf._scaled_sleep = lambda seconds: pause(seconds * sf._SFN_WAIT_SCALE)


def resume() -> None:
    """Executions that ran when the cloud ended have failed: tells whoever listens, to clean up.

    Only once the cloud answers: who listens calls it.
    """
    for (account, region, _), execution in list(sf._executions._data.items()):
        unheard = execution["events"] and execution["events"][-1]["type"] != "ExecutionFailed"
        if execution.get("error") == "States.ServiceRestart" and unheard:
            with request_scope(account, region):
                why = {"error": execution["error"], "cause": execution["cause"]}
                history.add(execution, "ExecutionFailed", {"executionFailedEventDetails": why})
                sf._emit_execution_status_event(execution)


def _wrap(name: str, around: Callable[..., Any]) -> None:
    original = getattr(sf, name)
    setattr(sf, name, lambda *arguments: around(original, *arguments))


def current() -> Record | None:
    """The execution that this thread works for."""
    return _current.get()


def writing() -> Record | None:
    """The execution whose history this thread writes: a distributed Map's child has one of its own."""
    return _writing.get() or _current.get()


def pause(seconds: float) -> None:
    """Waits, and raises Aborted as soon as the execution ends."""
    execution = _current.get()
    if execution is None:
        time.sleep(max(0.0, seconds))
        return
    _ended[execution["executionArn"]].wait(max(0.0, seconds))
    check(execution)


def check(execution: Record) -> None:
    """The execution and, where it is a child of a distributed Map, the one that it works for."""
    for each in (execution, _current.get() or execution):
        if each["status"] != "RUNNING":
            raise Aborted(each["executionArn"])


def _start(original: Callable[..., Any], request: Record) -> Any:
    name = request.get("name")
    if name is not None and (not 1 <= len(name) <= 80 or _BAD_NAME.search(name)):
        return error_response_json("InvalidName", f"Invalid Name: '{name}'", 400)
    try:
        json.loads(request.get("input", "{}"))
    except ValueError as error:
        return error_response_json(
            "InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'", 400
        )
    if running := _same_execution(request):
        return json_response({"executionArn": running["executionArn"], "startDate": running["startDate"]})
    answer = original(request)
    if answer[0] == 200:
        sf._executions[json.loads(answer[2])["executionArn"]]["events"][0]["previousEventId"] = 0
    return answer


def _same_execution(request: Record) -> Record | None:
    """Starting a running execution again, with name and input, finds it: a client may repeat a call."""
    machine = sf._resolve_state_machine_arn(request.get("stateMachineArn", ""))
    if machine is None or not request.get("name"):
        return None
    name = f"{sf._state_machines[machine]['name']}:{request['name']}"
    execution = sf._executions.get(f"arn:aws:states:{get_region()}:{get_account_id()}:execution:{name}")
    if not execution or execution["status"] != "RUNNING" or execution["input"] != request.get("input", "{}"):
        return None
    found: Record = execution
    return found


def _stop(original: Callable[..., Any], request: Record) -> Any:
    answer = original(request)
    if answer[0] == 200 and (event := _ended.get(request["executionArn"])):
        event.set()
    return answer


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


def _composite(
    kind: str, original: Callable[..., Any], state: Record, data: Any, execution: Record, ctx: Record
) -> Any:
    history.add(execution, f"{kind}StateStarted")
    try:
        result = original(state, data, execution, ctx)
    except sf._ExecutionError:
        history.add(execution, f"{kind}StateFailed")
        raise
    check(execution)
    history.add(execution, f"{kind}StateSucceeded")
    return result


def _run_states(states: Record, start_at: str, data: Any, execution: Record, ctx: Record) -> Any:
    """One branch of a Parallel or one item of a Map, with its events, apart from the other branches."""
    history.begin_branch()
    _writing.set(execution)
    ctx = dict(ctx)
    name: str | None = start_at
    data = copy.deepcopy(data)
    while name:
        check(execution)
        state = states.get(name)
        if not state:
            raise sf._ExecutionError("States.Runtime", f"State '{name}' not found")
        ctx["State"] = {"Name": name, "EnteredTime": sf.now_iso(), "RetryCount": 0}
        kind = state.get("Type")
        entered = {"name": name, "input": json.dumps(data)}
        history.add(execution, f"{kind}StateEntered", {"stateEnteredEventDetails": entered})
        data, following = _step(state, data, execution, ctx)
        left = {"name": name, "output": json.dumps(data)}
        history.add(execution, f"{kind}StateExited", {"stateExitedEventDetails": left})
        name = following
    return data


def _step(state: Record, data: Any, execution: Record, ctx: Record) -> Step:
    kind = state.get("Type")
    if kind == "Fail":
        raise sf._ExecutionError(*sf._fail_state_error(state, data, ctx))
    if kind == "Succeed":
        return sf._apply_output_path(state, sf._apply_input_path(state, data, ctx), ctx), None
    if kind in ("Task", "Parallel", "Map"):
        step: Step = getattr(sf, f"_execute_{kind.lower()}")(state, data, execution, ctx)
        return step
    if kind in ("Pass", "Choice", "Wait"):
        simple: Step = getattr(sf, f"_execute_{kind.lower()}")(state, data, ctx)
        return simple
    raise sf._ExecutionError("States.Runtime", f"Unknown state type: {kind}")
