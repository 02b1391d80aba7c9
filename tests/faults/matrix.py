"""The fault matrix of snapshots: every fault in every call of every state, and the outcome of the run.

python -m tests.faults.matrix FAULT           judges a fault in every call, and prints a cell a line, as JSON
python -m tests.faults.matrix one-for-each    judges one fault in each call, the faults taking turns
python -m tests.faults.matrix one-of-each     judges one fault in each state, and every fault at least once
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from ops.aws.stepfunctions.history import Execution
from tests.faults.cells import FAULTY, PASSING, Cell, Scenario, faults_of
from tests.faults.cloud import CLEAN, ORIGINAL, Cloud, start
from tests.faults.injection import Injection
from tests.faults.monitor.judge import Judge
from tests.faults.runs import PREFIX, Pipeline, install

ONE_FOR_EACH, ONE_OF_EACH = "one-for-each", "one-of-each"
NEXT = "run-3"
REPLACES = "Delete old snapshots"  # needs a snapshot of an earlier run
QA = "222222222222"


SCENARIOS = (
    Scenario("instance", "instance"),
    Scenario("instance, latest, key", "instance", key=True, latest=True),
    Scenario("cluster", "cluster"),
    Scenario("cluster, latest, key", "cluster", key=True, latest=True, encrypted=True),
    Scenario("instance, rebuild", "instance", rebuild=True),
    Scenario("instance, rebuild, key", "instance", key=True, latest=True, rebuild=True),
    Scenario("instance, task fails", "instance", before="error"),
    Scenario("cluster, task fails", "cluster", before="error"),
    Scenario("instance, stopped", "instance", before="stop"),
    Scenario("cluster, stopped", "cluster", before="stop"),
)


@dataclass(frozen=True)
class Verdict:
    """`became` is the outcome of the run; `wrong` lists violations, and is empty if the cell passes."""

    cell: Cell
    became: str
    wrong: tuple[str, ...]


class Matrix:
    """Runs cells sequentially, each in its own account."""

    def __init__(self, cloud: Cloud, first_account: int = 100_000_000_000) -> None:
        self._cloud = cloud
        self._next = first_account
        self._pipeline: Pipeline | None = None
        install(cloud, lambda: self._pipeline)  # type: ignore[arg-type,return-value]

    def cells(self) -> list[Cell]:
        """Return every call of a run of each scenario, in order, without duplicates."""
        known: set[tuple[object, ...]] = set()
        found = []
        for scenario in SCENARIOS:
            for state, call in self._calls(scenario):
                if scenario.before and not state.startswith("Clean up after"):
                    continue
                key = (scenario.kind, scenario.rebuild, state, call)
                if key not in known:
                    known.add(key)
                    found += [Cell(scenario.name, state, call, fault) for fault in faults_of(state, call)]
        return found

    def _calls(self, scenario: Scenario) -> Iterator[tuple[str, str]]:
        pipeline, injection = self._prepared(scenario)
        injection.seen = []
        pipeline.run(FAULTY)
        pipeline.run_what_was_started()
        yield from dict.fromkeys(injection.seen)

    def _prepared(self, scenario: Scenario, *, after_one: bool = True) -> tuple[Pipeline, Injection]:
        self._cloud.account, self._next = str(self._next), self._next + 1
        self._cloud.interfere = lambda call, make: None
        self._cloud.started.clear()
        self._cloud.judge = Judge()
        pipeline = Pipeline(
            self._cloud,
            scenario.kind,
            "own" if scenario.key else "",
            scenario.latest,
            scenario.encrypted,
            scenario.rebuild,
        )
        self._pipeline = pipeline
        pipeline.deploy()
        injection = Injection(pipeline, scenario)
        pipeline.around, self._cloud.interfere = injection.around, injection.interfere
        if after_one:
            first = pipeline.run("run-1")
            assert first.status == "SUCCEEDED", first.cause
        return pipeline, injection

    def judge(self, cell: Cell) -> Verdict:
        scenario = next(each for each in SCENARIOS if each.name == cell.scenario)
        pipeline, injection = self._prepared(scenario, after_one=cell.state == REPLACES)
        injection.cell = cell
        ended = pipeline.run(FAULTY)
        cleaned = pipeline.run_what_was_started()
        if scenario.before == "stop":
            (ended,) = cleaned
        pipeline.call("sweep", {"stateMachineArn": pipeline.arn})  # within the hour
        swept = pipeline.run_what_was_started()
        became = _became(ended) + (", swept" if swept else "")
        wrong = [*left(pipeline), *leaked(pipeline), *_untold(ended, cell)]
        must_pass = cell.fault in PASSING and injection.struck and scenario.before != "error"
        if must_pass and became != "went on":
            wrong.append(f"the fault passes, and the run {became}: {ended.cause[:200]}")
        following = pipeline.run(NEXT)
        pipeline.run_what_was_started()
        if following.status != "SUCCEEDED":
            wrong.append(f"the next run is {following.status}: {following.cause}")
        wrong += [*left(pipeline), *leaked(pipeline), *_unshared(pipeline)]
        wrong += [str(violation) for violation in self._cloud.judge.close()]
        return Verdict(cell, became, tuple(dict.fromkeys(wrong)))


def _became(ended: Execution) -> str:
    if ended.status == "SUCCEEDED":
        return "went on"
    if ended.status == "ABORTED":
        return "stopped"
    return f"failed in {ended.failed_step.name}" if ended.failed_step else "failed"


def left(pipeline: Pipeline) -> list[str]:
    """Return leftover temporary resources and unfinished snapshots of the pipeline."""
    databases = [
        each.get("DBInstanceIdentifier") or each["DBClusterIdentifier"] for each in pipeline.databases()
    ]
    found = [name for name in databases if name.startswith(PREFIX)]
    for snapshot in pipeline.snapshots():
        tags = {tag["Key"] for tag in snapshot["TagList"]}
        unfinished = "slipway:pipeline" in tags and "slipway:sanitized" not in tags
        if unfinished or "slipway:temporary" in tags:
            found.append(_name(snapshot))
    return [f"left: {name}" for name in found]


def leaked(pipeline: Pipeline) -> list[str]:
    """Return snapshots with production data that are shared or tagged as sanitized."""
    found = []
    for snapshot in pipeline.snapshots():
        tags = {tag["Key"] for tag in snapshot["TagList"]}
        offered = snapshot.get("_restore") or "slipway:sanitized" in tags
        if offered and pipeline.cloud.contents(snapshot) != CLEAN:
            found.append(f"leaked: {_name(snapshot)}")
    production = [
        d
        for d in pipeline.databases()
        if (d.get("DBClusterIdentifier") or d["DBInstanceIdentifier"]) == "prod"
    ]
    if not any("_data" in each and pipeline.cloud.contents(each) == ORIGINAL for each in production):
        found.append("production was changed")
    return found


def _unshared(pipeline: Pipeline) -> list[str]:
    """The next run must have created exactly one shared snapshot."""
    made = [s for s in pipeline.snapshots() if "slipway:sanitized" in {tag["Key"] for tag in s["TagList"]}]
    if [each.get("_restore") for each in made] == [[QA]]:
        return []
    return [f"shared: {[(_name(each), each.get('_restore')) for each in made]}"]


def _untold(ended: Execution, cell: Cell) -> list[str]:
    """A run that did not succeed must report the failed state and the cause."""
    if ended.status == "SUCCEEDED":
        return []
    if ended.status == "ABORTED":
        stopped = [step.name for step in ended.steps if step.status == "aborted"]
        return [] if stopped == [cell.state] else [f"stopped in {stopped}, not {cell.state}"]
    failed = ended.failed_step
    if not failed or not (failed.cause or failed.error) or not ended.cause:
        return ["it does not say where and why"]
    late = cell.fault in ("missing", "short")  # is noticed by a later state
    first = "Sanitize" if cell.state == "Clean up after failure" else cell.state
    return [] if failed.name == first or late else [f"blames {failed.name}"]


def _name(snapshot: dict[str, Any]) -> str:
    return str(snapshot.get("DBSnapshotIdentifier") or snapshot["DBClusterSnapshotIdentifier"])


def one_for_each(cells: list[Cell], key: Callable[[Cell], tuple[str, ...]]) -> list[Cell]:
    """Return one cell for each key, such as the call of a state, and at least one for each fault.

    The kinds of pipeline share what they have in common.
    """
    of_call: dict[tuple[str, ...], dict[str, Cell]] = {}
    for cell in cells:
        of_call.setdefault(key(cell), {}).setdefault(cell.fault, cell)
    chosen: list[Cell] = []
    kinds: Counter[str] = Counter()
    for faults in of_call.values():  # of the faults that apply, the one with the fewest cells so far
        chosen.append(min(faults.values(), key=lambda cell: kinds[cell.fault]))
        kinds[chosen[-1].fault] += 1
    first = {cell.fault: cell for cell in reversed(cells)}
    return [*chosen, *(cell for fault, cell in first.items() if not kinds[fault])]


def main() -> None:
    matrix, which = Matrix(start()), sys.argv[1]
    cells = matrix.cells()
    if which == ONE_FOR_EACH:
        chosen = one_for_each(cells, lambda cell: (cell.state, cell.call))
    elif which == ONE_OF_EACH:
        chosen = one_for_each(cells, lambda cell: (cell.state,))
    else:
        chosen = [each for each in cells if each.fault == which]
    for cell in chosen:
        print(json.dumps(asdict(matrix.judge(cell))), flush=True)


if __name__ == "__main__":
    main()
