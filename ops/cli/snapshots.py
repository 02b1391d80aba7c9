"""`python -m ops snapshots`: databases, pipelines, runs, and sanitized snapshots."""

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
from ops.snapshots.pipeline import catalog
from ops.snapshots.pipeline.model import NAME_FORMAT, PipelineSettings, from_parameters, template_body
from ops.snapshots.pipeline.preflight import preflight
from ops.snapshots.pipeline.setup import prepare_pipeline
from ops.snapshots.policy.suggest import suggest_treatments, suggestions_as_toml
from ops.snapshots.report import SanitizingReport
from ops.snapshots.runs import control as runs

WATCH_S = 1.0

Options = argparse.Namespace


def add(commands: Any) -> None:
    group = commands.add_parser("snapshots", help="manage sanitized snapshots of production databases")
    verbs = group.add_subparsers(title="verbs", required=True, metavar="VERB")
    _place(verbs, "databases", databases, "list the databases of an account and region")
    _place(verbs, "pipelines", pipelines, "list the deployed pipelines")
    _for_database(verbs, "check", check, "run the preflight checks of a pipeline")
    _for_database(verbs, "list", list_, "list the sanitized snapshots of a database")
    _for_database(verbs, "runs", list_runs, "list the runs of a pipeline")
    refresh_ = _for_database(
        verbs, "refresh", refresh, "start a run: copy, sanitize, verify, and share a snapshot"
    )
    refresh_.add_argument("--wait", action="store_true", help="wait for the run to finish; fail if it fails")
    _dry_run(refresh_)
    for name, command, text in (
        ("show", show, "show the state of every step of a run"),
        ("log", log, "print the task logs of a run"),
        ("report", report, "print the verification report of a run, failed checks first"),
        ("suggest", suggest_, "suggest treatments for the unlisted columns of a run"),
    ):
        _run_argument(_for_database(verbs, name, command, text))
    for name, command, text in (
        ("stop", stop, "stop a run and delete its temporary resources"),
        ("clean-up", clean_up, "delete leftover resources of a finished run"),
    ):
        parser = _for_database(verbs, name, command, text)
        _run_argument(parser)
        _dry_run(parser)
    restore_ = _for_database(verbs, "restore", restore, "restore the newest sanitized snapshot in an account")
    snapshots_restore.add_arguments(restore_)
    _dry_run(restore_)
    _deploy_parser(verbs)
    delete_ = _for_database(verbs, "delete", delete, "delete a pipeline; its snapshots are kept")
    delete_.add_argument(
        "--confirm", default="", metavar="STACK", help="the name of the stack, to confirm without a prompt"
    )
    _dry_run(delete_)
    verbs.add_parser("template", help="print the CloudFormation template").set_defaults(command=template)


def _place(verbs: Any, name: str, command: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text)
    parser.add_argument("--account", default="", help="name or ID (default: the first account)")
    parser.add_argument("--region", default="", help="default: the home region")
    parser.set_defaults(command=command)
    return parser


def _for_database(verbs: Any, name: str, command: Any, text: str) -> argparse.ArgumentParser:
    parser = _place(verbs, name, command, text)
    parser.add_argument("database", help="identifier of the DB instance or cluster")
    return parser


def _run_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", nargs="?", default="", help="name of the run (default: the newest)")


def _dry_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="show the plan without executing it")


def _deploy_parser(verbs: Any) -> None:
    parser = _for_database(verbs, "deploy", deploy_, "set up or change a pipeline")
    parser.add_argument("--policy", type=Path, required=True, help="policy file (TOML)")
    parser.add_argument(
        "--share-with", nargs="*", default=[], metavar="ACCOUNT", help="names or IDs of accounts"
    )
    parser.add_argument(
        "--subnets", nargs=2, default=[], metavar="ID", help="two subnets (default: those of the only VPC)"
    )
    parser.add_argument("--database-name", default="", help="default: the initial database")
    parser.add_argument(
        "--use-latest-snapshot", action="store_true", help="use the latest snapshot instead of a new one"
    )
    parser.add_argument("--name-format", default=NAME_FORMAT, help=f"snapshot name (default: {NAME_FORMAT})")
    parser.add_argument("--kms-key", default="", help="ARN of a customer managed key")
    parser.add_argument("--keep", type=int, default=3, help="sanitized snapshots to keep (default: 3)")
    parser.add_argument("--schedule", default="", help="cron(...) or rate(...), in UTC (default: off)")
    parser.add_argument("--notify", default="", metavar="EMAIL", help="notification email (default: off)")
    parser.add_argument(
        "--instance-class", default="", help="instance class of the copy (default: the source's)"
    )
    parser.add_argument("--public-ip", action="store_true", help="assign a public IP to the task")
    parser.add_argument(
        "--poll-seconds", type=int, default=0, help="polling interval (default: the setting poll_seconds)"
    )
    _dry_run(parser)


