"""The fields of the states of a definition, as the Amazon States Language has them.

https://states-language.net/spec.html
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

State = Mapping[str, Any]

_COMMON = frozenset({"Type", "Comment", "QueryLanguage"})
_PATHS = frozenset({"InputPath", "OutputPath", "Output", "Assign"})
_MOVES = frozenset({"Next", "End"})
_RESULT = frozenset({"ResultPath", "ResultSelector", "Parameters", "Arguments"})
_ERRORS = frozenset({"Retry", "Catch"})
_SECONDS = ("TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath")
_MAP = (
    *("Iterator", "ItemProcessor", "ItemsPath", "Items", "ItemReader", "ItemSelector", "ItemBatcher"),
    *("ResultWriter", "MaxConcurrency", "MaxConcurrencyPath", "Label", "ToleratedFailureCount"),
    *("ToleratedFailureCountPath", "ToleratedFailurePercentage", "ToleratedFailurePercentagePath"),
)
FIELDS: Mapping[str, frozenset[str]] = {
    "Task": frozenset({*_COMMON, *_PATHS, *_MOVES, *_RESULT, *_ERRORS, *_SECONDS, "Resource", "Credentials"}),
    "Parallel": frozenset({*_COMMON, *_PATHS, *_MOVES, *_RESULT, *_ERRORS, "Branches"}),
    "Map": frozenset({*_COMMON, *_PATHS, *_MOVES, *_RESULT, *_ERRORS, *_MAP}),
    "Pass": frozenset({*_COMMON, *_PATHS, *_MOVES, "Result", "ResultPath", "Parameters"}),
    "Wait": frozenset({*_COMMON, *_PATHS, *_MOVES, "Seconds", "SecondsPath", "Timestamp", "TimestampPath"}),
    "Choice": frozenset({*_COMMON, *_PATHS, "Choices", "Default"}),
    "Succeed": frozenset({*_COMMON, *_PATHS}),
    "Fail": frozenset({*_COMMON, "Error", "ErrorPath", "Cause", "CausePath"}),
}
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "Task": ("Resource",),
    "Parallel": ("Branches",),
    "Choice": ("Choices",),
}
NUMBERS = ("Seconds", "TimeoutSeconds", "HeartbeatSeconds", "MaxConcurrency")
PATHS = ("InputPath", "OutputPath", "ResultPath", "ItemsPath", "SecondsPath", "TimestampPath")
_WAITS = ("Seconds", "SecondsPath", "Timestamp", "TimestampPath")
INTRINSICS = frozenset(
    (
        *("States.Array", "States.ArrayContains", "States.ArrayGetItem", "States.ArrayLength"),
        *("States.ArrayPartition", "States.ArrayRange", "States.ArrayUnique", "States.Base64Decode"),
        *("States.Base64Encode", "States.Format", "States.Hash", "States.JsonMerge"),
        *("States.JsonToString", "States.MathAdd", "States.MathRandom", "States.StringSplit"),
        *("States.StringToJson", "States.UUID"),
    )
)
_INTRINSIC = re.compile(r"(States\.\w+)\(")
_ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:\d*:.+")
# Integrations besides `aws-sdk`: https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html
INTEGRATIONS = frozenset(
    "aws-sdk apigateway athena batch bedrock codebuild databrew dynamodb ecs eks elasticmapreduce "
    "emr-containers emr-serverless events glue http lambda mediaconvert sagemaker sns sqs states".split()
)


def wrong_fields(state: State, jsonata: bool) -> Iterator[tuple[str, str]]:
    """Yield (message, path below the state) for each field that is missing, unknown, or has a wrong value."""
    kind = str(state.get("Type", ""))
    if kind not in FIELDS:
        allowed = ", ".join(f"'{name}'" for name in FIELDS)
        yield f"The value for the field 'Type' must be one of: {allowed}", "/Type"
        return
    for name in state:
        if name not in FIELDS[kind]:
            yield f"The field '{name}' is not supported by Step Functions", ""
    if missing := [name for name in REQUIRED.get(kind, ()) if not state.get(name)]:
        yield f"These fields are required: [{', '.join(missing)}]", ""
    if kind == "Map" and not (state.get("Iterator") or state.get("ItemProcessor")):
        yield "These fields are required: [ItemProcessor]", ""
    if "Next" in FIELDS[kind] and ("Next" in state) == bool(state.get("End")):
        yield "Exactly one of these fields is required: [Next, End]", ""
    if kind == "Wait" and sum(name in state for name in _WAITS) != 1:
        yield f"Exactly one of these fields is required: [{', '.join(_WAITS)}]", ""
    yield from _task(state) if kind == "Task" else ()
    yield from _errors("Retry", state.get("Retry") or [])
    yield from _errors("Catch", state.get("Catch") or [])
    yield from () if jsonata else _values(state)


def _task(state: State) -> Iterator[tuple[str, str]]:
    resource = str(state.get("Resource") or "")
    if resource and not _ARN.fullmatch(resource):
        yield "Value is not a valid resource ARN", "/Resource"
    elif ":states:::" in resource and resource.split(":::")[1].split(":")[0] not in INTEGRATIONS:
        yield f"The resource provided {resource} is not recognized", "/Resource"
    timeout, heartbeat = state.get("TimeoutSeconds"), state.get("HeartbeatSeconds")
    if isinstance(timeout, int) and isinstance(heartbeat, int) and heartbeat >= timeout:
        yield "HeartbeatSeconds must be smaller than TimeoutSeconds", "/HeartbeatSeconds"


def _errors(name: str, entries: list[State]) -> Iterator[tuple[str, str]]:
    for number, entry in enumerate(entries):
        path, errors = f"/{name}[{number}]", entry.get("ErrorEquals") or []
        required = ["ErrorEquals"] if not errors else []
        if name == "Catch" and "Next" not in entry:
            required.append("Next")
        if required:
            yield f"These fields are required: [{', '.join(required)}]", path
        if "States.ALL" in errors and (len(errors) > 1 or number < len(entries) - 1):
            yield "States.ALL must appear alone, and in the last entry", path
        if name == "Retry":
            yield from _retry(entry, path)


def _retry(entry: State, path: str) -> Iterator[tuple[str, str]]:
    for field, least in (("IntervalSeconds", 1), ("MaxAttempts", 0), ("BackoffRate", 1.0)):
        value = entry.get(field)
        if value is not None and (not isinstance(value, int | float) or value < least):
            yield f"The value for the field '{field}' must be at least {least}", f"{path}/{field}"


def _values(state: State) -> Iterator[tuple[str, str]]:
    for name in NUMBERS:
        value = state.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            yield f"Expected value of type Integer for the field '{name}'", f"/{name}"
    for name in PATHS:
        value = state.get(name)
        if isinstance(value, str) and not value.startswith("$"):
            yield "Value is not a Reference Path", f"/{name}"
    for name in ("Parameters", "ResultSelector", "ItemSelector"):
        yield from _payload(state.get(name), f"/{name}")


def _payload(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Check members whose names end in `.$`: they hold a path or an intrinsic function."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _payload(item, f"{path}[{number}]")
    elif isinstance(value, Mapping):
        for name, item in value.items():
            if name.endswith(".$"):
                text = item if isinstance(item, str) else ""
                if not text.startswith(("$", "States.")):
                    yield f"The value for the field '{name}' must be a valid JSONPath", f"{path}/{name}"
                elif unknown := sorted(set(_INTRINSIC.findall(text)) - INTRINSICS):
                    yield f"{unknown[0]} is not an intrinsic function", f"{path}/{name}"
            else:
                yield from _payload(item, f"{path}/{name}")
