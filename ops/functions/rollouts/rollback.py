"""Rolls back one target to its recorded template, parameters, and tags.

A single action, repeated until the rollback is complete: it reads the state of the stack and performs the
next operation, so it can be interrupted at any point. It never overwrites changes made outside this rollout;
a target that cannot be rolled back is reported.
"""

import json
from typing import Any

from ops.functions.rollouts import stacks, store, targets
from ops.functions.rollouts.aws import Denied, NotReady, TargetFailed, mapped_errors
from ops.functions.rollouts.stacks import RecordedStack
from ops.rollouts.rules.decisions import TargetState
from ops.rollouts.rules.model import RolloutTarget

Record = dict[str, Any]

MAX_ATTEMPTS = 2  # of a deletion, and of ContinueUpdateRollback
RESET_ATTEMPTS = {"deletions": "0", "continuations": "0"}


def roll_back(event: Record) -> Record:
    """Raise NotReady until the target is rolled back, and TargetFailed when it cannot be."""
    document, target, known = targets.load_target(event)
    if known.get("state") in (TargetState.ROLLED_BACK, TargetState.STUCK):
        return {}
    if known.get("state") != TargetState.ROLLING_BACK:
        store.append_log(event["run"], "rolls back", target=target.id)
        store.update(event["run"], store.TARGET + target.id, {"state": TargetState.ROLLING_BACK})
    if not known.get("executed"):
        return _forget(event, target, known)
    before = RecordedStack(**json.loads(store.read(known["before"])))
    stack = stacks.describe(target, known["stack_id"])
    if stack and stacks.is_busy(stack):
        raise NotReady(stack["StackStatus"])
    if before.existed:
        return _restore(event, target, before, stack, known, document.template)
    return _remove(event, target, stack, known)


def _forget(event: Record, target: RolloutTarget, known: Record) -> Record:
    """Delete what was prepared for a stack that the rollout has not changed."""
    unchanged, name = "the stack had not been changed", targets.change_set_name(event)
    if not known.get("before"):
        return _rolled_back(event, unchanged)  # nothing was prepared: no call, which the account may deny
    try:
        with mapped_errors():
            targets.delete_change_set(target, name, existed=known.get("existed") != "False")
    except Denied as error:
        if int(known.get("denials", "0")) < MAX_ATTEMPTS:
            _count(event, known, "denials")
            raise
        return _rolled_back(event, f"{unchanged}; its change set {name} could not be deleted: {error}")
    return _rolled_back(event, unchanged)


def _remove(event: Record, target: RolloutTarget, stack: Record | None, known: Record) -> Record:
    """Delete a stack that this rollout created: by its id, so that a new stack of that name is safe."""
    if stack is None or stack["StackStatus"] == "DELETE_COMPLETE":
        return _rolled_back(event, "the stack that the rollout created is deleted")
    updated = known.get("updated")
    if (
        updated
        and stacks.last_operation_time(stack) != updated
        and stack["StackStatus"] in stacks.STABLE_STATUSES
    ):
        raise TargetFailed(
            "the stack was changed outside this rollout after the deployment, and was left as it is"
        )
    if stack["StackStatus"] in stacks.STABLE_STATUSES and (data := stacks.data_in_new_stack(target, stack)):
        raise TargetFailed(
            f"the stack that the rollout created is retained, because it may hold data: {', '.join(data)}. "
            "Delete the stack when its data is not needed, then retry the rollback"
        )
    _count_attempt(event, known, "deletions", stack, "the stack cannot be deleted")
    stacks.cloudformation(target).delete_stack(StackName=stack["StackId"])
    raise NotReady("the stack is being deleted")


