"""Plans that deploy, update, and remove the log export in many accounts and regions.

The central stack comes first, then the destinations of the other regions, then all other accounts and
regions in parallel. If one fails, only those that send their logs through it are skipped. Removal runs in
the opposite order. Each stack is a nested plan.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import deploy
from ops.aws.cloudformation.change_sets import Preview
from ops.aws.cloudformation.deploy import Upload
from ops.aws.cloudformation.stacks import Change, Stack, StackSpec
from ops.aws.cloudformation.template_changes import template_changes
from ops.errors import Conflict, InputError, NotFound, SlipwayError
from ops.logs.export.deployment import package
from ops.logs.export.deployment import parameters as deployment_parameters
from ops.logs.export.deployment.actions import CENTRAL_ACTIONS, MEMBER_ACTIONS
from ops.logs.export.deployment.deployed import (
    ExportDeployment,
    belongs_to,
    find_central,
    place_name,
    read_place,
)
from ops.logs.export.deployment.stacks import STACK, central_spec, member_spec
from ops.operations import Operation
from ops.plan import READY, Check, Plan, Readiness, Step, nest

MAX_PARALLEL = 6  # stacks: each one is polled once a second
# Replacing one of these loses the records that are in transit.
NEVER_REPLACE = ("AWS::Kinesis::Stream", "AWS::Logs::Destination")


@dataclass(frozen=True)
class DeploymentRequest:
    """Where to deploy the export.

    `parameters` are those of the central template that change; all others keep their values. `name` is that
    of the stacks that are created.
    """

    central: Place
    places: tuple[Place, ...]
    parameters: Mapping[str, str]
    name: str = STACK


@dataclass(frozen=True)
class _PlannedStack:
    """One stack of the plan: its specification as far as it is known, and the stack that it depends on."""

    place: Place
    deployment: ExportDeployment
    spec: StackSpec
    through: Place | None = None  # has the destination (or, for a destination, the stream) that it sends to
    uploads: tuple[Upload, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class ChangePreviews:
    """A plan that reads what would change in each account and region, and the step that returns it."""

    plan: Plan
    steps: Mapping[Place, Step[Preview]]


def plan_deploy(
    cloud: Cloud,
    deployments: Sequence[ExportDeployment],
    request: DeploymentRequest,
    previews: Mapping[Place, Preview] | None = None,
) -> Plan:
    """Plan to create missing stacks and to update those that differ.

    `deployments` has an entry for each account and region of the request. `previews` are those of
    `plan_previews`; without one, a stack's changes are read from the templates. Raises InputError for invalid
    parameters, and where a stack of another export exists.
    """
    planned = _planned_stacks(cloud, deployments, request)
    steps: list[Step[Any]] = []
    parts: dict[Place, tuple[str, ...]] = {}
    for stack in planned:
        needs = parts[stack.through] if stack.through else ()
        part = nest(_stack_plan(cloud, stack, request, previews or {}), place_name(stack.place), needs)
        parts[stack.place] = tuple(step.id for step in part)
        steps += part
    return Plan(
        f"Deploy the log export to {len(planned)} targets (central stack in {place_name(request.central)})",
        tuple(steps),
        Operation.DEPLOY_EXPORT,
        at_once=MAX_PARALLEL,
    )


def plan_previews(
    cloud: Cloud, deployments: Sequence[ExportDeployment], request: DeploymentRequest
) -> ChangePreviews:
    """Plan to read the changes of every stack that `plan_deploy` creates or updates, from change sets.

    The bucket, the template and the code that a change set needs stay; the change sets are deleted again.
    """
    steps: list[Step[Any]] = []
    of_place: dict[Place, Step[Preview]] = {}
    for stack in _planned_stacks(cloud, deployments, request):
        if stack.deployment.error or not _differences(stack.deployment, stack.spec):
            continue
        spec = _with_expected_target(stack, request.central)
        plan, of_place[stack.place] = deploy.plan_temporary_preview(cloud, spec, stack.uploads)
        steps += nest(replace(plan, title=f"Preview {place_name(stack.place)}"), place_name(stack.place))
    plan = Plan(
        f"Preview the log export in {len(of_place)} targets",
        tuple(steps),
        Operation.PREPARE_STACK,
        at_once=MAX_PARALLEL,
    )
    return ChangePreviews(plan, of_place)


def _planned_stacks(
    cloud: Cloud, deployments: Sequence[ExportDeployment], request: DeploymentRequest
) -> list[_PlannedStack]:
    """Return the central stack first, and each other one after the stack that it sends through."""
    deployment_parameters.check_parameters(request.parameters)
    by_place = {deployment.place: deployment for deployment in deployments}
    _check_places(by_place, request)
    central = _central_stack(cloud, by_place[request.central], request)
    return [central, *_member_stacks(by_place, request, central)]


def _check_places(by_place: Mapping[Place, ExportDeployment], request: DeploymentRequest) -> None:
    central = by_place[request.central]
    if central.error:
        raise central.error
    if central.stack and not central.is_central:
        raise InputError(
            f"The export in {central.name} is a member of another export.",
            field="central",
            hint="Remove it there first, or choose another account and region for the central stack.",
        )
    for place in request.places:
        other = by_place[place]
        other_central = other.is_central if place != request.central else False
        if other_central or (other.stack and central.stack and not belongs_to(other, central)):
            raise InputError(
                f"{other.name} belongs to another export.",
                field="places",
                hint="Deselect it, or remove the export there first.",
            )


def _central_stack(cloud: Cloud, deployment: ExportDeployment, request: DeploymentRequest) -> _PlannedStack:
    home = request.central
    current = deployment.stack.parameters if deployment.stack else {}
    senders = {place.account.id for place in request.places} - {home.account.id}
    parameters = deployment_parameters.central_parameters(current, request.parameters, senders)
    uploads: tuple[Upload, ...] = ()
    note = ""
    if "ProcessorPackage" not in request.parameters:
        try:
            zipped = package.build(cloud.settings.data / "packages")
        except NotFound as error:
            parameters["ProcessorPackage"], note = "", f"{error} {error.hint}"
        else:
            uploads = (Upload(package.key(zipped), zipped),)
            bucket = deploy.staging_bucket(home.account.id, home.region)
            parameters["ProcessorPackage"] = f"{bucket}/{package.key(zipped)}"
    spec = _named(central_spec(home, parameters), deployment, request)
    return _PlannedStack(home, deployment, spec, None, uploads, note)


def _member_stacks(
    by_place: Mapping[Place, ExportDeployment], request: DeploymentRequest, central: _PlannedStack
) -> Iterator[_PlannedStack]:
    """Yield the central account's stacks first: they create the destinations of their regions."""
    home = request.central
    other_regions = sorted({place.region for place in request.places} - {home.region})
    with_destination = {region: Place(home.account, region) for region in other_regions}
    for place in with_destination.values():
        yield _member_stack(by_place.get(place, ExportDeployment(place)), request, central, home, home)
    for place in sorted(set(request.places) - {home, *with_destination.values()}, key=place_name):
        through = with_destination.get(place.region, home)
        yield _member_stack(by_place[place], request, central, through, home)


