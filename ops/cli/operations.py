"""`python -m ops operations`: list the operations and the roles that are allowed to run them."""

import argparse
from typing import Any

from ops.cli.context import Context
from ops.operations import markdown, table


def add(commands: Any) -> None:
    parser = commands.add_parser("operations", help="list all operations and the roles that can run them")
    parser.add_argument("--markdown", action="store_true", help="print docs/operations.md")
    parser.set_defaults(command=operations)


def operations(context: Context, options: argparse.Namespace) -> None:
    if options.markdown:
        print(markdown(), end="")
        return
    context.show(table(), empty="")
