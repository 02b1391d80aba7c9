"""The run as a whole: a decision is written down, then carried out; killed anywhere, it goes on."""

import json
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from ops.functions.rollouts import store, undo, watching
from ops.functions.rollouts.aws import code, here
from ops.rollouts.rules.decisions import Decision, Do, Does, Facts, Orders, State, decide, obeyed
from ops.rollouts.rules.document import Document

Record = dict[str, Any]

LONGEST_REST = timedelta(days=1)  # the watcher looks every minute; this is for when it does not run
SUCCESSORS = 5  # executions of a run that may be killed before it needs a person
ENDED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


def begin(event: Record) -> Record:
    """The execution takes the run over."""
    name = event["run"]
    store.change(name, "run", {"execution": event["execution"], "status": "RUNNING", "token": ""})
    return {"run": name}


def next_step(event: Record) -> Record:
    """Decides, and writes down what needs no more, until there is something to do or to wait for."""
    document = store.document(event["run"])
    _end_the_silent(document)
    while True:
        run = store.get(document.run, "run")
        facts = watching.facts(document)
        decision = decide(document.rollout, document.stages, facts)
        if not _written(document, facts, decision):
            return _step(document, facts, decision, run)


def _end_the_silent(document: Document) -> None:
    """No target is on its way when this is asked: one that says so was killed without a word."""
    for item in store.items(document.run, store.TARGET):
        target = item["item"].removeprefix(store.TARGET)
        if item.get("state") == State.DEPLOYING:
            why = "it was killed on its way"
            store.log(document.run, "failed", target=target, why=why)
            store.change(document.run, item["item"], {"state": State.FAILED, "why": why})


def _written(document: Document, facts: Facts, decision: Decision) -> bool:
    """Whether the decision was only to be written down."""
    why, stage = "; ".join(decision.why), document.stages[decision.stage].name
    if decision.do is Do.BAKE:
        until = f"until {decision.until:%Y-%m-%d %H:%M:%S %Z}" if decision.until else ""
        store.log(document.run, "bakes", why=f"{stage} {until}")
        baking = {**facts.baking, decision.stage: facts.now}
        _set(document, baking={str(n): at.isoformat() for n, at in baking.items()})
    elif decision.do is Do.PASS:
        store.log(document.run, "baked", why=f"{stage} {why}".strip())
        _set(document, baked=sorted({*facts.baked, decision.stage}))
    elif decision.do is Do.STOP:
        store.log(document.run, "stops", why=why)
        store.change(document.run, "run", {"stopped": why})
    else:
        return False
    return True


def _set(document: Document, **values: Any) -> None:
    store.change(document.run, "run", {name: json.dumps(value) for name, value in values.items()})


def _step(document: Document, facts: Facts, decision: Decision, run: Record) -> Record:
    """What the machine does next."""
    if decision.do is Do.END:
        return _ended(document, facts)
    seconds = _rest_seconds(facts.now, decision.until)
    told = {
        "do": decision.do,
        "stage": str(decision.stage),
        "why": "; ".join(decision.why)[:2000],
        "until": decision.until.isoformat() if decision.until else "",
    }
    if (told["do"], told["why"]) != (run.get("do"), run.get("why")) and decision.do is Do.WAIT:
        store.log(document.run, "waits", why=told["why"])
    store.change(document.run, "run", told)
    return {
        "run": document.run,
        "do": decision.do,
        "targets": [{"run": document.run, "target": target.id} for target in decision.targets],
        "at_once": document.rollout.at_once,
        "seconds": seconds,
        "version": run["version"],
    }


def _rest_seconds(now: datetime, until: datetime | None) -> int:
    rest = min(until - now, LONGEST_REST) if until else LONGEST_REST
    return max(1, int(rest.total_seconds() + 0.999))


def _ended(document: Document, facts: Facts) -> Record:
    left = [name for name, state in facts.states.items() if state is State.STUCK]
    do = "done" if not facts.stopped else "rolled back"
    why = facts.stopped + (f" These could not go back: {', '.join(left)}." if left else "")
    finish(document.run, "STUCK" if left else "ROLLED_BACK" if facts.stopped else "DONE", why)
    return {"run": document.run, "do": do, "why": why[:2000]}


