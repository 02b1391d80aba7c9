"""Runs of rollouts from the workbench: prepared, previewed, started, watched, and given orders."""

import hashlib
import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ops.audit import Actor
from ops.aws import dynamodb
from ops.aws.cloud import Cloud
from ops.aws.lambdas import FunctionFailed
from ops.aws.s3 import staging as s3
from ops.errors import InputError, NotFound, SlipwayError
from ops.operations import Operation
from ops.plan import Plan, Resource, Say, Step
from ops.rollouts.controller import Engine, call
from ops.rollouts.rules import document as documents
from ops.rollouts.rules.decisions import Does, State
from ops.rollouts.rules.document import Document
from ops.rollouts.rules.rollout import parse
from ops.rollouts.rules.waves import Resolve, Target
from ops.rollouts.source import read_file, read_template

MACHINE = "AWS::StepFunctions::StateMachine"
INVOKE = ("lambda:InvokeFunction",)
LOOK_S = 1.0
LOOKS = 300  # at a change set or a drift detection of the preview


@dataclass(frozen=True)
class Preview:
    """What would change in one target. `error` says why it cannot be deployed."""

    target: Target
    creates: bool = False
    changes: tuple[str, ...] = ()
    to_approve: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Summary:
    """A run in a list. `status`: RUNNING, DONE, ROLLED_BACK, or STUCK when a person is needed."""

    run: str
    rollout: str
    status: str
    started: datetime
    ended: datetime | None
    by: str


@dataclass(frozen=True)
class TargetState:
    """A target of a run; `state` is None before it is begun."""

    target: Target
    stage: int
    state: State | None
    begun: datetime | None
    ended: datetime | None
    why: str


@dataclass(frozen=True)
class LogLine:
    at: datetime
    did: str
    target: str
    why: str
    who: str


@dataclass(frozen=True)
class Watched:
    """A run as it stands. `does`, `why` and `until` are the last decision's."""

    summary: Summary
    document: Document
    targets: tuple[TargetState, ...]
    stage: int
    does: str
    why: str
    until: datetime | None
    stopped: str
    paused: str
    baking: Mapping[int, datetime]
    baked: frozenset[int]
    execution: str
    log: tuple[LogLine, ...]


def prepare(
    path: Path, resolve: Resolve, actor: Actor, now: datetime, *, approved: tuple[str, ...] = ()
) -> Document:
    """The document of a run of the file: template read, units and tags resolved. Raises InputError.

    `resolve` is asked only for what the file names: `organizations.accounts_of` of a Cloud.
    """
    text, _ = read_file(path)
    return prepare_text(text, path, resolve, actor, now, approved=approved)


def prepare_text(
    text: str, path: Path, resolve: Resolve, actor: Actor, now: datetime, *, approved: tuple[str, ...] = ()
) -> Document:
    """The same for a text that would stand in the file."""
    rollout = parse(text, str(path))
    template = read_template(path, rollout.what)
    wanted = {("unit", group.unit) for group in rollout.groups if group.unit}
    wanted |= {("tag", group.tag) for group in rollout.groups if group.tag}
    accounts = {f"{kind} {name}": tuple(resolve(kind, name)) for kind, name in sorted(wanted)}
    run = documents.run_id(rollout, now)
    made = Document(run, str(path), text, accounts, template, actor.name, approved)
    assert made.stages  # computed here, so that what breaks a rule is told before anything is written
    return made


def _keep(cloud: Cloud, engine: Engine, document: Document) -> None:
    """Writes what the engine reads: the document, and the template where CloudFormation may read it."""
    client = s3.client_of(cloud, engine.place.account.id, engine.place.region)
    prefix = f"runs/{document.run}"
    s3.put_if_different(client, engine.bucket, f"{prefix}/templates/wanted", document.template.encode())
    s3.put_if_different(client, engine.bucket, f"{prefix}/document.json", document.to_json().encode())


