"""Calls the hooks of a run. The call is stored before it is made, so no attempt is ever made twice.

A state machine is started with a name of the run, the hook, and the attempt, which Step Functions accepts
once: if the answer is lost, the execution is found by its name. The result of a Lambda function or a URL
comes with the answer: if it is lost, the call is not repeated, and the hook fails at its timeout.
"""

import hashlib
import json
import os
from contextlib import suppress
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ops.functions.rollouts import store
from ops.functions.rollouts.aws import THROTTLED, central_client, error_code, patient_client
from ops.functions.rollouts.hooks import https
from ops.rollouts.rules.document import Document
from ops.rollouts.rules.gates.hooks import HookRecord, HookState, all_hooks
from ops.rollouts.rules.gates.model import Hook, HookKind

Record = dict[str, Any]

HOOK = "hook "  # items of the table: run/"hook <id>"
LONGEST_OUTPUT = 500
LONGEST_NAME = 66  # of a run, so that an execution's name has at most 80 characters
RUNNING, SUCCEEDED = "RUNNING", "SUCCEEDED"


def read_hooks(run: str) -> dict[str, HookRecord]:
    """Return the stored calls by the ID of the hook."""
    return {
        item["item"].removeprefix(HOOK): HookRecord(
            HookState(item["state"]),
            datetime.fromisoformat(item["called"]),
            int(item["attempt"]),
            item.get("output", ""),
        )
        for item in store.list_items(run, HOOK)
    }


def call(event: Record) -> Record:
    """Store that the hook is called, call it, and store the result of what answers with one."""
    document = store.document(event["run"])
    ring, hook = next(pair for pair in all_hooks(document.rollout) if pair[1].id == event["hook"])
    attempt = _begin(document.run, hook)
    if not attempt:
        return {"run": document.run}  # this attempt was called already: `decide` waits for it
    try:
        result = _CALLS[hook.kind](hook, _payload(document, ring, hook, attempt))
    except ClientError as error:
        if error_code(error) in THROTTLED:  # it was not called: the state machine retries the step
            values = {"state": HookState.HELD, "attempt": str(attempt - 1)}
            store.update(document.run, HOOK + hook.id, values)
            raise
        result = False, str(error)
    except BotoCoreError as error:
        # A state machine may have been started: `poll` looks.
        lost = hook.kind is HookKind.STATE_MACHINE
        result = None if lost else (False, f"{type(error).__name__}: {error}")
    if result:
        _finish(document.run, hook, attempt, *result)
    return {"run": document.run}


def poll(document: Document) -> None:
    """Store the results of the state machines that have ended. One whose start was lost is started."""
    records = read_hooks(document.run)
    for ring, hook in all_hooks(document.rollout):
        record = records.get(hook.id)
        if hook.kind is HookKind.STATE_MACHINE and record and record.state is HookState.IN_PROGRESS:
            if result := _execution_result(hook, _payload(document, ring, hook, record.attempt)):
                _finish(document.run, hook, record.attempt, *result)


def hold(run: str, id_: str) -> None:
    """Store that the run was paused for the failed hook: when the run is resumed, it is called again."""
    store.update(run, HOOK + id_, {"state": HookState.HELD})


def _begin(run: str, hook: Hook) -> int:
    """Store the next attempt as in progress, and return its number; 0 when it is in progress or has ended."""
    values = {"state": HookState.IN_PROGRESS, "called": store.now().isoformat(), "output": ""}
    before = store.get(run, HOOK + hook.id)
    attempt = int(before.get("attempt", "0")) + 1
    values["attempt"] = str(attempt)
    if not before:
        is_new = store.put(run, HOOK + hook.id, values, new=True)
    else:
        is_new = store.update(run, HOOK + hook.id, values, only_if={"state": HookState.HELD})
    if is_new:
        store.append_log(run, "calls", why=hook.name + (f", attempt {attempt}" if attempt > 1 else ""))
    return attempt if is_new else 0


def _finish(run: str, hook: Hook, attempt: int, succeeded: bool, output: str) -> None:
    state = HookState.SUCCEEDED if succeeded else HookState.FAILED
    text = shortened(output)
    in_progress = {"state": HookState.IN_PROGRESS, "attempt": str(attempt)}
    if store.update(run, HOOK + hook.id, {"state": state, "output": text}, only_if=in_progress):
        why = f"{hook.name}: {text}" if text else hook.name
        store.append_log(run, "called" if succeeded else "hook failed", why=why)


def shortened(text: str) -> str:
    """Return the start of a hook's output on one line, without characters that are not printed."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * LONGEST_OUTPUT]).split())
    return line if len(line) <= LONGEST_OUTPUT else line[: LONGEST_OUTPUT - 1] + "…"


def _payload(document: Document, ring: str, hook: Hook, attempt: int) -> Record:
    """Return what the hook gets. `id` is the same for repeated calls of one attempt."""
    digest = hashlib.sha256(f"{hook.id} {attempt}".encode()).hexdigest()[:12]
    return {
        "run": document.run,
        "stage": ring,
        "hook": hook.id,
        "attempt": attempt,
        "version": document.version,
        "id": f"{document.run[:LONGEST_NAME]}-{digest}",
    }


def _call_function(hook: Hook, payload: Record) -> tuple[bool, str]:
    # Without retries: after a timeout, the function may be running.
    client = patient_client("lambda", hook.timeout.total_seconds())
    answer = client.invoke(FunctionName=hook.calls, Payload=json.dumps(payload).encode())
    body = answer["Payload"].read(16_384).decode("utf-8", "replace")
    return "FunctionError" not in answer, body if body != "null" else ""


def _start_execution(hook: Hook, payload: Record) -> None:
    arn = os.environ["MACHINE"].rpartition(":")[0] + f":{hook.calls}"
    try:
        central_client("stepfunctions").start_execution(
            stateMachineArn=arn, name=payload["id"], input=json.dumps(payload)
        )
    except ClientError as error:
        if error_code(error) != "ExecutionAlreadyExists":
            raise


def _check_url(hook: Hook, payload: Record) -> tuple[bool, str]:
    return https.check(hook.calls, hook.timeout.total_seconds())


def _execution_result(hook: Hook, payload: Record) -> tuple[bool, str] | None:
    """Return the result of the execution; None while it is in progress, or cannot be read.

    An execution that does not exist is started: its start was lost, and its name is accepted once.
    """
    states = os.environ["MACHINE"].rpartition(":")[0].replace(":stateMachine", ":execution")
    try:
        found = central_client("stepfunctions").describe_execution(
            executionArn=f"{states}:{hook.calls}:{payload['id']}"
        )
        if found["status"] == RUNNING:
            return None
    except (ClientError, BotoCoreError) as error:
        if isinstance(error, ClientError) and error_code(error) == "ExecutionDoesNotExist":
            _start_again(hook, payload)
        return None  # `decide` ends the wait at the hook's timeout
    why = found.get("output") or ": ".join(filter(None, (found.get("error"), found.get("cause"))))
    return found["status"] == SUCCEEDED, str(why or found["status"].lower().replace("_", " "))


def _start_again(hook: Hook, payload: Record) -> None:
    with suppress(ClientError, BotoCoreError):
        _start_execution(hook, payload)


_CALLS: dict[HookKind, Any] = {
    HookKind.LAMBDA: _call_function,
    HookKind.STATE_MACHINE: _start_execution,
    HookKind.URL: _check_url,
}