def databases(context: Context, options: Options) -> None:
    place = _where(context, options)
    items = rds.list_databases(context.cloud, place)
    stacks = {pipeline.database: pipeline.name for pipeline in catalog.list_pipelines(context.cloud, place)}
    rows = [
        {
            "database": item.id,
            "engine": f"{item.engine} {item.version}",
            "kind": item.kind,
            "status": item.status,
            "GiB": item.size_gib or None,
            "pipeline": stacks.get(item.id),
        }
        for item in items
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
        for item in catalog.list_pipelines(context.cloud, place)
    ]
    context.show(
        rows,
        empty=f"No pipelines in {place.account.name}, {place.region}. "
        "Set one up: python -m ops snapshots deploy DATABASE --policy FILE",
    )


def check(context: Context, options: Options) -> None:
    pipeline = _pipeline(context, options)
    settings = from_parameters(pipeline.stack.parameters, catalog.read_policy(context.cloud, pipeline))
    results = preflight(context.cloud, pipeline.place, settings, datetime.now(UTC))
    rows = [{"subject": item.subject, "verdict": item.verdict, "reason": item.reason} for item in results]
    context.show(rows, empty="", value=results)


def list_(context: Context, options: Options) -> None:
    snapshots = catalog.list_sanitized(context.cloud, _pipeline(context, options))
    rows = [
        {
            "snapshot": item.snapshot.id,
            "created": item.snapshot.created,
            "GiB": item.snapshot.size_gib or None,
            "shared with": item.shared_with,
            "run": item.run,
        }
        for item in snapshots
    ]
    context.show(
        rows,
        empty=f"No sanitized snapshots. Create one: python -m ops snapshots refresh {options.database}",
        value=snapshots,
    )


def list_runs(context: Context, options: Options) -> None:
    items = runs.list_runs(context.cloud, _pipeline(context, options))
    rows = [
        {"run": item.name, "status": item.status, "started": item.started, "stopped": item.stopped}
        for item in items
    ]
    context.show(rows, empty="No runs.")


def refresh(context: Context, options: Options) -> None:
    pipeline = _pipeline(context, options)
    plan = runs.plan_refresh(context.cloud, pipeline, datetime.now(UTC))
    if context.carry_out(plan, dry_run=options.dry_run, confirmed="") is None:
        return
    name = plan.steps[0].id
    if not options.wait:
        _print_run(context, runs.read_run(context.cloud, pipeline, name))
        return
    run = _follow(context, pipeline, name)
    if run.execution.status == "SUCCEEDED":
        _print_run(context, run)
        return
    failed = run.execution.failed_step
    reason = runs.failure_reason(run.execution)
    where = f"“{failed.name}”: {reason}" if failed else reason
    raise ExecutionFailed(
        f"The run {name} is {run.execution.status}. {where}",
        hint=f"Read its log: python -m ops snapshots log {options.database} {name}",
    )


def _follow(context: Context, pipeline: catalog.DeployedPipeline, name: str) -> runs.RunDetails:
    """Print each step when it starts, until the run finishes."""
    printed: set[str] = set()
    while True:
        run = runs.read_run(context.cloud, pipeline, name)
        for step in run.execution.steps:
            if step.started and step.name not in printed:
                printed.add(step.name)
                context.echo(f"{step.started:%H:%M:%S} {step.name}")
        if run.execution.status != "RUNNING":
            return run
        time.sleep(WATCH_S)


def show(context: Context, options: Options) -> None:
    pipeline = _pipeline(context, options)
    _print_run(context, runs.read_run(context.cloud, pipeline, _run_name(context, pipeline, options)))