def plan_previews(cloud: Cloud, engine: Engine, document: Document, found: list[Preview]) -> Plan:
    """Makes a change set in every target and deletes it again; `found` is filled with what they answer."""
    targets = [target for _, target in document.targets.values()]

    def act(say: Say) -> None:
        found.clear()
        _keep(cloud, engine, document)
        with ThreadPoolExecutor(cloud.settings.concurrency) as pool:
            for each in pool.map(lambda target: _preview(cloud, engine, document, target), targets):
                found.append(each)
                say(f"{len(found)} of {len(targets)}: {each.target.id}")

    step = Step(
        id=f"preview {document.run}",
        does=f"Make a change set in {len(targets)} targets, and delete it again",
        resource=_machine(engine),
        act=act,
        parameters=_parameters(engine, document),
        evidence="Changes no resource of a stack",
        actions=("s3:GetObject", "s3:PutObject", *INVOKE),
    )
    return Plan(f"Preview {document.rollout.name}", (step,), Operation.PREVIEW_ROLLOUT)


def _preview(cloud: Cloud, engine: Engine, document: Document, target: Target) -> Preview:
    on = {"run": document.run, "target": target.id}
    for _ in range(LOOKS):
        try:
            found = call(cloud, engine, "preview", on)
        except FunctionFailed as error:
            if error.error != "NotReady":
                return Preview(target, error=str(error))
            time.sleep(LOOK_S)
        except SlipwayError as error:
            return Preview(target, error=str(error))
        else:
            return _read_preview(target, found)
    return Preview(target, error="its change set is still being computed")


def _read_preview(target: Target, found: Mapping[str, Any]) -> Preview:
    if "error" in found:
        return Preview(target, error=str(found["error"]))
    return Preview(target, found["creates"], tuple(found["changes"]), tuple(found["to_approve"]))


def plan_start(cloud: Cloud, engine: Engine, document: Document, found: tuple[Preview, ...]) -> Plan:
    """Starts the run. Raises InputError where a target cannot be deployed or an approval is missing."""
    if broken := [each for each in found if each.error]:
        raise InputError(
            f"{broken[0].target.id}: {broken[0].error}",
            field="targets",
            hint=f"{len(broken)} of {len(found)} targets cannot be deployed. Mend them, or take them out.",
        )
    missing = [words for each in found for words in each.to_approve if words not in document.approved]
    if missing:
        raise InputError(
            f"Not approved: {missing[0]}",
            field="approved",
            hint=f"{len(missing)} changes lose data or work done by hand. Approve each, or mend it.",
        )
    override = document.rollout.blockers.override
    step = Step(
        id=document.run,
        does=f"Start the rollout {document.rollout.name} to {len(document.targets)} targets"
        + (f", an emergency: {override}" if override else ""),
        resource=_machine(engine),
        act=lambda say: _start(cloud, engine, document),
        parameters={**_parameters(engine, document), "approved": "; ".join(document.approved)},
        evidence=f"{len(document.stages)} stages; {sum(bool(each.changes) for each in found)} targets change",
        actions=("s3:GetObject", "s3:PutObject", *INVOKE),
        destructive=bool(document.approved),
    )
    name = document.rollout.name
    return Plan(f"Roll out {name}", (step,), Operation.START_ROLLOUT, confirm=name)


def _start(cloud: Cloud, engine: Engine, document: Document) -> None:
    _keep(cloud, engine, document)
    call(cloud, engine, "start", {"run": document.run})


def _parameters(engine: Engine, document: Document) -> dict[str, str]:
    """Which document: it holds every stack's parameters and stays where it is."""
    return {
        "file": document.file,
        "document": f"s3://{engine.bucket}/runs/{document.run}/document.json",
        "sha256": hashlib.sha256(document.to_json().encode()).hexdigest(),
        "targets": ", ".join(document.targets),
    }


def _machine(engine: Engine) -> Resource:
    return Resource(MACHINE, engine.stack.name, engine.place.account.id, engine.place.region)


