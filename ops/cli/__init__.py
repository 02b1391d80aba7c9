"""`python -m ops`: everything that a page can do, for scripts and CI.

Prints for people on a terminal and JSON with `--json`. Exit status: 0 done, 1 failed, 2 called wrongly,
3 refused because it was not confirmed.

context            settings, Cloud and audit of a command, and how it prints
stacks             what commands that deploy a stack share
run, embedded      the pages, and the cloud on this machine
snapshots          sanitized snapshots; snapshots_restore: restoring them
logs/              log export and exploration
support_stacks     inventory and clean-up; replication: the shared buckets
rollouts/          rollouts
setup, operations  Slipway's own stacks, and who may do what
"""

import argparse
import sys
from collections.abc import Sequence

from ops import settings
from ops.cli import embedded, logs, operations, rollouts, run, setup, snapshots, support_stacks
from ops.cli.context import Context
from ops.errors import PlanRefused, SlipwayError

FAILED = 1
REFUSED = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Errors go to stderr in words; a broken pipe and Ctrl-C end quietly."""
    options = parser().parse_args(arguments)
    try:
        context = Context(settings.load(), as_json=options.json)
        return int(options.command(context, options) or 0)
    except SlipwayError as error:
        print(f"Failed: {error}", file=sys.stderr)
        if error.hint:
            print(f"Next: {error.hint}", file=sys.stderr)
        return REFUSED if isinstance(error, PlanRefused) else FAILED
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
    except KeyboardInterrupt:
        print("Stopped. What runs in AWS goes on there.", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    root = argparse.ArgumentParser(prog="python -m ops", description="Slipway from the command line.")
    root.add_argument("--json", action="store_true", help="print JSON for scripts")
    commands = root.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in (run, embedded, snapshots, logs, rollouts, support_stacks, operations, setup):
        module.add(commands)
    return root
