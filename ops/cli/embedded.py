"""`python -m ops embedded`: manage the embedded cloud."""

import argparse
from typing import Any

from ops.cli.context import Context
from ops.errors import PlanRefused


def add(commands: Any) -> None:
    group = commands.add_parser("embedded", help="start, stop, or reset the embedded cloud")
    verbs = group.add_subparsers(title="verbs", required=True, metavar="VERB")
    verbs.add_parser("start", help="start the embedded cloud if it is not running").set_defaults(
        command=start
    )
    verbs.add_parser("stop", help="stop the embedded cloud and keep its state").set_defaults(command=stop)
    verbs.add_parser(
        "status", help="show whether the embedded cloud is running, and its endpoint"
    ).set_defaults(command=status)
    reset_ = verbs.add_parser("reset", help="stop the embedded cloud and delete its state")
    reset_.add_argument("--yes", action="store_true", help="skip the confirmation prompt")
    reset_.set_defaults(command=reset)


def start(context: Context, options: argparse.Namespace) -> None:
    from ops import embedded

    running = embedded.start(
        context.settings.embedded_data, delay_s=context.settings.embedded_delay, live=True
    )
    context.show([_row(running)], empty="", value=_row(running))


def stop(context: Context, options: argparse.Namespace) -> None:
    from ops import embedded

    embedded.stop(context.settings.embedded_data)
    context.echo("Stopped the embedded cloud. Its state is kept.")


def status(context: Context, options: argparse.Namespace) -> None:
    from ops import embedded

    running = embedded.status(context.settings.embedded_data)
    row = _row(running) if running else None
    context.show([row] if row else [], empty="The embedded cloud is not running.", value=row)


def reset(context: Context, options: argparse.Namespace) -> None:
    from ops import embedded

    data = context.settings.embedded_data.absolute()
    question = f"Delete all databases and stacks in {data}? Type yes to confirm: "
    if not options.yes and input(question).strip() != "yes":
        raise PlanRefused("Not confirmed. Nothing was deleted.", hint="Type yes, or add --yes.")
    embedded.reset(context.settings.embedded_data)
    context.echo(f"Deleted the state in {data}. The next start creates new sample data.")


def _row(running: Any) -> dict[str, Any]:
    return {"endpoint": running.endpoint, "pid": running.pid, "data": str(running.data.absolute())}
