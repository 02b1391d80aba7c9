"""One target on its way forward: begin → record → propose → execute → settle → verify.

Each step may run twice: it looks at what is there, and writes what it learned before the next may rely on it.
"""

import json
import os
from typing import Any

from ops.functions.rollouts import stacks, store, watching
from ops.functions.rollouts.aws import NotReady, TargetFailed
from ops.functions.rollouts.stacks import Snapshot
from ops.rollouts.rules.changes import to_approve
from ops.rollouts.rules.decisions import State, may_begin
from ops.rollouts.rules.document import Document
from ops.rollouts.rules.waves import Target

Record = dict[str, Any]


def find(event: Record) -> tuple[Document, Target, Record]:
    """The document, the target and what is remembered of it."""
    document = store.document(event["run"])
    _, target = document.targets[event["target"]]
    return document, target, store.get(event["run"], store.TARGET + target.id)


def begin(event: Record) -> Record:
    """May this target be begun now? Asked for each, so that what closes during a stage holds up the rest."""
    document, target, known = find(event)
    if known.get("state"):
        return event | {"go": known["state"] == State.DEPLOYING}
    facts = watching.facts(document, only=target)
    verdict = may_begin(document.rollout, document.stages, facts, target)
    if not verdict.allowed:
        return event | {"go": False}
    store.log(event["run"], "starts", target=target.id, why="; ".join(verdict.reasons))
    store.put(
        event["run"],
        store.TARGET + target.id,
        {"state": State.DEPLOYING, "begun": store.now().isoformat()},
        new=True,
    )
    return event | {"go": True}


def record(event: Record) -> Record:
    """What the target is before anything changes: kept once, never overwritten."""
    document, target, known = find(event)
    if known.get("before"):
        return event
    stack = stacks.describe(target)
    if stack and stacks.is_busy(stack):
        raise NotReady(f"{target.stack} is being changed by somebody else: {stack['StackStatus']}")
    if stack and stack["StackStatus"] in stacks.LEFTOVER:
        _delete_leftover(target, stack)
    before = stacks.snapshot(target, stack)
    if before.existed and before.status not in stacks.DONE:
        raise TargetFailed(f"the stack is {before.status}: mend it first; it was not touched")
    drifted = _look_for_drift(event, target, known, before) if before.existed else []
    _refuse_unapproved(document, to_approve(target.id, (), drifted))
    key = f"runs/{event['run']}/before/{stacks.digest(target.id)}.json"
    store.write(key, before.to_json())
    _remember(event, {"before": key, "existed": str(before.existed), "stack_id": before.id})
    return event


def _delete_leftover(target: Target, stack: Record) -> None:
    """A stack whose creation failed holds nothing and stands in the way."""
    stacks.client(target).delete_stack(StackName=stack["StackId"])
    raise NotReady(f"{target.stack} was {stack['StackStatus']}: what failed to be created is deleted first")


def _look_for_drift(event: Record, target: Target, known: Record, before: Snapshot) -> list[str]:
    detection, drifted = stacks.drifted(target, before.id, known.get("detection", ""))
    _remember(event, {"detection": detection})
    if drifted is None:
        raise NotReady("drift is being looked for")
    return drifted


def _refuse_unapproved(document: Document, asked: tuple[str, ...]) -> None:
    if missing := [words for words in asked if words not in document.approved]:
        raise TargetFailed(f"not approved: {'; '.join(missing)}")


def propose(event: Record) -> Record:
    """The change set of this run, with CloudFormation's own rollback triggers."""
    document, target, _ = find(event)
    before = before_of(event)
    name = change_set_name(event)
    arguments = forward(document, target, before)
    made = stacks.propose(target, name, creates=not before.existed, **arguments)
    if made is None:
        return event | {"nothing": True}
    changes = stacks.changes(target, made["ChangeSetId"])
    _refuse_unapproved(document, to_approve(target.id, changes, ()))
    _remember(event, {"change_set": made["ChangeSetId"], "stack_id": made["StackId"]})
    return event | {"nothing": False}


