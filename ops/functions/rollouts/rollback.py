"""Rolls back one target to its recorded template, parameters, and tags.

A single action, repeated until the rollback is complete: it reads the state of the stack and performs the
next operation, so it can be interrupted at any point. It never overwrites changes made outside this rollout;
a target that cannot be rolled back is reported.
"""

import json
from typing import Any

from ops.functions.rollouts import monitoring, stacks, store, targets
from ops.functions.rollouts.aws import Denied, NotReady, TargetFailed, mapped_errors
from ops.functions.rollouts.outside import moved_values, read_values
from ops.functions.rollouts.recorded import RecordedStack, differences, settings_that_differ
from ops.rollouts.rules.decisions import TargetState
from ops.rollouts.rules.evidence import ALARM
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
        return _restore(event, target, before, stack, known, targets.wanted_template(document, target))
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
        _remember_failed(event, target, known, stack)
        _count_attempt(event, known, "continuations", stack, "CloudFormation cannot roll back the stack")
        stacks.cloudformation(target).continue_update_rollback(
            StackName=stack["StackId"], **_role(stack, before)
        )
        raise NotReady("CloudFormation continues the update rollback")
    now = stacks.record_stack(target, stack)
    if now.equals(before) and status in stacks.STABLE_STATUSES:
        return _rolled_back(event, _claim(target, before, now, known))
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
        RollbackConfiguration=_triggers(target, before),
        **({} if before.notifications is None else {"NotificationARNs": before.notifications}),
    )
    if change_set is None:
        _, _, known = targets.load_target(event)
        return _rolled_back(event, _claim(target, before, now, known))
    changes = {"undo": change_set["ChangeSetId"], "undoing": now.updated}
    store.update(event["run"], store.TARGET + target.id, changes)
    stacks.execute(target, change_set["ChangeSetId"])
    raise NotReady("the rollback is in progress")


def _claim(target: RolloutTarget, before: RecordedStack, now: RecordedStack, known: Record) -> str:
    """Return what is true of the stack, from what was just read of it and of the values that it refers to.

    A resource whose rollback CloudFormation has skipped is not as it was, whatever the stack's status.
    """
    failed = json.loads(known.get("failed", "[]"))
    skipped = [f"the resource {name}, whose rollback failed" for name in failed]
    different = [
        *differences(before, now),
        *settings_that_differ(before, now),
        *moved_values(before, now, read_values(target, before.outside)),
        *skipped,
    ]
    if not different:
        return "verified equal to the record"
    return f"equal to the record but for {'; '.join(different)}"


def _triggers(target: RolloutTarget, before: RecordedStack) -> Record:
    """Return the stack's own rollback triggers but for alarms in alarm, which would prevent the rollback."""
    own = before.triggers or []
    names = [trigger["Arn"].partition(":alarm:")[2] for trigger in own]
    alarms = monitoring.describe_alarms(target.account, target.region, names)
    quiet = [name for name, alarm in alarms.items() if alarm["StateValue"] != ALARM]
    triggers = [trigger for trigger, name in zip(own, names, strict=True) if name in quiet]
    minutes = {"MonitoringTimeInMinutes": before.monitoring_min} if triggers and before.monitoring_min else {}
    return {"RollbackTriggers": triggers, **minutes}


def _remember_failed(event: Record, target: RolloutTarget, known: Record, stack: Record) -> None:
    """Keep the resources that CloudFormation could not roll back: an operator may have it skip them."""
    failed = {*json.loads(known.get("failed", "[]")), *stacks.failed_rollbacks(target, stack["StackId"])}
    store.update(event["run"], store.TARGET + target.id, {"failed": json.dumps(sorted(failed))})
    known["failed"] = json.dumps(sorted(failed))


def _role(stack: Record, before: RecordedStack) -> Record:
    role = before.role or stack.get("RoleARN", "")
    return {"RoleARN": role} if role else {}


def _count_attempt(event: Record, known: Record, counter: str, stack: Record, failure: str) -> None:
    """Count one more attempt. Raises TargetFailed when there were MAX_ATTEMPTS already."""
    if int(known.get(counter, "0")) >= MAX_ATTEMPTS:
        _, target, _ = targets.load_target(event)
        why = stacks.first_failure(target, stack["StackId"])
        raise TargetFailed(f"{failure}: {stack['StackStatus']}: {why}{_skip_hint(known, stack)}")
    _count(event, known, counter)


def _skip_hint(known: Record, stack: Record) -> str:
    failed = json.loads(known.get("failed", "[]"))
    if stack["StackStatus"] != "UPDATE_ROLLBACK_FAILED" or not failed:
        return ""
    return (
        ". Remove the cause, or skip what cannot be rolled back: aws cloudformation continue-update-rollback "
        f"--stack-name {stack['StackId']} --resources-to-skip {' '.join(failed)}. Then retry the rollback"
    )


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
