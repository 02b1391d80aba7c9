"""`slipway support-stacks`: inventory, cleanup, lint, and migration of support stacks."""

import functools
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ops.cli.context import NOT_READ, Context, plan_rows, result_rows
from ops.cli.verbs import confirm_option, dry_run_option, verb
from ops.errors import NotFound, PlanRefused
from ops.plan import Plan
from ops.support_stacks import cdk_code
from ops.support_stacks.cleanup import plan_clean_up
from ops.support_stacks.cleanup_steps import MAX_DELETIONS, WAITING_DAYS, CleanUpOptions
from ops.support_stacks.inventory import InventoryProgress, read_inventory
from ops.support_stacks.lint import lint, placeholders
from ops.support_stacks.liveness import MIN_IDLE_DAYS, UsageGraph, UsageState, assess_usage
from ops.support_stacks.migration import candidates, find_pipeline, guide
from ops.support_stacks.replication import read_shared

NOTHING_ORPHANED = "No orphaned resources."
EXIT_INCOMPLETE = 1  # of `lint` with findings, and of a cleanup that skipped steps

quiet_days_option = click.option(
    "--quiet-days",
    type=int,
    default=MIN_IDLE_DAYS,
    show_default=True,
    help="Minimum idle days before a resource counts as orphaned.",
)


@dataclass(frozen=True)
class CleanUpRequest:
    """What `plan` and `clean-up` plan to delete. `names` are stacks, buckets, or key aliases."""

    names: tuple[str, ...]
    quiet_days: int
    options: CleanUpOptions


def clean_up_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the arguments and options of a cleanup's plan; the function gets them as a CleanUpRequest."""

    @click.argument("names", nargs=-1, metavar="[NAME]...")
    @quiet_days_option
    @click.option("--archive", default="", metavar="BUCKET", help="Copy all objects to this bucket first.")
    @click.option("--unprotect", is_flag=True, help="Disable termination protection.")
    @click.option(
        "--with-additions", is_flag=True, help="Delete resources that somebody added to a support stack."
    )
    @click.option(
        "--most",
        type=int,
        default=MAX_DELETIONS,
        show_default=True,
        help="Maximum number of resources to delete.",
    )
    @click.option(
        "--waiting-days",
        type=click.IntRange(7, 30),
        default=WAITING_DAYS,
        show_default=True,
        help="Days before KMS deletes a key.",
    )
    @functools.wraps(function)
    def with_request(
        context: Context,
        names: tuple[str, ...],
        quiet_days: int,
        archive: str,
        unprotect: bool,
        with_additions: bool,
        most: int,
        waiting_days: int,
        **arguments: Any,
    ) -> Any:
        options = CleanUpOptions(archive, unprotect, with_additions, most, waiting_days)
        return function(context, CleanUpRequest(names, quiet_days, options), **arguments)

    return with_request


def _graph(context: Context, quiet_days: int) -> UsageGraph:
    now = datetime.now(UTC)
    reported: set[str] = set()

    def report(progress: InventoryProgress) -> None:
        if progress.phase not in reported:
            reported.add(progress.phase)
            context.echo(f"Reading {progress.phase.lower()}: {progress.total}")

    graph = assess_usage(read_inventory(context.cloud, now, report), now, quiet_days)
    for account, region in graph.inventory.not_enabled:
        context.echo(f"Not enabled: {region} in {account}")
    for exclusion in graph.inventory.excluded:
        context.echo(f"Not read: {exclusion}")
    for gap in graph.inventory.gaps:
        context.echo(f"Not read: {gap.subject} in {gap.account} {gap.region}: {gap.error}")
    return graph


@verb
@quiet_days_option
@click.option(
    "--state", type=click.Choice([str(state) for state in UsageState]), help="List only this state."
)
def inventory(context: Context, quiet_days: int, state: str | None) -> int:
    """List the resources of CDK pipelines. Returns exit status 4 if not everything could be read."""
    graph = _graph(context, quiet_days)
    shown = [verdict for verdict in graph.verdicts if state in (None, str(verdict.state))]
    rows = [
        {
            "state": str(verdict.state),
            "kind": verdict.kind.rpartition("::")[2].lower(),
            "name": verdict.id,
            "account": verdict.account,
            "region": verdict.region,
            "monthly_cost": f"${verdict.monthly:.2f}",
            "used_by": [user.name for user in verdict.users],
            "reason": verdict.reasons[0] if not verdict.users else "",
        }
        for verdict in shown
    ]
    value = {
        "verdicts": shown,
        "pipelines": graph.inventory.pipelines,
        "buckets": graph.inventory.buckets,
        "keys": graph.inventory.aliases,
        "stacks": graph.inventory.stacks,
        "unreadable": [gap.to_json() for gap in graph.inventory.gaps],
        "excluded": graph.inventory.excluded,
        "not_enabled": [
            {"account": account, "region": region} for account, region in graph.inventory.not_enabled
        ],
        "monthly": graph.orphaned_monthly.value,
        "monthly_is_exact": graph.orphaned_monthly.exact,
    }
    context.show(rows, empty="No matching resources of CDK pipelines.", value=value)
    if not context.as_json:
        cost = graph.orphaned_monthly.text(lambda dollars: f"${dollars:.2f}")
        context.echo(f"Cost of orphaned resources: {cost}/month")
    return NOT_READ if graph.inventory.gaps else 0


def _plan(context: Context, request: CleanUpRequest) -> Plan:
    graph = _graph(context, request.quiet_days)
    return plan_clean_up(context.cloud, graph, _keys(graph, request.names), request.options)


