"""`python -m ops support-stacks`: inventory, cleanup, lint, shared buckets and migration."""

import argparse
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ops.cli import replication
from ops.cli.context import Context, plan_rows
from ops.errors import NotFound, PlanRefused
from ops.plan import Plan
from ops.support_stacks import cdk_code, migration
from ops.support_stacks.cleanup import plan_clean_up
from ops.support_stacks.cleanup_steps import MAX_DELETIONS, WAITING_DAYS, CleanUpOptions
from ops.support_stacks.inventory import InventoryProgress, read_inventory
from ops.support_stacks.lint import lint, placeholders
from ops.support_stacks.liveness import MIN_IDLE_DAYS, UsageGraph, UsageState, assess_usage
from ops.support_stacks.replication import read_shared

Options = argparse.Namespace
NOTHING_ORPHANED = "No orphaned resources."
EXIT_INCOMPLETE = 1  # of `lint` with findings, and of a cleanup that skipped steps


def add(commands: Any) -> None:
    group = commands.add_parser(
        "support-stacks", help="find, clean up and avoid support stacks of CDK pipelines"
    )
    verbs = group.add_subparsers(title="verbs", required=True, metavar="VERB")
    inventory_ = _reads(verbs, "inventory", inventory, "list every stack, bucket and key with its state")
    inventory_.add_argument(
        "--state", choices=[str(state) for state in UsageState], help="list only this state"
    )
    _plans(_reads(verbs, "plan", plan, "show what a cleanup would delete and why"))
    clean_up_ = _reads(
        verbs, "clean-up", clean_up, "delete orphaned resources, each checked again just before"
    )
    _plans(clean_up_)
    clean_up_.add_argument("--fingerprint", default="", help="execute only the plan with this fingerprint")
    clean_up_.add_argument("--confirm", default="", metavar="TEXT", help="confirm without a prompt")
    clean_up_.add_argument("--dry-run", action="store_true", help="show the plan without executing it")
    lint_ = verbs.add_parser("lint", help="list the support stacks that a synthesized app would create")
    lint_.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=Path("cdk.out"),
        help="output folder of cdk synth (default: cdk.out)",
    )
    lint_.add_argument("--language", choices=("typescript", "python"), default="typescript")
    lint_.set_defaults(command=lint_app)
    replication.add(verbs)
    migration_ = _reads(verbs, "migration", migrate, "show how to move a pipeline to the shared buckets")
    migration_.add_argument("pipeline", nargs="?", default="", help="name or ARN (default: list pipelines)")


def _reads(verbs: Any, name: str, command: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text)
    parser.add_argument(
        "--quiet-days",
        type=int,
        default=MIN_IDLE_DAYS,
        help=f"minimum idle days before a resource counts as orphaned (default: {MIN_IDLE_DAYS})",
    )
    parser.set_defaults(command=command)
    return parser


def _plans(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "things", nargs="*", metavar="NAME", help="stacks, buckets or key aliases (default: all orphaned)"
    )
    parser.add_argument(
        "--archive", default="", metavar="BUCKET", help="copy all objects to this bucket first"
    )
    parser.add_argument("--unprotect", action="store_true", help="disable termination protection")
    parser.add_argument(
        "--most",
        type=int,
        default=MAX_DELETIONS,
        help=f"maximum number of resources to delete (default: {MAX_DELETIONS})",
    )
    parser.add_argument(
        "--waiting-days", type=int, default=WAITING_DAYS, choices=range(7, 31), metavar="7-30",
        help=f"days before KMS deletes a key (default: {WAITING_DAYS})",
    )  # fmt: skip


def _graph(context: Context, options: Options) -> UsageGraph:
    now = datetime.now(UTC)
    reported: set[str] = set()

    def report(progress: InventoryProgress) -> None:
        if progress.phase not in reported:
            reported.add(progress.phase)
            context.echo(f"Reading {progress.phase.lower()}: {progress.total}")

    graph = assess_usage(read_inventory(context.cloud, now, report), now, options.quiet_days)
    for gap in graph.inventory.gaps:
        context.echo(f"Not read: {gap.subject} in {gap.account} {gap.region}: {gap.error}")
    return graph


