"""Amazon States Language where the emulator is more lenient than AWS.

A path without a result fails the execution instead of passing null on, States.ALL does not match errors
that AWS never lets a state catch, and a retry honors MaxDelaySeconds and JitterStrategy and ends with the
execution.
"""

import json
import random
from collections.abc import Callable
from typing import Any

from ministack.core.responses import json_response
from ministack.services import stepfunctions as sf

from ops.embedded.context import OverlayContext
from ops.embedded.limits import machines
from ops.embedded.stepfunctions import executions

SEAMS = (
    "ministack.services.stepfunctions._error_matches",
    "ministack.services.stepfunctions._find_matching_retrier",
    "ministack.services.stepfunctions._resolve_params_obj",
    "ministack.services.stepfunctions._resolve_path_or_ctx",
    "ministack.services.stepfunctions._evaluate_rule",
    "ministack.services.stepfunctions._parse_jsonpath_tokens",
    "ministack.services.stepfunctions._validate_state_machine_definition",
)

Record = dict[str, Any]

# Step Functions Developer Guide, "Error names": neither is caught by States.ALL.
UNCATCHABLE = ("States.Runtime", "States.DataLimitExceeded")


def install(context: OverlayContext) -> None:
    sf._error_matches = _error_matches
    retrier = sf._find_matching_retrier
    sf._find_matching_retrier = lambda *arguments: _wait_before_retry(retrier(*arguments), arguments[2])
    parameters = sf._resolve_params_obj
    sf._resolve_params_obj = lambda template, data, ctx=None: _resolve_strictly(
        parameters, template, data, ctx
    )
    path = sf._resolve_path_or_ctx
    sf._resolve_path_or_ctx = lambda reference, data, ctx: _resolve_reference(path, reference, data, ctx)
    rule = sf._evaluate_rule
    sf._evaluate_rule = lambda choice, data, ctx=None: _evaluate_rule(rule, choice, data, ctx)
    sf._validate_state_machine_definition = _validate


def _validate(request: Record) -> Any:
    """Return what is wrong with a definition.

    https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html
    """
    diagnostics = [
        {"severity": "ERROR", "code": code, "message": message, "location": path}
        for code, message, path in machines.findings(request["definition"])
    ]
    result = "FAIL" if diagnostics else "OK"
    return json_response({"result": result, "diagnostics": diagnostics, "truncated": False})


def _error_matches(names: list[str], error: str) -> bool:
    if error in names:
        return True
    if error in UNCATCHABLE:
        return False
    return "States.ALL" in names or ("States.TaskFailed" in names and error != "States.Timeout")


def _wait_before_retry(match: tuple[Record | None, int], counts: dict[int, int]) -> tuple[Record | None, int]:
    """Wait here, where the end of the execution interrupts the wait, and leave no delay to the emulator."""
    retrier, index = match
    if retrier is None or executions.current() is None:
        return match
    delay = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** counts.get(index, 0)
    delay = min(delay, retrier.get("MaxDelaySeconds", delay))
    if retrier.get("JitterStrategy") == "FULL":
        delay = random.uniform(0, delay)
    executions.pause(delay * sf._SFN_WAIT_SCALE)
    return {**retrier, "IntervalSeconds": 0}, index


def _resolve_strictly(original: Callable[..., Any], template: Any, data: Any, ctx: Record | None) -> Any:
    if isinstance(template, dict):
        for key, value in template.items():
            if key.endswith(".$") and isinstance(value, str) and not value.startswith("States."):
                source = ctx if value.startswith("$$.") else data
                if _is_missing(value[1:] if value.startswith("$$.") else value, source):
                    raise sf._ExecutionError(
                        "States.Runtime",
                        f"The JSONPath '{value}' specified for the field '{key}' could not be found in the "
                        f"input '{json.dumps(data)}'",
                    )
    return original(template, data, ctx)


def _resolve_reference(original: Callable[..., Any], reference: Any, data: Any, ctx: Record | None) -> Any:
    """Resolve InputPath, OutputPath, ItemsPath, and similar paths."""
    if isinstance(reference, str) and not reference.startswith("$$") and _is_missing(reference, data):
        raise sf._ExecutionError(
            "States.Runtime", f"Invalid path '{reference}': no results for path in {json.dumps(data)}"
        )
    return original(reference, data, ctx)


def _evaluate_rule(original: Callable[..., Any], choice: Record, data: Any, ctx: Record | None) -> Any:
    variable = choice.get("Variable")
    if not isinstance(variable, str):
        return original(choice, data, ctx)
    missing = _is_missing(variable[1:], ctx) if variable.startswith("$$") else _is_missing(variable, data)
    if "IsPresent" in choice:
        return missing is not choice["IsPresent"]
    if missing:
        raise sf._ExecutionError(
            "States.Runtime",
            f"Invalid path '{variable}': The choice state's condition path references an invalid value.",
        )
    return original(choice, data, ctx)


def _is_missing(path: str, data: Any) -> bool:
    """Return whether a path of fields and indexes has no result; wildcards always result in a list."""
    tokens = sf._parse_jsonpath_tokens(path) if path.startswith("$") else None
    for kind, value in tokens or []:
        if kind == "field" and isinstance(data, dict) and value in data:
            data = data[value]
        elif kind == "index" and isinstance(data, list) and value < len(data):
            data = data[value]
        else:
            return kind in ("field", "index")
    return False