def _member_stack(
    deployment: ExportDeployment,
    request: DeploymentRequest,
    central: _PlannedStack,
    through: Place,
    home: Place,
) -> _PlannedStack:
    place = deployment.place
    current = deployment.stack.parameters if deployment.stack else {}
    # The target may be known only once the stack before it is deployed: until then it keeps its value.
    target = {name: current.get(name, "") for name in ("LogDestination", "StreamName", "StreamRegion")}
    if place.account == home.account:
        target["StreamRegion"] = home.region
    parameters = deployment_parameters.member_parameters(
        current, request.parameters, central.spec.parameters, target
    )
    note = ""
    if place not in request.places:
        note = f"creates the destination that the other accounts need in {place.region}"
    spec = _named(member_spec(place, parameters), deployment, request)
    return _PlannedStack(place, deployment, spec, through, note=note)


def _named(spec: StackSpec, deployment: ExportDeployment, request: DeploymentRequest) -> StackSpec:
    """Keep the name of a stack that was deployed by other means; a new one has the name of the request."""
    return replace(spec, name=deployment.stack.name if deployment.stack else request.name)


def _stack_plan(
    cloud: Cloud, planned: _PlannedStack, request: DeploymentRequest, previews: Mapping[Place, Preview]
) -> Plan:
    place, existing = planned.place, planned.deployment.stack
    is_central = planned.through is None
    kind = "central stack" if is_central else "member stack"
    evidence, changes = _evidence(planned, previews.get(place))

    def check() -> Check:
        spec = _with_target(cloud, planned, request.central)
        now = read_place(cloud, place)
        if now.stack and not _differences(now, spec):
            return Check(Readiness.DONE, "up to date")
        if now.stack and not planned.deployment.error and now.is_central != is_central:
            raise Conflict(
                f"A stack of another export was deployed to {now.name} since the plan was made.",
                hint="Create the plan again.",
            )
        return READY

    return deploy.plan_stack(
        cloud,
        planned.spec,
        planned.uploads,
        title=f"{'Update' if existing else 'Create'} the {kind} in {place_name(place)}",
        may_remove=_may_replace,
        resolve=lambda: _with_target(cloud, planned, request.central),
        check=check,
        evidence="; ".join(filter(None, (evidence, planned.note))),
        changes=changes,
        actions=CENTRAL_ACTIONS if is_central else MEMBER_ACTIONS,
    )


