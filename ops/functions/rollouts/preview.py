"""What a target would change: read from a change set, which is deleted again."""

from typing import Any

from ops.functions.rollouts import assets, locks, stacks, targets
from ops.functions.rollouts.aws import NotReady, TargetFailed
from ops.functions.rollouts.recorded import RecordedStack
from ops.functions.rollouts.references import outside_values
from ops.functions.rollouts.stacks import Drift
from ops.rollouts.rules.app.packaged import has_macros
from ops.rollouts.rules.changes import required_approvals
from ops.rollouts.rules.document import Document
from ops.rollouts.rules.model import RolloutTarget

Record = dict[str, Any]


def preview(event: Record) -> Record:
    """Return what would change in the target and what needs approval. Leaves nothing behind."""
    document, target, _ = targets.load_target(event)
    if holder := locks.holder_of(target.id, document.run):
        return {"error": locks.blocked(target.id, holder)}
    stack = stacks.describe(target)
    if stack and stacks.is_busy(stack):
        return {"error": f"the stack has an operation in progress: {stack['StackStatus']}"}
    before = RecordedStack(existed=False) if _is_leftover(stack) else stacks.record_stack(target, stack)
    if before.existed and before.status not in stacks.STABLE_STATUSES:
        return {"error": f"the stack is in {before.status}; repair it first"}
    drift = Drift([])
    if before.existed:
        event["detection"], found = stacks.detect_drift(target, before.id, event.get("detection", ""))
        if found is None:
            raise NotReady("drift detection is in progress")
        drift = found
    missing, unread = _needs(document, target, before)
    if missing:
        return {"error": "; ".join(missing)}
    answer = _preview_changes(event, document, target, before, drift)
    return {**answer, "warnings": [*answer.get("warnings", []), *unread]}


def _role_warnings(document: Document, before: RecordedStack) -> list[str]:
    if before.role:
        return []
    if name := document.rollout.source.role:
        kept = "a rollback cannot remove it: the stack keeps it" if before.existed else "the stack keeps it"
        return [f"attaches the service role {name}; {kept}, also for the operations of others"]
    # IAM User Guide, "Methods to assume a role": a role that was assumed by a role has at most an hour.
    return ["without a service role, an operation on the stack has one hour at most"]


def _needs(document: Document, target: RolloutTarget, before: RecordedStack) -> tuple[list[str], list[str]]:
    """Return what the template needs and the account does not have, and what to know before the start."""
    stack, template = document.app_stack(target), targets.wanted_template(document, target)
    if stack is None:
        missing, unread = assets.missing_for_template(target, template)
    else:
        missing, unread = assets.missing_for_app(target, stack), []
        if not missing and any(name in template for name in targets.NESTED):
            assets.copy_files(target, stack)  # without the nested templates, there is no change set
    unread += _role_warnings(document, before)
    if has_macros(template):
        unread.append("CloudFormation expands the macros of the template, at every deployment and rollback")
    return missing, unread


def _is_leftover(stack: Record | None) -> bool:
    return bool(stack and stack["StackStatus"] in stacks.FAILED_CREATIONS)


def _preview_changes(
    event: Record, document: Document, target: RolloutTarget, before: RecordedStack, drift: Drift
) -> Record:
    name = f"slipway-plan-{stacks.digest(event['run'], event['target'])}"
    try:
        change_set = stacks.create_change_set(
            target, name, creates=not before.existed, **targets.change_set_arguments(document, target, before)
        )
    except TargetFailed as error:
        targets.delete_change_set(target, name, existed=before.existed)
        return {"error": str(error)}
    changes = stacks.list_changes(target, change_set["ChangeSetId"]) if change_set else []
    targets.delete_change_set(target, name, existed=before.existed)
    return {
        "creates": not before.existed,
        "changes": [change.description for change in changes],
        "to_approve": list(required_approvals(target.id, changes, drift.drifted, drift.unknown)),
        "warnings": _warnings(document, target, before) if before.existed else [],
    }


def _warnings(document: Document, target: RolloutTarget, before: RecordedStack) -> list[str]:
    """Return the values outside the stack, of both templates, that a rollback would not restore."""
    text, template = targets.wanted_template(document, target), targets.template_argument(document, target)
    declared = stacks.declared_parameters(target, template)
    now = outside_values(text, {**before.parameters, **target.parameters}, declared)
    names = dict.fromkeys((*targets.with_outside(target, before).outside, *now))
    return [f"a rollback does not restore the value of {name}" for name in names]
