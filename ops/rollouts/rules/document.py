"""The input of a run: everything that the controller needs to decide on its own, one JSON object in S3.

It holds the text of the rollout file and the accounts that its units and tags resolved to, so that every
reader computes the same targets and stages with the same code.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import InitVar, asdict, dataclass
from datetime import datetime
from functools import cached_property

from ops.rollouts.rules.app.model import AppStack, app_stack
from ops.rollouts.rules.rollout import Rollout, parse
from ops.rollouts.rules.waves import RolloutStage, RolloutTarget, make_stages, make_targets

RUN_TIME = "%Y%m%d-%H%M%S"
WANTED = "wanted"  # the name of the template in the bucket, for a rollout of one template

# Increased with every change of documents or of the state machine that an older controller cannot carry out.
CONTROLLER_VERSION = 4


@dataclass(frozen=True)
class Document:
    """The input of one run, as stored.

    `accounts` holds the resolved account ids by "unit ou-…" and "tag k=v". `approved` are the approved lines:
    see `ops.rollouts.rules.changes`. `template` is the template's text. `divided` is whether large waves are
    divided; older documents lack it, because the stages of a run must stay the same. `parsed` is the content
    of `text` if the caller has parsed it already. `version` is what the run deploys, in the words of whoever
    started it: a commit, a tag, a build. Of an app, `stacks` are those that are deployed, and `template` is
    empty: see `template_name`.
    """

    run: str
    file: str
    text: str
    accounts: Mapping[str, Sequence[str]]
    template: str
    by: str
    approved: Sequence[str] = ()
    divided: bool = False
    version: str = ""
    stacks: Sequence[AppStack] = ()
    parsed: InitVar[Rollout | None] = None

    def __post_init__(self, parsed: Rollout | None) -> None:
        if parsed:
            vars(self)["rollout"] = parsed

    @cached_property
    def rollout(self) -> Rollout:
        return parse(self.text, self.file)

    @cached_property
    def stages(self) -> tuple[RolloutStage, ...]:
        targets = make_targets(self.rollout, lambda kind, name: self.accounts[f"{kind} {name}"], self.stacks)
        return make_stages(self.rollout, targets, whole_waves=not self.divided, app=self.stacks)

    @cached_property
    def targets(self) -> dict[str, tuple[int, RolloutTarget]]:
        """Return every target by id, with the index of its stage."""
        return {
            target.id: (number, target)
            for number, stage in enumerate(self.stages)
            for target in stage.targets
        }

    def app_stack(self, target: RolloutTarget) -> AppStack | None:
        """Return the stack of the app that the target gets; None in a rollout of one template."""
        return next((stack for stack in self.stacks if stack.artifact == target.artifact), None)

    def template_name(self, target: RolloutTarget) -> str:
        """Return the name of the target's template below `runs/<run>/templates/` in the bucket."""
        stack = self.app_stack(target)
        return stack.template if stack else WANTED

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)


def from_json(text: str) -> Document:
    values = json.loads(text)
    values["stacks"] = tuple(app_stack(stack) for stack in values.get("stacks", ()))
    return Document(**values)


def new_run_id(rollout: Rollout, now: datetime) -> str:
    """Return the name of a run that starts now.

    It leaves room for the suffix that an execution's name gets: at most 80 characters in Step Functions.
    """
    return f"{rollout.name[:50]}-{now:{RUN_TIME}}"
