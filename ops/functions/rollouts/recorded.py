"""A stack as it was before a rollout: what a rollback restores, and what it is compared with afterward."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

Record = dict[str, Any]


@dataclass(frozen=True)
class RecordedStack:
    """Everything that is needed to restore a stack, as stored. `existed` is False when there was no stack.

    `resolved` are the values of SSM parameters, whose keys are in `parameters`. `outside` names the values
    outside the stack that it refers to, and `values` what they were: see `ops.functions.rollouts.outside`.
    `nested` are the templates of nested stacks by the path of their logical ids. Records of older runs lack
    what is None, which is then not compared.
    """

    existed: bool
    id: str = ""
    updated: str = ""
    status: str = ""
    template: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    capabilities: list[str] = field(default_factory=list)
    role: str = ""
    resolved: dict[str, str] = field(default_factory=dict)
    outside: list[str] = field(default_factory=list)
    values: dict[str, Record] | None = None
    nested: dict[str, str] | None = None
    triggers: list[Record] | None = None
    monitoring_min: int = 0
    notifications: list[str] | None = None
    protected: bool | None = None
    policy: str | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def equals(self, other: "RecordedStack") -> bool:
        """Return whether all that an update of the stack can restore is the same, templates byte for byte."""
        return not list(differences(self, other))


def differences(before: RecordedStack, now: RecordedStack) -> Iterator[str]:
    """Yield the names of what an update of the stack can restore, and what differs from the record."""
    if now.template != before.template:
        yield "the template"
    names = (*before.parameters, *(name for name in now.parameters if name not in before.parameters))
    yield from (
        f"the parameter {name}" for name in names if before.parameters.get(name) != now.parameters.get(name)
    )
    if now.tags != before.tags:
        yield "the tags"
    if before.notifications is not None and now.notifications != before.notifications:
        yield "the notification topics"
    if before.nested is not None:
        nested = now.nested or {}
        yield from (
            f"the nested stack {path}"
            for path in sorted({*before.nested, *nested})
            if before.nested.get(path) != nested.get(path)
        )


def settings_that_differ(before: RecordedStack, now: RecordedStack) -> Iterator[str]:
    """Yield the names of the stack's settings that differ, which a rollback cannot or must not change."""
    if now.role != before.role:
        yield f"the service role {now.role or 'none'}, which was {before.role or 'none'}"
    if before.triggers is not None:
        kept = [trigger["Arn"] for trigger in now.triggers or []]
        gone = [trigger["Arn"] for trigger in before.triggers if trigger["Arn"] not in kept]
        added = [arn for arn in kept if arn not in [trigger["Arn"] for trigger in before.triggers]]
        yield from (f"the rollback trigger {arn}, which is removed" for arn in gone)
        yield from (f"the rollback trigger {arn}, which is new" for arn in added)
        if now.monitoring_min != before.monitoring_min:
            yield f"the monitoring time of the rollback triggers, {now.monitoring_min} min"
    if before.protected is not None and now.protected != before.protected:
        yield "the termination protection"
    if before.policy is not None and now.policy != before.policy:
        yield "the stack policy"
