"""Deploys one target: begin → record → propose → execute → settle → verify.

Each step is idempotent: it reads the current state, and stores its result before the next step relies on it.
"""

import json
import os
from dataclasses import replace
from typing import Any

from ops.functions.rollouts import monitoring, stacks, store
from ops.functions.rollouts.aws import NotReady, TargetFailed
from ops.functions.rollouts.outside import read_values
from ops.functions.rollouts.recorded import RecordedStack
from ops.functions.rollouts.references import outside_values
from ops.functions.rollouts.stacks import Drift
from ops.rollouts.rules.changes import STACK, required_approvals
from ops.rollouts.rules.decisions import TargetState, check_target_start
from ops.rollouts.rules.document import Document
from ops.rollouts.rules.model import RolloutTarget
from ops.rollouts.rules.tables import MAX_ALARMS

Record = dict[str, Any]

NESTED = (STACK, "AWS::Serverless::Application")  # types that become nested stacks


def load_target(event: Record) -> tuple[Document, RolloutTarget, Record]:
    """Return the document, the target, and the target's stored item."""
    document = store.document(event["run"])
    _, target = document.targets[event["target"]]
    return document, target, store.get(event["run"], store.TARGET + target.id)


def wanted_template(document: Document, target: RolloutTarget) -> str:
    """Return the text of the template that the target gets."""
    return (
        store.template(document.run, document.template_name(target)) if document.stacks else document.template
    )


def template_argument(document: Document, target: RolloutTarget) -> Record:
    """Return that template as an argument of a request."""
    text = wanted_template(document, target)
    return stacks.template_argument(document.run, document.template_name(target), text)


def begin(event: Record) -> Record:
    """Check whether the target may be started now: a blocker that arises during a stage holds up the rest."""
    document, target, known = load_target(event)
    if known.get("state"):
        return event | {"go": known["state"] == TargetState.DEPLOYING}
    facts = monitoring.read_facts(document, only=target)
    check = check_target_start(document.rollout, document.stages, facts, target)
    if not check.allowed:
        return event | {"go": False}
    store.append_log(event["run"], "starts", target=target.id, why="; ".join(check.reasons))
    store.put(
        event["run"],
        store.TARGET + target.id,
        {"state": TargetState.DEPLOYING, "begun": store.now().isoformat()},
        new=True,
    )
    return event | {"go": True}


def record(event: Record) -> Record:
    """Record the stack before it is changed. A record is never overwritten."""
    document, target, known = load_target(event)
    if known.get("before"):
        return event
    stack = stacks.describe(target)
    if stack and stacks.is_busy(stack):
        raise NotReady(f"another operation on {target.stack} is in progress: {stack['StackStatus']}")
    if stack and stack["StackStatus"] in stacks.FAILED_CREATIONS:
        _delete_leftover(target, stack)
    before = stacks.record_stack(target, stack)
    if before.existed and before.status not in stacks.STABLE_STATUSES:
        raise TargetFailed(f"the stack is in {before.status} and was not changed; repair it first")
    drift = _detect_drift(event, target, known, before) if before.existed else Drift([])
    _require_approval(document, required_approvals(target.id, (), drift.drifted, drift.unknown))
    key = f"runs/{event['run']}/before/{stacks.digest(target.id)}.json"
    store.write(key, with_outside(target, before).to_json())
    _remember(event, {"before": key, "existed": str(before.existed), "stack_id": before.id})
    return event


def with_outside(target: RolloutTarget, before: RecordedStack) -> RecordedStack:
    """Return the record with the values outside the stack."""
    if not before.existed:
        return before
    declared = stacks.declared_parameters(target, {"StackName": before.id})
    names = outside_values(before.template, before.parameters, declared)
    return replace(before, outside=list(names), values=read_values(target, names))


def _delete_leftover(target: RolloutTarget, stack: Record) -> None:
    """Delete a stack whose creation failed: it has no resources, and cannot be updated."""
    stacks.cloudformation(target).delete_stack(StackName=stack["StackId"])
    raise NotReady(f"{target.stack} is in {stack['StackStatus']} and is being deleted first")


def _detect_drift(event: Record, target: RolloutTarget, known: Record, before: RecordedStack) -> Drift:
    detection, drift = stacks.detect_drift(target, before.id, known.get("detection", ""))
    _remember(event, {"detection": detection})
    if drift is None:
        raise NotReady("drift detection is in progress")
    return drift


