"""`python -m ops embedded`: the cloud on this machine."""

import argparse
from typing import Any

from ops.cli.context import Context
from ops.errors import PlanRefused


def add(commands: Any) -> None:
    group = commands.add_parser("embedded", help="start, stop or reset the cloud on this machine")
    verbs = group.add_subparsers(title="verbs", required=True, metavar="VERB")
    verbs.add_parser("start", help="start it, or say that it runs").set_defaults(command=start)
    verbs.add_parser("stop", help="stop it and everything in it; its state is kept").set_defaults(
        command=stop
    )
    verbs.add_parser("status", help="say whether it runs, and where").set_defaults(command=status)
    reset_ = verbs.add_parser("reset", help="stop it and delete its state: the next start is afresh")
    reset_.add_argument("--yes", action="store_true", help="do not ask")
    reset_.set_defaults(command=reset)


def start(context: Context, options: argparse.Namespace) -> None:
    from ops import embedded

    running = embedded.start(context.wanted.embedded_data, delay_s=context.wanted.embedded_delay, live=True)
    context.show([_row(running)], empty="", value=_row(running))


def stop(context: Context, options: argparse.Namespace) -> None:
    from ops import embedded

    embedded.stop(context.wanted.embedded_data)
    context.say("The embedded cloud is stopped; its state is kept.")


def status(context: Context, options: argparse.Namespace) -> None:
    from ops import embedded

    running = embedded.status(context.wanted.embedded_data)
    row = _row(running) if running else None
    context.show([row] if row else [], empty="The embedded cloud does not run.", value=row)


def reset(context: Context, options: argparse.Namespace) -> None:
    from ops import embedded

    data = context.wanted.embedded_data.absolute()
    if not options.yes and input(f"Delete every database and stack in {data}? Type yes: ").strip() != "yes":
        raise PlanRefused("Not confirmed, nothing was deleted.", hint="Type yes, or add --yes.")
    embedded.reset(context.wanted.embedded_data)
    context.say(f"{data} is empty; the next start begins afresh.")


def _row(running: Any) -> dict[str, Any]:
    return {"endpoint": running.endpoint, "pid": running.pid, "data": str(running.data.absolute())}
