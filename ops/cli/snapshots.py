"""`python -m ops snapshots`: databases, their pipelines, runs and sanitized snapshots."""

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ops.aws import network
from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import deploy
from ops.aws.rds import databases as rds
from ops.cli import snapshots_restore
from ops.cli.context import Context
from ops.cli.stacks import deploy_stack
from ops.errors import ExecutionFailed, InputError, NotFound
from ops.snapshots.pipeline import catalogue
from ops.snapshots.pipeline.model import NAME_FORMAT, Pipeline, from_parameters, template_body
from ops.snapshots.pipeline.preflight import preflight
from ops.snapshots.pipeline.setup import prepare
from ops.snapshots.policy.suggest import as_toml, suggest
from ops.snapshots.report import Report
from ops.snapshots.runs import control as runs

WATCH_S = 1.0

Options = argparse.Namespace


def add(commands: Any) -> None:
    group = commands.add_parser("snapshots", help="sanitized snapshots of production databases")
    verbs = group.add_subparsers(title="verbs", required=True, metavar="VERB")
    _place(verbs, "databases", databases, "list the databases of an account and region")
    _place(verbs, "pipelines", pipelines, "list the deployed pipelines")
    _for_database(verbs, "check", check, "say of a pipeline what would work and what would fail")
    _for_database(verbs, "list", list_, "list a database's sanitized snapshots")
    _for_database(verbs, "runs", list_runs, "list the runs of a database's pipeline")
    refresh_ = _for_database(verbs, "refresh", refresh, "start a run: copy, sanitize, snapshot, share")
    refresh_.add_argument("--wait", action="store_true", help="wait for its end; fail when it fails")
    _dry_run(refresh_)
    for name, command, text in (
        ("show", show, "show the state of every step of a run"),
        ("log", log, "print what the sanitizing task of a run said"),
        ("report", report, "print the checks of a run, those that failed first"),
        ("suggest", suggest_, "propose a policy for the columns that a run found unlisted"),
    ):
        _run_argument(_for_database(verbs, name, command, text))
    for name, command, text in (
        ("stop", stop, "stop a run and delete what it had made"),
        ("clean-up", clean_up, "delete what is left of a run that has ended"),
    ):
        parser = _for_database(verbs, name, command, text)
        _run_argument(parser)
        _dry_run(parser)
    restore_ = _for_database(verbs, "restore", restore, "restore the newest sanitized snapshot elsewhere")
    snapshots_restore.add_arguments(restore_)
    _dry_run(restore_)
    _deploy_parser(verbs)
    delete_ = _for_database(verbs, "delete", delete, "delete a database's pipeline; its snapshots stay")
    delete_.add_argument("--confirm", default="", metavar="STACK", help="the stack's name, instead of typing")
    _dry_run(delete_)
    verbs.add_parser("template", help="print the CloudFormation template").set_defaults(command=template)


def _place(verbs: Any, name: str, command: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text)
    parser.add_argument("--account", default="", help="name or id (default: the first one)")
    parser.add_argument("--region", default="", help="default: the home region")
    parser.set_defaults(command=command)
    return parser


def _for_database(verbs: Any, name: str, command: Any, text: str) -> argparse.ArgumentParser:
    parser = _place(verbs, name, command, text)
    parser.add_argument("database", help="identifier of the RDS instance or cluster")
    return parser


def _run_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", nargs="?", default="", help="the run's name (default: the newest)")


def _dry_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, do nothing")


def _deploy_parser(verbs: Any) -> None:
    parser = _for_database(verbs, "deploy", deploy_, "set up or change a database's pipeline")
    parser.add_argument("--policy", type=Path, required=True, help="the policy, a TOML file")
    parser.add_argument("--share-with", nargs="*", default=[], metavar="ACCOUNT", help="names or ids")
    parser.add_argument("--subnets", nargs=2, default=[], metavar="ID", help="default: the default VPC's")
    parser.add_argument("--database-name", default="", help="default: the instance's own")
    parser.add_argument("--use-latest-snapshot", action="store_true", help="instead of taking a new one")
    parser.add_argument("--name-format", default=NAME_FORMAT, help=f"default {NAME_FORMAT}")
    parser.add_argument("--kms-key", default="", help="ARN of a customer managed key")
    parser.add_argument("--keep", type=int, default=3, help="sanitized snapshots to keep (default 3)")
    parser.add_argument("--schedule", default="", help="cron(...) or rate(...), in UTC")
    parser.add_argument("--notify", default="", metavar="EMAIL", help="who is told how runs end")
    parser.add_argument("--instance-class", default="", help="of the temporary database")
    parser.add_argument("--public-ip", action="store_true", help="give the task a public address")
    parser.add_argument("--poll-seconds", type=int, default=0, help="default: the setting poll_seconds")
    _dry_run(parser)