def _require_approval(document: Document, lines: tuple[str, ...]) -> None:
    if missing := [line for line in lines if line not in document.approved]:
        raise TargetFailed(f"not approved: {'; '.join(missing)}")


def propose(event: Record) -> Record:
    """Create the change set of this run, with the target's alarms as rollback triggers."""
    document, target, _ = load_target(event)
    before = read_recorded_stack(event)
    name = change_set_name(event)
    arguments = change_set_arguments(document, target, before)
    change_set = stacks.create_change_set(target, name, creates=not before.existed, **arguments)
    if change_set is None:
        return event | {"nothing": True}
    changes = stacks.list_changes(target, change_set["ChangeSetId"])
    _require_approval(document, required_approvals(target.id, changes, ()))
    _remember(event, {"change_set": change_set["ChangeSetId"], "stack_id": change_set["StackId"]})
    return event | {"nothing": False}


def change_set_name(event: Record) -> str:
    return f"slipway-{stacks.digest(event['run'], event['target'])}"


def read_recorded_stack(event: Record) -> RecordedStack:
    _, _, known = load_target(event)
    return RecordedStack(**json.loads(store.read(known["before"])))


def change_set_arguments(document: Document, target: RolloutTarget, before: RecordedStack) -> Record:
    """Return the arguments of the change set. Parameters that are not in the file keep their values."""
    template, text = template_argument(document, target), wanted_template(document, target)
    declared = stacks.declared_parameters(target, template)
    if unknown := [name for name in target.parameters if name not in declared]:
        raise TargetFailed(f"the template has no parameter {unknown[0]}")
    hidden = [name for name in target.parameters if declared[name].get("NoEcho")]
    if hidden and before.existed:
        raise TargetFailed(
            f"the parameter {hidden[0]} is NoEcho: its value could not be restored; use a dynamic reference"
        )
    masked = [name for name, value in before.parameters.items() if value == stacks.MASKED_VALUE]
    if dropped := [name for name in masked if name not in declared]:
        raise TargetFailed(
            f"the template drops the NoEcho parameter {dropped[0]}, whose value a rollback could not "
            "restore; keep the parameter"
        )
    kept = [name for name in before.parameters if name in declared and name not in target.parameters]
    return {
        **template,
        "Parameters": [
            *({"ParameterKey": k, "ParameterValue": v} for k, v in target.parameters.items()),
            *({"ParameterKey": name, "UsePreviousValue": True} for name in kept),
        ],
        "Capabilities": list(document.rollout.source.capabilities),
        "Tags": [{"Key": k, "Value": v} for k, v in _tags(document, before).items()],
        "RollbackConfiguration": {
            "RollbackTriggers": _triggers(target, before),
            **({"MonitoringTimeInMinutes": before.monitoring_min} if before.monitoring_min else {}),
        },
        # Only then does CloudFormation report what changes inside nested stacks.
        **({"IncludeNestedStacks": True} if any(name in text for name in NESTED) else {}),
        **service_role(document, target, before),
    }


def service_role(document: Document, target: RolloutTarget, before: RecordedStack) -> Record:
    """Return the service role that the file names, for a stack that has none.

    CloudFormation uses a stack's role for all later operations, also of people who may not pass it, and it
    cannot be removed again: so there is none by default.
    """
    name = document.rollout.source.role
    if before.role or not name:
        return {}
    return {"RoleARN": f"arn:{os.environ['PARTITION']}:iam::{target.account}:role/{name}"}


def _tags(document: Document, before: RecordedStack) -> dict[str, str]:
    return before.tags if before.existed else {"slipway:rollout": document.rollout.name}


def _triggers(target: RolloutTarget, before: RecordedStack) -> list[dict[str, str]]:
    """Return the target's alarms as rollback triggers, and those that the stack has, as far as there is room.

    A new stack may create its own alarms; these cannot be triggers of that creation.
    """
    alarms = monitoring.describe_alarms(target.account, target.region, target.alarms)
    missing = [name for name in target.alarms if name not in alarms]
    if missing and before.existed:
        raise TargetFailed(f"the alarm {missing[0]} does not exist in {target.account}, {target.region}")
    triggers = [
        {
            "Arn": alarms[name]["AlarmArn"],
            "Type": f"AWS::CloudWatch::{'CompositeAlarm' if 'AlarmRule' in alarms[name] else 'Alarm'}",
        }
        for name in target.alarms
        if name in alarms
    ]
    names = [trigger["Arn"] for trigger in triggers]
    own = [trigger for trigger in before.triggers or [] if trigger["Arn"] not in names]
    return [*triggers, *own][:MAX_ALARMS]