def _print_run(context: Context, run: runs.RunDetails) -> None:
    execution = run.execution
    rows = [
        {
            "step": step.name,
            "status": step.status,
            "polls": step.polls or None,
            "started": step.started,
            "ended": step.ended,
            "error": f"{step.error} {step.cause}".strip() or None,
        }
        for step in execution.steps
        if context.as_json or step.status not in ("skipped", "pending")
    ]
    if not context.as_json:
        context.echo(f"{execution.name}: {execution.status}")
    context.show(rows, empty="The run has not started.", value=execution)


def log(context: Context, options: Options) -> None:
    pipeline = _pipeline(context, options)
    run = runs.read_run(context.cloud, pipeline, _run_name(context, pipeline, options))
    lines = runs.task_log(context.cloud, pipeline, run.task) if run.task else []
    if context.as_json:
        context.print_json(lines)
        return
    for line in lines:
        context.echo(f"{line.at:%H:%M:%S} {line.message.rstrip()}")
    if not lines:
        context.echo("The task of this run has not started.")


def report(context: Context, options: Options) -> None:
    report = _report(context, options)
    checks = sorted(report.checks, key=lambda check: check.ok)
    rows = [
        {"check": check.kind, "ok": check.ok, "rows": check.rows, "bad": check.bad, "message": check.message}
        for check in checks
    ]
    context.show(rows, empty="The run has no checks yet.", value=report)


def suggest_(context: Context, options: Options) -> None:
    suggestions = suggest_treatments(_report(context, options))
    if context.as_json:
        context.print_json(suggestions)
    elif suggestions:
        print(suggestions_as_toml(suggestions), end="")
    else:
        context.echo("The policy lists every column of the database.")


def _report(context: Context, options: Options) -> SanitizingReport:
    pipeline = _pipeline(context, options)
    run = runs.read_run(context.cloud, pipeline, _run_name(context, pipeline, options))
    return runs.report_from_lines(runs.task_log(context.cloud, pipeline, run.task) if run.task else [])


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
    pipeline = _settings(context, place, options)
    prepared = prepare_pipeline(context.cloud, place, pipeline, datetime.now(UTC))
    stack = deploy_stack(context, prepared.spec, prepared.plan, dry_run=options.dry_run)
    if context.as_json:
        context.print_json(stack)


def _settings(context: Context, place: Place, options: Options) -> PipelineSettings:
    chosen = _chosen_subnets(network.list_subnets(context.cloud, place), options.subnets)
    shares = tuple(_account_id(context, account) for account in options.share_with)
    return PipelineSettings(
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
    """Return two subnets of the only VPC. Raises InputError if the choice is ambiguous."""
    return _chosen_subnets(network.list_subnets(cloud, place), [])


def _chosen_subnets(subnets: list[network.Subnet], ids: list[str]) -> list[network.Subnet]:
    """Return the subnets with these IDs; without IDs, the first two if there is only one VPC."""
    by_id = {subnet.id: subnet for subnet in subnets}
    if unknown := [id_ for id_ in ids if id_ not in by_id]:
        raise InputError(
            f"The subnet {unknown[0]} does not exist.", hint=f"Available subnets: {', '.join(by_id)}"
        )
    if ids:
        return [by_id[id_] for id_ in ids]
    if len(subnets) < 2 or len({subnet.vpc for subnet in subnets}) > 1:
        raise InputError(
            "Cannot choose the subnets: the region does not have exactly one VPC with two subnets.",
            hint=f"Specify two with --subnets. Available subnets: {', '.join(by_id) or 'none'}",
        )
    return subnets[:2]


def _account_id(context: Context, name_or_id: str) -> str:
    """Return the ID of a configured account name. Other values are treated as IDs and validated later."""
    named = {account.name: account.id for account in context.cloud.accounts}
    return named.get(name_or_id, name_or_id)


def read_policy(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"Cannot read {path}: {error}", field="policy", hint="Specify a UTF-8 text file."
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


def _pipeline(context: Context, options: Options) -> catalog.DeployedPipeline:
    return catalog.find_pipeline(context.cloud, _where(context, options), options.database)


def _run_name(context: Context, pipeline: catalog.DeployedPipeline, options: Options) -> str:
    """Return the specified run, or the newest that is not a clean-up."""
    if options.run:
        return str(options.run)
    for summary in runs.list_runs(context.cloud, pipeline):
        if not runs.is_clean_up(summary.name):
            return summary.name
    raise NotFound(
        f"The pipeline of {pipeline.database} has no runs.",
        hint=f"Start one: python -m ops snapshots refresh {pipeline.database}",
    )