def databases(context: Context, options: Options) -> None:
    place = _where(context, options)
    found = rds.list_databases(context.cloud, place)
    made = {pipeline.database: pipeline.name for pipeline in catalogue.list_pipelines(context.cloud, place)}
    rows = [
        {
            "database": item.id,
            "engine": f"{item.engine} {item.version}",
            "kind": item.kind,
            "status": item.status,
            "GiB": item.size_gib or None,
            "pipeline": made.get(item.id),
        }
        for item in found
    ]
    context.show(rows, empty=f"{place.account.name} has no databases in {place.region}.")


def pipelines(context: Context, options: Options) -> None:
    place = _where(context, options)
    rows = [
        {
            "database": item.database,
            "stack": item.name,
            "status": item.stack.status,
            "shared with": item.shares,
            "changed": item.stack.updated or item.stack.created,
        }
        for item in catalogue.list_pipelines(context.cloud, place)
    ]
    context.show(
        rows,
        empty=f"No pipeline in {place.account.name}, {place.region}. "
        "Set one up: python -m ops snapshots deploy DATABASE --policy FILE",
    )


def check(context: Context, options: Options) -> None:
    pipeline = _pipeline(context, options)
    asked = from_parameters(pipeline.stack.parameters, catalogue.read_policy(context.cloud, pipeline))
    found = preflight(context.cloud, pipeline.place, asked, datetime.now(UTC))
    rows = [{"subject": item.subject, "verdict": item.verdict, "reason": item.reason} for item in found]
    context.show(rows, empty="", value=found)


def list_(context: Context, options: Options) -> None:
    found = catalogue.list_sanitized(context.cloud, _pipeline(context, options))
    rows = [
        {
            "snapshot": item.snapshot.id,
            "made": item.snapshot.created,
            "GiB": item.snapshot.size_gib or None,
            "shared with": item.shared_with,
            "run": item.run,
        }
        for item in found
    ]
    context.show(
        rows, empty=f"None yet. Make one: python -m ops snapshots refresh {options.database}", value=found
    )


def list_runs(context: Context, options: Options) -> None:
    found = runs.list_runs(context.cloud, _pipeline(context, options))
    rows = [
        {"run": item.name, "status": item.status, "started": item.started, "stopped": item.stopped}
        for item in found
    ]
    context.show(rows, empty="No run yet.")


def refresh(context: Context, options: Options) -> None:
    pipeline = _pipeline(context, options)
    plan = runs.plan_refresh(context.cloud, pipeline, datetime.now(UTC))
    if context.carry_out(plan, dry_run=options.dry_run, confirmed="") is None:
        return
    name = plan.steps[0].id
    if not options.wait:
        _print_run(context, runs.watch(context.cloud, pipeline, name))
        return
    watched = _follow(context, pipeline, name)
    if watched.execution.status == "SUCCEEDED":
        _print_run(context, watched)
        return
    failed = watched.execution.failed_step
    where = f"“{failed.name}”: {runs.why(watched.execution)}" if failed else runs.why(watched.execution)
    raise ExecutionFailed(
        f"The run {name} is {watched.execution.status}. {where}",
        hint=f"Read its log: python -m ops snapshots log {options.database} {name}",
    )


def _follow(context: Context, pipeline: catalogue.Deployed, name: str) -> runs.Watched:
    """Tells each step as it begins, until the run has ended."""
    told: set[str] = set()
    while True:
        watched = runs.watch(context.cloud, pipeline, name)
        for step in watched.execution.steps:
            if step.started and step.name not in told:
                told.add(step.name)
                context.echo(f"{step.started:%H:%M:%S} {step.name}")
        if watched.execution.status != "RUNNING":
            return watched
        time.sleep(WATCH_S)


def show(context: Context, options: Options) -> None:
    pipeline = _pipeline(context, options)
    _print_run(context, runs.watch(context.cloud, pipeline, _run_name(context, pipeline, options)))


def _print_run(context: Context, watched: runs.Watched) -> None:
    execution = watched.execution
    rows = [
        {
            "step": step.name,
            "status": step.status,
            "looks": step.polls or None,
            "started": step.started,
            "ended": step.ended,
            "error": f"{step.error} {step.cause}".strip() or None,
        }
        for step in execution.steps
        if context.as_json or step.status not in ("skipped", "pending")
    ]
    if not context.as_json:
        context.echo(f"{execution.name}: {execution.status}")
    context.show(rows, empty="It has not begun.", value=execution)


def log(context: Context, options: Options) -> None:
    pipeline = _pipeline(context, options)
    watched = runs.watch(context.cloud, pipeline, _run_name(context, pipeline, options))
    lines = runs.task_log(context.cloud, pipeline, watched.task) if watched.task else []
    if context.as_json:
        context.print_json(lines)
        return
    for line in lines:
        context.echo(f"{line.at:%H:%M:%S} {line.message.rstrip()}")
    if not lines:
        context.echo("The sanitizing task has not started in this run.")


def report(context: Context, options: Options) -> None:
    found = _report(context, options)
    checks = sorted(found.checks, key=lambda check: check.ok)
    rows = [
        {"check": check.kind, "ok": check.ok, "rows": check.rows, "bad": check.bad, "in words": check.words}
        for check in checks
    ]
    context.show(rows, empty="The run has made no check yet.", value=found)


