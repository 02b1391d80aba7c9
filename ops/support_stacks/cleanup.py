"""The plan of a cleanup: its orphaned resources, its limits, and its steps."""

from collections.abc import Sequence

from ops.aws.cloud import Cloud
from ops.aws.codepipeline import PipelineReader
from ops.aws.s3.buckets import bucket_exists
from ops.aws.s3.staging import client_of
from ops.errors import InputError, NotFound
from ops.operations import Operation
from ops.plan import Plan
from ops.support_stacks.cleanup_steps import MAX_DELETIONS, CleanUpOptions, CleanUpSteps
from ops.support_stacks.deletion import Deletion, DeletionGroup, UsersNow
from ops.support_stacks.facts import CandidateStack
from ops.support_stacks.fingerprints import StackKind
from ops.support_stacks.liveness import ResourceType, UsageGraph, UsageState, UsageVerdict
from ops.text.confirmations import typed_name

MAX_SHARE = 0.8  # of all resources in the inventory
MIN_FOR_SHARE = 10  # resources in the inventory, below which the share means nothing
DEFAULT_OPTIONS = CleanUpOptions()


def plan_clean_up(
    cloud: Cloud,
    graph: UsageGraph,
    selected: Sequence[str] = (),
    options: CleanUpOptions = DEFAULT_OPTIONS,
) -> Plan:
    """Plan to delete the selected resources (keys of verdicts), or all orphaned ones if none is selected.

    Raises InputError for a resource that is not orphaned and for a plan that exceeds the limits.
    """
    verdicts = _selected(graph, selected) if selected else _all_orphaned(graph, options)
    _check_limits(graph, verdicts, options)
    groups = _groups(graph, verdicts)
    for group in groups:
        if group.stack and (refusal := _refusal(graph, group.stack, options)):
            raise refusal
    if options.archive:
        _check_archive(cloud, groups, options.archive)
    names = [group.name for group in groups]
    subject = names[0] if len(names) == 1 else f"{len(names)} support stacks, buckets and keys"
    confirm = typed_name(names, "resource") if names else ""
    users = UsersNow(cloud, graph.inventory, PipelineReader(cloud))
    deletions = [Deletion(cloud, group, users, options.unprotect, {}) for group in groups]
    steps = tuple(
        step for deletion in deletions for step in CleanUpSteps(deletion, graph, options).in_order()
    )
    return Plan(f"Clean up {subject}", steps, Operation.CLEAN_UP_SUPPORT, confirm=confirm)


def _all_orphaned(graph: UsageGraph, options: CleanUpOptions) -> list[UsageVerdict]:
    """Return all orphaned resources, except those of a stack that cannot be deleted."""
    kept = {stack.id for stack in graph.inventory.stacks if _refusal(graph, stack, options)}
    return [verdict for verdict in graph.with_state(UsageState.ORPHANED) if verdict.stack not in kept]


def _selected(graph: UsageGraph, selected: Sequence[str]) -> list[UsageVerdict]:
    verdicts = []
    for key in selected:
        verdict = graph.by_key.get(key)
        if verdict is None:
            raise NotFound(
                f"{key} is not in the inventory.", hint="Refresh the inventory and select from it."
            )
        if verdict.state is not UsageState.ORPHANED:
            raise InputError(
                f"Cannot delete {verdict.id}: it is {verdict.state} ({verdict.reasons[0]}).",
                field="chosen",
                hint="Select orphaned resources only.",
            )
        verdicts.append(verdict)
    return verdicts


def _refusal(graph: UsageGraph, stack: CandidateStack, options: CleanUpOptions) -> InputError | None:
    """Return why the stack cannot be deleted, if it cannot: it is deleted whole, so all must be orphaned."""
    verdict = graph.verdict(ResourceType.STACK, stack)
    if verdict.state is not UsageState.ORPHANED:
        return InputError(
            f"Cannot delete {stack.name}: it is {verdict.state} ({verdict.reasons[0]}).",
            hint="Deselect the resources of this stack.",
        )
    if stack.kind is StackKind.ROLES:
        command = f"aws cloudformation delete-stack --stack-name {stack.name} --region {stack.region}"
        return InputError(
            f"Cannot delete {stack.name}: it contains IAM roles, which Slipway does not delete.",
            hint=f"Deselect it, and delete it in account {stack.account}: {command}",
        )
    if stack.protected and not options.unprotect:
        return InputError(
            f"Cannot delete {stack.name}: termination protection is enabled.",
            field="unprotect",
            hint="Ask the stack's owner, then let the plan disable it (--unprotect).",
        )
    if stack.additions and not options.with_additions:
        return InputError(
            f"Cannot delete {stack.name}: it also contains {', '.join(stack.additions)}, which CDK "
            "did not create.",
            field="with_additions",
            hint="Check that it is unused, then let the plan delete it too (--with-additions).",
        )
    return None


def _check_limits(graph: UsageGraph, verdicts: list[UsageVerdict], options: CleanUpOptions) -> None:
    if len(verdicts) > options.max_deletions:
        raise InputError(
            f"The plan would delete {len(verdicts)} resources; the limit is {options.max_deletions}.",
            hint="Select fewer resources, or review all of them and raise the limit (--most).",
        )
    managed = [verdict for verdict in graph.verdicts if verdict.state is not UsageState.LEFT_ALONE]
    too_many = len(managed) >= MIN_FOR_SHARE and len(verdicts) > MAX_SHARE * len(managed)
    if too_many and options.max_deletions <= MAX_DELETIONS:
        raise InputError(
            f"{len(verdicts)} of {len(managed)} resources appear to be orphaned, which suggests that an "
            "account is missing from the inventory.",
            hint="Check the accounts in slipway.toml. If they are complete, select fewer resources by name "
            f"or set a limit above {MAX_DELETIONS} (--most).",
        )


def _groups(graph: UsageGraph, verdicts: list[UsageVerdict]) -> list[DeletionGroup]:
    """Group the resources by support stack; one without a stack is a group of its own."""
    by_id = {stack.id: stack for stack in graph.inventory.stacks}
    stacks = [by_id[id] for id in dict.fromkeys(verdict.stack for verdict in verdicts if verdict.stack)]
    whole = [_group(graph, stack.name, stack, graph.inside_stack(stack.id)) for stack in stacks]
    return whole + [_group(graph, verdict.id, None, [verdict]) for verdict in verdicts if not verdict.stack]


def _group(
    graph: UsageGraph, name: str, stack: CandidateStack | None, contents: list[UsageVerdict]
) -> DeletionGroup:
    keys = {verdict.key for verdict in contents}
    buckets = [b for b in graph.inventory.buckets if graph.verdict(ResourceType.BUCKET, b).key in keys]
    aliases = [a for a in graph.inventory.aliases if graph.verdict(ResourceType.KEY, a).key in keys]
    return DeletionGroup(name, stack, tuple(buckets), tuple(aliases))


def _check_archive(cloud: Cloud, groups: list[DeletionGroup], archive: str) -> None:
    buckets = [bucket for group in groups for bucket in group.buckets]
    if archive in {bucket.name for bucket in buckets}:
        raise InputError(
            f"Cannot archive to {archive}: the plan deletes this bucket.",
            field="archive",
            hint="Choose another bucket.",
        )
    for account, region in {(bucket.account, bucket.region) for bucket in buckets}:
        if not bucket_exists(client_of(cloud, account, region), archive):
            raise InputError(
                f"Cannot archive to {archive}: the bucket does not exist.",
                field="archive",
                hint="Create it, private and versioned, with a policy that lets this account write to it.",
            )
