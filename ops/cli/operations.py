"""`slipway operations`: list the operations and the roles that are allowed to run them."""

import click

from ops.cli.context import Context
from ops.cli.verbs import verb
from ops.operations import markdown, table


@verb
@click.option("--markdown", "as_markdown", is_flag=True, help="Print docs/operations.md.")
def operations(context: Context, as_markdown: bool) -> None:
    if as_markdown:
        context.print_text(markdown())
    else:
        context.show(table(), empty="")
