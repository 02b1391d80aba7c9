"""The command line loads verbs when they are called, takes `--json` anywhere, and has one form of errors."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ops import __version__
from ops.cli import main
from ops.cli.commands import SHELLS, root
from ops.cli.context import Context
from ops.cli.verbs import Verb, Verbs, several_option, verb

SOURCES = sorted((Path(__file__).parents[3] / "ops/cli").rglob("*.py"))
HEAVY = {"awswrangler", "duckdb", "ministack", "numpy", "pandas", "pyarrow", "streamlit"}


def commands(group: Verbs, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every verb of the command line, loaded, with the words that call it."""
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command, name
            yield (*path, name), command
            if isinstance(command, Verbs):
                yield from commands(command, (*path, name))


EVERY = dict(commands(root))
GROUPS = [(), *(path for path, command in EVERY.items() if isinstance(command, Verbs))]


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_every_verb_prints_its_help(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*path, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: slipway {' '.join(path)}")
    assert EVERY[path].help and "--json" in text


@pytest.mark.parametrize("path", GROUPS, ids=" ".join)
def test_help_of_a_group_loads_nothing_heavy(path: tuple[str, ...]) -> None:
    assert not loaded(path) & {*HEAVY, "boto3", "sqlglot"}


@pytest.mark.thorough
def test_help_of_a_verb_loads_boto3_at_most() -> None:
    # A module holds several verbs: one of each is enough.
    verbs = {command.callback.__module__: path for path, command in EVERY.items() if command.callback}
    assert {path: heavy for path in verbs.values() if (heavy := loaded(path) & HEAVY)} == {}


def loaded(path: tuple[str, ...]) -> set[str]:
    """Return the modules that a process loads to print the help."""
    code = f"import sys; from ops.cli import main; main({[*path, '--help']!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"slipway {__version__}\n"


@pytest.mark.parametrize("arguments", [["--json", "operations"], ["operations", "--json"]])
def test_json_goes_before_or_after_the_verb(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)[0]["operation"]


@pytest.mark.parametrize(
    ("arguments", "status", "kind"),
    [
        (["rollouts", "validate", "/no/such.toml", "--json"], 1, "InputError"),
        (["no-such-verb", "--json"], 2, "UsageError"),
        (["logs", "search", "--json", "--no-such-option"], 2, "UsageError"),
        (["--json", "snapshots", "refresh"], 2, "UsageError"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_an_error_is_one_json_document(
    arguments: list[str], status: int, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == status
    shown = capsys.readouterr()
    error = json.loads(shown.out)["error"]
    assert error["type"] == kind and error["message"] and error["hint"]
    assert shown.err == ""


@pytest.mark.parametrize("arguments", [["rollouts", "validate", "a\x1b[31mb.toml"], ["no\x1b[31mverb"]])
def test_an_error_has_no_control_characters(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) in (1, 2)
    shown = capsys.readouterr().err
    assert "\x1b" not in shown and shown.startswith("Error: ") and "\nHint: " in shown


def test_a_wrong_call_names_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["snapshots", "refresh"]) == 2
    assert "Hint: See slipway snapshots refresh --help" in capsys.readouterr().err


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_gets_its_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    if shell == "bash" and subprocess.run(["bash", "--version"], capture_output=True).returncode:
        pytest.skip("click asks bash for its version, and there is no bash")
    assert main(["completion", shell]) == 0
    assert "_SLIPWAY_COMPLETE" in capsys.readouterr().out


def test_a_verb_is_completed() -> None:
    code = "import sys; from ops.cli import main; sys.exit(main([]))"
    environment = {"_SLIPWAY_COMPLETE": "bash_complete", "COMP_WORDS": "slipway snap", "COMP_CWORD": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "snapshots" in done.stdout


@pytest.mark.parametrize(
    ("given", "values", "rest"),
    [
        (["--set", "a=1", "b=2"], ("a=1", "b=2"), ()),
        (["--set", "a=1", "--set", "b=2"], ("a=1", "b=2"), ()),
        (["x", "--set", "a=1", "--flag", "y"], ("a=1",), ("x", "y")),
        (["--set", "a=1", "--", "b=2", "--set"], ("a=1",), ("b=2", "--set")),
        (["--set=a=1", "y"], ("a=1",), ("y",)),
        (["--set", "a=-1", "b"], ("a=-1", "b"), ()),
    ],
    ids=" ".join,
)
def test_an_option_takes_several_values(
    given: list[str], values: tuple[str, ...], rest: tuple[str, ...]
) -> None:
    seen = {}

    @verb
    @several_option("--set", "NAME=VALUE", "Values.")
    @click.option("--flag", is_flag=True)
    @click.argument("text", nargs=-1)
    def show(context: Context, **arguments: object) -> None:
        seen.update(arguments)

    assert isinstance(show, Verb)
    show.main(given, obj=Context(as_json=False), standalone_mode=False)
    assert (seen["set"], seen["text"]) == (values, rest)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_keys_of_rows_are_snake_case(path: Path) -> None:
    """Scripts read them with --json. Uppercase keys are environment variables, keys with a dash are verbs."""
    dicts = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Dict)]
    keys = [
        ast.unparse(key)
        for node in dicts
        for key in node.keys
        if isinstance(key, ast.Constant | ast.JoinedStr)
    ]
    assert [key for key in keys if not re.fullmatch(r"f?'([a-z0-9_{}-]+|[A-Z_]+)'", key)] == []


def test_a_table_has_readable_headings_and_json_has_keys(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"size_gib": 20, "shared_with": ["qa"]}]
    Context(as_json=False).show(rows, empty="")
    assert capsys.readouterr().out.splitlines()[0] == "size GiB  shared with"
    Context(as_json=True).show(rows, empty="")
    assert json.loads(capsys.readouterr().out) == rows
