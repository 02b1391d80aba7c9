"""Disables refusals one by one in a copy of the project, and runs the tests that execute them.

python -m tests.witnesses.session disable PATH,PATH,… PYTEST_ARGUMENT…   prints a refusal a line, as JSON
python -m tests.witnesses.session execute PATH,PATH,… PYTEST_ARGUMENT…   only those that no test executes
"""

import ast
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import coverage
import pytest

from tests.witnesses.refusals import Refusal, disabled, find_refusals
from tests.witnesses.running import any_fails, in_child, measure, replace_code

CAUGHT, SURVIVED, EXECUTED, NOT_EXECUTED = "caught", "survived", "executed", "not executed"
DISABLE, EXECUTE = "disable", "execute"
COLLECTING_S = 3600.0
SPARED_S = 60.0  # for a test that hangs, beyond ten times what the tests take
STARTING = {"browser", "database_folder", "embedded", "plant"}  # fixtures that start processes
# Sources that tests run from their text: coverage does not see them, so every test of these folders is run.
FROM_TEXT = {
    f"ops/functions/{name}/": (f"tests/ops/functions/{name}/", *more)
    for name, more in {
        "log_compactor": (),
        "log_processor": (),
        "log_subscriber": (),
        "rollouts": (),
        "snapshots": ("tests/faults/test_refusals.py", "tests/faults/test_restores.py"),
    }.items()
}


class Witnesses:
    """A pytest plugin that runs the collected tests once per refusal instead of once."""

    def __init__(self, refusals: Sequence[Refusal], mode: str) -> None:
        self.refusals = refusals
        self.mode = mode

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the tests that start nothing: a forked process could not stop it."""
        items[:] = [item for item in items if not STARTING.intersection(getattr(item, "fixturenames", ()))]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        tests_by_line, durations = _measure(session.items)
        items = {item.nodeid: item for item in session.items}
        for refusal in self.refusals:
            names = _covering(refusal, tests_by_line, durations)
            result = EXECUTED if names else NOT_EXECUTED
            if names and self.mode == DISABLE:
                ordered = sorted(names, key=lambda name: durations[name])
                limit_s = SPARED_S + 10 * sum(durations[name] for name in names)
                result = SURVIVED if _pass(refusal, [items[name] for name in ordered], limit_s) else CAUGHT
            print("\n" + json.dumps({**asdict(refusal), "result": result}), file=sys.__stdout__, flush=True)
        return True


def _measure(items: Sequence[pytest.Item]) -> tuple[Mapping[tuple[str, int], set[str]], Mapping[str, float]]:
    """Return the tests that execute each line, and the seconds of each test that passes."""
    with tempfile.TemporaryDirectory() as folder:
        data_file, durations_file = Path(folder, "coverage"), Path(folder, "durations.json")

        def act() -> int:
            measure(items, data_file, durations_file)
            return 0

        assert in_child(act, COLLECTING_S) == 0, "the tests could not be run"
        data = coverage.CoverageData(str(data_file))
        data.read()
        durations = json.loads(durations_file.read_text())
        tests: dict[tuple[str, int], set[str]] = defaultdict(set)
        for file in data.measured_files():
            path = Path(file).relative_to(Path.cwd()).as_posix()
            for line, contexts in data.contexts_by_lineno(file).items():
                tests[(path, line)] |= set(contexts) & durations.keys()
    return tests, durations


def _covering(
    refusal: Refusal, tests_by_line: Mapping[tuple[str, int], set[str]], durations: Collection[str]
) -> set[str]:
    """Return the tests that execute the refusal."""
    for folder, tests in FROM_TEXT.items():
        if refusal.path.startswith(folder):
            return {name for name in durations if name.startswith(tests)}
    return tests_by_line.get((refusal.path, refusal.line), set())


def _pass(refusal: Refusal, items: Sequence[pytest.Item], limit_s: float) -> bool:
    """Whether the tests pass without the refusal, in this process's code and in the copy's files."""
    path = Path(refusal.path)
    source = path.read_text("utf-8")
    tree = disabled(source, refusal)
    # A Lambda's source is compiled from its text, under the name of its folder.
    filenames = {str(path.resolve()), f"{path.parent.name}.py"}

    def act() -> int:
        replace_code(filenames, compile(tree, str(path.resolve()), "exec"))
        return int(any_fails(items))

    path.write_text(ast.unparse(tree), "utf-8")
    try:
        return in_child(act, limit_s) == 0
    finally:
        path.write_text(source, "utf-8")


def main() -> None:
    mode, paths, arguments = sys.argv[1], sys.argv[2].split(","), sys.argv[3:]
    refusals = [refusal for path in paths for refusal in find_refusals(path)]
    quiet = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    sys.exit(pytest.main([*quiet, *arguments], plugins=[Witnesses(refusals, mode)]))


if __name__ == "__main__":
    main()
