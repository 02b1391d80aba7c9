"""`slipway snapshots`: databases, pipelines, runs, and sanitized snapshots."""

import functools
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ops.aws import network
from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import deploy
from ops.aws.rds import databases as rds
from ops.cli.context import Context
from ops.cli.stacks import deploy_stack
from ops.cli.verbs import confirm_option, dry_run_option, place_options, several_option, verb
from ops.errors import ExecutionFailed, InputError, NotFound
from ops.snapshots.compiler import IN_PLACE, METHODS
from ops.snapshots.pipeline import catalog
from ops.snapshots.pipeline.model import NAME_FORMAT, PipelineSettings, from_parameters, template_body
from ops.snapshots.pipeline.preflight import preflight
from ops.snapshots.pipeline.setup import prepare_pipeline
from ops.snapshots.runs import control as runs

WATCH_S = 1.0

database_argument = click.argument("database")
run_argument = click.argument("run", default="")


def pipeline_verb(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add DATABASE, `--account` and `--region`; the function gets the pipeline that they name."""

    @database_argument
    @place_options
    @functools.wraps(function)
    def with_pipeline(context: Context, database: str, account: str, region: str, **arguments: Any) -> Any:
        place = context.place(account, region)
        return function(context, catalog.find_pipeline(context.cloud, place, database), **arguments)

    return with_pipeline


@verb
@place_options
def databases(context: Context, account: str, region: str) -> None:
    place = context.place(account, region)
    items = rds.list_databases(context.cloud, place)
    stacks = {pipeline.database: pipeline.name for pipeline in catalog.list_pipelines(context.cloud, place)}
    rows = [
        {
            "database": item.id,
            "engine": f"{item.engine} {item.version}",
            "kind": item.kind,
            "status": item.status,
            "size_gib": item.size_gib or None,
            "pipeline": stacks.get(item.id),
        }
        for item in items
    ]
    context.show(rows, empty=f"{place.account.name} has no databases in {place.region}.")


@verb
@place_options
def pipelines(context: Context, account: str, region: str) -> None:
    place = context.place(account, region)
    rows = [
        {
            "database": item.database,
            "stack": item.name,
            "status": item.stack.status,
            "shared_with": item.shares,
            "changed": item.stack.updated or item.stack.created,
        }
        for item in catalog.list_pipelines(context.cloud, place)
    ]
    context.show(
        rows,
        empty=f"No pipelines in {place.account.name}, {place.region}. "
        "Set one up: slipway snapshots deploy DATABASE --policy FILE",
    )


@verb
@pipeline_verb
def check(context: Context, pipeline: catalog.DeployedPipeline) -> None:
    settings = from_parameters(pipeline.stack.parameters, catalog.read_policy(context.cloud, pipeline))
    results = preflight(context.cloud, pipeline.place, settings, datetime.now(UTC))
    rows = [{"subject": item.subject, "verdict": item.verdict, "reason": item.reason} for item in results]
    context.show(rows, empty="", value=results)


@verb
@pipeline_verb
def list_snapshots(context: Context, pipeline: catalog.DeployedPipeline) -> None:
    snapshots = catalog.list_sanitized(context.cloud, pipeline)
    rows = [
        {
            "snapshot": item.snapshot.id,
            "created": item.snapshot.created,
            "size_gib": item.snapshot.size_gib or None,
            "shared_with": item.shared_with,
            "run": item.run,
        }
        for item in snapshots
    ]
    context.show(
        rows,
        empty=f"No sanitized snapshots. Create one: slipway snapshots refresh {pipeline.database}",
        value=snapshots,
    )


@verb
@pipeline_verb
def list_runs(context: Context, pipeline: catalog.DeployedPipeline) -> None:
    items = runs.list_runs(context.cloud, pipeline)
    rows = [
        {"run": item.name, "status": item.status, "started": item.started, "stopped": item.stopped}
        for item in items
    ]
    context.show(rows, empty="No runs.")


@verb
@pipeline_verb
@click.option("--wait", is_flag=True, help="Wait for the run to finish; fail if it fails.")
@dry_run_option
def refresh(context: Context, pipeline: catalog.DeployedPipeline, wait: bool, dry_run: bool) -> None:
    call = runs.refresh_call(context.cloud, pipeline, datetime.now(UTC))
    if dry_run:
        context.show_call(call)
        return
    name = context.perform(call)
    if not wait:
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
        hint=f"Read its log: slipway snapshots log {pipeline.database} {name}",
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


@verb
@pipeline_verb
@run_argument
def show(context: Context, pipeline: catalog.DeployedPipeline, run: str) -> None:
    _print_run(context, runs.read_run(context.cloud, pipeline, run_name(context, pipeline, run)))


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


@verb
@pipeline_verb
@run_argument
@dry_run_option
def stop(context: Context, pipeline: catalog.DeployedPipeline, run: str, dry_run: bool) -> None:
    plan = runs.plan_stop(context.cloud, pipeline, run_name(context, pipeline, run))
    context.carry_out(plan, dry_run=dry_run, confirmed="")


@verb
@pipeline_verb
@run_argument
@dry_run_option
def clean_up(context: Context, pipeline: catalog.DeployedPipeline, run: str, dry_run: bool) -> None:
    name = run_name(context, pipeline, run)
    plan = runs.plan_clean_up(context.cloud, pipeline, name, datetime.now(UTC))
    context.carry_out(plan, dry_run=dry_run, confirmed="")


@verb
@database_argument
@place_options
@click.option("--policy", type=click.Path(path_type=Path), required=True, help="Policy file (TOML).")
@several_option("--share-with", "ACCOUNT", "Names or IDs of accounts.")
@click.option("--subnets", nargs=2, metavar="ID ID", help="Two subnets. Default: those of the only VPC.")
@click.option("--database-name", default="", help="Default: the initial database.")
@click.option("--use-latest-snapshot", is_flag=True, help="Use the latest snapshot instead of a new one.")
@click.option("--name-format", default=NAME_FORMAT, show_default=True, help="Snapshot name.")
@click.option("--fake-secret", default="", help="ARN of a kept secret of the fakes. Default: one per run.")
@click.option("--kms-key", default="", help="ARN of a customer managed key.")
@click.option("--keep", type=int, default=3, show_default=True, help="Sanitized snapshots to keep.")
@click.option("--schedule", default="", help="cron(...) or rate(...), in UTC. Default: off.")
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default=IN_PLACE,
    help="Change the copy in place, or rebuild it in a new database. Default: in place.",
)
@click.option("--notify", default="", metavar="EMAIL", help="Notification email. Default: off.")
@click.option("--instance-class", default="", help="Instance class of the copy. Default: the source's.")
@click.option("--public-ip", is_flag=True, help="Assign a public IP to the task.")
@click.option(
    "--poll-seconds", type=int, default=0, help="Polling interval. Default: the setting poll_seconds."
)
@dry_run_option
def deploy_pipeline(context: Context, account: str, region: str, dry_run: bool, **settings: Any) -> None:
    place = context.place(account, region)
    prepared = prepare_pipeline(
        context.cloud, place, _settings(context, place, **settings), datetime.now(UTC)
    )
    stack = deploy_stack(context, prepared.spec, prepared.plan, dry_run=dry_run)
    if context.as_json:
        context.print_json(stack)


def _settings(
    context: Context,
    place: Place,
    *,
    policy: Path,
    share_with: tuple[str, ...],
    subnets: tuple[str, str] | None,
    notify: str,
    public_ip: bool,
    poll_seconds: int,
    **same: Any,
) -> PipelineSettings:
    """The options as settings of a pipeline; `same` have the settings' own names."""
    chosen = _chosen_subnets(network.list_subnets(context.cloud, place), list(subnets or ()))
    return PipelineSettings(
        policy=read_policy(policy),
        vpc=chosen[0].vpc,
        subnets=(chosen[0].id, chosen[1].id),
        share_with=tuple(_account_id(context, account) for account in share_with),
        notify_email=notify,
        assign_public_ip=public_ip,
        poll_seconds=poll_seconds or context.cloud.settings.poll_seconds,
        **same,
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
    return read_text(path, "policy")


def read_text(path: Path, field: str) -> str:
    """Return the text of a file. Raises InputError for the field."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"Cannot read {path}: {error}", field=field, hint="Specify a UTF-8 text file."
        ) from error


@verb
@pipeline_verb
@confirm_option("STACK")
@dry_run_option
def delete(context: Context, pipeline: catalog.DeployedPipeline, confirm: str, dry_run: bool) -> None:
    where = (pipeline.place.account.id, pipeline.place.region)
    plan = deploy.plan_delete(context.cloud, pipeline.stack, *where)
    context.carry_out(plan, dry_run=dry_run, confirmed=confirm)


@verb
def template(context: Context) -> None:
    text = template_body()
    context.print_text(text, json.loads(text))


def run_name(context: Context, pipeline: catalog.DeployedPipeline, run: str) -> str:
    """Return the specified run, or the newest that is not a clean-up."""
    if run:
        return run
    for summary in runs.list_runs(context.cloud, pipeline):
        if not runs.is_clean_up(summary.name):
            return summary.name
    raise NotFound(
        f"The pipeline of {pipeline.database} has no runs.",
        hint=f"Start one: slipway snapshots refresh {pipeline.database}",
    )
