"""`slipway completion`: the script that completes commands and options in a shell."""

import click
from click.shell_completion import get_completion_class

from ops.cli.commands import NAME, SHELLS, root
from ops.cli.context import Context
from ops.cli.verbs import verb


@verb
@click.argument("shell", type=click.Choice(SHELLS))
def completion(context: Context, shell: str) -> None:
    script = get_completion_class(shell)
    assert script
    context.print_text(script(root, {}, NAME, f"_{NAME.upper()}_COMPLETE").source())
