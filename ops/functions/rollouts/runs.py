"""The run as a whole: every decision is stored before it is carried out, so a run survives interruptions."""

import json
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from ops.functions.rollouts import assets, locks, monitoring, rollback, store
from ops.functions.rollouts.aws import central_client, error_code
from ops.functions.rollouts.hooks import calling
from ops.functions.shared.records import log
from ops.rollouts.rules.decisions import (
    Decision,
    DecisionKind,
    ManualControls,
    OperatorCommand,
    RolloutFacts,
    TargetState,
    apply_command,
    decide,
)
from ops.rollouts.rules.document import Document
from ops.rollouts.rules.gates.deciding import may_approve, required_role
from ops.rollouts.rules.labels import run_status

Record = dict[str, Any]

MAX_WAIT = timedelta(days=1)  # the monitor runs every minute; this is the fallback when it does not
MAX_EXECUTIONS = 5  # of one run, after which it needs attention
PUBLISH = "publish"  # a step before a stage is deployed, in the words of the state machine
ENDED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


def begin_execution(event: Record) -> Record:
    """Make this execution the one that carries out the run."""
    name = event["run"]
    store.update(name, "run", {"execution": event["execution"], "status": "RUNNING", "token": ""})
    return {"run": name}


def next_step(event: Record) -> Record:
    """Decide, and store decisions that need no further work, until a step is left for the state machine."""
    document = store.document(event["run"])
    _fail_interrupted_targets(document)
    calling.poll(document)
    while True:
        run = store.get(document.run, "run")
        facts = monitoring.read_facts(document)
        decision = decide(document.rollout, document.stages, facts)
        if not _store_decision(document, facts, decision, run["version"]):
            return _step(document, facts, decision, run)


def _fail_interrupted_targets(document: Document) -> None:
    """Fail targets that are still deploying: none can be while the run decides, so they were interrupted."""
    for item in store.list_items(document.run, store.TARGET):
        target = item["item"].removeprefix(store.TARGET)
        if item.get("state") == TargetState.DEPLOYING:
            why = "the deployment was interrupted"
            store.append_log(document.run, "failed", target=target, why=why)
            store.update(document.run, item["item"], {"state": TargetState.FAILED, "why": why})


def _store_decision(document: Document, facts: RolloutFacts, decision: Decision, version: str) -> bool:
    """Store a decision that only changes the run's state; return False for one that needs a step."""
    why, stage = "; ".join(decision.reasons), document.stages[decision.stage].name
    if decision.kind is DecisionKind.BAKE:
        until = f"until {decision.until:%Y-%m-%d %H:%M:%S %Z}" if decision.until else ""
        store.append_log(document.run, "bakes", why=f"{stage} {until}")
        bake_started = {**facts.bake_started, decision.stage: facts.now}
        _set(document, baking={str(n): at.isoformat() for n, at in bake_started.items()})
    elif decision.kind is DecisionKind.PASS:
        store.append_log(document.run, "baked", why=f"{stage} {why}".strip())
        _set(document, baked=sorted({*facts.baked, decision.stage}))
    elif decision.kind is DecisionKind.ASK:
        store.append_log(document.run, "asks", why=why)
        notify(document.run, "Approval requested", f"{why} by {decision.until:%Y-%m-%d %H:%M} UTC")
        asked = {**facts.asked, decision.gate: facts.now}
        _set(document, asked={gate: at.isoformat() for gate, at in asked.items()})
    elif decision.kind is DecisionKind.PAUSE:
        _pause(document, facts, decision, version)
    elif decision.kind is DecisionKind.STOP:
        store.append_log(document.run, "stops", why=why)
        store.update(document.run, "run", {"stopped": why})
    else:
        return False
    return True


def _pause(document: Document, facts: RolloutFacts, decision: Decision, version: str) -> None:
    """Pause for a failed hook, as an operator would. After a command in between, decide again."""
    why = "; ".join(decision.reasons)
    after = _as_json(apply_command(facts.controls, OperatorCommand.PAUSE, why, decision.stage))
    if store.update_if_version(document.run, "run", {"orders": json.dumps(after)}, version):
        calling.hold(document.run, decision.hook)
        store.append_log(document.run, "pauses", why=why)
        notify(document.run, "Paused", f"{why}. Resume the rollout to call the hook again, or roll back.")


