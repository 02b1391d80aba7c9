"""`python -m ops operations`: what can be changed, and who may."""

import argparse
from typing import Any

from ops.cli.context import Context
from ops.operations import markdown, table


def add(commands: Any) -> None:
    parser = commands.add_parser("operations", help="list everything that can be changed, and who may")
    parser.add_argument("--markdown", action="store_true", help="as the page of the docs")
    parser.set_defaults(command=operations)


def operations(context: Context, options: argparse.Namespace) -> None:
    if options.markdown:
        print(markdown(), end="")
        return
    context.show(table(), empty="")