def suggest_(context: Context, options: Options) -> None:
    found = suggest(_report(context, options))
    if context.as_json:
        context.print_json(found)
    elif found:
        print(as_toml(found), end="")
    else:
        context.echo("The policy names every column that the run found.")


def _report(context: Context, options: Options) -> Report:
    pipeline = _pipeline(context, options)
    watched = runs.watch(context.cloud, pipeline, _run_name(context, pipeline, options))
    return runs.report_of(runs.task_log(context.cloud, pipeline, watched.task) if watched.task else [])


def stop(context: Context, options: Options) -> None:
    pipeline = _pipeline(context, options)
    plan = runs.plan_stop(context.cloud, pipeline, _run_name(context, pipeline, options))
    context.carry_out(plan, dry_run=options.dry_run, confirmed="")


def clean_up(context: Context, options: Options) -> None:
    pipeline = _pipeline(context, options)
    name = _run_name(context, pipeline, options)
    plan = runs.plan_clean_up(context.cloud, pipeline, name, datetime.now(UTC))
    context.carry_out(plan, dry_run=options.dry_run, confirmed="")


def restore(context: Context, options: Options) -> None:
    snapshots_restore.restore(context, options, _pipeline(context, options))


def deploy_(context: Context, options: Options) -> None:
    place = _where(context, options)
    pipeline = _asked(context, place, options)
    prepared = prepare(context.cloud, place, pipeline, datetime.now(UTC))
    ended = deploy_stack(context, prepared.spec, prepared.plan, dry_run=options.dry_run)
    if context.as_json:
        context.print_json(ended)


def _asked(context: Context, place: Place, options: Options) -> Pipeline:
    chosen = _chosen_subnets(network.list_subnets(context.cloud, place), options.subnets)
    shares = tuple(_account_id(context, account) for account in options.share_with)
    return Pipeline(
        database=options.database,
        policy=read_policy(options.policy),
        vpc=chosen[0].vpc,
        subnets=(chosen[0].id, chosen[1].id),
        database_name=options.database_name,
        share_with=shares,
        use_latest_snapshot=options.use_latest_snapshot,
        name_format=options.name_format,
        kms_key=options.kms_key,
        keep=options.keep,
        schedule=options.schedule,
        notify_email=options.notify,
        assign_public_ip=options.public_ip,
        instance_class=options.instance_class,
        poll_seconds=options.poll_seconds or context.cloud.settings.poll_seconds,
    )


def default_subnets(cloud: Cloud, place: Place) -> list[network.Subnet]:
    """Two of the place's one VPC. Raises InputError where which ones is not clear."""
    return _chosen_subnets(network.list_subnets(cloud, place), [])


def _chosen_subnets(subnets: list[network.Subnet], ids: list[str]) -> list[network.Subnet]:
    """The named ones; without names the first two of one VPC, where there is no more than one VPC."""
    by_id = {subnet.id: subnet for subnet in subnets}
    if unknown := [id_ for id_ in ids if id_ not in by_id]:
        raise InputError(f"There is no subnet {unknown[0]} here.", hint=f"Choose from: {', '.join(by_id)}")
    if ids:
        return [by_id[id_] for id_ in ids]
    if len(subnets) < 2 or len({subnet.vpc for subnet in subnets}) > 1:
        raise InputError(
            "Which subnets is not clear: there is not just one VPC with two of them.",
            hint=f"Name two with --subnets; there are: {', '.join(by_id) or 'none'}",
        )
    return subnets[:2]


def _account_id(context: Context, name_or_id: str) -> str:
    """The id for a configured name; anything else is taken for an id, which is checked later."""
    named = {account.name: account.id for account in context.cloud.accounts}
    return named.get(name_or_id, name_or_id)


def read_policy(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read: {error}", field="policy", hint="Name a text file."
        ) from error


def delete(context: Context, options: Options) -> None:
    pipeline = _pipeline(context, options)
    where = (pipeline.place.account.id, pipeline.place.region)
    plan = deploy.plan_delete(context.cloud, pipeline.stack, *where)
    context.carry_out(plan, dry_run=options.dry_run, confirmed=options.confirm)


def template(context: Context, options: Options) -> None:
    print(template_body())


def _where(context: Context, options: Options) -> Place:
    return context.place(options.account, options.region)


def _pipeline(context: Context, options: Options) -> catalogue.Deployed:
    return catalogue.find_pipeline(context.cloud, _where(context, options), options.database)


def _run_name(context: Context, pipeline: catalogue.Deployed, options: Options) -> str:
    """The run that is named; else the newest that is not a clean-up."""
    if options.run:
        return str(options.run)
    for summary in runs.list_runs(context.cloud, pipeline):
        if not runs.is_clean_up(summary.name):
            return summary.name
    raise NotFound(
        f"{pipeline.database} has no run yet.", hint=f"Start one: snapshots refresh {pipeline.database}"
    )