def _set(document: Document, **values: Any) -> None:
    store.update(document.run, "run", {name: json.dumps(value) for name, value in values.items()})


def _step(document: Document, facts: RolloutFacts, decision: Decision, run: Record) -> Record:
    """Return the next step for the state machine."""
    if decision.kind is DecisionKind.END:
        return _end(document, facts)
    seconds = _wait_seconds(facts.now, decision.until)
    do, targets = str(decision.kind), decision.targets
    if decision.kind is DecisionKind.DEPLOY and (needing := assets.unpublished(document, decision.stage)):
        do, targets = PUBLISH, needing
    values = {
        "do": do,
        "stage": str(decision.stage),
        "why": "; ".join(decision.reasons)[:2000],
        "until": decision.until.isoformat() if decision.until else "",
        "gate": decision.gate,
        "hook": decision.hook,
    }
    is_new = (values["do"], values["why"]) != (run.get("do"), run.get("why"))
    if is_new and decision.kind is DecisionKind.WAIT:
        store.append_log(document.run, "waits", why=values["why"])
    store.update(document.run, "run", values)
    return {
        "run": document.run,
        "do": do,
        "targets": [{"run": document.run, "target": target.id} for target in targets],
        "at_once": document.stages[decision.stage].at_once(document.rollout),
        "seconds": seconds,
        "hook": decision.hook,
        "version": run["version"],
    }


def _wait_seconds(now: datetime, until: datetime | None) -> int:
    wait = min(until - now, MAX_WAIT) if until else MAX_WAIT
    return max(1, int(wait.total_seconds() + 0.999))


def _end(document: Document, facts: RolloutFacts) -> Record:
    stuck = [name for name, state in facts.states.items() if state is TargetState.STUCK]
    do = "done" if not facts.stopped else "rolled back"
    why = facts.stopped + (f"; cannot roll back: {', '.join(stuck)}" if stuck else "")
    finish(document.run, "STUCK" if stuck else "ROLLED_BACK" if facts.stopped else "DONE", why)
    return {"run": document.run, "do": do, "why": why[:2000]}


def finish(run: str, status: str, why: str) -> None:
    """End the run: store its status, delete its locks, and once notify unless it succeeded.

    An interrupted call is repeated as a whole, so that a run that has ended is never seen as in progress.
    """
    values = {"status": status, "ended": store.now().isoformat(), "do": "end", "why": why[:2000]}
    first = store.update(run, "run", values, unless={"status": status})
    if first:
        store.append_log(run, "ended", why=f"{run_status(status)}: {why}" if why else run_status(status))
    store.update(store.RUNS, run, {"status": status, "ended": values["ended"]})
    locks.unlock_run(store.document(run))
    if first and status != "DONE":
        notify(run, run_status(status), why)


def notify(run: str, what: str, why: str) -> None:
    """Send a notification. `what` is in the words that people read."""
    central_client("sns").publish(
        TopicArn=os.environ["TOPIC"],
        Subject=f"Rollout {run[:60]}: {what}"[:100],
        Message=f"{_version(run)}{why}\n\n"
        f"See every target on the page Rollouts, or with: slipway rollouts status {run}",
    )


def _version(run: str) -> str:
    version = store.document(run).version
    return f"Version: {version}\n\n" if version else ""


# Waits, and how they end early


def wait_for_token(event: Record) -> None:
    """Store the wait's task token, and end the wait if a command arrived after the decision to wait."""
    values = {"token": event["token"], "rests": event["version"]}
    store.update(event["run"], "run", values)
    if store.get(event["run"], "run")["version"] != event["version"]:
        wake(event["run"])


def wake(run: str) -> None:
    """End the state machine's wait, if there is one."""
    token = store.get(run, "run").get("token")
    if not token:
        return
    try:
        central_client("stepfunctions").send_task_success(taskToken=token, output="{}")
    except ClientError as error:
        # These mean that the wait has already ended.
        if error_code(error) not in ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken"):
            raise