def change_set_name(event: Record) -> str:
    return f"slipway-{stacks.digest(event['run'], event['target'])}"


def before_of(event: Record) -> Snapshot:
    _, _, known = find(event)
    return Snapshot(**json.loads(store.read(known["before"])))


def forward(document: Document, target: Target, before: Snapshot) -> Record:
    """What the change set is made of. Parameters that the file does not name keep their values."""
    template = stacks.template_argument(document.run, "wanted", document.template)
    declared = stacks.declared(target, template)
    if unknown := [name for name in target.parameters if name not in declared]:
        raise TargetFailed(f"the template has no parameter {unknown[0]}")
    hidden = [name for name, no_echo in declared.items() if no_echo and name in target.parameters]
    if hidden and before.existed:
        raise TargetFailed(
            f"{hidden[0]} is NoEcho: its value could not be put back. Use a dynamic reference instead"
        )
    kept = [name for name in before.parameters if name in declared and name not in target.parameters]
    return {
        **template,
        "Parameters": [
            *({"ParameterKey": k, "ParameterValue": v} for k, v in target.parameters.items()),
            *({"ParameterKey": name, "UsePreviousValue": True} for name in kept),
        ],
        "Capabilities": list(document.rollout.what.capabilities),
        "Tags": [{"Key": k, "Value": v} for k, v in _tags(document, before).items()],
        "RollbackConfiguration": {"RollbackTriggers": _triggers(target, before)},
        **role(target, before),
    }


def role(target: Target, before: Snapshot) -> Record:
    """CloudFormation acts in the target account's execution role, unless the stack has one of its own."""
    if before.role:
        return {}
    name = os.environ["EXECUTION_ROLE"]
    return {"RoleARN": f"arn:{os.environ['PARTITION']}:iam::{target.account}:role/{name}"}


def _tags(document: Document, before: Snapshot) -> dict[str, str]:
    return before.tags if before.existed else {"slipway:rollout": document.rollout.name}


def _triggers(target: Target, before: Snapshot) -> list[dict[str, str]]:
    """The target's alarms. What a new stack makes itself cannot be watched while it is made."""
    found = watching.describe_alarms(target.account, target.region, target.alarms)
    missing = [name for name in target.alarms if name not in found]
    if missing and before.existed:
        raise TargetFailed(f"there is no alarm {missing[0]} in {target.account}, {target.region}")
    return [
        {
            "Arn": found[name]["AlarmArn"],
            "Type": f"AWS::CloudWatch::{'CompositeAlarm' if 'AlarmRule' in found[name] else 'Alarm'}",
        }
        for name in target.alarms
        if name in found
    ]


def execute(event: Record) -> Record:
    """Unless somebody else has changed the stack since it was recorded."""
    _, target, known = find(event)
    before = before_of(event)
    if not known.get("executed"):
        stack = stacks.describe(target, before.id)
        if before.existed and (stack is None or stacks.moment(stack) != before.updated):
            raise TargetFailed("the stack was changed by somebody else after it was recorded; not touched")
        _remember(event, {"executed": store.now().isoformat()})
    stacks.execute(target, known["change_set"])
    return event


def settle(event: Record) -> Record:
    """Until CloudFormation has ended."""
    _, target, known = find(event)
    stack = stacks.describe(target, known["stack_id"])
    if stack is None:
        raise TargetFailed("the stack is gone")
    before = before_of(event)
    waits = stack["StackStatus"] == "REVIEW_IN_PROGRESS" or (
        before.existed and stacks.moment(stack) == before.updated
    )
    if stacks.is_busy(stack) or waits:
        raise NotReady(stack["StackStatus"])
    return event


