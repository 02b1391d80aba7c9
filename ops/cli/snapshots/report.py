"""`slipway snapshots log|report|suggest`: what the sanitizing task of a run printed, and a policy from it."""

from pathlib import Path

import click
from rich.text import Text

from ops.aws.logs.streams import Line
from ops.cli.context import Context
from ops.cli.snapshots.pipelines import pipeline_verb, read_text, run_argument, run_name
from ops.cli.verbs import place_options, verb
from ops.errors import InputError
from ops.snapshots.pipeline import catalog
from ops.snapshots.policy.classifier.table_file import as_csv, classified, read_columns
from ops.snapshots.policy.suggest import open_reviews, suggest_treatments
from ops.snapshots.policy.text import with_suggestions
from ops.snapshots.report import SanitizingReport
from ops.snapshots.runs import control as runs


@verb
@pipeline_verb
@run_argument
def log(context: Context, pipeline: catalog.DeployedPipeline, run: str) -> None:
    lines = _task_log(context, pipeline, run)
    if context.as_json:
        context.print_json(lines)
        return
    for line in lines:
        context.echo(f"{line.at:%H:%M:%S} {line.message.rstrip()}")
    if not lines:
        context.echo("The task of this run has not started.")


@verb
@pipeline_verb
@run_argument
def report(context: Context, pipeline: catalog.DeployedPipeline, run: str) -> None:
    proof = _report(context, pipeline, run)
    checks = sorted(proof.checks, key=lambda check: check.ok)
    rows = [
        {"check": check.kind, "ok": check.ok, "rows": check.rows, "bad": check.bad, "message": check.message}
        for check in checks
    ]
    context.show(rows, empty="The run has no checks yet.", value=proof)


@verb
@click.argument("database", default="")
@place_options
@run_argument
@click.option(
    "--columns",
    type=click.Path(path_type=Path),
    help="Classify the columns of a CSV file instead: table,column,type and optionally values.",
)
def suggest_policy(
    context: Context, database: str, account: str, region: str, run: str, columns: Path | None
) -> None:
    if columns and database:
        raise InputError(
            "Cannot use a database and --columns together.", field="columns", hint="Specify only one of them."
        )
    if columns:
        rows = classified(read_columns(read_text(columns, "columns")))
        context.print_text(as_csv(rows), rows)
        return
    if not database:
        raise InputError(
            "Nothing to classify.", field="database", hint="Specify a database, or a file with --columns."
        )
    pipeline = catalog.find_pipeline(context.cloud, context.place(account, region), database)
    suggestions = suggest_treatments(_report(context, pipeline, run))
    if suggestions or context.as_json:
        policy = catalog.read_policy(context.cloud, pipeline)
        context.print_text(with_suggestions(policy, suggestions), suggestions)
        if reviews := open_reviews(suggestions):
            context.errors.print(
                Text(f"{len(reviews)} open reviews: {', '.join(reviews)}. Replace each by a treatment.")
            )
    else:
        context.echo("The policy lists every column of the database.")


def _report(context: Context, pipeline: catalog.DeployedPipeline, run: str) -> SanitizingReport:
    return runs.report_from_lines(_task_log(context, pipeline, run))


def _task_log(context: Context, pipeline: catalog.DeployedPipeline, run: str) -> list[Line]:
    details = runs.read_run(context.cloud, pipeline, run_name(context, pipeline, run))
    return runs.task_log(context.cloud, pipeline, details.task) if details.task else []
