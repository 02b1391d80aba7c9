"""The approval and the hooks of a stage, as the file declares them. Frozen data."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

ROLES = ("operator", "administrator")  # each includes the ones before it; the names of `ops.roles`
HOOK_NAMES = "slipway-hook-"  # the controller may call nothing else


@dataclass(frozen=True)
class Approval:
    """Someone with at least `role` approves the stage within `expires`, or the rollout is rolled back."""

    role: str
    expires: timedelta


class HookKind(StrEnum):
    """What a hook calls, as the keys of the file."""

    LAMBDA = "lambda"
    STATE_MACHINE = "state_machine"
    URL = "url"


class FailureAction(StrEnum):
    """What a failed hook does to the rollout, as written in the file."""

    ROLL_BACK = "roll back"
    PAUSE = "pause"


@dataclass(frozen=True)
class Hook:
    """A function, a state machine, or a URL that is called before or after a stage.

    `id` is unique in the rollout: stage/before/1. `calls` is the name or the URL.
    """

    id: str
    kind: HookKind
    calls: str
    timeout: timedelta
    failure: FailureAction = FailureAction.ROLL_BACK

    @property
    def name(self) -> str:
        return f"hook {self.id} ({self.calls})"


@dataclass(frozen=True)
class Hooks:
    """The hooks of a stage: before its first wave, and after the bake of its last one."""

    before: tuple[Hook, ...] = ()
    after: tuple[Hook, ...] = ()
