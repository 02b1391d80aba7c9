"""`slipway embedded`: manage the embedded cloud."""

from typing import Any

import click

from ops.cli.context import Context
from ops.cli.verbs import verb
from ops.errors import PlanRefused


@verb
def start(context: Context) -> None:
    from ops import embedded

    running = embedded.start(
        context.settings.embedded_data,
        delay_s=context.settings.embedded_delay,
        live=True,
        log_level=context.settings.log_level,
    )
    context.show([_row(running)], empty="", value=_row(running))


@verb
def stop(context: Context) -> None:
    from ops import embedded

    embedded.stop(context.settings.embedded_data)
    context.echo("Stopped the embedded cloud. Its state is kept.")


@verb
def status(context: Context) -> None:
    from ops import embedded

    running = embedded.status(context.settings.embedded_data)
    row = _row(running) if running else None
    context.show([row] if row else [], empty="The embedded cloud is not running.", value=row)


@verb
@click.option("--yes", is_flag=True, help="Skip the confirmation prompt.")
def reset(context: Context, yes: bool) -> None:
    from ops import embedded

    data = context.settings.embedded_data.absolute()
    question = f"Delete all databases and stacks in {data}? Type yes to confirm: "
    if not yes and context.ask(question) != "yes":
        raise PlanRefused("Not confirmed. Nothing was deleted.", hint="Type yes, or add --yes.")
    embedded.reset(context.settings.embedded_data)
    context.echo(f"Deleted the state in {data}. The next start creates new sample data.")


def _row(running: Any) -> dict[str, Any]:
    return {"endpoint": running.endpoint, "pid": running.pid, "data": str(running.data.absolute())}
