"""`slipway mcp`: a Model Context Protocol server, whose tools are the reading verbs of the command line.

https://modelcontextprotocol.io/specification. `ops.cli.commands` says which verbs read. A tool runs its verb
as the command line does, with `--json`, and returns what it prints. The role is viewer, whatever `local_role`
is: an operation that a verb tried would be refused like any other without the role.
"""

import io
import json
import shlex
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from ops import __version__
from ops.audit import Actor
from ops.aws.cloud import Cloud
from ops.cli import run_in
from ops.cli.commands import NAME, root
from ops.cli.context import NOT_READ, Context
from ops.cli.verbs import Lazy, Verbs, verb
from ops.errors import SlipwayError
from ops.roles import Role
from ops.settings import Settings

if TYPE_CHECKING:  # an optional dependency
    from mcp.server.lowlevel.server import Server

INSTRUCTIONS = """\
Slipway reads AWS accounts: sanitized database snapshots, exported CloudWatch logs, rollouts of stacks, and
support stacks of CDK Pipelines. Start with `status`. All tools are read-only. `complete` is false if not
everything could be read: what is missing in such an answer is unknown, not absent. `notes` say what was not
read. Times are in UTC. For a change, give the user the command, such as `slipway rollouts roll-back`."""
ONE_AT_A_TIME = threading.Lock()  # stdout and stderr are the process's


@dataclass(frozen=True)
class ReadingTool:
    """A verb as a tool: its words, such as `rollouts status`, its description, and what it takes."""

    words: tuple[str, ...]
    description: str
    parameters: tuple[click.Parameter, ...]

    @property
    def name(self) -> str:
        return "_".join(self.words).replace("-", "_")

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments."""
        return dict(
            type="object",
            properties={parameter.name: _schema(parameter) for parameter in self.parameters},
            required=[parameter.name for parameter in self.parameters if parameter.required],
            additionalProperties=False,
        )

    def command(self, arguments: Mapping[str, Any]) -> list[str]:
        """Return the arguments of the command line. Raises UsageError for one that the tool does not take."""
        known = {parameter.name for parameter in self.parameters}
        if unknown := [name for name in arguments if name not in known]:
            raise click.UsageError(f"{self.name} has no argument {unknown[0]}.")
        options, operands = [], []
        for parameter in self.parameters:
            value = arguments.get(str(parameter.name))
            if value is None or value is False:
                continue
            values = value if isinstance(value, list) else [value]
            if isinstance(parameter, click.Argument):
                operands += [str(each) for each in values]
            else:
                options += [
                    parameter.opts[0] if each is True else f"{parameter.opts[0]}={each}" for each in values
                ]
        return [*self.words, "--json", *options, "--", *operands]


class ReadingContext(Context):
    """The context of one call, with the settings and the connection of the server."""

    def __init__(self, connected: Context) -> None:
        super().__init__(as_json=True)
        self._connected = connected

    @cached_property
    def settings(self) -> Settings:
        return self._connected.settings

    @cached_property
    def cloud(self) -> Cloud:
        return self._connected.cloud

    @property
    def actor(self) -> Actor:
        return Actor.local("mcp", Role.VIEWER)


def reading_tools(group: Verbs = root, words: tuple[str, ...] = ()) -> Iterator[ReadingTool]:
    """Return a tool for each verb that reads."""
    for name, entry in group.verbs.items():
        if isinstance(entry, Verbs):
            yield from reading_tools(entry, (*words, name))
        elif entry.reads:
            yield _tool(group, (*words, name), entry)


def _tool(group: Verbs, words: tuple[str, ...], entry: Lazy) -> ReadingTool:
    command = group.get_command(click.Context(group), words[-1])
    assert command
    hidden = ("json", "verbose", *entry.withheld)
    parameters = tuple(parameter for parameter in command.params if parameter.name not in hidden)
    only = "This tool only shows it. " if entry.withheld else ""
    return ReadingTool(words, f"{entry.summary} {only}{command.epilog or ''}".strip(), parameters)


def _schema(parameter: click.Parameter) -> dict[str, Any]:
    schema = _type(parameter)
    if parameter.multiple or parameter.nargs != 1:
        schema = {"type": "array", "items": schema}
    summary = (parameter.help or "") if isinstance(parameter, click.Option) else ""
    if not summary:
        summary = parameter.metavar or str(parameter.name).upper()
    if isinstance(parameter, click.Option) and parameter.show_default:
        summary += f" Default: {parameter.default}."
    return {**schema, "description": summary}


def _type(parameter: click.Parameter) -> dict[str, Any]:
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return {"type": "boolean"}
    if isinstance(parameter.type, click.Choice):
        return {"type": "string", "enum": list(parameter.type.choices)}
    if isinstance(parameter.type, click.types.IntParamType):
        return {"type": "integer"}
    return {"type": "number" if isinstance(parameter.type, click.types.FloatParamType) else "string"}


def answer(tool: ReadingTool, arguments: Mapping[str, Any], connected: Context) -> dict[str, Any]:
    """Run the verb and return its document as `answer` or its error as `error`, with its notes.

    `complete` is False if not everything was read.
    """
    out, notes = io.StringIO(), io.StringIO()
    try:
        command = tool.command(arguments)
    except click.UsageError as error:
        return {"error": {"type": "UsageError", "message": error.message, "hint": "See the tool's schema."}}
    with ONE_AT_A_TIME, redirect_stdout(out), redirect_stderr(notes):
        status = run_in(ReadingContext(connected), command)
    value = json.loads(out.getvalue() or "null")
    said = {"notes": notes.getvalue().splitlines()} if notes.getvalue() else {}
    if isinstance(value, dict) and set(value) == {"error"}:
        return {**value, **said}
    return {"answer": value, "complete": status != NOT_READ, "command": shown(command), **said}


def shown(command: Sequence[str]) -> str:
    """Return the command that a person can run to see the same."""
    words = [word for word in command if word != "--json"]
    return shlex.join([NAME, *(words[:-1] if words[-1] == "--" else words)])


def server(connected: Context) -> "Server[Any]":
    """Return the server of the tools. Raises SlipwayError if the package `mcp` is not installed."""
    try:
        import anyio
        import mcp_types as types
        from mcp.server.lowlevel.server import Server
    except ImportError as error:
        raise SlipwayError(
            "Cannot start the MCP server: the package mcp is not installed.",
            hint='Install it with pip install "slipway-workbench[mcp]", or, in a checkout, with '
            ".venv/bin/pip install -r requirements-mcp.txt.",
        ) from error
    tools = {tool.name: tool for tool in reading_tools()}
    hints = types.ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True)
    listed = [
        types.Tool(name=name, description=tool.description, input_schema=tool.schema, annotations=hints)
        for name, tool in tools.items()
    ]

    async def list_tools(ctx: Any, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=listed)

    async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        if not (tool := tools.get(params.name)):
            value: dict[str, Any] = {"error": {"type": "NotFound", "message": f"No tool {params.name}."}}
        else:
            value = await anyio.to_thread.run_sync(answer, tool, params.arguments or {}, connected)
        text = json.dumps(value, ensure_ascii=False)
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=text)], is_error="error" in value
        )

    return Server(
        NAME,
        version=__version__,
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


@verb
def mcp(context: Context) -> None:
    """Serve until stdin is closed."""
    import anyio

    served = server(context)

    async def serve() -> None:
        from mcp.server.stdio import stdio_server

        async with stdio_server() as (requests, responses):
            await served.run(requests, responses, served.create_initialization_options())

    anyio.run(serve)
