"""Runs of rollouts, as the workbench starts, describes, and controls them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ops.audit import Actor
from ops.aws import dynamodb
from ops.aws.cloud import Cloud
from ops.aws.s3 import staging as s3
from ops.errors import InputError, NotFound
from ops.operations import Operation
from ops.plan import AuditedCall, Plan, Resource, Step
from ops.rollouts.controller import Controller, invoke_controller
from ops.rollouts.previews import TargetPreview
from ops.rollouts.rules import document as documents
from ops.rollouts.rules.decisions import OperatorCommand, TargetState
from ops.rollouts.rules.document import Document
from ops.rollouts.rules.gates.hooks import HookState, all_hooks
from ops.rollouts.rules.model import RolloutTarget
from ops.rollouts.upload import INVOKE, parameters, upload_step

MACHINE = "AWS::StepFunctions::StateMachine"

COMMAND_TITLES = {
    OperatorCommand.PAUSE: "Pause rollout",
    OperatorCommand.RESUME: "Resume rollout",
    OperatorCommand.STOP: "Roll back",
    OperatorCommand.SKIP: "Skip bake",
    OperatorCommand.OVERRIDE: "Override blockers",
    OperatorCommand.APPROVE: "Approve stage",
}


@dataclass(frozen=True)
class RunSummary:
    """One row in the list of runs. `status` is RUNNING, DONE, ROLLED_BACK, or STUCK (needs attention)."""

    run: str
    rollout: str
    status: str
    started: datetime
    ended: datetime | None
    by: str
    version: str = ""


@dataclass(frozen=True)
class RunTarget:
    """A target of a run. `state` is None until the target is started."""

    target: RolloutTarget
    stage: int
    state: TargetState | None
    begun: datetime | None
    ended: datetime | None
    why: str


@dataclass(frozen=True)
class RunHook:
    """A hook of a run. `state` is None until it is called; `output` is text of the hook, shortened."""

    id: str
    calls: str
    ring: str
    state: HookState | None
    output: str


@dataclass(frozen=True)
class LogLine:
    """An entry of a run's decision log."""

    at: datetime
    did: str
    target: str
    why: str
    who: str


@dataclass(frozen=True)
class RunDetails:
    """The current state of a run. `does`, `why`, and `until` are those of the last decision.

    `gate` is the [[stage]] whose approval it waits for; empty if it waits for none.
    """

    summary: RunSummary
    document: Document
    targets: tuple[RunTarget, ...]
    stage: int
    does: str
    why: str
    until: datetime | None
    stopped: str
    paused: str
    baking: Mapping[int, datetime]
    baked: frozenset[int]
    gate: str
    execution: str
    log: tuple[LogLine, ...]
    hooks: tuple[RunHook, ...] = ()


def plan_start(
    cloud: Cloud,
    controller: Controller,
    document: Document,
    previews: tuple[TargetPreview, ...] | None = None,
) -> Plan:
    """Plan the start. Without previews, neither changes nor approvals are known.

    Raises InputError when a target cannot be deployed or an approval is missing.
    """
    changes = "changes not read"
    if previews is not None:
        _check_previews(document, previews)
        changes = f"{sum(bool(preview.changes) for preview in previews)} targets with changes"
    override = document.rollout.blockers.override
    upload = upload_step(cloud, controller, document)
    start = Step(
        id="start",
        does=f"Start the rollout {document.rollout.name} to {len(document.targets)} targets"
        + (f", version {document.version}" if document.version else "")
        + (f" as an emergency: {override}" if override else ""),
        resource=_resource(controller),
        act=lambda say: invoke_controller(cloud, controller, "start", {"run": document.run}),
        parameters={**parameters(controller, document), "approved": "; ".join(document.approved)},
        needs=(upload.id,),
        evidence=f"{len(document.stages)} stages, {changes}",
        actions=INVOKE,
        destructive=bool(document.approved),
    )
    name = document.rollout.name
    return Plan(f"Start rollout {name}", (upload, start), Operation.START_ROLLOUT, confirm=name)


def _check_previews(document: Document, previews: tuple[TargetPreview, ...]) -> None:
    if failed := [preview for preview in previews if preview.error]:
        raise InputError(
            f"Cannot deploy {failed[0].target.id}: {failed[0].error}",
            field="targets",
            hint=f"Fix or remove the targets that cannot be deployed: {len(failed)} of {len(previews)}.",
        )
    missing = [line for preview in previews for line in preview.to_approve if line not in document.approved]
    if missing:
        raise InputError(
            f"Not approved: {missing[0]}",
            field="approved",
            hint=f"Approve or remove the changes that lose data or overwrite drift: {len(missing)}.",
        )


def _resource(controller: Controller) -> Resource:
    return Resource(MACHINE, controller.stack.name, controller.place.account.id, controller.place.region)