def inventory(context: Context, options: Options) -> None:
    graph = _graph(context, options)
    shown = [v for v in graph.verdicts if options.state in (None, str(v.state))]
    rows = [
        {
            "state": str(verdict.state),
            "kind": verdict.kind.rpartition("::")[2].lower(),
            "name": verdict.id,
            "account": verdict.account,
            "region": verdict.region,
            "$/month": f"{verdict.monthly:.2f}",
            "used by": [user.name for user in verdict.users],
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
        "unreadable": [
            {"account": g.account, "region": g.region, "what": g.subject, "error": str(g.error)}
            for g in graph.inventory.gaps
        ],
        "monthly": graph.orphaned_monthly,
    }
    context.show(rows, empty="No matching resources of CDK pipelines.", value=value)
    if not context.as_json:
        context.echo(f"Cost of orphaned resources: ${graph.orphaned_monthly:.2f}/month")


def _plan(context: Context, options: Options) -> Plan:
    graph = _graph(context, options)
    clean_up_options = CleanUpOptions(options.archive, options.unprotect, options.most, options.waiting_days)
    return plan_clean_up(context.cloud, graph, _keys(graph, options.things), clean_up_options)


def _keys(graph: UsageGraph, names: list[str]) -> list[str]:
    keys = []
    for name in names:
        matches = [verdict.key for verdict in graph.verdicts if name in (verdict.id, verdict.key)]
        if not matches:
            raise NotFound(
                f"{name} is not in the inventory.",
                hint="Run `support-stacks inventory` to list all resources.",
            )
        if len(matches) > 1:
            raise NotFound(
                f"{len(matches)} resources are named {name}.", hint=f"Use a full key: {matches[0]!r}."
            )
        keys.append(matches[0])
    return keys


def plan(context: Context, options: Options) -> None:
    plan_ = _plan(context, options)
    document = {
        "title": plan_.title,
        "fingerprint": plan_.fingerprint,
        "confirm": plan_.confirm,
        "steps": plan_rows(plan_),
        "actions": plan_.actions,
    }
    context.show(plan_rows(plan_), empty=NOTHING_ORPHANED, value=document)
    if plan_.steps and not context.as_json:
        command = f"clean-up {_arguments(options)}--fingerprint {plan_.fingerprint}"
        context.echo(f"To execute this plan: python -m ops support-stacks {command}")


def _arguments(options: Options) -> str:
    """Return the arguments of a plan for the clean-up command that executes the same plan."""
    arguments = [*options.things]
    if options.quiet_days != MIN_IDLE_DAYS:
        arguments += ["--quiet-days", str(options.quiet_days)]
    if options.archive:
        arguments += ["--archive", options.archive]
    if options.unprotect:
        arguments += ["--unprotect"]
    if options.most != MAX_DELETIONS:
        arguments += ["--most", str(options.most)]
    if options.waiting_days != WAITING_DAYS:
        arguments += ["--waiting-days", str(options.waiting_days)]
    return "".join(f"{shlex.quote(argument)} " for argument in arguments)


def clean_up(context: Context, options: Options) -> int:
    plan_ = _plan(context, options)
    if options.fingerprint and options.fingerprint != plan_.fingerprint:
        raise PlanRefused(
            f"The plan changed since you reviewed it: its fingerprint is now {plan_.fingerprint}.",
            hint="Review the plan again and use the new fingerprint.",
        )
    if not plan_.steps:
        context.show([], empty=NOTHING_ORPHANED, value={"results": []})
        return 0
    outcome = context.carry_out(plan_, dry_run=options.dry_run, confirmed=options.confirm)
    if outcome is None:
        return 0
    rows = [
        {"step": result.step.does, "result": str(result.status), "why": result.reason or None}
        for result in outcome.results
    ]
    context.show(rows, empty="", value={"results": rows})
    return 0 if outcome.ok else EXIT_INCOMPLETE


def lint_app(context: Context, options: Options) -> int:
    findings = lint(options.folder)
    rows = [
        {
            "stack": finding.stack,
            "region": finding.region,
            "account": finding.account,
            "bucket": finding.bucket,
            "key": "yes" if finding.key else "no",
            "used by": finding.pipelines,
        }
        for finding in findings
    ]
    mapping = placeholders(findings)
    context.show(
        rows,
        empty=f"{options.folder} creates no support stacks.",
        value={"findings": findings, "mapping": mapping},
    )
    if findings and not context.as_json:
        context.echo("Create the shared buckets (support-stacks replication deploy), then pass this mapping:")
        as_code = cdk_code.as_typescript if options.language == "typescript" else cdk_code.as_python
        print(as_code(mapping), end="")
    return EXIT_INCOMPLETE if findings else 0


def migrate(context: Context, options: Options) -> None:
    graph = _graph(context, options)
    if not options.pipeline:
        rows = [
            {
                "pipeline": candidate.name,
                "account": graph.inventory.accounts[candidate.account],
                "region": candidate.region,
                "stores": [store.bucket for store in candidate.stores],
            }
            for candidate in migration.candidates(graph)
        ]
        context.show(rows, empty="No pipeline uses a support stack.")
        return
    pipeline = migration.find_pipeline(graph, options.pipeline)
    account = context.cloud.account(pipeline.account)
    shared = read_shared(context.cloud, account, graph.inventory.regions[account.id])
    guide = migration.guide(graph, pipeline, shared)
    rows = [
        {
            "done": "yes" if step.done else "no",
            "step": step.title,
            "instructions": f"{step.text} {step.command}".rstrip(),
        }
        for step in guide.steps
    ]
    context.show(rows, empty="", value=guide)
