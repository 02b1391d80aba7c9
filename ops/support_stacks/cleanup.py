"""The clean-up as a plan: chosen, guarded against too much, and written down step by step."""

from collections.abc import Sequence

from ops.aws.cloud import Cloud
from ops.aws.s3.buckets import exists
from ops.aws.s3.staging import client_of
from ops.errors import InputError, NotFound
from ops.operations import Operation
from ops.plan import Plan
from ops.support_stacks.cleanup_steps import MOST, Unit, Wishes, Writer
from ops.support_stacks.facts import Stack
from ops.support_stacks.liveness import Graph, Kind, State, Verdict

MOST_SHARE = 0.8  # of everything found, where enough was found for a share to mean something
ENOUGH = 10
PLAIN = Wishes()


def plan_clean_up(cloud: Cloud, graph: Graph, chosen: Sequence[str] = (), wishes: Wishes = PLAIN) -> Plan:
    """Deletes the chosen things (keys of verdicts; every orphan when none is named). Changes nothing yet.

    Raises InputError for a thing that is not orphaned, or a plan that deletes suspiciously much.
    """
    verdicts = _chosen(graph, chosen, wishes)
    _guard(graph, verdicts, wishes)
    units = _units(graph, verdicts)
    _check(cloud, units, wishes)
    writer = Writer(cloud, graph, wishes)
    steps = tuple(step for unit in units for step in writer.steps(unit))
    confirm = "" if not units else units[0].name if len(units) == 1 else f"delete {len(units)}"
    what = units[0].name if len(units) == 1 else f"{len(units)} support stacks, buckets and keys"
    return Plan(f"Clean up {what}", steps, Operation.CLEAN_UP_SUPPORT, confirm=confirm)


def _chosen(graph: Graph, chosen: Sequence[str], wishes: Wishes) -> list[Verdict]:
    if not chosen:
        held = {
            stack.id
            for stack in graph.inventory.stacks
            if not _is_dead(graph, stack) or (stack.protected and not wishes.unprotect)
        }
        return [verdict for verdict in graph.of(State.ORPHANED) if verdict.stack not in held]
    found = []
    for key in chosen:
        verdict = graph.by_key.get(key)
        if verdict is None:
            raise NotFound(f"There is no {key}.", hint="Read the inventory again and choose from it.")
        if verdict.state is not State.ORPHANED:
            raise InputError(
                f"{verdict.id} is {verdict.state}: {verdict.reasons[0]}.",
                field="chosen",
                hint="Only what is orphaned can be cleaned up.",
            )
        found.append(verdict)
    return found


def _guard(graph: Graph, verdicts: list[Verdict], wishes: Wishes) -> None:
    if len(verdicts) > wishes.most:
        raise InputError(
            f"The plan would delete {len(verdicts)} things; {wishes.most} is the limit.",
            hint="Choose fewer, or raise the limit (--most) once you have looked at them.",
        )
    ours = [verdict for verdict in graph.verdicts if verdict.state is not State.LEFT_ALONE]
    if len(ours) >= ENOUGH and len(verdicts) > MOST_SHARE * len(ours) and wishes.most <= MOST:
        raise InputError(
            f"{len(verdicts)} of {len(ours)} things look orphaned, which is most of them.",
            hint="More likely something cannot be seen: check the accounts in slipway.toml. "
            f"If it is right, choose fewer by name, or raise the limit above {MOST} (--most).",
        )


def _units(graph: Graph, verdicts: list[Verdict]) -> list[Unit]:
    """A thing inside a support stack brings the whole stack; each must be orphaned for the stack to be."""
    stacks = {stack.id: stack for stack in graph.inventory.stacks}
    ids = list(dict.fromkeys(verdict.stack for verdict in verdicts if verdict.stack))
    units = [_unit(graph, stacks[id], graph.of_stack(id)) for id in ids]
    for unit in units:
        if unit.stack and not _is_dead(graph, unit.stack):
            verdict = graph.by_key[_key_of(unit.stack)]
            raise InputError(
                f"{unit.name} is {verdict.state}: {verdict.reasons[0]}.", hint="Nothing of it is deleted."
            )
    return units + [_unit(graph, None, [verdict]) for verdict in verdicts if not verdict.stack]


def _is_dead(graph: Graph, stack: Stack) -> bool:
    return graph.by_key[_key_of(stack)].state is State.ORPHANED


def _key_of(stack: Stack) -> str:
    return f"{Kind.STACK} {stack.account} {stack.region} {stack.name}"


def _unit(graph: Graph, stack: Stack | None, inside: list[Verdict]) -> Unit:
    names = {(v.kind, v.account, v.region, v.id) for v in inside}
    buckets = [b for b in graph.inventory.buckets if (Kind.BUCKET, b.account, b.region, b.name) in names]
    aliases = [a for a in graph.inventory.aliases if (Kind.KEY, a.account, a.region, a.name) in names]
    return Unit(stack, tuple(buckets), tuple(aliases))


def _check(cloud: Cloud, units: list[Unit], wishes: Wishes) -> None:
    for unit in units:
        if unit.stack and unit.stack.protected and not wishes.unprotect:
            raise InputError(
                f"{unit.name} is protected against deletion.",
                field="unprotect",
                hint="Ask whoever protected it; then let the plan turn that off (--unprotect).",
            )
    buckets = [bucket for unit in units for bucket in unit.buckets]
    if wishes.archive in {bucket.name for bucket in buckets}:
        raise InputError(
            f"{wishes.archive} is itself to be deleted.", field="archive", hint="Archive to another bucket."
        )
    for account, region in {(bucket.account, bucket.region) for bucket in buckets if wishes.archive}:
        if not exists(client_of(cloud, account, region), wishes.archive):
            raise InputError(
                f"There is no bucket {wishes.archive} to archive to.",
                field="archive",
                hint="Make it, versioned and private, in an account that lets this one write to it.",
            )