def _evidence(planned: _PlannedStack, preview: Preview | None) -> tuple[str, tuple[Change, ...]]:
    """Return what the deployment of the stack changes: a summary, and the resources.

    These are from the change set of the preview, or else from the templates.
    """
    deployment = planned.deployment
    if deployment.error:
        return f"cannot be read: {deployment.error}", ()
    if deployment.stack is None:
        changes = preview.changes if preview else template_changes({}, planned.spec, {})
        return preview.summary if preview else f"up to {len(changes)} resources (from the template)", changes
    differences = ", ".join(_differences(deployment, planned.spec))
    if not differences:
        return "up to date", ()
    before = deployment.template if isinstance(deployment.template, Mapping) else {}
    read = template_changes(before, planned.spec, deployment.stack.parameters)
    return f"changes {differences}", preview.changes if preview else read


def _may_replace(change: Change) -> bool:
    return change.kind not in NEVER_REPLACE


def _with_target(cloud: Cloud, planned: _PlannedStack, home: Place) -> StackSpec:
    """Return the specification with the stream or destination that the stack before it has created."""
    if planned.through is None:
        return planned.spec
    before = read_place(cloud, planned.through).stack
    output = "Stream" if planned.place.account == home.account else "LogDestination"
    if before is None or output not in before.outputs:
        raise NotFound(
            f"The export's stack in {place_name(planned.through)} has no output {output}.",
            hint="Deploy it first: run the plan again.",
        )
    name = "StreamName" if output == "Stream" else "LogDestination"
    return replace(planned.spec, parameters={**planned.spec.parameters, name: before.outputs[output]})


def _with_expected_target(planned: _PlannedStack, home: Place) -> StackSpec:
    """Return the specification with the destination that will exist: whether it is given is a condition."""
    parameters = planned.spec.parameters
    if planned.through is None or planned.place.account == home.account or parameters["LogDestination"]:
        return planned.spec
    partition = "aws-cn" if home.region.startswith("cn-") else "aws"
    name = parameters["DestinationName"]
    arn = f"arn:{partition}:logs:{planned.place.region}:{home.account.id}:destination:{name}"
    return replace(planned.spec, parameters={**parameters, "LogDestination": arn})


def _differences(deployment: ExportDeployment, spec: StackSpec) -> list[str]:
    """Describe what an update would change; empty where the stack is up to date."""
    if deployment.stack is None:
        return ["everything"]
    current = deployment.stack.parameters
    differences = [
        f"{name}: {current.get(name) or 'empty'} → {value or 'empty'}"
        for name, value in spec.parameters.items()
        if current.get(name, "") != value
    ]
    template = json.loads(spec.template_body)
    if deployment.template != template:
        before, after = _resources(deployment.template), template["Resources"]
        names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
        differences.append(f"the template ({', '.join(names) or 'no resources'})")
    if deployment.stack.status.endswith("_FAILED"):
        differences.append(f"its status {deployment.stack.status}")
    return differences