def watch_runs(event: Record) -> Record:
    """Wake the runs whose facts have changed, and replace executions that were stopped. Runs every minute."""
    results = {}
    for item in store.list_items(store.RUNS):
        if item.get("status") == "RUNNING":
            try:
                results[item["item"]] = _watch(item["item"])
            except Exception as error:  # an error in one run must not keep the others from being monitored
                log("ERROR", "Cannot monitor a run", run=item["item"], error=type(error).__name__)
                results[item["item"]] = repr(error)
    return results


def _watch(name: str) -> str:
    run = store.get(name, "run")
    if not _is_running(run.get("execution", "")):
        return start_successor(name, "the execution is not running")
    document = store.document(name)
    calling.poll(document)
    decision = decide(document.rollout, document.stages, monitoring.read_facts(document))
    if decision.kind is DecisionKind.STOP and not run.get("stopped"):
        why = "; ".join(decision.reasons)
        store.append_log(name, "stops" if decision.hook else "alarm", why=why)
        store.update(name, "run", {"stopped": why})
    until = decision.until.isoformat() if decision.until else ""
    waits = decision.kind is DecisionKind.WAIT and (run.get("until") or until) == until
    if waits and run.get("rests") == run["version"]:
        return "waiting"
    wake(name)
    return "woken"


def _is_running(execution: str) -> bool:
    if not execution:
        return False
    try:
        response = central_client("stepfunctions").describe_execution(executionArn=execution)
    except ClientError as error:
        if error_code(error) == "ExecutionDoesNotExist":
            return False
        raise
    return bool(response["status"] not in ENDED)


def recover_ended_execution(event: Record) -> str:
    """Continue the run of an execution that did not succeed in another one, which rolls back."""
    detail = event["detail"]
    for item in store.list_items(store.RUNS):
        running = item.get("status") == "RUNNING"
        if running and store.get(item["item"], "run").get("execution") == detail["executionArn"]:
            status = detail["status"].lower().replace("_", " ")
            return start_successor(item["item"], f"the execution ended as {status}")
    return "nothing to do"


def start_successor(name: str, why: str, *, by_operator: bool = False) -> str:
    """Start the run's next execution, which rolls back. After too many executions the run needs attention."""
    run = store.get(name, "run")
    number = int(run.get("executions", "1")) + 1
    if number > MAX_EXECUTIONS and not by_operator:
        finish(name, "STUCK", f"{why}, {number - 1} times: check its executions in Step Functions")
        return "needs attention"
    if not run.get("stopped"):
        store.append_log(name, "stops", why=why)
        store.update(name, "run", {"stopped": why})
    central_client("stepfunctions").start_execution(
        stateMachineArn=os.environ["MACHINE"],
        name=f"{name}-{number}",
        input=json.dumps({"run": name} if by_operator else {"run": name, "settle": True}),
    )
    machine = os.environ["MACHINE"].replace(":stateMachine:", ":execution:")
    store.update(
        name, "run", {"executions": str(number), "execution": f"{machine}:{name}-{number}", "token": ""}
    )
    return "continued in another execution"


# Requests of operators


def start_run(event: Record) -> Record:
    """Start the run whose document is in the bucket. Idempotent: a started run stays as it is."""
    name = event["run"]
    document = store.document(name)
    active = document.rollout.name
    if refused := locks.lock_run(document, document.targets):
        return {"error": refused}
    started = store.now().isoformat()
    # The number of operator commands, by which a stale wait is found; not what is deployed.
    values = {"version": "0", "status": "RUNNING", "started": started, "by": document.by, "executions": "1"}
    machine = os.environ["MACHINE"].replace(":stateMachine:", ":execution:")
    values["execution"] = f"{machine}:{name}"
    if store.put(name, "run", values, new=True):
        store.append_log(name, "started", who=document.by, why=_started(document))
    summary = {"name": active, "status": "RUNNING", "started": started, "by": document.by}
    store.update(store.RUNS, name, summary | {"version": document.version})
    try:
        central_client("stepfunctions").start_execution(
            stateMachineArn=os.environ["MACHINE"], name=name, input=json.dumps({"run": name})
        )
    except ClientError as error:
        if error_code(error) != "ExecutionAlreadyExists":
            raise
    return {"run": name}


