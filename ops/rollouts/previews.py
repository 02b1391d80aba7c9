"""What a rollout would change in each target, read from change sets that are deleted again."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ops.aws.cloud import Cloud
from ops.aws.lambdas import FunctionFailed
from ops.errors import SlipwayError
from ops.operations import Operation
from ops.plan import Outcome, Plan, ReportProgress, Resource, Step
from ops.rollouts.controller import Controller, invoke_controller
from ops.rollouts.rules.document import Document
from ops.rollouts.rules.model import RolloutTarget
from ops.rollouts.upload import INVOKE, upload_step

STACK = "AWS::CloudFormation::Stack"
PREVIEW_POLL_S, PREVIEW_ATTEMPTS = 1.0, 300  # for a change set or a drift detection
PREVIEWED = ("changes", "to_approve", "warnings")


@dataclass(frozen=True)
class TargetPreview:
    """What would change in one target, and what a rollback would not restore; or why it cannot start."""

    target: RolloutTarget
    creates: bool = False
    changes: tuple[str, ...] = ()
    to_approve: tuple[str, ...] = ()
    error: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChangePreviews:
    """A plan that reads what would change in every target, and its steps, each of which returns a preview."""

    plan: Plan
    steps: tuple[Step[TargetPreview], ...]

    def read(self, outcome: Outcome) -> tuple[TargetPreview, ...]:
        """Return the previews, once all steps have run."""
        return tuple(outcome.value(step) for step in self.steps)


def plan_previews(cloud: Cloud, controller: Controller, document: Document) -> ChangePreviews:
    """Plan a change set in every target, deleted again once it is read."""
    upload = upload_step(cloud, controller, document)
    steps = tuple(
        Step(
            id=target.id,
            does=f"Create a change set in {target.id}, then delete it",
            resource=Resource(STACK, target.stack, target.account, target.region),
            act=partial(_preview, cloud, controller, document, target),
            parameters={"run": document.run, "target": target.id},
            evidence="No resource is changed",
            actions=INVOKE,
            needs=(upload.id,),
        )
        for _, target in document.targets.values()
    )
    plan = Plan(
        f"Preview {document.rollout.name}",
        (upload, *steps),
        Operation.PREVIEW_ROLLOUT,
        at_once=cloud.settings.concurrency,
    )
    return ChangePreviews(plan, steps)


def _preview(
    cloud: Cloud, controller: Controller, document: Document, target: RolloutTarget, say: ReportProgress
) -> TargetPreview:
    on = {"run": document.run, "target": target.id}
    for _ in range(PREVIEW_ATTEMPTS):
        try:
            answer = invoke_controller(cloud, controller, "preview", on)
        except FunctionFailed as error:
            if error.error != "NotReady":
                return TargetPreview(target, error=str(error))
            time.sleep(PREVIEW_POLL_S)
        except SlipwayError as error:
            return TargetPreview(target, error=str(error))
        else:
            return _read_preview(target, answer)
    return TargetPreview(target, error="the change set is still being created")


def _read_preview(target: RolloutTarget, answer: Mapping[str, Any]) -> TargetPreview:
    if "error" in answer:
        return TargetPreview(target, error=str(answer["error"]))
    changes, to_approve, warnings = (tuple(answer.get(key, ())) for key in PREVIEWED)
    return TargetPreview(target, answer["creates"], changes, to_approve, warnings=warnings)
