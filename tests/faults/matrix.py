"""The fault matrix: five faults in every call of every state, and the outcome of the run.

python -m tests.faults.matrix FAULT           judges a fault in every call, and prints a cell a line, as JSON
python -m tests.faults.matrix one-for-each    judges one fault in each call, the faults taking turns
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from ministack.services import stepfunctions as sf

from ops.aws.stepfunctions.history import Execution
from tests.faults.cloud import CLEAN, ORIGINAL, Call, Cloud, refused, start, timed_out
from tests.faults.monitor.judge import Judge
from tests.faults.runs import LAMBDA, PREFIX, Pipeline, install

FAULTS = ("error", "throttled", "timeout", "stop", "missing")
ONE_FOR_EACH = "one-for-each"
FAULTY, NEXT = "run-2", "run-3"
REPLACES = "Delete old snapshots"  # needs a snapshot of an earlier run
QA = "222222222222"


@dataclass(frozen=True)
class Scenario:
    """A pipeline, and the event before the fault: none, a failed task, or a stop."""

    name: str
    kind: str
    key: bool = False
    latest: bool = False
    encrypted: bool = False
    before: str = ""

    @property
    def faulty(self) -> str:
        """The execution with the fault."""
        return f"clean-up-{FAULTY}" if self.before == "stop" else FAULTY


SCENARIOS = (
    Scenario("instance", "instance"),
    Scenario("instance, latest, key", "instance", key=True, latest=True),
    Scenario("cluster", "cluster"),
    Scenario("cluster, latest, key", "cluster", key=True, latest=True, encrypted=True),
    Scenario("instance, task fails", "instance", before="error"),
    Scenario("cluster, task fails", "cluster", before="error"),
    Scenario("instance, stopped", "instance", before="stop"),
    Scenario("cluster, stopped", "cluster", before="stop"),
)


@dataclass(frozen=True)
class Cell:
    scenario: str
    state: str
    call: str
    fault: str


@dataclass(frozen=True)
class Verdict:
    """`became` is the outcome of the run; `wrong` lists violations, and is empty if the cell passes."""

    cell: Cell
    became: str
    wrong: tuple[str, ...]


@dataclass
class Injection:
    """Injects the fault into every call with a name, in one state of one execution."""

    pipeline: Pipeline
    scenario: Scenario
    cell: Cell | None = None
    seen: list[tuple[str, str]] | None = None

    def around(self, name: str, state: str, make: Callable[[], Any]) -> Any:
        self._see(state, name)
        if self.pipeline.current["name"] == FAULTY and state == "Sanitize" and self.scenario.before:
            if self.scenario.before == "stop":
                self.pipeline.stop = True
                return make()
            raise sf._ExecutionError("States.TaskFailed", "the task failed on purpose")
        if not self._strikes(state, name):
            return make()
        assert self.cell
        service = "Lambda" if name == LAMBDA else "ECS"
        if self.cell.fault in ("timeout", "stop"):
            answer = make()
            self.pipeline.stop = self.cell.fault == "stop"
            if self.pipeline.stop:
                return answer
        names = {
            "error": f"{service}.AccessDeniedException",
            "throttled": f"{service}.TooManyRequestsException",
            "timeout": "Sandbox.Timedout" if name == LAMBDA else "States.Timeout",
            "missing": f"{service}.ResourceNotFoundException",
        }
        if self.cell.fault == "missing" and name != LAMBDA:
            return {"TaskArn": "arn:aws:ecs:eu-west-1:1:task/cluster/" + "0" * 32}  # it never ran
        raise sf._ExecutionError(names[self.cell.fault], f"{self.cell.fault} on purpose")

    def interfere(self, call: Call, make: Callable[[], None]) -> tuple[int, bytes] | None:
        running = self.pipeline.current and self.pipeline.current["status"] == "RUNNING"
        if not running or self.pipeline.inside:
            return None
        self._see(self.pipeline.state(), call.name)
        if not self._strikes(self.pipeline.state(), call.name):
            return None
        assert self.cell
        fault: Callable[[Call, Callable[[], None]], tuple[int, bytes] | None]
        fault = getattr(self, f"_{self.cell.fault}")
        return fault(call, make)

    def _see(self, state: str, name: str) -> None:
        if self.seen is not None and self.pipeline.current["name"] == self.scenario.faulty:
            self.seen.append((state, name))

    def _strikes(self, state: str, name: str) -> bool:
        return bool(
            self.cell
            and (self.cell.state, self.cell.call) == (state, name)
            and self.pipeline.current["name"] == self.scenario.faulty
        )

    def _error(self, call: Call, make: Callable[[], None]) -> tuple[int, bytes]:
        return refused(call, "AccessDenied", 403)

    def _throttled(self, call: Call, make: Callable[[], None]) -> tuple[int, bytes]:
        codes = {"s3": "SlowDown", "rds": "Throttling", "sns": "Throttling"}
        return refused(
            call, codes.get(call.service, "ThrottlingException"), 503 if call.service == "s3" else 400
        )

    def _timeout(self, call: Call, make: Callable[[], None]) -> None:
        """The worst case: the call succeeds, but the response is lost."""
        make()
        raise timed_out()

    def _stop(self, call: Call, make: Callable[[], None]) -> None:
        make()
        self.pipeline.stop = True

    def _missing(self, call: Call, make: Callable[[], None]) -> tuple[int, bytes] | None:
        named = [value for key, value in call.parameters.items() if key.endswith("Identifier")]
        if call.service != "rds":
            codes = {"s3": "NoSuchBucket", "sns": "NotFound", "kms": "NotFoundException"}
            return refused(call, codes.get(call.service, "ResourceNotFoundException"), 404)
        if call.operation.startswith("Describe"):
            return _nothing(call, named)
        if call.operation.startswith(("Create", "Copy", "Restore")):
            make()
            made = next(name for name in named if name != "prod" and "arn:" not in name)
            self.pipeline.vanish(_target(call) or made)
            return None
        self.pipeline.vanish(_target(call))
        return None


def _target(call: Call) -> str:
    """Return the resource that the call creates or changes."""
    asked = call.parameters
    if "ResourceName" in asked:
        return str(asked["ResourceName"]).rpartition(":")[2]
    of_snapshot = "Snapshot" in call.operation and not call.operation.startswith("Restore")
    names = ["TargetDBSnapshot", "TargetDBClusterSnapshot", "DBSnapshot", "DBClusterSnapshot"]
    names = names if of_snapshot else ["DBInstance", "DBCluster"]
    return str(next(asked[f"{name}Identifier"] for name in names if f"{name}Identifier" in asked))


def _nothing(call: Call, named: list[str]) -> tuple[int, bytes]:
    thing = call.operation.removeprefix("Describe").removesuffix("s")
    if named and f"{thing}Identifier" in call.parameters:
        return refused(call, f"{thing}NotFoundFault" if "Cluster" in thing else f"{thing}NotFound", 404)
    inner = f"<{call.operation}Result><{thing}s/></{call.operation}Result>"
    return 200, f"<{call.operation}Response>{inner}</{call.operation}Response>".encode()


class Matrix:
    """Runs cells sequentially, each in its own account."""

    def __init__(self, cloud: Cloud, first_account: int = 100_000_000_000) -> None:
        self._cloud = cloud
        self._next = first_account
        self._pipeline: Pipeline | None = None
        install(cloud, lambda: self._pipeline)  # type: ignore[arg-type,return-value]

    def cells(self) -> list[Cell]:
        """Return every call of a run of each scenario, in order, without duplicates."""
        known: set[tuple[str, str, str]] = set()
        found = []
        for scenario in SCENARIOS:
            for state, call in self._calls(scenario):
                if scenario.before and not state.startswith("Clean up after"):
                    continue
                if (scenario.kind, state, call) not in known:
                    known.add((scenario.kind, state, call))
                    found += [Cell(scenario.name, state, call, fault) for fault in FAULTS]
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
            self._cloud, scenario.kind, "own" if scenario.key else "", scenario.latest, scenario.encrypted
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
    late = cell.fault == "missing"  # is noticed by a later state
    first = "Sanitize" if cell.state == "Clean up after failure" else cell.state
    return [] if failed.name == first or late else [f"blames {failed.name}"]


def _name(snapshot: dict[str, Any]) -> str:
    return str(snapshot.get("DBSnapshotIdentifier") or snapshot["DBClusterSnapshotIdentifier"])


def one_for_each(cells: list[Cell]) -> list[Cell]:
    """Return one cell for each call of each state; the kinds of pipeline share what they have in common."""
    of_call: dict[tuple[str, str], dict[str, Cell]] = {}
    for cell in cells:
        of_call.setdefault((cell.state, cell.call), {}).setdefault(cell.fault, cell)
    return [faults[FAULTS[number % len(FAULTS)]] for number, faults in enumerate(of_call.values())]


def main() -> None:
    matrix, which = Matrix(start()), sys.argv[1]
    cells = matrix.cells()
    chosen = one_for_each(cells) if which == ONE_FOR_EACH else [each for each in cells if each.fault == which]
    for cell in chosen:
        print(json.dumps(asdict(matrix.judge(cell))), flush=True)


if __name__ == "__main__":
    main()