def plan_command(
    cloud: Cloud, controller: Controller, run: str, command: OperatorCommand, reason: str, actor: Actor
) -> Plan:
    """Plan an operator command to a run. Raises InputError without a reason."""
    if not reason.strip():
        raise InputError(
            "A reason is required.", field="why", hint="Enter a reason; it is kept in the decision log."
        )
    descriptions = {
        OperatorCommand.PAUSE: f"Pause {run}: no more targets are started; bakes continue",
        OperatorCommand.RESUME: f"Resume {run}",
        OperatorCommand.STOP: f"Stop {run} and roll back every target that it has changed",
        OperatorCommand.SKIP: f"Skip the current bake of {run}; alarms still stop the rollout",
        OperatorCommand.OVERRIDE: f"Start the targets of {run} despite blockers",
        OperatorCommand.APPROVE: f"Approve the stage that {run} waits to start",
    }

    on = {"run": run, "does": str(command), "why": reason.strip(), "who": actor.name}
    if command is OperatorCommand.APPROVE:
        on["role"] = str(actor.role)
    step = Step(
        id=f"{command} {run}",
        does=descriptions[command],
        resource=_resource(controller),
        act=lambda say: invoke_controller(cloud, controller, "order", on),
        parameters=on,
        evidence=reason.strip(),
        actions=INVOKE,
        destructive=command is OperatorCommand.STOP,
    )
    to_confirm = (
        OperatorCommand.STOP,
        OperatorCommand.SKIP,
        OperatorCommand.OVERRIDE,
        OperatorCommand.APPROVE,
    )
    typed = run if command in to_confirm else ""
    return Plan(f"{COMMAND_TITLES[command]}: {run}", (step,), Operation.CONTROL_ROLLOUT, confirm=typed)


def freeze_call(cloud: Cloud, controller: Controller, reason: str, actor: Actor) -> AuditedCall[object]:
    """Freeze all rollouts; with an empty reason, unfreeze them."""
    title = "Freeze all rollouts" if reason else "Unfreeze all rollouts"
    on = {"why": reason, "who": actor.name}
    step = Step(
        id="freeze",
        does=f"{title}: no more targets are started" if reason else title,
        resource=_resource(controller),
        act=lambda say: invoke_controller(cloud, controller, "freeze", on),
        parameters=on,
        evidence=reason,
        actions=INVOKE,
    )
    return AuditedCall(step, Operation.FREEZE_ROLLOUTS)


def freeze_reason(cloud: Cloud, controller: Controller) -> str:
    """Return the reason of the freeze; empty when rollouts are not frozen."""
    items = dynamodb.items(cloud, controller.place, controller.table, "run", "#freeze")
    return items[0]["why"] if items else ""


def list_runs(cloud: Cloud, controller: Controller) -> list[RunSummary]:
    """Return every run, newest first."""
    items = dynamodb.items(cloud, controller.place, controller.table, "run", "#runs")
    return sorted((_summary(item) for item in items), key=lambda run: run.started, reverse=True)


def _summary(item: Mapping[str, str]) -> RunSummary:
    return RunSummary(
        item["item"],
        item["name"],
        item["status"],
        _at(item["started"]),
        _when(item, "ended"),
        item["by"],
        item.get("version", ""),
    )


def describe_run(cloud: Cloud, controller: Controller, run: str) -> RunDetails:
    """Return the current state of a run. Raises NotFound."""
    items = dynamodb.items(cloud, controller.place, controller.table, "run", run)
    meta = next((item for item in items if item["item"] == "run"), None)
    if meta is None:
        raise NotFound(f"The run {run} does not exist.", hint="List the runs: slipway rollouts list")
    client = s3.client_of(cloud, controller.place.account.id, controller.place.region)
    document = documents.from_json(s3.read_text(client, controller.bucket, f"runs/{run}/document.json"))
    states = {item["item"]: item for item in items if item["item"].startswith("target ")}
    known = {name: meta[name] for name in ("status", "started", "ended", "by") if name in meta}
    summary = {"item": run, "name": document.rollout.name, "ended": "", "version": document.version} | known
    return RunDetails(
        summary=_summary(summary),
        document=document,
        targets=tuple(
            _target(target, number, states.get(f"target {target.id}", {}))
            for number, target in document.targets.values()
        ),
        stage=int(meta.get("stage", "0")),
        does=meta.get("do", ""),
        why=meta.get("why", ""),
        until=_when(meta, "until"),
        stopped=meta.get("stopped", ""),
        paused=json.loads(meta.get("orders", "{}")).get("pause", ""),
        baking={int(number): _at(at) for number, at in json.loads(meta.get("baking", "{}")).items()},
        baked=frozenset(json.loads(meta.get("baked", "[]"))),
        gate=meta.get("gate", "") if meta.get("do") == "wait" else "",
        execution=meta.get("execution", ""),
        log=tuple(_log_line(item) for item in items if item["item"].startswith("log ")),
        hooks=tuple(_hooks(document, items)),
    )


def _hooks(document: Document, items: Sequence[Mapping[str, str]]) -> Iterator[RunHook]:
    """Yield the hooks of the rollout with the states of their last calls."""
    states = {item["item"]: item for item in items if item["item"].startswith("hook ")}
    for ring, hook in all_hooks(document.rollout):
        item = states.get(f"hook {hook.id}", {})
        state = HookState(item["state"]) if "state" in item else None
        yield RunHook(hook.id, hook.calls, ring, state, item.get("output", ""))


def _target(target: RolloutTarget, stage: int, item: Mapping[str, str]) -> RunTarget:
    state = TargetState(item["state"]) if item.get("state") else None
    return RunTarget(target, stage, state, _when(item, "begun"), _when(item, "ended"), item.get("why", ""))


def _log_line(item: Mapping[str, str]) -> LogLine:
    at = _at(item["item"].split(" ")[1] + "+00:00")
    return LogLine(at, item["did"], item["target"], item["why"], item["who"])


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _when(item: Mapping[str, str], name: str) -> datetime | None:
    return _at(item[name]) if item.get(name) else None