def finish(run: str, status: str, why: str) -> None:
    """The run is over: said once, the rollout's name is free, whoever is to be told is told."""
    values = {"status": status, "ended": store.now().isoformat(), "do": "end", "why": why[:2000]}
    if not store.change(run, "run", values, unless={"status": status}):
        return
    store.log(run, "ended", why=f"{status.lower().replace('_', ' ')} {why}".strip())
    store.change(store.RUNS, run, {"status": status, "ended": values["ended"]})
    name = store.document(run).rollout.name
    if store.get(store.ACTIVE, name).get("holder") == run:
        store.delete(store.ACTIVE, name)
    if status != "DONE":
        tell(run, status, why)


def tell(run: str, status: str, why: str) -> None:
    here("sns").publish(
        TopicArn=os.environ["TOPIC"],
        Subject=f"Rollout {run[:60]}: {status.lower().replace('_', ' ')}"[:100],
        Message=f"{why}\n\nThe page Rollouts shows every target; python -m ops rollouts status {run}",
    )


# Waiting, and being woken


def rest(event: Record) -> None:
    """Keeps the token of the wait. What was ordered since the decision ends it at once."""
    values = {"token": event["token"], "rests": event["version"]}
    store.change(event["run"], "run", values)
    if store.get(event["run"], "run")["version"] != event["version"]:
        wake(event["run"])


def wake(run: str) -> None:
    """Ends the machine's wait, if it waits."""
    token = store.get(run, "run").get("token")
    if not token:
        return
    try:
        here("stepfunctions").send_task_success(taskToken=token, output="{}")
    except ClientError as error:
        # The wait has ended by itself.
        if code(error) not in ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken"):
            raise


def watch(event: Record) -> Record:
    """Every minute: wakes runs whose facts have changed, and succeeds executions that were killed."""
    said = {}
    for item in store.items(store.RUNS):
        if item.get("status") == "RUNNING":
            try:
                said[item["item"]] = _watch(item["item"])
            except Exception as error:  # one run must not keep the others from being watched
                print(f"{item['item']}: {error!r}")
                said[item["item"]] = repr(error)
    return said


def _watch(name: str) -> str:
    run = store.get(name, "run")
    if not _is_running(run.get("execution", "")):
        return succeed(name, "the execution is not running")
    document = store.document(name)
    decision = decide(document.rollout, document.stages, watching.facts(document))
    if decision.do is Do.STOP and not run.get("stopped"):
        why = "; ".join(decision.why)
        store.log(name, "alarm", why=why)
        store.change(name, "run", {"stopped": why})
    until = decision.until.isoformat() if decision.until else ""
    waits = decision.do is Do.WAIT and (run.get("until") or until) == until
    if waits and run.get("rests") == run["version"]:
        return "waits"
    wake(name)
    return "woken"


def _is_running(execution: str) -> bool:
    if not execution:
        return False
    try:
        found = here("stepfunctions").describe_execution(executionArn=execution)
    except ClientError as error:
        if code(error) == "ExecutionDoesNotExist":
            return False
        raise
    return bool(found["status"] not in ENDED)


def abandoned(event: Record) -> str:
    """An execution has ended badly: its run goes on in another one, and rolls back."""
    detail = event["detail"]
    for item in store.items(store.RUNS):
        running = item.get("status") == "RUNNING"
        if running and store.get(item["item"], "run").get("execution") == detail["executionArn"]:
            return succeed(item["item"], f"the execution has {detail['status'].lower().replace('_', ' ')}")
    return "nothing to do"


def succeed(name: str, why: str, *, by_hand: bool = False) -> str:
    """Starts the next execution of the run. Which one is killed, rolls back; too often, it needs a person."""
    run = store.get(name, "run")
    number = int(run.get("executions", "1")) + 1
    if number > SUCCESSORS and not by_hand:
        finish(name, "STUCK", f"{why}, {number - 1} times: look at its executions")
        return "stuck"
    if not run.get("stopped"):
        store.log(name, "stops", why=why)
        store.change(name, "run", {"stopped": why})
    here("stepfunctions").start_execution(
        stateMachineArn=os.environ["MACHINE"],
        name=f"{name}-{number}",
        input=json.dumps({"run": name} if by_hand else {"run": name, "settle": True}),
    )
    machine = os.environ["MACHINE"].replace(":stateMachine:", ":execution:")
    store.change(
        name, "run", {"executions": str(number), "execution": f"{machine}:{name}-{number}", "token": ""}
    )
    return "succeeded by another execution"


# What people order


