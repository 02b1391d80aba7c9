"""`slipway`: the command line, which offers everything that the pages do, for scripts and CI.

Prints tables for people and, with `--json`, one JSON document, errors included. Exit status: 0 succeeded,
1 failed, 2 invalid usage, 3 not confirmed, 4 answered, but not everything was read. The log goes to stderr:
`--verbose` shows AWS calls and steps.

commands           every command, its summary, and the module that runs it
verbs              how commands and their options are built
context            settings, Cloud, audit log, and output of a command
stacks             code shared by commands that deploy a stack
run, embedded      the web interface, and the embedded cloud
status             what needs attention in all jobs
snapshots/         sanitized snapshots
logs/              log export and search
support_stacks     inventory and cleanup; replication: shared replication buckets
rollouts/          rollouts
setup/             Slipway's own stacks, in one account or all of an organization
operations         the operations with their roles
adopt              replaces stacks of other tools
doctor             what would work in the configured accounts
prove              deploys and runs everything in a sandbox account, then deletes it
mcp                the reading verbs as tools of an assistant
completion         the completion script of a shell
"""

import logging
import sys
from collections.abc import Sequence
from typing import Any

import click

from ops.cli.commands import NAME, root
from ops.cli.context import Context, readable
from ops.errors import PlanRefused, SlipwayError

log = logging.getLogger(__name__)

FAILED, USAGE, NOT_CONFIRMED, INTERRUPTED = 1, 2, 3, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = given[: given.index("--")] if "--" in given else given
    return run_in(Context(as_json="--json" in options, verbose="--verbose" in options), given)


def run_in(context: Context, given: Sequence[str]) -> int:
    """Run one command in a context and return its exit status."""
    try:
        return int(root.main(list(given), prog_name=NAME, obj=context, standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except click.ClickException as error:
        path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else NAME
        _report(context, "UsageError", error.format_message(), f"See {path} --help")
        return USAGE
    except SlipwayError as error:
        log.info("Command failed", exc_info=error)  # at this level: the error is reported on stderr anyway
        _report(context, type(error).__name__, str(error), error.hint, error.detail)
        return NOT_CONFIRMED if isinstance(error, PlanRefused) else FAILED
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
    except (KeyboardInterrupt, click.Abort):
        print("Stopped. Runs in AWS continue.", file=sys.stderr)
        return INTERRUPTED


def _report(context: Context, kind: str, message: str, hint: str, detail: str = "") -> None:
    if context.as_json:
        error: dict[str, Any] = {"type": kind, "message": message, "hint": hint, "detail": detail}
        context.print_json({"error": error})
        return
    for label, text in (("Error", message), ("Hint", hint)):
        if text:
            lines = [readable(line) for line in text.splitlines()]  # names in it can contain terminal escapes
            print(f"{label}: " + "\n".join(lines), file=sys.stderr)
