"""Step Functions: definitions that AWS rejects, in the words of AWS.

The fields of the states are in `language`; here are how the states are connected, and names.
https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ops.embedded.limits import language
from ops.embedded.limits.problems import Parameters, Problem, Rule

STATE_NAME = 80
INPUT_BYTES = 262_144
NAME = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}")

Finding = tuple[str, str, str]  # code, message, and path


def create(parameters: Parameters) -> Iterator[Problem]:
    name = str(parameters.get("name") or "")
    if not NAME.fullmatch(name):
        yield Problem("InvalidName", f"Invalid Name: '{name}'")
    yield from check(parameters)


def check(parameters: Parameters) -> Iterator[Problem]:
    """Yield one problem that lists everything that is wrong with the definition, if there is one."""
    definition = parameters.get("definition")
    if definition is None:
        return
    found = list(findings(definition))
    if found:
        listed = ", ".join(
            f"{code}: {message} at {path}".removesuffix(" at ") for code, message, path in found
        )
        yield Problem("InvalidDefinition", f"Invalid State Machine Definition: '{listed}'")


def findings(definition: str) -> list[Finding]:
    try:
        machine = json.loads(definition)
    except ValueError as error:
        return [("INVALID_JSON_DESCRIPTION", str(error), "")]
    if not isinstance(machine, dict):
        return [("INVALID_JSON_DESCRIPTION", "The definition must be a JSON object", "")]
    found = list(_machine(machine, "", jsonata=machine.get("QueryLanguage") == "JSONata"))
    repeated = _repeated(machine, set())
    return [*found, *(("SCHEMA_VALIDATION_FAILED", f"Duplicate State name: {name}", "") for name in repeated)]


def _machine(machine: Mapping[str, Any], path: str, *, jsonata: bool) -> Iterator[Finding]:
    states, start = machine.get("States"), machine.get("StartAt")
    if missing := [name for name in ("StartAt", "States") if not machine.get(name)]:
        yield (
            "SCHEMA_VALIDATION_FAILED",
            f"These fields are required: [{', '.join(missing)}]",
            path or "/",
        )
        return
    if not isinstance(states, dict):
        yield "SCHEMA_VALIDATION_FAILED", "Expected value of type Object", f"{path}/States"
        return
    if start not in states:
        yield "MISSING_TRANSITION_TARGET", f"Missing 'Next' target: {start}", f"{path}/StartAt"
    for name, state in states.items():
        where = f"{path}/States/{name}"
        if len(name) > STATE_NAME:
            yield "SCHEMA_VALIDATION_FAILED", f"State name must have at most {STATE_NAME} characters", where
        if not isinstance(state, dict):
            yield "SCHEMA_VALIDATION_FAILED", "Expected value of type Object", where
            return
        own = jsonata or state.get("QueryLanguage") == "JSONata"
        for message, below in language.wrong_fields(state, own):
            yield "SCHEMA_VALIDATION_FAILED", message, where + below
        yield from _choices(state, where, jsonata=own)
        for inner, below in _inner(state):
            yield from _machine(inner, where + below, jsonata=own)
    yield from _connections(states, start, path)


def _choices(state: Mapping[str, Any], where: str, *, jsonata: bool) -> Iterator[Finding]:
    for number, choice in enumerate(state.get("Choices") or [] if state.get("Type") == "Choice" else []):
        path = f"{where}/Choices[{number}]"
        if "Next" not in choice:
            yield "SCHEMA_VALIDATION_FAILED", "These fields are required: [Next]", path
        operators = set(choice) - {"Next", "Comment", "Assign", "Output", "Variable"}
        if not operators:
            wanted = "Condition" if jsonata else "a comparison operator"
            yield "SCHEMA_VALIDATION_FAILED", f"A choice rule needs {wanted}", path


def _connections(states: Mapping[str, Any], start: Any, path: str) -> Iterator[Finding]:
    """Yield targets that do not exist, the lack of an end, and states that nothing leads to."""
    reached = {start}
    for name, state in states.items():
        for target, below in _targets(state):
            reached.add(target)
            if target not in states:
                yield (
                    "MISSING_TRANSITION_TARGET",
                    f"Missing 'Next' target: {target}",
                    f"{path}/States/{name}{below}",
                )
    if not any(state.get("End") or state.get("Type") in ("Succeed", "Fail") for state in states.values()):
        yield "MISSING_END_STATE", "Workflow has no terminal state", ""
        return
    for name in states:
        if name not in reached:
            yield (
                "MISSING_TRANSITION_TARGET",
                f'State "{name}" is not reachable.',
                f"{path}/States/{name}",
            )


def _targets(state: Mapping[str, Any]) -> Iterator[tuple[Any, str]]:
    for field in ("Next", "Default"):
        if field in state:
            yield state[field], f"/{field}"
    for field in ("Choices", "Catch"):
        for number, entry in enumerate(state.get(field) or []):
            if "Next" in entry:
                yield entry["Next"], f"/{field}[{number}]/Next"


def _inner(state: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    for number, branch in enumerate(state.get("Branches") or []):
        yield branch, f"/Branches[{number}]"
    for field in ("Iterator", "ItemProcessor"):
        if isinstance(state.get(field), dict):
            yield state[field], f"/{field}"


def _repeated(machine: Mapping[str, Any], seen: set[str]) -> list[str]:
    """Return the names that more than one state has; branches share the names of the state machine."""
    found = []
    for name, state in (machine.get("States") or {}).items():
        if name in seen:
            found.append(name)
        seen.add(name)
        for inner, _ in _inner(state) if isinstance(state, dict) else ():
            found += _repeated(inner, seen)
    return found


def start(parameters: Parameters) -> Iterator[Problem]:
    text = parameters.get("input")
    if text is None:
        return
    if len(text.encode()) > INPUT_BYTES:
        yield Problem("InvalidExecutionInput", f"The input exceeds the limit of {INPUT_BYTES} bytes.")


RULES: Mapping[str, Rule] = {
    "CreateStateMachine": create,
    "StartExecution": start,
    "StartSyncExecution": start,
    "UpdateStateMachine": check,
}
