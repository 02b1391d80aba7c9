"""`python -m ops`: the command line, which offers everything that the pages do, for scripts and CI.

Prints tables, or JSON with `--json`. Exit status: 0 succeeded, 1 failed, 2 invalid usage, 3 not confirmed.

context            settings, Cloud, audit log, and output of a command
stacks             code shared by commands that deploy a stack
run, embedded      the web interface, and the embedded cloud
snapshots          sanitized snapshots; snapshots_restore: restore them
logs/              log export and search
support_stacks     inventory and clean-up; replication: shared replication buckets
rollouts/          rollouts
setup, operations  Slipway's own stacks, and the operations with their roles
"""

import argparse
import sys
from collections.abc import Sequence

from ops import settings
from ops.cli import embedded, logs, operations, rollouts, run, setup, snapshots, support_stacks
from ops.cli.context import Context
from ops.errors import PlanRefused, SlipwayError

FAILED = 1
NOT_CONFIRMED = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status. Errors are printed to stderr."""
    options = parser().parse_args(arguments)
    try:
        context = Context(settings.load(), as_json=options.json)
        return int(options.command(context, options) or 0)
    except SlipwayError as error:
        print(f"Error: {error}", file=sys.stderr)
        if error.hint:
            print(f"Hint: {error.hint}", file=sys.stderr)
        return NOT_CONFIRMED if isinstance(error, PlanRefused) else FAILED
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
    except KeyboardInterrupt:
        print("Stopped. Runs in AWS continue.", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """Return the argument parser with all commands."""
    root = argparse.ArgumentParser(
        prog="python -m ops", description="Slipway: a workbench for engineers who run systems on AWS."
    )
    root.add_argument("--json", action="store_true", help="print JSON for scripts")
    commands = root.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in (run, embedded, snapshots, logs, rollouts, support_stacks, operations, setup):
        module.add(commands)
    return root