def _keys(graph: UsageGraph, names: Sequence[str]) -> list[str]:
    keys = []
    for name in names:
        matches = [verdict.key for verdict in graph.verdicts if name in (verdict.id, verdict.key)]
        if not matches:
            raise NotFound(
                f"{name} is not in the inventory.",
                hint="Run `slipway support-stacks inventory` to list all resources.",
            )
        if len(matches) > 1:
            raise NotFound(
                f"{len(matches)} resources are named {name}.", hint=f"Use a full key: {matches[0]!r}."
            )
        keys.append(matches[0])
    return keys


@verb
@clean_up_options
def plan(context: Context, request: CleanUpRequest) -> None:
    """Plan to delete the named resources, or all that are orphaned."""
    plan_ = _plan(context, request)
    document = {
        "title": plan_.title,
        "fingerprint": plan_.fingerprint,
        "confirm": plan_.confirm,
        "steps": plan_rows(plan_),
        "actions": plan_.actions,
    }
    context.show(plan_rows(plan_), empty=NOTHING_ORPHANED, value=document)
    if plan_.steps and not context.as_json:
        command = f"clean-up {_arguments(request)}--fingerprint {plan_.fingerprint}"
        context.echo(f"To execute this plan: slipway support-stacks {command}")


def _arguments(request: CleanUpRequest) -> str:
    """Return the arguments of a plan for the clean-up command that executes the same plan."""
    options, arguments = request.options, [*request.names]
    if request.quiet_days != MIN_IDLE_DAYS:
        arguments += ["--quiet-days", str(request.quiet_days)]
    if options.archive:
        arguments += ["--archive", options.archive]
    if options.unprotect:
        arguments += ["--unprotect"]
    if options.with_additions:
        arguments += ["--with-additions"]
    if options.max_deletions != MAX_DELETIONS:
        arguments += ["--most", str(options.max_deletions)]
    if options.waiting_days != WAITING_DAYS:
        arguments += ["--waiting-days", str(options.waiting_days)]
    return "".join(f"{shlex.quote(argument)} " for argument in arguments)


@verb
@clean_up_options
@click.option("--fingerprint", default="", help="Execute only the plan with this fingerprint.")
@confirm_option("TEXT")
@dry_run_option
def clean_up(context: Context, request: CleanUpRequest, fingerprint: str, confirm: str, dry_run: bool) -> int:
    """Delete the named resources, or all that are orphaned."""
    plan_ = _plan(context, request)
    if fingerprint and fingerprint != plan_.fingerprint:
        raise PlanRefused(
            f"The plan changed since you reviewed it: its fingerprint is now {plan_.fingerprint}.",
            hint="Review the plan again and use the new fingerprint.",
        )
    if not plan_.steps:
        context.show([], empty=NOTHING_ORPHANED, value={"results": []})
        return 0
    outcome = context.carry_out(plan_, dry_run=dry_run, confirmed=confirm)
    if outcome is None:
        return 0
    rows = result_rows(outcome)
    context.show(rows, empty="", value={"results": rows})
    return 0 if outcome.ok else EXIT_INCOMPLETE


@verb
@click.argument("folder", type=click.Path(path_type=Path), default="cdk.out")
@click.option(
    "--language",
    type=click.Choice(("typescript", "python")),
    default="typescript",
    show_default=True,
    help="Language of the mapping's code.",
)
def lint_app(context: Context, folder: Path, language: str) -> int:
    """Lint the output folder of `cdk synth`, by default cdk.out."""
    findings = lint(folder)
    rows = [
        {
            "stack": finding.stack,
            "region": finding.region,
            "account": finding.account,
            "bucket": finding.bucket,
            "key": "yes" if finding.key else "no",
            "used_by": finding.pipelines,
        }
        for finding in findings
    ]
    mapping = placeholders(findings)
    context.show(
        rows,
        empty=f"{folder} creates no support stacks.",
        value={"findings": findings, "mapping": mapping},
    )
    if findings and not context.as_json:
        context.echo(
            "Create the shared buckets (slipway support-stacks replication deploy), then pass the mapping of "
            "each pipeline's account:"
        )
        is_python = language == "python"
        as_code = cdk_code.as_lookup_in_python if is_python else cdk_code.as_lookup_in_typescript
        for account, of_account in mapping.items():
            context.echo(f"Account {account}:")
            context.print_text(as_code(of_account))
    return EXIT_INCOMPLETE if findings else 0


@verb
@click.argument("pipeline", default="")
@quiet_days_option
def migration(context: Context, pipeline: str, quiet_days: int) -> None:
    """Show the migration of the pipeline with this name or ARN, or list the pipelines."""
    graph = _graph(context, quiet_days)
    if not pipeline:
        rows = [
            {
                "pipeline": candidate.name,
                "account": graph.inventory.accounts[candidate.account],
                "region": candidate.region,
                "stores": [store.bucket for store in candidate.stores],
            }
            for candidate in candidates(graph)
        ]
        context.show(rows, empty="No pipeline uses a support stack.")
        return
    selected = find_pipeline(graph, pipeline)
    account = context.cloud.account(selected.account)
    shared = read_shared(context.cloud, account, graph.inventory.regions[account.id])
    migration_guide = guide(graph, selected, shared)
    rows = [
        {
            "done": "yes" if step.done else "no",
            "step": step.title,
            "instructions": f"{step.text} {step.command}".rstrip(),
        }
        for step in migration_guide.steps
    ]
    context.show(rows, empty="", value=migration_guide)
