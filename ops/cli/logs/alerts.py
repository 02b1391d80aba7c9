"""`slipway logs alerts list|add|test|pause|resume|delete`: searches that are counted on a schedule."""

from datetime import UTC, datetime
from typing import Any

import click
from rich.text import Text

from ops.cli.context import NOT_READ, Context, readable
from ops.cli.verbs import verb
from ops.errors import InputError
from ops.logs.alerts.changes import Alerts
from ops.logs.alerts.model import WINDOWS, Alert, AlertRule, AlertStatus, Judgement, parse_window
from ops.logs.datasets import open_dataset
from ops.logs.search.time_ranges import relative_text
from ops.plan import AuditedCall

dataset_option = click.option(
    "--dataset",
    default="",
    metavar="ADDRESS",
    help="Dataset of the alert. Default: the first configured one.",
)
name_argument = click.argument("name")


@verb
@dataset_option
def list_alerts(context: Context, dataset: str) -> int:
    alerts, errors = _alerts(context, dataset).list()
    context.show(
        [_row(alert) for alert in alerts], empty="No alerts. Create one with `slipway logs alerts add`."
    )
    for error in errors:
        context.errors.print(Text(readable(f"{error} {error.hint}"), style="yellow"))
    return NOT_READ if errors else 0


@verb
@name_argument
@click.argument("text", default="")
@click.option(
    "--every",
    default="5m",
    show_default=True,
    metavar="WINDOW",
    help=f"Window in which events are counted: {', '.join(map(relative_text, WINDOWS))}.",
)
@click.option("--over", type=int, metavar="EVENTS", help="Fire if a window has more events.")
@click.option("--under", type=int, metavar="EVENTS", help="Fire if a window has fewer events.")
@click.option(
    "--topic", default="", metavar="ARN", help="SNS topic. Default: the export's notification email."
)
@dataset_option
@click.option("--dry-run", is_flag=True, help="Show the alert without creating it.")
def add(
    context: Context,
    name: str,
    text: str,
    every: str,
    over: int | None,
    under: int | None,
    topic: str,
    dataset: str,
    dry_run: bool,
) -> None:
    if (over is None) == (under is None):
        raise InputError(
            "An alert needs one threshold.", field="--over", hint="Add --over EVENTS or --under EVENTS."
        )
    alerts = _alerts(context, dataset)
    rule = AlertRule(
        name,
        text.strip(),
        parse_window(every),
        "under" if over is None else "over",
        int(under or 0) if over is None else over,
        alerts.function().topic(topic),
    )
    call = alerts.create(rule, datetime.now(UTC))
    if dry_run:
        context.show_call(call)
    else:
        _perform(context, call)


@verb
@name_argument
@dataset_option
def test(context: Context, name: str, dataset: str) -> int:
    judgement = context.perform(_alerts(context, dataset).test(name))
    row = _judgement(judgement)
    context.show([row], empty="", value=row)
    return NOT_READ if judgement.status is AlertStatus.UNKNOWN else 0


@verb
@name_argument
@dataset_option
def pause(context: Context, name: str, dataset: str) -> None:
    _perform(context, _alerts(context, dataset).pause(name))


@verb
@name_argument
@dataset_option
def resume(context: Context, name: str, dataset: str) -> None:
    _perform(context, _alerts(context, dataset).resume(name))


@verb
@name_argument
@dataset_option
def delete(context: Context, name: str, dataset: str) -> None:
    _perform(context, _alerts(context, dataset).delete(name))


def _alerts(context: Context, dataset: str) -> Alerts:
    return Alerts(context.cloud, open_dataset(context.cloud, dataset))


def _perform(context: Context, call: AuditedCall[None]) -> None:
    context.perform(call)
    if context.as_json:
        context.print_json({"alert": call.step.resource.id, "done": call.step.id})


def _row(alert: Alert) -> dict[str, Any]:
    rule = alert.rule
    last = _judgement(alert.last) if alert.last else dict.fromkeys(("window", "events", "note"))
    return {
        "name": rule.name,
        "status": alert.status,
        "search": rule.search,
        "condition": rule.condition,
        "window": last["window"],
        "events": last["events"],
        "note": _note(alert, str(last["note"] or "")),
        "topic": rule.topic,
    }


def _note(alert: Alert, reason: str) -> str:
    notes = [reason]
    if alert.is_late(datetime.now(UTC)):
        notes.append("Not judged in time: check the function's log.")
    if alert.unsent:
        notes.append(f"Notices not sent yet: {alert.unsent}.")
    return " ".join(filter(None, notes))


def _judgement(judgement: Judgement) -> dict[str, Any]:
    return {
        "status": judgement.status.label,
        "window": f"{_time(judgement.start)}/{_time(judgement.end)}",
        "events": judgement.events,
        "note": judgement.partly,
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