def verify(event: Record) -> Record:
    """The stack is what was wanted: status, template and parameters."""
    document, target, known = find(event)
    stack = stacks.describe(target, known["stack_id"])
    status = stack["StackStatus"] if stack else "gone"
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise TargetFailed(f"{status}: {stacks.first_failure(target, known['stack_id'])}")
    now = stacks.snapshot(target, stack)
    wrong = [k for k, v in target.parameters.items() if now.parameters.get(k) not in (v, stacks.SHOWN)]
    if wrong or not stacks.same_template(now.template, document.template):
        raise TargetFailed(f"the stack has another {wrong[0] if wrong else 'template'} than was deployed")
    _remember(event, {"updated": now.updated})
    return finish(event)


def finish(event: Record) -> Record:
    """The target stands; also where nothing had to be changed."""
    set_state(event, State.DEPLOYED, "deployed", "nothing had to change" if event.get("nothing") else "")
    return {}


def fail(event: Record) -> Record:
    """The target has failed: said, and left to the next decision."""
    error = event.get("failure", {})
    why = reason(error)
    set_state(event, State.FAILED, "failed", why)
    return {}


def reason(error: Record) -> str:
    """The message of a failed task; Lambda wraps it in JSON."""
    cause = str(error.get("Cause", ""))
    try:
        cause = json.loads(cause).get("errorMessage", cause)
    except (ValueError, AttributeError):
        pass
    name = str(error.get("Error", ""))
    return cause if name == "TargetFailed" else f"{name}: {cause}".strip(": ")


def set_state(event: Record, state: State, did: str, why: str) -> None:
    item = store.TARGET + event["target"]
    known, now = store.get(event["run"], item), store.now().isoformat()
    if known.get("state") == state:
        return
    store.log(event["run"], did, target=event["target"], why=why)
    # One that failed before it could be begun counts as begun: it is not tried again.
    ended = {"state": state, "begun": known.get("begun", now), "ended": now, "why": why[:2000]}
    store.change(event["run"], item, ended)


def _remember(event: Record, values: Record) -> None:
    store.change(event["run"], store.TARGET + event["target"], values)


def preview(event: Record) -> Record:
    """What would change in the target and what would have to be approved; nothing is left behind."""
    document, target, _ = find(event)
    stack = stacks.describe(target)
    if stack and stacks.is_busy(stack):
        return {"error": f"the stack is being changed: {stack['StackStatus']}"}
    before = Snapshot(existed=False) if _is_leftover(stack) else stacks.snapshot(target, stack)
    if before.existed and before.status not in stacks.DONE:
        return {"error": f"the stack is {before.status}: mend it first"}
    drifted: list[str] = []
    if before.existed:
        event["detection"], found = stacks.drifted(target, before.id, event.get("detection", ""))
        if found is None:
            raise NotReady("drift is being looked for")
        drifted = found
    return _propose_and_forget(event, document, target, before, drifted)


def _is_leftover(stack: Record | None) -> bool:
    return bool(stack and stack["StackStatus"] in stacks.LEFTOVER)


def _propose_and_forget(
    event: Record, document: Document, target: Target, before: Snapshot, drifted: list[str]
) -> Record:
    name = f"slipway-plan-{stacks.digest(event['run'], event['target'])}"
    try:
        made = stacks.propose(target, name, creates=not before.existed, **forward(document, target, before))
    except TargetFailed as error:
        forget(target, name, existed=before.existed)
        return {"error": str(error)}
    changes = stacks.changes(target, made["ChangeSetId"]) if made else []
    forget(target, name, existed=before.existed)
    return {
        "creates": not before.existed,
        "changes": [change.words for change in changes],
        "to_approve": list(to_approve(target.id, changes, drifted)),
    }


def forget(target: Target, name: str, *, existed: bool) -> None:
    """Deletes the change set of that name, and the empty stack that it was to create."""
    cfn = stacks.client(target)
    if not (made := stacks.change_set(target, name)):
        return
    cfn.delete_change_set(StackName=target.stack, ChangeSetName=made["ChangeSetId"])
    stack = None if existed else stacks.describe(target, made["StackId"])
    if stack and stack["StackStatus"] == "REVIEW_IN_PROGRESS":
        cfn.delete_stack(StackName=stack["StackId"])
