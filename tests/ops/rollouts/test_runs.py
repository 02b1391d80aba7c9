"""Runs as they are prepared: the file is parsed once, and a start is planned from previews."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops.audit import Actor
from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation.stacks import Stack
from ops.errors import InputError
from ops.plan import Outcome, Status, StepResult
from ops.rollouts import prepare, runs
from ops.rollouts.controller import Controller
from ops.rollouts.prepare import approve, prepare_run
from ops.rollouts.previews import TargetPreview, plan_previews
from ops.rollouts.rules import document as documents
from ops.rollouts.rules.document import Document
from ops.rollouts.rules.rollout import Rollout, parse
from ops.settings import Account, Settings

EXAMPLE = Path("rollouts/welcome.toml")
HOME = Place(Account("home", "111111111111"), "eu-west-1")
NOW = datetime(2026, 11, 30, tzinfo=UTC)
OUTPUTS = {"Bucket": "runs", "Table": "runs", "Function": "controller", "Version": "4"}
STACK = Stack("slipway-rollouts", "arn", "CREATE_COMPLETE", "", "", OUTPUTS, {}, {}, NOW, None)


@pytest.fixture
def cloud() -> Cloud:
    """Never called: a plan is computed from what was read."""
    return Cloud(Settings(cloud="aws", accounts=(HOME.account,)))


@pytest.fixture
def controller() -> Controller:
    return Controller(HOME, STACK)


@pytest.fixture
def document() -> Document:
    return prepare_run(EXAMPLE, lambda kind, name: (), Actor("ada", "test"), NOW)


def test_the_file_is_parsed_once(
    monkeypatch: pytest.MonkeyPatch, cloud: Cloud, controller: Controller
) -> None:
    parsed: list[str] = []

    def count(text: str, name: str) -> Rollout:
        parsed.append(name)
        return parse(text, name)

    monkeypatch.setattr(documents, "parse", count)
    monkeypatch.setattr(prepare, "parse", count)
    document = prepare_run(EXAMPLE, lambda kind, name: (), Actor("ada", "test"), NOW)
    plan_previews(cloud, controller, document)
    runs.plan_start(cloud, controller, approve(document, ("a line",)))
    assert parsed == [str(EXAMPLE)]


def test_the_approved_run_is_the_previewed_one(document: Document) -> None:
    approved = approve(document, ("a line",))
    assert approved.approved == ("a line",) and document.approved == ()
    assert (approved.run, approved.text, approved.template) == (
        document.run,
        document.text,
        document.template,
    )


def test_every_target_is_previewed_by_a_step_that_returns_its_changes(
    cloud: Cloud, controller: Controller, document: Document
) -> None:
    previews = plan_previews(cloud, controller, document)
    assert previews.plan.steps == (previews.plan.steps[0], *previews.steps)
    assert [step.id for step in previews.steps] == [target.id for _, target in document.targets.values()]
    assert {step.needs for step in previews.steps} == {("upload",)}
    found = [TargetPreview(target, creates=True) for _, target in document.targets.values()]
    results = [
        StepResult(step, Status.DONE, value=value) for step, value in zip(previews.steps, found, strict=True)
    ]
    assert previews.read(Outcome(previews.plan, tuple(results))) == tuple(found)


def test_a_start_uploads_and_starts(cloud: Cloud, controller: Controller, document: Document) -> None:
    plan = runs.plan_start(cloud, controller, document)
    assert [step.id for step in plan.steps] == ["upload", "start"]
    assert plan.steps[1].needs == ("upload",) and "changes not read" in plan.steps[1].evidence
    (first, *_) = [target for _, target in document.targets.values()]
    changed = TargetPreview(first, changes=("adds A",), to_approve=("a line",))
    with pytest.raises(InputError, match="Not approved: a line"):
        runs.plan_start(cloud, controller, document, (changed,))
    approved = runs.plan_start(cloud, controller, approve(document, ("a line",)), (changed,))
    assert "1 targets with changes" in approved.steps[1].evidence and approved.destructive