def _resources(template: object) -> Mapping[str, object]:
    return template.get("Resources", {}) if isinstance(template, dict) else {}


def plan_remove(
    cloud: Cloud, deployments: Sequence[ExportDeployment], central: Place | None, places: Sequence[Place]
) -> Plan:
    """Plan to delete the export's stacks in `places`, the central one last.

    Deleting a stack unsubscribes its log groups. `deployments` has an entry for each account and region that
    may send logs. Raises InputError if others still send to a deleted destination, NotFound if there is
    no stack to delete.
    """
    exported = _select_export(deployments, central)
    selected = [deployment for deployment in exported if deployment.place in places]
    unread = [deployment for deployment in deployments if deployment.error]
    if not selected:
        if unread:
            raise unread[0].error or NotFound(unread[0].name)
        raise NotFound(
            "No export is deployed in these accounts and regions.",
            hint="Deploy one with: slipway logs deploy",
        )
    home = next(deployment.place for deployment in exported if deployment.is_central)
    _check_senders(exported, unread, selected, home)
    of_home_account = [item for item in selected if item.place.account == home.account]
    ordered = [
        *(item for item in selected if item.place.account != home.account),
        *(item for item in of_home_account if not item.is_central),
        *(item for item in of_home_account if item.is_central),
    ]
    return Plan(
        f"Remove the log export from {len(ordered)} targets",
        tuple(_remove_step(cloud, deployment, ordered, home) for deployment in ordered),
        Operation.REMOVE_EXPORT,
        confirm=STACK,
        at_once=MAX_PARALLEL,
    )


def _select_export(deployments: Sequence[ExportDeployment], central: Place | None) -> list[ExportDeployment]:
    """Return the stacks of one export."""
    candidates = [deployment for deployment in deployments if central is None or deployment.place == central]
    center = find_central(candidates)
    if center is None:
        errors: list[SlipwayError] = [deployment.error for deployment in deployments if deployment.error]
        if errors:
            raise errors[0]
        raise NotFound(
            "No export is deployed in the configured accounts and regions.", hint="Deploy one first."
        )
    return [deployment for deployment in deployments if deployment.stack and belongs_to(deployment, center)]


def _check_senders(
    exported: Sequence[ExportDeployment],
    unread: Sequence[ExportDeployment],
    selected: Sequence[ExportDeployment],
    home: Place,
) -> None:
    """Refuse to remove a destination that other accounts still send to."""
    removed = {deployment.place for deployment in selected}
    for deployment in [*(item for item in exported if item.place not in removed), *unread]:
        through = Place(home.account, deployment.place.region)
        if home in removed or (through in removed and through != deployment.place):
            why = f"cannot be read ({deployment.error})" if deployment.error else "still sends its logs to it"
            raise InputError(
                f"Cannot remove the destination: {deployment.name} {why}.",
                field="places",
                hint="Remove the export from there as well, or first.",
            )


def _remove_step(
    cloud: Cloud, deployment: ExportDeployment, ordered: Sequence[ExportDeployment], home: Place
) -> Step[Any]:
    """Delete the central stack after all others, and a destination after those that send to it."""
    stack, place = _require_stack(deployment), deployment.place
    [deletes] = deploy.plan_delete(cloud, stack, place.account.id, place.region).steps
    evidence = "unsubscribes its log groups"
    before = [item for item in ordered if item.place.account != home.account]
    if deployment.is_central:
        before = [item for item in ordered if item is not deployment]
        bucket = stack.outputs.get("Bucket", "the bucket").rpartition(":")[2]
        evidence += f"; keeps {bucket} and its data"
    elif place.account == home.account:
        before = [item for item in before if item.place.region == place.region]
    else:
        before = []
    return replace(
        deletes,
        id=deployment.name,
        does=f"Remove the export from {deployment.name}",
        needs=tuple(item.name for item in before),
        evidence=evidence,
    )


def _require_stack(deployment: ExportDeployment) -> Stack:
    assert deployment.stack
    return deployment.stack
