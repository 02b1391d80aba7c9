"""Adopts a stack of another tool: deploys one of Slipway beside it, then deletes one of the two.

The new stack has a tag with the ID of the adopted one. Until the adopted stack is deleted, the adoption can
be undone. Each job decides what is kept, and how both are compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import deploy
from ops.aws.cloudformation import stacks as cloudformation
from ops.aws.cloudformation.deploy import Upload
from ops.aws.cloudformation.operations import delete_stack
from ops.aws.cloudformation.stacks import Stack, StackSpec
from ops.errors import Conflict, NotFound
from ops.operations import Operation
from ops.plan import READY, Check, Plan, Readiness, Resource, Step

ADOPTS_TAG = "slipway:adopts"
PARALLEL = timedelta(days=1)  # how long both must have run before the adopted stack is deleted


@dataclass(frozen=True)
class KeptSetting:
    """A setting of the adopted stack and its value in the new one; `note` says why the value differs."""

    setting: str
    before: str
    after: str
    note: str = ""


@dataclass(frozen=True)
class Adoption:
    """An adopted stack and the specification of Slipway's stack.

    `retained` are logical IDs of the adopted stack that its deletion keeps. `shared` says why the adopted
    stack cannot be deleted as a whole; empty if it can. An update of the new stack replaces none of the types
    `never_replaced`.
    """

    tool: str
    place: Place
    old: Stack
    kept: tuple[KeptSetting, ...]
    spec: StackSpec
    uploads: tuple[Upload, ...] = ()
    retained: tuple[str, ...] = ()
    shared: str = ""
    never_replaced: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()

    @property
    def tagged_spec(self) -> StackSpec:
        return replace(self.spec, tags={**self.spec.tags, ADOPTS_TAG: self.old.id})


@dataclass(frozen=True)
class Comparison:
    """What both have produced. `missing` are the reasons against the deletion of the adopted stack."""

    rows: tuple[Mapping[str, object], ...]
    missing: tuple[str, ...] = field(default=())

    @property
    def equal(self) -> bool:
        return bool(self.rows) and not self.missing


def find_new_stack(cloud: Cloud, place: Place, old: Stack) -> Stack | None:
    """Return the stack that was deployed beside the adopted one, or None."""
    for stack in cloudformation.list_stacks(cloud, place.account.id, place.region):
        if stack.tags.get(ADOPTS_TAG) == old.id:
            return stack
    return None


def require_new_stack(cloud: Cloud, adoption: Adoption) -> Stack:
    """Return the stack that was deployed beside the adopted one. Raises NotFound."""
    new = find_new_stack(cloud, adoption.place, adoption.old)
    if new is None:
        raise NotFound(
            f"No stack runs beside {adoption.old.name} yet.",
            hint=f"Deploy it: slipway adopt {adoption.old.name} start",
        )
    return new


def plan_start(cloud: Cloud, adoption: Adoption) -> Plan:
    """Plan to deploy the new stack beside the adopted one, which is not changed. Raises Conflict."""
    spec = adoption.tagged_spec
    other = cloudformation.read_stack(cloud, spec.account, spec.region, spec.name)
    if other and other.tags.get(ADOPTS_TAG) != adoption.old.id:
        raise Conflict(
            f"The stack {spec.name} already exists, and was not deployed for {adoption.old.name}.",
            hint="Delete or rename it, then retry.",
        )
    plan = deploy.plan_stack(
        cloud,
        spec,
        adoption.uploads,
        title=f"Deploy {spec.name} beside {adoption.old.name}",
        may_remove=lambda change: change.kind not in adoption.never_replaced,
        evidence=f"{len(adoption.kept)} settings are kept; {adoption.old.name} is not changed",
        actions=adoption.actions,
    )
    return replace(plan, operation=Operation.ADOPT_STACK)


def plan_finish(
    cloud: Cloud,
    adoption: Adoption,
    comparison: Comparison,
    now: datetime,
    parallel: timedelta = PARALLEL,
) -> Plan:
    """Plan to delete the adopted stack. Raises Conflict unless both have run long enough and agree."""
    new, old, place = require_new_stack(cloud, adoption), adoption.old, adoption.place
    if new.busy or new.failed:
        raise Conflict(f"The stack {new.name} is {new.status}.", hint="Deploy it first, then compare.")
    since = new.updated or new.created
    if now - since < parallel:
        hours = (now - since) / timedelta(hours=1)
        raise Conflict(
            f"Both have run for {hours:.1f} hours only. {old.name} is kept.",
            hint=f"Retry after {since + parallel:%Y-%m-%d %H:%M} UTC.",
        )
    if not comparison.equal:
        reason = comparison.missing[0] if comparison.missing else "There is nothing to compare yet."
        raise Conflict(f"{old.name} is kept: {reason}", hint=f"Compare: slipway adopt {old.name} compare")
    if adoption.shared:
        raise Conflict(
            f"{old.name} is kept: {adoption.shared}", hint="Remove the construct from the CDK app."
        )
    client = cloudformation.client_of(cloud, place.account.id, place.region)

    def check() -> Check:
        current = cloudformation.read_stack(cloud, place.account.id, place.region, old.id)
        if current is None or current.status == "DELETE_COMPLETE":
            return Check(Readiness.DONE, "it no longer exists")
        if (beside := find_new_stack(cloud, place, old)) is None or beside.failed:
            return Check(Readiness.CHANGED, f"{new.name} no longer runs beside it")
        return READY

    kept = f"; retains {', '.join(adoption.retained)}" if adoption.retained else ""
    step = Step(
        id="delete",
        does=f"Delete the adopted stack {old.name}",
        resource=Resource("AWS::CloudFormation::Stack", old.name, place.account.id, place.region),
        act=lambda say: delete_stack(client, old, say, adoption.retained),
        parameters={"stack": old.id},
        check=check,
        evidence=f"{new.name} has run beside it since {since:%Y-%m-%d %H:%M} UTC, and both agree{kept}",
        actions=(
            "cloudformation:DeleteStack",
            "cloudformation:DescribeStackEvents",
            "cloudformation:DescribeStacks",
        ),
        destructive=True,
    )
    return Plan(f"Delete {old.name}", (step,), Operation.ADOPT_STACK, confirm=old.name)


def plan_undo(cloud: Cloud, adoption: Adoption) -> Plan:
    """Plan to delete the new stack; the adopted one runs on. Raises NotFound."""
    new = require_new_stack(cloud, adoption)
    plan = deploy.plan_delete(cloud, new, adoption.place.account.id, adoption.place.region)
    return replace(plan, operation=Operation.ADOPT_STACK)
