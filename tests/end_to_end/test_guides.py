"""Every command of the README and the guides works on new sample data, in the order shown."""

import contextlib
import io
import json
import re
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from ops import embedded
from ops.cli import main
from ops.cli.commands import root
from ops.cli.context import Context

ROOT = Path(__file__).parents[2]
# The guide of the embedded cloud deletes the sample data, so it is last.
GUIDES = ("README", "getting-started", "snapshots", "log-explorer", "logs-ledger", "log-export",
          "support-stacks", "rollouts", "real-aws", "embedded")  # fmt: skip
# With resources of their own: test_prove.py and test_adoption.py, and tests/ops/cli/test_logs_datasets.py.
RUN_ELSEWHERE = ("prove", "adopt", "log-datasets")
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
ANYWHERE = {"--json", "--help", "--version"}  # options of every command
# Commands that a test cannot run, with the reason.
SKIPPED = {
    "make": "installs packages and runs until Ctrl-C: tests/ops/cli/test_run.py",
    "SLIPWAY_CLOUD=aws": "needs an AWS account",
    "aws": "needs an AWS account",
    "crane": "copies images between registries",
    "pre-commit": "changes the hooks of the repository",
}


def path_of(guide: str) -> Path:
    return ROOT / (f"{guide}.md" if guide.isupper() else f"docs/{guide}.md")


def commands(path: Path) -> list[str]:
    """Return the commands in the shell blocks of a guide; a backslash continues a line."""
    blocks = [block for _, language, block in BLOCK.findall(path.read_text()) if language in ("sh", "")]
    return [
        line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()
    ]


@pytest.fixture(scope="module")
def data(plant: Callable[..., Path]) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="slipway-guides-"))
    folder.chmod(0o755)
    embedded.start(plant(folder / "data/embedded"), delay_s=0.2, live=True, owner=True)
    yield folder
    embedded.stop(folder / "data/embedded")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def clone(data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with what the guides expect in a clone, and a synthesized app."""
    folder = data / "clone"
    if not folder.exists():
        shutil.copytree(ROOT / "rollouts", folder / "rollouts")
        (folder / "ops").symlink_to(ROOT / "ops")
        (folder / "cdk.out").mkdir()
        (folder / "cdk.out/manifest.json").write_text(json.dumps({"version": "36.0.0", "artifacts": {}}))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SLIPWAY_DATA", str(data / "data"))
    monkeypatch.setenv("SLIPWAY_EMBEDDED_DELAY", "0.2")
    return folder


def typed(context: Context, question: str) -> str:
    """Type what a question asks for."""
    answer = re.search(r"Type (.+?)(?: to confirm)?: $", question)
    assert answer, question
    return answer[1]


def run(line: str) -> tuple[int, str]:
    """Run a command of a guide as a shell does; return its exit status and output."""
    words = shlex.split(line, comments=True)
    target = words.index(">") if ">" in words else len(words)
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        status = main(words[1:target])
    if words[target + 1 :]:
        Path(words[target + 1]).write_text(output.getvalue())
    return status, output.getvalue() + errors.getvalue()


@pytest.mark.parametrize("guide", (*GUIDES, *RUN_ELSEWHERE))
def test_the_commands_of_a_guide_and_their_options_exist(guide: str) -> None:
    for line in commands(path_of(guide)):
        program, *words = shlex.split(line, comments=True)
        if program in SKIPPED:
            continue
        command: click.Command | None = root
        names = (word for word in words if not word.startswith("-"))
        while isinstance(command, click.Group):
            command = command.get_command(click.Context(command), next(names))
        assert command, line
        known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
        used = {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"}
        assert used <= known | ANYWHERE, line


@pytest.mark.parametrize(
    "guide", [GUIDES[0], *(pytest.param(guide, marks=pytest.mark.thorough) for guide in GUIDES[1:])]
)
def test_the_commands_of_a_guide_work(guide: str, clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Context, "ask", typed)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    lines = [line for line in commands(path_of(guide)) if line.split()[0] not in SKIPPED]
    assert lines
    for line in lines:
        assert line.startswith("slipway "), line
        status, output = run(line)
        allowed = {0, 1} if "exit status 1" in line else {0}
        assert status in allowed, f"{line}\n{output}"
        assert output.strip(), f"{line}: no output"
        assert " logs search " not in line or "ERROR" in output, f"{line}: found nothing"


def test_no_guide_with_commands_is_left_out() -> None:
    guides = {path.stem for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")) if commands(path)}
    with_commands = {
        name for name in guides if any(line.startswith("slipway ") for line in commands(path_of(name)))
    }
    assert with_commands == {*GUIDES, *RUN_ELSEWHERE}


def test_every_skipped_command_is_in_a_guide() -> None:
    lines = [line for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")) for line in commands(path)]
    assert {line.split()[0] for line in lines} - {"slipway"} == set(SKIPPED)
