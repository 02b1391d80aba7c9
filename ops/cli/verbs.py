"""How commands are built: groups that load a verb when it is called, and the options that verbs share.

Importing what one verb needs can take seconds (pyarrow, DuckDB). So a group knows its verbs by name and
summary, and imports a verb's module only to run it or to print its own help.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click

from ops.cli.context import Context
from ops.errors import InputError

pass_context = click.make_pass_decorator(Context)


@dataclass(frozen=True)
class Lazy:
    """A verb: the module with its function, its summary, and other names for it.

    `attribute` names the function where it differs from the verb with underscores. `reads` says that the verb
    answers from what it reads and changes nothing, so `slipway mcp` offers it, without the parameters
    `withheld`: with those, it would change something, or write or read a file.
    """

    module: str
    summary: str
    attribute: str = ""
    aliases: tuple[str, ...] = ()
    reads: bool = False
    withheld: tuple[str, ...] = ()


class SeveralOption(click.Option):
    """An option whose values follow it: `--regions eu-west-1 us-east-1`. It can also be repeated."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **{**attributes, "multiple": True})


class Verb(click.Command):
    """A command that takes `--json` and `--verbose` after the verb too."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.params += common_options()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        several = {name for param in self.params if isinstance(param, SeveralOption) for name in param.opts}
        return super().parse_args(ctx, list(_repeat(args, several)))


class Verbs(click.Group):
    """A group whose verbs are imported when they are called."""

    def __init__(self, summary: str, verbs: "Mapping[str, Lazy | Verbs]", **attributes: Any) -> None:
        super().__init__(help=summary, **attributes)
        self.params += common_options()
        self.verbs = verbs
        for name, verb in verbs.items():
            if isinstance(verb, Verbs):
                verb.name = name
        lazy = {name: verb for name, verb in verbs.items() if isinstance(verb, Lazy)}
        self.by_alias = {alias: name for name, verb in lazy.items() for alias in verb.aliases}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = self.by_alias.get(cmd_name, cmd_name)
        found = self.verbs.get(name)
        if not isinstance(found, Lazy):
            return found
        command: click.Command = getattr(
            import_module(found.module), found.attribute or name.replace("-", "_")
        )
        command.name, command.help = name, found.summary
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, verb.summary if isinstance(verb, Lazy) else verb.help or "")
                    for name, verb in self.verbs.items()
                ]
            )


def verb(function: Callable[..., Any]) -> Verb:
    """Make a function the command of a `Lazy` entry, which has its name and summary.

    The function is called with the Context, then options and arguments by name. It returns None or an exit
    status.
    """
    return click.command(cls=Verb, help="")(pass_context(function))


def common_options() -> list[click.Option]:
    """`--json` and `--verbose`. `ops.cli.main` looks for them before it parses: usage errors are JSON too."""
    return [
        click.Option(["--json"], is_flag=True, expose_value=False, help="Print one JSON document."),
        click.Option(
            ["--verbose"], is_flag=True, expose_value=False, help="Log steps and AWS calls to stderr."
        ),
    ]


def place_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--account` and `--region` of one place, as the arguments `account` and `region`."""
    account = click.option("--account", default="", help="Account name or ID. Default: the first account.")
    region = click.option("--region", default="", help="Default: the home Region.")
    return account(region(function))


dry_run_option = click.option("--dry-run", is_flag=True, help="Show the plan without executing it.")


def confirm_option(metavar: str) -> Callable[..., Any]:
    """`--confirm`, with the text that is otherwise typed."""
    return click.option("--confirm", default="", metavar=metavar, help="Confirm without a prompt.")


def several_option(name: str, metavar: str, summary: str, **attributes: Any) -> Callable[..., Any]:
    """An option with several values, as a tuple."""
    return click.option(name, cls=SeveralOption, metavar=f"{metavar}...", help=summary, **attributes)


def pairs(values: Sequence[str], option: str) -> dict[str, str]:
    """Return NAME=VALUE texts as a dict. Raises InputError."""
    parsed = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InputError(
                f"Cannot read {text!r}: {option} takes NAME=VALUE.",
                field=option,
                hint="Write the value after an equals sign.",
            )
        parsed[name] = value
    return parsed


def _repeat(arguments: Sequence[str], several: set[str]) -> Iterator[str]:
    """Repeat an option of several values in front of each further value that follows it."""
    rest = iter(arguments)
    option, values = "", 0
    for argument in rest:
        if argument == "--":
            yield argument
            yield from rest
        elif argument.startswith("-") and len(argument) > 1:
            option, values = (argument if argument in several else ""), 0
            yield argument
        else:
            if option and values:
                yield option
            values += 1
            yield argument