def plan_order(cloud: Cloud, engine: Engine, run: str, does: Does, why: str, actor: Actor) -> Plan:
    """One order to a run, with its reason. Raises InputError without one."""
    if not why.strip():
        raise InputError(
            "A reason is needed.", field="why", hint="Write it for those who read the log later."
        )
    words = {
        Does.PAUSE: f"Pause {run}: nothing new is begun, bakes go on",
        Does.RESUME: f"Resume {run}",
        Does.STOP: f"Stop {run} and roll back every target that it has changed and that is not back yet",
        Does.SKIP: f"Skip the bake of {run} that is under way; alarms count nevertheless",
        Does.OVERRIDE: f"Let {run} begin targets in spite of blockers",
    }
    on = {"run": run, "does": str(does), "why": why.strip(), "who": actor.name}
    step = Step(
        id=f"{does} {run}",
        does=words[does],
        resource=_machine(engine),
        act=lambda say: call(cloud, engine, "order", on) and None,
        parameters=on,
        evidence=why.strip(),
        actions=INVOKE,
        destructive=does is Does.STOP,
    )
    typed = run if does in (Does.STOP, Does.SKIP, Does.OVERRIDE) else ""
    return Plan(f"{does.capitalize()} {run}", (step,), Operation.ORDER_ROLLOUT, confirm=typed)


def plan_freeze(cloud: Cloud, engine: Engine, why: str, actor: Actor) -> Plan:
    """Turns the freeze switch on, for every rollout; an empty reason turns it off."""
    does = "Freeze every rollout: nothing new is begun" if why else "Lift the freeze"
    on = {"why": why, "who": actor.name}
    step = Step(
        id="freeze",
        does=does,
        resource=_machine(engine),
        act=lambda say: call(cloud, engine, "freeze", on) and None,
        parameters=on,
        evidence=why,
        actions=INVOKE,
    )
    return Plan("Freeze" if why else "Lift the freeze", (step,), Operation.FREEZE_ROLLOUTS)


def frozen(cloud: Cloud, engine: Engine) -> str:
    """Why the freeze switch is on; empty when it is off."""
    found = dynamodb.items(cloud, engine.place, engine.table, "run", "#freeze")
    return found[0]["why"] if found else ""


def list_runs(cloud: Cloud, engine: Engine) -> list[Summary]:
    """Every run that was started, newest first."""
    found = dynamodb.items(cloud, engine.place, engine.table, "run", "#runs")
    return sorted((_summary(item) for item in found), key=lambda each: each.started, reverse=True)


def _summary(item: Mapping[str, str]) -> Summary:
    return Summary(
        item["item"], item["name"], item["status"], _at(item["started"]), _when(item, "ended"), item["by"]
    )


def watch(cloud: Cloud, engine: Engine, run: str) -> Watched:
    """The run as it stands. Raises NotFound."""
    found = dynamodb.items(cloud, engine.place, engine.table, "run", run)
    meta = next((item for item in found if item["item"] == "run"), None)
    if meta is None:
        raise NotFound(f"There is no run {run}.", hint="List them: python -m ops rollouts list")
    client = s3.client_of(cloud, engine.place.account.id, engine.place.region)
    document = documents.from_json(s3.read_text(client, engine.bucket, f"runs/{run}/document.json"))
    states = {item["item"]: item for item in found if item["item"].startswith("target ")}
    summary = {"item": run, "name": document.rollout.name, "ended": "", **_known(meta)}
    return Watched(
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
        execution=meta.get("execution", ""),
        log=tuple(_line(item) for item in found if item["item"].startswith("log ")),
    )


def _known(meta: Mapping[str, str]) -> dict[str, str]:
    return {name: meta[name] for name in ("status", "started", "ended", "by") if name in meta}


def _target(target: Target, stage: int, item: Mapping[str, str]) -> TargetState:
    state = State(item["state"]) if item.get("state") else None
    return TargetState(target, stage, state, _when(item, "begun"), _when(item, "ended"), item.get("why", ""))


def _line(item: Mapping[str, str]) -> LogLine:
    at = _at(item["item"].split(" ")[1] + "+00:00")
    return LogLine(at, item["did"], item["target"], item["why"], item["who"])


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _when(item: Mapping[str, str], name: str) -> datetime | None:
    return _at(item[name]) if item.get(name) else None
