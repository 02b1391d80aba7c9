"""A rollout as it was started: what the engine needs to decide by itself, one JSON object in S3.

It holds the file's own text and which accounts its units and tags stood for then, so that whoever reads it
computes the same targets and stages by the same code.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property

from ops.rollouts.rules.rollout import Rollout, parse
from ops.rollouts.rules.waves import Stage, Target, make_stages, make_targets

RUN_TIME = "%Y%m%d-%H%M%S"


@dataclass(frozen=True)
class Document:
    """`accounts` holds the resolved ids by "unit ou-…" and "tag k=v", `approved` what was approved: see
    `ops.rollouts.rules.changes`. `template` is the whole text."""

    run: str
    file: str
    text: str
    accounts: Mapping[str, Sequence[str]]
    template: str
    by: str
    approved: Sequence[str] = ()

    @cached_property
    def rollout(self) -> Rollout:
        return parse(self.text, self.file)

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        targets = make_targets(self.rollout, lambda kind, name: self.accounts[f"{kind} {name}"])
        return make_stages(self.rollout, targets)

    @cached_property
    def targets(self) -> dict[str, tuple[int, Target]]:
        """Every target by its id, with its stage's number."""
        return {
            target.id: (number, target)
            for number, stage in enumerate(self.stages)
            for target in stage.targets
        }

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)


def from_json(text: str) -> Document:
    return Document(**json.loads(text))


def run_id(rollout: Rollout, now: datetime) -> str:
    """The name of a run that is begun now; short enough for an execution's name with what is added to it."""
    return f"{rollout.name[:50]}-{now:{RUN_TIME}}"