def _restore(
    event: Record,
    target: RolloutTarget,
    before: RecordedStack,
    stack: Record | None,
    known: Record,
    template: str,
) -> Record:
    if stack is None or stack["StackStatus"] == "DELETE_COMPLETE":
        raise TargetFailed("the stack was deleted outside this rollout")
    status = stack["StackStatus"]
    if status == "UPDATE_ROLLBACK_FAILED":
        _count_attempt(event, known, "continuations", stack, "CloudFormation cannot roll back the stack")
        stacks.cloudformation(target).continue_update_rollback(
            StackName=stack["StackId"], **_role(stack, before)
        )
        raise NotReady("CloudFormation continues the update rollback")
    now = stacks.record_stack(target, stack)
    if now.equals(before) and status in stacks.STABLE_STATUSES:
        return _rolled_back(event, "the stack matches its record" + _not_compared(before, now))
    if known.get("undoing"):
        if now.updated == known["undoing"]:  # not started yet: the execution may have been interrupted
            stacks.execute(target, known["undo"])
            raise NotReady("the rollback is about to start")
        raise TargetFailed(f"{status} after the rollback: {stacks.first_failure(target, stack['StackId'])}")
    if known.get("updated", now.updated) != now.updated or not stacks.same_template(now.template, template):
        raise TargetFailed(
            "the stack was changed outside this rollout after the deployment, and was left as it is"
        )
    return _update_back(event, target, before, now)


def _update_back(event: Record, target: RolloutTarget, before: RecordedStack, now: RecordedStack) -> Record:
    name = f"slipway-undo-{stacks.digest(event['run'], event['target'])}"
    key = stacks.digest(target.id)
    store.write(f"runs/{event['run']}/templates/{key}", before.template)
    change_set = stacks.create_change_set(
        target,
        name,
        creates=False,
        **stacks.template_argument(event["run"], key, before.template),
        Parameters=[
            {"ParameterKey": k, "UsePreviousValue": True}
            if v == stacks.MASKED_VALUE
            else {"ParameterKey": k, "ParameterValue": v}
            for k, v in before.parameters.items()
        ],
        Capabilities=before.capabilities or now.capabilities,
        Tags=[{"Key": k, "Value": v} for k, v in before.tags.items()],
        RollbackConfiguration={"RollbackTriggers": []},  # an active alarm must not prevent the rollback
        **targets.execution_role(target, before),
    )
    if change_set is None:
        found = "CloudFormation found no difference from the record"
        return _rolled_back(event, found + _not_compared(before, now))
    changes = {"undo": change_set["ChangeSetId"], "undoing": now.updated}
    store.update(event["run"], store.TARGET + target.id, changes)
    stacks.execute(target, change_set["ChangeSetId"])
    raise NotReady("the rollback is in progress")


def _not_compared(before: RecordedStack, now: RecordedStack) -> str:
    """Return what the claim that a stack is rolled back does not cover, as the end of its sentence."""
    moved = [name for name, value in before.resolved.items() if now.resolved.get(name, value) != value]
    return (f", but for values outside the stack: {', '.join(before.outside)}" if before.outside else "") + (
        f"; changed since: {', '.join(moved)}" if moved else ""
    )


def _role(stack: Record, before: RecordedStack) -> Record:
    role = before.role or stack.get("RoleARN", "")
    return {"RoleARN": role} if role else {}


def _count_attempt(event: Record, known: Record, counter: str, stack: Record, failure: str) -> None:
    """Count one more attempt. Raises TargetFailed when there were MAX_ATTEMPTS already."""
    if int(known.get(counter, "0")) >= MAX_ATTEMPTS:
        _, target, _ = targets.load_target(event)
        why = stacks.first_failure(target, stack["StackId"])
        raise TargetFailed(f"{failure}: {stack['StackStatus']}: {why}")
    _count(event, known, counter)


def _count(event: Record, known: Record, counter: str) -> None:
    attempts = int(known.get(counter, "0")) + 1
    store.update(event["run"], store.TARGET + event["target"], {counter: str(attempts)})


def _rolled_back(event: Record, why: str) -> Record:
    targets.set_state(event, TargetState.ROLLED_BACK, "rolled back", why)
    return {}


def record_stuck(event: Record) -> Record:
    """Mark the target as stuck. The rollback of the others continues."""
    why = targets.failure_reason(event.get("failure", {}))
    targets.set_state(event, TargetState.STUCK, "cannot roll back", why)
    return {}