def _started(document: Document) -> str:
    override = document.rollout.blockers.override
    return "; ".join(
        [
            *([f"version {document.version}"] if document.version else []),
            *([f"emergency, blockers are overridden: {override}"] if override else []),
        ]
    )


def apply_operator_command(event: Record) -> Record:
    """Store an operator command with its reason, and wake the run so that it takes effect immediately."""
    name, command, why = event["run"], OperatorCommand(event["does"]), str(event["why"]).strip()
    if not why:
        return {"error": "a reason is required"}
    while True:
        run = store.get(name, "run")
        if not run:
            return {"error": f"the run {name} does not exist"}
        if run["status"] == "STUCK" and command is OperatorCommand.STOP:
            return _retry_rollback(name, why, event["who"])
        if run["status"] != "RUNNING":
            return {"error": f"the run has ended: {run_status(run['status'])}"}
        if run.get("stopped") and command is not OperatorCommand.RESUME:
            return {"error": "the run is already rolling back"}
        if command is OperatorCommand.SKIP and run.get("stage", "0") not in json.loads(
            run.get("baking", "{}")
        ):
            return {"error": "no bake is in progress"}
        gate = run.get("gate", "")
        if command is OperatorCommand.APPROVE and (error := _cannot_approve(name, run, gate, event)):
            return {"error": error}
        controls = _controls(run)
        after = apply_command(controls, command, f"{why} ({event['who']})", int(run.get("stage", "0")), gate)
        if store.update_if_version(name, "run", {"orders": json.dumps(_as_json(after))}, run["version"]):
            break
    store.append_log(name, f"ordered: {command}", why=why, who=event["who"])
    wake(name)
    return {"run": name}


def _cannot_approve(name: str, run: Record, gate: str, event: Record) -> str:
    """Return why the approval that the run waits for cannot be given; empty if it can."""
    if not gate or gate in _controls(run).approvals:
        return "the run does not wait for an approval"
    required = required_role(store.document(name).rollout, gate)
    if not may_approve(event.get("role", ""), required):
        return f"{gate} requires the approval of an {required}"
    return ""


def _retry_rollback(name: str, why: str, who: str) -> Record:
    """Retry the rollback of the stuck targets, after an operator has removed the cause."""
    items = store.list_items(name, store.TARGET)
    stuck = [item["item"] for item in items if item.get("state") == TargetState.STUCK]
    names = [item.removeprefix(store.TARGET) for item in stuck]
    if refused := locks.lock_run(store.document(name), names):
        return {"error": refused}
    store.append_log(name, f"ordered: {OperatorCommand.STOP}", why=why, who=who)
    for item in stuck:
        store.update(name, item, {"state": TargetState.ROLLING_BACK, **rollback.RESET_ATTEMPTS})
    store.update(name, "run", {"status": "RUNNING", "ended": ""})
    start_successor(name, why, by_operator=True)
    store.update(store.RUNS, name, {"status": "RUNNING", "ended": ""})  # from now on it is monitored
    return {"run": name}


def _controls(run: Record) -> ManualControls:
    stored = json.loads(run.get("orders", "{}"))
    skips = {int(number): why for number, why in stored.pop("skips", {}).items()}
    return ManualControls(**stored, skips=skips)


def _as_json(controls: ManualControls) -> Mapping[str, Any]:
    return {
        "pause": controls.pause,
        "stop": controls.stop,
        "override": controls.override,
        "skips": {str(number): why for number, why in controls.skips.items()},
        "approvals": dict(controls.approvals),
    }


def set_freeze(event: Record) -> Record:
    """Freeze all rollouts, so that no more targets are started; an empty reason ends the freeze."""
    why = str(event["why"]).strip()
    if why:
        store.put(store.FREEZE, "freeze", {"why": f"{why} ({event['who']})"})
    else:
        store.delete(store.FREEZE, "freeze")
    for item in store.list_items(store.RUNS):
        if item.get("status") == "RUNNING":
            store.append_log(item["item"], "freeze on" if why else "freeze off", why=why, who=event["who"])
            wake(item["item"])
    return {}
