"""`python -m ops support-stacks`: what CDK pipelines leave behind, its clean-up, and the cure."""

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
from ops.support_stacks.cleanup_steps import MOST, WAITING_DAYS, Wishes
from ops.support_stacks.inventory import Tick, read_inventory
from ops.support_stacks.lint import lint, placeholders
from ops.support_stacks.liveness import QUIET_DAYS, Graph, State, judge
from ops.support_stacks.replication import read_shared

Options = argparse.Namespace
FOUND = 1  # exit status of `lint` with findings, and of a clean-up that skipped something


def add(commands: Any) -> None:
    group = commands.add_parser(
        "support-stacks", help="support stacks of CDK pipelines: find, clean up, avoid"
    )
    verbs = group.add_subparsers(title="verbs", required=True, metavar="VERB")
    inventory_ = _reads(verbs, "inventory", inventory, "list every stack, bucket and key with its verdict")
    inventory_.add_argument("--state", choices=[str(state) for state in State], help="only these")
    _plans(_reads(verbs, "plan", plan, "show what a clean-up would delete, on what evidence"))
    clean_up_ = _reads(
        verbs, "clean-up", clean_up, "delete what is orphaned, each thing checked again before"
    )
    _plans(clean_up_)
    clean_up_.add_argument("--fingerprint", default="", help="refuse any plan but the one that was shown")
    clean_up_.add_argument(
        "--confirm", default="", metavar="TEXT", help="the confirmation, instead of typing"
    )
    clean_up_.add_argument("--dry-run", action="store_true", help="show what would be done, do nothing")
    lint_ = verbs.add_parser("lint", help="list the support stacks that a synthesized app would create")
    lint_.add_argument("folder", type=Path, nargs="?", default=Path("cdk.out"), help="default: cdk.out")
    lint_.add_argument("--language", choices=("typescript", "python"), default="typescript")
    lint_.set_defaults(command=lint_app)
    replication.add(verbs)
    migration_ = _reads(verbs, "migration", migrate, "the way of a live pipeline to the shared buckets")
    migration_.add_argument("pipeline", nargs="?", default="", help="its name (default: list them)")


def _reads(verbs: Any, name: str, command: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text)
    parser.add_argument(
        "--quiet-days",
        type=int,
        default=QUIET_DAYS,
        help=f"what was still so long may be dead ({QUIET_DAYS})",
    )
    parser.set_defaults(command=command)
    return parser


def _plans(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "things", nargs="*", metavar="NAME", help="stacks, buckets, aliases (default: all dead)"
    )
    parser.add_argument("--archive", default="", metavar="BUCKET", help="copy everything there first")
    parser.add_argument("--unprotect", action="store_true", help="turn termination protection off")
    parser.add_argument("--most", type=int, default=MOST, help=f"things to delete at most ({MOST})")
    parser.add_argument(
        "--waiting-days", type=int, default=WAITING_DAYS, choices=range(7, 31), metavar="7-30",
        help=f"before a key is gone ({WAITING_DAYS})",
    )  # fmt: skip


def _graph(context: Context, options: Options) -> Graph:
    now = datetime.now(UTC)
    said: set[str] = set()

    def report(tick: Tick) -> None:
        if tick.phase not in said:
            said.add(tick.phase)
            context.echo(f"{tick.phase}: {tick.total} to read")

    found = judge(read_inventory(context.cloud, now, report), now, options.quiet_days)
    for gap in found.inventory.gaps:
        context.echo(f"Not readable: {gap.what} in {gap.account} {gap.region}: {gap.error}")
    return found


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
            "why": verdict.reasons[0] if not verdict.users else "",
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
            {"account": g.account, "region": g.region, "what": g.what, "error": str(g.error)}
            for g in graph.inventory.gaps
        ],
        "monthly": graph.orphaned_monthly,
    }
    context.show(rows, empty="Nothing that CDK pipelines have made was found.", value=value)
    if not context.as_json:
        context.echo(f"What nobody needs costs ${graph.orphaned_monthly:.2f} a month.")


def _plan(context: Context, options: Options) -> Plan:
    graph = _graph(context, options)
    wishes = Wishes(options.archive, options.unprotect, options.most, options.waiting_days)
    return plan_clean_up(context.cloud, graph, _keys(graph, options.things), wishes)


