"""Which stacks of an app a selection of the file deploys where; and the stages of their targets.

Waves and their limits count places, not stacks: the stacks of an app in one account, region, and cell get the
change together, each after the stacks that it depends on.
"""

from collections.abc import Sequence
from dataclasses import replace

from ops.rollouts.rules.app.model import AppStack
from ops.rollouts.rules.model import Line, Rollout, RolloutStage, RolloutTarget

Place = tuple[str, str, str, bool, str]


def stacks_at(
    rollout: Rollout, line: Line, app: Sequence[AppStack], account: str, region: str, stack: str
) -> tuple[tuple[AppStack, str], ...]:
    """Return the stacks for an account and region, each with its name there, in the order of deployment.

    `stack` is the name in the file: it chooses one of several stacks, renames the only one, or is empty.
    Raises InputError if none is for that place.
    """
    names = list(dict.fromkeys(each.name for each in app))
    if stack and stack not in names and len(names) > 1:
        raise rollout.mistake(
            line,
            f"stack is {stack!r}, which is not in the app.",
            f"Choose one of its stacks: {', '.join(names)}. Only the stack of an app that has a single one "
            "can be renamed.",
        )
    chosen = [each for each in app if stack not in names or each.name == stack]
    here = [each for each in chosen if each.is_for(account, region)]
    if not here:
        bound = "; ".join(f"{each.label} is bound to {each.environment}" for each in chosen)
        raise rollout.mistake(
            line,
            f"no stack of the app can be deployed to {account}, {region}: {bound}.",
            "Deploy each stack to its own environment, or create it without env: then it goes everywhere.",
        )
    _check_names(rollout, line, here, account, region)
    ordered = sorted(here, key=lambda each: each.order)
    return tuple((each, each.name if stack in (*names, "") else stack) for each in ordered)


def _check_names(rollout: Rollout, line: Line, here: Sequence[AppStack], account: str, region: str) -> None:
    known: dict[str, AppStack] = {}
    for each in here:
        if (other := known.setdefault(each.name, each)) is not each:
            raise rollout.mistake(
                line,
                f"{other.label} and {each.label} are both the stack {each.name} of {account}, {region}.",
                "In [what], choose the stacks to deploy: artifact.",
            )


def check_app(rollout: Rollout, app: Sequence[AppStack], targets: Sequence[RolloutTarget]) -> None:
    """Raise InputError for a bound stack without a target, and a parameter that no stack declares."""
    deployed = {target.artifact for target in targets}
    if missing := next((each for each in app if each.artifact not in deployed), None):
        raise rollout.mistake(
            rollout.order_line,
            f"{missing.label}, bound to {missing.environment}, has no target.",
            "Add its account and region to the file; or, in [what], choose the stacks to deploy: artifact.",
        )
    declared = {name for each in app for name in each.parameters}
    tables = [(each.line, each.parameters) for each in rollout.groups]
    tables += [(each.line, each.parameters) for each in rollout.overrides]
    for line, parameters in tables:
        if unknown := next((name for name in parameters if name not in declared), ""):
            raise rollout.mistake(
                line,
                f"no stack of the app has the parameter {unknown}.",
                "Remove it from parameters, or correct its name.",
            )


def leads(targets: Sequence[RolloutTarget]) -> tuple[RolloutTarget, ...]:
    """Return one target for each place of an app, and every target of a single template."""
    first: dict[Place, RolloutTarget] = {}
    for target in targets:
        first.setdefault(_place(target), target)
    return tuple(first.values())


def with_all_stacks(
    rollout: Rollout,
    app: Sequence[AppStack],
    stages: Sequence[RolloutStage],
    targets: Sequence[RolloutTarget],
) -> tuple[RolloutStage, ...]:
    """Return the stages of the leads with all stacks of each place.

    Raises InputError if a stack would be deployed before one that it depends on.
    """
    members: dict[Place, list[RolloutTarget]] = {}
    for target in targets:
        members.setdefault(_place(target), []).append(target)
    full = tuple(
        replace(stage, targets=tuple(each for lead in stage.targets for each in members[_place(lead)]))
        for stage in stages
    )
    _check_order(rollout, app, full)
    return full


def _place(target: RolloutTarget) -> Place:
    own = "" if target.artifact else target.stack
    return target.account, target.region, target.cell, bool(target.one_box), own


def _check_order(rollout: Rollout, app: Sequence[AppStack], stages: Sequence[RolloutStage]) -> None:
    """Stacks of other places that a stack depends on are in its stage, or an earlier one.

    Those of its own place are: so only the ones that are bound to another environment need a look.
    """
    labels = {each.artifact: each.label for each in app}
    bound = {each.artifact for each in app if each.account and each.region}
    after = {each.artifact: [name for name in each.after if name in bound] for each in app}
    done: set[str] = set()
    for stage in stages:
        done.update(target.artifact for target in stage.targets)
        for target in stage.targets:
            if late := next((name for name in after.get(target.artifact, ()) if name not in done), ""):
                raise rollout.mistake(
                    rollout.order_line,
                    f"{labels[target.artifact]} depends on {labels[late]}, which is deployed in a later "
                    f"stage than {target.id}.",
                    "Put its account and region into the same stage, or an earlier one.",
                )
