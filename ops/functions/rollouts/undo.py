"""One target on its way back, to the exact template and parameters that it had.

A single step that is taken again until the target is back: it looks at how the stack stands and does what
comes next, so it may be killed anywhere. What cannot go back is named; nobody else's change is overwritten.
"""

import json
from typing import Any

from ops.functions.rollouts import stacks, store, targets
from ops.functions.rollouts.aws import NotReady, TargetFailed
from ops.functions.rollouts.stacks import Snapshot
from ops.rollouts.rules.decisions import State
from ops.rollouts.rules.waves import Target

Record = dict[str, Any]

TRIES = 2  # of a deletion, and of going on with CloudFormation's own rollback
FRESH = {"deletions": "0", "continuations": "0"}


def undo(event: Record) -> Record:
    """Raises NotReady until the target is back; TargetFailed says why it cannot go back."""
    document, target, known = targets.find(event)
    if known.get("state") in (State.ROLLED_BACK, State.STUCK):
        return {}
    if known.get("state") != State.ROLLING_BACK:
        store.log(event["run"], "rolls back", target=target.id)
        store.change(event["run"], store.TARGET + target.id, {"state": State.ROLLING_BACK})
    if not known.get("executed"):
        targets.forget(target, targets.change_set_name(event), existed=known.get("existed") != "False")
        return _back(event, "it had not been changed")
    before = Snapshot(**json.loads(store.read(known["before"])))
    stack = stacks.describe(target, known["stack_id"])
    if stack and stacks.is_busy(stack):
        raise NotReady(stack["StackStatus"])
    if before.existed:
        return _restore(event, target, before, stack, known, document.template)
    return _remove(event, target, stack, known)


def _remove(event: Record, target: Target, stack: Record | None, known: Record) -> Record:
    """A stack that this rollout has made; by its id, so that no other of its name is meant."""
    if stack is None or stack["StackStatus"] == "DELETE_COMPLETE":
        return _back(event, "the stack that the rollout had made is deleted")
    updated = known.get("updated")
    if updated and stacks.moment(stack) != updated and stack["StackStatus"] in stacks.DONE:
        raise TargetFailed("somebody else has changed the stack since: it is left as it is")
    _try_once_more(event, known, "deletions", stack, "it cannot be deleted")
    stacks.client(target).delete_stack(StackName=stack["StackId"])
    raise NotReady("the stack is being deleted")


def _restore(
    event: Record, target: Target, before: Snapshot, stack: Record | None, known: Record, wanted: str
) -> Record:
    if stack is None or stack["StackStatus"] == "DELETE_COMPLETE":
        raise TargetFailed("somebody else has deleted the stack")
    status = stack["StackStatus"]
    if status == "UPDATE_ROLLBACK_FAILED":
        _try_once_more(event, known, "continuations", stack, "CloudFormation cannot roll it back")
        stacks.client(target).continue_update_rollback(StackName=stack["StackId"], **_role(stack, before))
        raise NotReady("CloudFormation goes on rolling back")
    now = stacks.snapshot(target, stack)
    if now.equals(before) and status in stacks.DONE:
        return _back(event, "it is as it was")
    if known.get("undoing"):
        if now.updated == known["undoing"]:  # not begun yet, or killed just before
            stacks.execute(target, known["undo"])
            raise NotReady("the change back is about to begin")
        raise TargetFailed(
            f"{status} after the change back: {stacks.first_failure(target, stack['StackId'])}"
        )
    if known.get("updated", now.updated) != now.updated or not stacks.same_template(now.template, wanted):
        raise TargetFailed("somebody else has changed the stack since: it is left as it is")
    return _change_back(event, target, before, now)


def _change_back(event: Record, target: Target, before: Snapshot, now: Snapshot) -> Record:
    name = f"slipway-undo-{stacks.digest(event['run'], event['target'])}"
    key = stacks.digest(target.id)
    store.write(f"runs/{event['run']}/templates/{key}", before.template)
    made = stacks.propose(
        target,
        name,
        creates=False,
        **stacks.template_argument(event["run"], key, before.template),
        Parameters=[
            {"ParameterKey": k, "UsePreviousValue": True}
            if v == stacks.SHOWN
            else {"ParameterKey": k, "ParameterValue": v}
            for k, v in before.parameters.items()
        ],
        Capabilities=before.capabilities or now.capabilities,
        Tags=[{"Key": k, "Value": v} for k, v in before.tags.items()],
        RollbackConfiguration={
            "RollbackTriggers": []
        },  # an alarm that is on must not keep it from going back
        **targets.role(target, before),
    )
    if made is None:
        return _back(event, "nothing that CloudFormation sees differs from before")
    changes = {"undo": made["ChangeSetId"], "undoing": now.updated}
    store.change(event["run"], store.TARGET + target.id, changes)
    stacks.execute(target, made["ChangeSetId"])
    raise NotReady("the change back is under way")


def _role(stack: Record, before: Snapshot) -> Record:
    role = before.role or stack.get("RoleARN", "")
    return {"RoleARN": role} if role else {}


def _try_once_more(event: Record, known: Record, what: str, stack: Record, refusal: str) -> None:
    tries = int(known.get(what, "0"))
    if tries >= TRIES:
        _, target, _ = targets.find(event)
        why = stacks.first_failure(target, stack["StackId"])
        raise TargetFailed(f"{refusal}: {stack['StackStatus']}: {why}")
    store.change(event["run"], store.TARGET + event["target"], {what: str(tries + 1)})


def _back(event: Record, why: str) -> Record:
    targets.set_state(event, State.ROLLED_BACK, "rolled back", why)
    return {}


def stuck(event: Record) -> Record:
    """The target cannot go back: it is named, and the others go on."""
    why = targets.reason(event.get("failure", {}))
    targets.set_state(event, State.STUCK, "cannot roll back", why)
    return {}
