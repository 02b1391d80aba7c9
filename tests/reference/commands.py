"""The reference of the command line, from its help."""

from collections.abc import Iterator

import click

from ops.cli.commands import NAME, root
from ops.cli.verbs import Lazy, Verbs
from ops.operations import Operation

WIDTH = 100
INTRODUCTION = (
    "# Commands",
    "`make golden` generates this page from the help of the command line: `slipway COMMAND --help` prints "
    "the same. Every command takes `--json`, which prints one JSON document, errors included, and "
    "`--verbose`, which logs steps and AWS calls to stderr.",
    """| Exit status | Meaning |
|---|---|
| 0 | succeeded |
| 1 | failed |
| 2 | invalid usage |
| 3 | the plan was not confirmed |
| 4 | answered, but not everything was read: there can be more than it shows |""",
    "Reading requires no role but viewer; see [Operations and roles](../operations.md).",
)


def page() -> str:
    return "\n\n".join([*INTRODUCTION, *_sections(root, _context())])


def _sections(group: Verbs, context: click.Context) -> Iterator[str]:
    for name, entry in group.verbs.items():
        command = group.get_command(context, name)
        assert command
        inner = click.Context(command, parent=context, info_name=name, terminal_width=WIDTH)
        if isinstance(entry, Verbs):
            yield f"## {inner.command_path}\n\n{command.help}"
            yield from _sections(entry, inner)
        else:
            yield _section(inner, entry)


def _section(context: click.Context, entry: Lazy) -> str:
    path = context.command_path
    level = "##" if path.count(" ") == 1 else "###"
    words = path.removeprefix(f"{NAME} ")
    facts = [entry.summary]
    if roles := sorted({str(operation.role) for operation in Operation if words in operation.commands}):
        facts.append(f"Requires the role {' or '.join(roles)}.")
    if entry.reads:
        facts.append("An assistant can [ask it](../mcp.md).")
    # The help without its summary, which is the paragraph above.
    text = context.get_help().replace(f"\n  {entry.summary}\n", "")
    return f"{level} {path}\n\n{' '.join(facts)}\n\n```text\n{text.rstrip()}\n```"


def _context() -> click.Context:
    """Return the context that the command line has: its settings name `-h` too."""
    return click.Context(root, info_name=NAME, terminal_width=WIDTH, **root.context_settings)