def start(event: Record) -> Record:
    """Starts the run whose document lies in the bucket; again, it finds it started."""
    name = event["run"]
    document = store.document(name)
    active = document.rollout.name
    if not store.put(store.ACTIVE, active, {"holder": name}, new=True):
        holder = store.get(store.ACTIVE, active).get("holder", "")
        if holder != name:
            return {"error": f"the rollout {active} is under way already: {holder}"}
    began = store.now().isoformat()
    values = {"version": "0", "status": "RUNNING", "started": began, "by": document.by, "executions": "1"}
    machine = os.environ["MACHINE"].replace(":stateMachine:", ":execution:")
    values["execution"] = f"{machine}:{name}"
    if store.put(name, "run", values, new=True):
        store.log(name, "started", who=document.by, why=_emergency(document))
    store.change(store.RUNS, name, {"name": active, "status": "RUNNING", "started": began, "by": document.by})
    try:
        here("stepfunctions").start_execution(
            stateMachineArn=os.environ["MACHINE"], name=name, input=json.dumps({"run": name})
        )
    except ClientError as error:
        if code(error) != "ExecutionAlreadyExists":
            raise
    return {"run": name}


def _emergency(document: Document) -> str:
    override = document.rollout.blockers.override
    return f"emergency, blockers do not hold: {override}" if override else ""


def order(event: Record) -> Record:
    """One more order of a person; its reason is kept, and the machine looks at it at once."""
    name, does, why = event["run"], Does(event["does"]), str(event["why"]).strip()
    if not why:
        return {"error": "a reason is needed"}
    while True:
        run = store.get(name, "run")
        if not run:
            return {"error": f"there is no run {name}"}
        if run["status"] == "STUCK" and does is Does.STOP:
            return _back_again(name, why, event["who"])
        if run["status"] != "RUNNING":
            return {"error": f"the run has ended: {run['status'].lower().replace('_', ' ')}"}
        if run.get("stopped") and does is not Does.RESUME:
            return {"error": "it is rolling back already; nothing can be ordered any more"}
        if does is Does.SKIP and run.get("stage", "0") not in json.loads(run.get("baking", "{}")):
            return {"error": "no bake is under way"}
        orders = _orders(run)
        after = obeyed(orders, does, f"{why} ({event['who']})", int(run.get("stage", "0")))
        if store.swap(name, "run", {"orders": json.dumps(_as_json(after))}, run["version"]):
            break
    store.log(name, f"ordered: {does}", why=why, who=event["who"])
    wake(name)
    return {"run": name}


def _back_again(name: str, why: str, who: str) -> Record:
    """Somebody has mended what kept targets from going back: those are tried once more."""
    active = store.document(name).rollout.name
    if not store.put(store.ACTIVE, active, {"holder": name}, new=True):
        holder = store.get(store.ACTIVE, active).get("holder", "")
        if holder != name:
            return {"error": f"the rollout {active} is under way: {holder}"}
    store.log(name, f"ordered: {Does.STOP}", why=why, who=who)
    for item in store.items(name, store.TARGET):
        if item.get("state") == State.STUCK:
            store.change(name, item["item"], {"state": State.ROLLING_BACK, **undo.FRESH})
    store.change(name, "run", {"status": "RUNNING", "ended": ""})
    succeed(name, why, by_hand=True)
    store.change(store.RUNS, name, {"status": "RUNNING", "ended": ""})  # from now on it is watched
    return {"run": name}


def _orders(run: Record) -> Orders:
    found = json.loads(run.get("orders", "{}"))
    skips = {int(number): why for number, why in found.pop("skips", {}).items()}
    return Orders(**found, skips=skips)


def _as_json(orders: Orders) -> Mapping[str, Any]:
    return {
        "pause": orders.pause,
        "stop": orders.stop,
        "override": orders.override,
        "skips": {str(number): why for number, why in orders.skips.items()},
    }


def freeze(event: Record) -> Record:
    """The switch that keeps every rollout from beginning another target; an empty reason turns it off."""
    why = str(event["why"]).strip()
    if why:
        store.put(store.FREEZE, "freeze", {"why": f"{why} ({event['who']})"})
    else:
        store.delete(store.FREEZE, "freeze")
    for item in store.items(store.RUNS):
        if item.get("status") == "RUNNING":
            store.log(item["item"], "freeze on" if why else "freeze off", why=why, who=event["who"])
            wake(item["item"])
    return {}