def _keys(graph: Graph, names: list[str]) -> list[str]:
    keys = []
    for name in names:
        found = [verdict.key for verdict in graph.verdicts if name in (verdict.id, verdict.key)]
        if not found:
            raise NotFound(
                f"There is no {name} in the inventory.",
                hint="`support-stacks inventory` lists what there is.",
            )
        if len(found) > 1:
            raise NotFound(f"There are {len(found)} of {name}.", hint=f"Write one whole: {found[0]!r}.")
        keys.append(found[0])
    return keys


def plan(context: Context, options: Options) -> None:
    made = _plan(context, options)
    document = {
        "title": made.title,
        "fingerprint": made.fingerprint,
        "confirm": made.confirm,
        "steps": plan_rows(made),
        "actions": made.actions,
    }
    context.show(plan_rows(made), empty="Nothing is orphaned: there is nothing to clean up.", value=document)
    if made.steps and not context.as_json:
        again = f"python -m ops support-stacks clean-up {_again(options)}--fingerprint {made.fingerprint}"
        context.echo(f"To do exactly this: {again}")


def _again(options: Options) -> str:
    """The options of a plan as they were written, for the clean-up that is to be the same."""
    said = [*options.things]
    if options.quiet_days != QUIET_DAYS:
        said += ["--quiet-days", str(options.quiet_days)]
    if options.archive:
        said += ["--archive", options.archive]
    if options.unprotect:
        said += ["--unprotect"]
    if options.most != MOST:
        said += ["--most", str(options.most)]
    if options.waiting_days != WAITING_DAYS:
        said += ["--waiting-days", str(options.waiting_days)]
    return "".join(f"{shlex.quote(word)} " for word in said)


def clean_up(context: Context, options: Options) -> int:
    made = _plan(context, options)
    if options.fingerprint and options.fingerprint != made.fingerprint:
        raise PlanRefused(
            f"The plan is not the one that was shown: its fingerprint is {made.fingerprint} now.",
            hint="Something has changed since. Look at the plan again, then repeat.",
        )
    if not made.steps:
        context.show([], empty="Nothing is orphaned: there is nothing to clean up.", value={"results": []})
        return 0
    outcome = context.carry_out(made, dry_run=options.dry_run, confirmed=options.confirm)
    if outcome is None:
        return 0
    rows = [
        {"step": result.step.does, "result": str(result.status), "why": result.reason or None}
        for result in outcome.results
    ]
    context.show(rows, empty="", value={"results": rows})
    return 0 if outcome.ok else FOUND


def lint_app(context: Context, options: Options) -> int:
    found = lint(options.folder)
    rows = [
        {
            "stack": finding.stack,
            "region": finding.region,
            "account": finding.account,
            "bucket": finding.bucket,
            "key": "yes" if finding.key else "no",
            "made for": finding.pipelines,
        }
        for finding in found
    ]
    mapping = placeholders(found)
    context.show(
        rows, empty=f"{options.folder} makes no support stack.", value={"findings": found, "mapping": mapping}
    )
    if found and not context.as_json:
        context.echo("Set up the shared buckets (support-stacks replication deploy); then give the pipeline:")
        as_code = cdk_code.as_typescript if options.language == "typescript" else cdk_code.as_python
        print(as_code(mapping), end="")
    return FOUND if found else 0


def migrate(context: Context, options: Options) -> None:
    graph = _graph(context, options)
    if not options.pipeline:
        rows = [
            {
                "pipeline": found.name,
                "account": graph.inventory.accounts[found.account],
                "region": found.region,
                "stores": [store.bucket for store in found.stores],
            }
            for found in migration.candidates(graph)
        ]
        context.show(rows, empty="No pipeline uses a support stack.")
        return
    pipeline = migration.find_pipeline(graph, options.pipeline)
    account = context.cloud.account(pipeline.account)
    shared = read_shared(context.cloud, account, graph.inventory.regions[account.id])
    found = migration.guide(graph, pipeline, shared)
    rows = [
        {
            "done": "yes" if step.done else "no",
            "step": step.title,
            "how": f"{step.text} {step.command}".rstrip(),
        }
        for step in found.steps
    ]
    context.show(rows, empty="", value=found)