def execute(event: Record) -> Record:
    """Execute the change set, unless the stack was changed outside this rollout since it was recorded."""
    _, target, known = load_target(event)
    before = read_recorded_stack(event)
    if not known.get("executed"):
        stack = stacks.describe(target, before.id)
        if before.existed and (stack is None or stacks.last_operation_time(stack) != before.updated):
            raise TargetFailed(
                "the stack was changed outside this rollout after it was recorded, and was left as it is"
            )
        _remember(event, {"executed": store.now().isoformat()})
    stacks.execute(target, known["change_set"])
    return event


def settle(event: Record) -> Record:
    """Wait until CloudFormation has completed the operation."""
    _, target, known = load_target(event)
    stack = stacks.describe(target, known["stack_id"])
    if stack is None:
        raise TargetFailed("the stack no longer exists")
    before = read_recorded_stack(event)
    waits = stack["StackStatus"] == "REVIEW_IN_PROGRESS" or (
        before.existed and stacks.last_operation_time(stack) == before.updated
    )
    if stacks.is_busy(stack) or waits:
        raise NotReady(stack["StackStatus"])
    return event


def verify(event: Record) -> Record:
    """Verify that status, template, and parameters of the stack are as intended."""
    document, target, known = load_target(event)
    stack = stacks.describe(target, known["stack_id"])
    status = stack["StackStatus"] if stack else "the stack no longer exists"
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise TargetFailed(f"{status}: {stacks.first_failure(target, known['stack_id'])}")
    now = stacks.record_stack(target, stack)
    different = [
        k for k, v in target.parameters.items() if now.parameters.get(k) not in (v, stacks.MASKED_VALUE)
    ]
    if different or not stacks.same_template(now.template, wanted_template(document, target)):
        what = f"value of {different[0]}" if different else "template"
        raise TargetFailed(f"the {what} differs from what was deployed")
    _remember(event, {"updated": now.updated})
    return finish(event)


def finish(event: Record) -> Record:
    """Mark the target as deployed, also when there was nothing to change."""
    set_state(event, TargetState.DEPLOYED, "deployed", "no changes" if event.get("nothing") else "")
    return {}


def fail(event: Record) -> Record:
    """Mark the target as failed. The next decision deals with it."""
    error = event.get("failure", {})
    why = failure_reason(error)
    set_state(event, TargetState.FAILED, "failed", why)
    return {}


def failure_reason(error: Record) -> str:
    """Return the error message of a failed task, which Lambda wraps in JSON."""
    cause = str(error.get("Cause", ""))
    try:
        cause = json.loads(cause).get("errorMessage", cause)
    except (ValueError, AttributeError):
        pass
    name = str(error.get("Error", ""))
    return cause if name == "TargetFailed" else f"{name}: {cause}".strip(": ")


def set_state(event: Record, state: TargetState, did: str, why: str) -> None:
    item = store.TARGET + event["target"]
    known, now = store.get(event["run"], item), store.now().isoformat()
    if known.get("state") == state:
        return
    store.append_log(event["run"], did, target=event["target"], why=why)
    # A target that failed before its start was stored counts as started: it is not tried again.
    ended = {"state": state, "begun": known.get("begun", now), "ended": now, "why": why[:2000]}
    store.update(event["run"], item, ended)


def _remember(event: Record, values: Record) -> None:
    store.update(event["run"], store.TARGET + event["target"], values)


def delete_change_set(target: RolloutTarget, name: str, *, existed: bool) -> None:
    """Delete the change set of that name, and the empty stack that it would have created."""
    cfn = stacks.cloudformation(target)
    if not (change_set := stacks.find_change_set(target, name)):
        return
    cfn.delete_change_set(StackName=target.stack, ChangeSetName=change_set["ChangeSetId"])
    stack = None if existed else stacks.describe(target, change_set["StackId"])
    if stack and stack["StackStatus"] == "REVIEW_IN_PROGRESS":
        cfn.delete_stack(StackName=stack["StackId"])
