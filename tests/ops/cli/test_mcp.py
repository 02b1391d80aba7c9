"""`slipway mcp`: what an assistant can ask, through the client of the package in memory."""

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import anyio
import click
import pytest

from ops.audit import FileAudit
from ops.cli import main
from ops.cli.commands import root
from ops.cli.context import Context
from ops.cli.mcp import ReadingTool, answer, reading_tools, server
from ops.cli.verbs import Lazy, Verbs, verb
from ops.errors import SlipwayError
from ops.operations import Operation
from ops.plan import AuditedCall, Resource, Step
from ops.settings import Settings

EXAMPLE = str(Path("rollouts/welcome.toml").absolute())
WRITING = {"dry_run", "confirm", "change_sets", "record", "wait", "yes", "fingerprint", "reason"}
TOOLS = {tool.name: tool for tool in reading_tools()}


@pytest.fixture
def connected(tmp_path: Path) -> Context:
    return Context(Settings(data=tmp_path), as_json=True)


def client_of(context: Context) -> Any:
    import mcp  # only where it is used: it is slow to import, and every worker collects this file

    return mcp.Client(server(context))


def call(context: Context, name: str, **arguments: Any) -> tuple[bool, dict[str, Any]]:
    """Return whether the tool failed, and its document."""

    async def ask() -> Any:
        async with client_of(context) as client:
            return await client.call_tool(name, arguments)

    result = anyio.run(ask)
    return bool(result.is_error), json.loads(result.content[0].text)


def entries(group: Verbs = root, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Lazy]]:
    for name, entry in group.verbs.items():
        if isinstance(entry, Verbs):
            yield from entries(entry, (*words, name))
        else:
            yield " ".join((*words, name)), entry


def test_no_verb_of_an_operation_is_a_tool_unless_the_options_that_change_something_are_withheld() -> None:
    changing = {command for operation in Operation for command in operation.commands}
    offered = {words: entry for words, entry in entries() if entry.reads and words in changing}
    assert set(offered) == {"logs retention", "doctor"}
    assert all(entry.withheld for entry in offered.values())


def test_no_tool_takes_an_option_that_only_changes_have() -> None:
    taken = {name: set(tool.schema["properties"]) & WRITING for name, tool in TOOLS.items()}
    assert {name: found for name, found in taken.items() if found} == {}
    assert "set" not in TOOLS["logs_retention"].schema["properties"]


def test_every_withheld_option_exists() -> None:
    for words, entry in entries():
        if not entry.withheld:
            continue
        command = getattr(import_module(entry.module), entry.attribute or words.split()[-1])
        assert set(entry.withheld) <= {parameter.name for parameter in command.params}, words


def test_the_listed_tools_are_read_only_and_say_what_they_take(connected: Context) -> None:
    async def ask() -> Any:
        async with client_of(connected) as client:
            return (await client.list_tools()).tools

    listed = {tool.name: tool for tool in anyio.run(ask)}
    assert set(listed) == set(TOOLS) and {"status", "rollouts_status", "logs_search"} <= set(listed)
    assert all(tool.annotations.read_only_hint for tool in listed.values())
    search = listed["logs_search"]
    assert "level:error" in search.description
    assert search.input_schema["properties"]["engine"]["enum"] == ["auto", "duckdb", "athena"]
    assert search.input_schema["properties"]["account"]["type"] == "array"
    assert search.input_schema["properties"]["limit"]["type"] == "integer"
    assert listed["rollouts_validate"].input_schema["required"] == ["file"]


def test_a_tool_answers_what_the_command_line_prints(
    connected: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    fault = "fail 111111111111/us-east-1/welcome"
    begin = "2026-07-06T08:00"
    failed, said = call(connected, "rollouts_simulate", file=EXAMPLE, faults=[fault], begin=begin)
    assert not failed and said["complete"] and said["answer"]["outcome"] == "rolled back"
    assert said["command"].startswith(f"slipway rollouts simulate --begin={begin} '--fault=fail ")
    capsys.readouterr()
    assert main(["rollouts", "simulate", EXAMPLE, "--fault", fault, "--begin", begin, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    actions = [[action["did"] for action in each["actions"]] for each in (said["answer"], printed)]
    assert actions[0] == actions[1] and len(actions[0]) > 5


def test_errors_are_the_command_lines(connected: Context) -> None:
    failed, said = call(connected, "rollouts_validate", file="missing.toml")
    assert failed and "missing.toml" in said["error"]["message"] and said["error"]["hint"]
    failed, said = call(connected, "rollouts_simulate", file=EXAMPLE, begin="soon")
    assert failed and said["error"]["type"] == "InputError"
    assert (
        call(connected, "operations", reason="x")[1]["error"]["message"]
        == "operations has no argument reason."
    )
    failed, said = call(connected, "rollouts_freeze", reason="x")
    assert failed and said["error"]["message"] == "No tool rollouts_freeze."


@verb
@click.option("--part", is_flag=True)
def overlooked(context: Context, part: bool) -> int:
    """A verb that is wrongly marked as reading; with --part, one that could not read everything."""
    if part:
        context.errors.print("Not read: production, eu-west-1")
        context.show([], empty="")
        return 4
    resource = Resource("AWS::SSM::Parameter", "freeze", "111111111111", "eu-west-1")
    step = Step("freeze", "Freeze all rollouts", resource, lambda _: None, {})
    context.perform(AuditedCall(step, Operation.FREEZE_ROLLOUTS))
    return 0


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> ReadingTool:
    entry = Lazy(__name__, "Overlooked.", reads=True)
    monkeypatch.setattr(root, "verbs", {**root.verbs, "overlooked": entry})
    return next(found for found in reading_tools() if found.name == "overlooked")


def test_a_change_that_was_marked_as_reading_is_refused_for_its_role(
    tool: ReadingTool, connected: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = FileAudit(tmp_path / "audit.jsonl")
    monkeypatch.setattr(Context, "audit", audit)
    error = answer(tool, {}, connected)["error"]
    assert error["type"] == "NotAllowed" and "has the role viewer" in error["message"]
    assert audit.read(1) == []


def test_an_answer_that_was_not_read_in_full_says_so(tool: ReadingTool, connected: Context) -> None:
    said = answer(tool, {"part": True}, connected)
    assert said["complete"] is False and said["notes"] == ["Not read: production, eu-west-1"]


def test_without_the_package_the_error_says_how_to_install_it(
    connected: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mcp_types", None)
    with pytest.raises(SlipwayError) as caught:
        server(connected)
    assert "slipway-workbench[mcp]" in caught.value.hint
