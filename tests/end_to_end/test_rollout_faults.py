"""The controller interrupted in every state, in every way: it resumes or rolls back, and reports everything.

Each cell is a kind of fault in an action. Cells whose rollouts end alike share one, each on its own target; a
stopped state machine has its own rollout. A handler that wraps the controller's injects the faults.
"""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from ops.aws.cloud import Cloud
from ops.embedded.accounts import PRODUCTION
from ops.errors import Conflict
from ops.rollouts import controller as controllers
from ops.rollouts import package
from ops.rollouts.rules.decisions import TargetState
from ops.rollouts.runs import RunDetails, RunTarget
from tests.end_to_end.fleet import PATIENCE_S, REGIONS, Fleet, Place, set_up, template
from tests.faults.monitor.watch import Watch
from tests.ops.embedded.overlay import client, eventually
from tests.ops.rollouts.cdk_app import QUALIFIER, Synthesized, write_assembly

HERE = REGIONS[:2]
TAKEN = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "y"}}
TAKEN_NAME = "/taken/${AWS::StackName}"
OLD = template(1)
NEW = template(
    2,
    Taken={**TAKEN, "Properties": {**TAKEN["Properties"], "Name": {"Fn::Sub": TAKEN_NAME}}},  # type: ignore[dict-item]
)

OF_THE_RUN = ("begin", "next", "rest")
FORWARD = ("begin target", "record", "propose", "execute", "settle", "verify")
PUBLISH = "publish"  # only of the rollouts of an app
BACK = ("fail", "undo", "stuck")
PASSING = ("crash before", "crash after", "throttled")
ALSO_PASSING = ("lost", "skew", "half")  # a response, a request, and the function: thorough in every action
LASTING = ("unreachable", "denied")
KINDS = (*PASSING, *ALSO_PASSING, "stopped", *LASTING)
TIMES = {"crash before": 1, "crash after": 1, "throttled": 2, "stopped": 1} | dict.fromkeys(ALSO_PASSING, 1)
FOREVER = 10_000
LONG_S = 15  # a bake that is not over before it is waited for, however busy the machine
AT_ONCE = 8  # rollouts; they mostly wait
TARGETS_AT_ONCE = 6  # of one: each takes a process of the handler's


@dataclass(frozen=True)
class Cell:
    """A fault: how, in which action."""

    action: str
    kind: str

    @property
    def stack(self) -> str:
        return f"cell-{self.action}-{self.kind}".replace(" ", "-")

    @property
    def fault(self) -> dict[str, Any]:
        times = TIMES.get(self.kind, FOREVER)
        target = "" if self.action in OF_THE_RUN else target_id(self)
        return {"action": self.action, "kind": self.kind, "times": times, "target": target}


def region_of(cell: Cell) -> str:
    """What is to go back was deployed in the first wave; the second fails."""
    return HERE[cell.action not in ("undo", "stuck")]


def target_id(cell: Cell) -> str:
    return f"{PRODUCTION.id}/{region_of(cell)}/{cell.stack}"


@dataclass(frozen=True)
class World:
    """One rollout with the faults of its cells, and how it has to end."""

    name: str
    status: str
    cells: tuple[Cell, ...]

    @property
    def is_app(self) -> bool:
        return any(cell.action == PUBLISH for cell in self.cells)

    @property
    def on_targets(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.action not in OF_THE_RUN]

    @property
    def goes_wrong(self) -> bool:
        """Whether some targets fail by themselves, because the ways back are looked at."""
        return any(cell.action in BACK for cell in self.cells)

    @property
    def stacks(self) -> dict[str, str]:  # with their regions: a plain one in each wave, those of the cells
        plain = {f"{self.name}-plain": HERE[0], f"{self.name}-last": HERE[1]}
        return plain | {cell.stack: region_of(cell) for cell in self.on_targets}

    @property
    def failing(self) -> list[str]:
        own = [cell.stack for cell in self.cells if cell.action == "fail"]
        return [f"{self.name}-last", *own] if self.goes_wrong else []

    @property
    def tolerated(self) -> int:
        # So many that every cell's target is started before the last failure stops the rollout.
        lasting = [cell for cell in self.cells if fails(cell)]
        return max(0, len(self.failing) + len(lasting) - 1)

    @property
    def faults(self) -> list[dict[str, Any]]:
        """Those of the cells; and what keeps targets from going back, so that they are stuck."""
        cannot = {"action": "undo", "kind": "cannot", "times": FOREVER}
        stuck = [cannot | {"target": target_id(cell)} for cell in self.cells if cell.action == "stuck"]
        return [*(cell.fault for cell in self.cells), *stuck]


def fails(cell: Cell) -> bool:
    """Whether the cell's target fails, because of what lasts."""
    return cell.action in (PUBLISH, *FORWARD) and cell.kind in LASTING


def cells(actions: tuple[str, ...], kinds: tuple[str, ...]) -> tuple[Cell, ...]:
    return tuple(Cell(action, kind) for action in actions for kind in kinds)


def stopped(action: str) -> World:
    status = "STUCK" if action == "stuck" else "ROLLED_BACK"
    return World(f"stopped-{action}".replace(" ", "-"), status, (Cell(action, "stopped"),))


def turns(actions: tuple[str, ...], kinds: tuple[str, ...]) -> tuple[Cell, ...]:
    """Return one cell for each action, the kinds taking turns."""
    return tuple(Cell(action, kinds[number % len(kinds)]) for number, action in enumerate(actions))


ALL = [
    World("passing", "DONE", cells((*OF_THE_RUN, *FORWARD), PASSING)),
    World("lasting", "ROLLED_BACK", cells(FORWARD, LASTING)),
    World("back", "ROLLED_BACK", cells(("fail", "undo"), PASSING)),
    World("stuck", "STUCK", (*cells(("stuck",), PASSING), *cells(("undo",), LASTING))),
    World("assets", "DONE", cells((PUBLISH,), (*PASSING, *ALSO_PASSING))),
    World("no-assets", "ROLLED_BACK", cells((PUBLISH,), LASTING)),
    *(stopped(action) for action in (*OF_THE_RUN, PUBLISH, *FORWARD, *BACK)),
]
ONE_OF_EACH = [
    World(
        "passes",
        "DONE",
        (
            *turns((*OF_THE_RUN, *FORWARD), PASSING),
            Cell("propose", "lost"),
            Cell("record", "skew"),
            Cell("execute", "half"),
        ),
    ),
    World("lasts", "ROLLED_BACK", turns(FORWARD, LASTING)),
    World("goes-back", "ROLLED_BACK", turns(("fail", "undo"), PASSING)),
    World("sticks", "STUCK", (*turns(("stuck",), PASSING), *turns(("undo",), LASTING))),
    World("publishes", "DONE", (Cell(PUBLISH, "crash after"),)),
    *(stopped(action) for action in ("next", "execute", "undo")),
]
KNOWN = {cell for world in ONE_OF_EACH for cell in world.cells}
OTHERS = [replace(world, cells=tuple(cell for cell in world.cells if cell not in KNOWN)) for world in ALL]

THOROUGH = [
    World("also-passing", "DONE", cells((*OF_THE_RUN, *FORWARD), ALSO_PASSING)),
    World("also-back", "ROLLED_BACK", cells(("fail", "undo"), ALSO_PASSING)),
]


@dataclass(frozen=True)
class Spot(Fleet):
    """One target."""

    region: str

    @property
    def places(self) -> list[Place]:
        return [(PRODUCTION.id, self.region)]

    @property
    def id(self) -> str:
        return f"{PRODUCTION.id}/{self.region}/{self.stack}"

    @property
    def now(self) -> Any:
        return self.everything(self.places[0])


@dataclass(frozen=True)
class Played:
    """How a world ended."""

    world: World
    watched: RunDetails
    before: dict[str, Any]
    after: dict[str, Any]
    met: list[int]

    @cached_property
    def targets(self) -> dict[str, RunTarget]:
        return {each.target.id: each for each in self.watched.targets}

    @property
    def wrong(self) -> str:
        """What is wrong with the rollout as a whole; empty when nothing is."""
        status = self.watched.summary.status
        if status != self.world.status:
            return f"{status}, not {self.world.status}: {self.watched.why or self.watched.stopped}"
        stuck = {each.target.id for each in self.watched.targets if each.state is TargetState.STUCK}
        wanted = {target_id(cell) for cell in self.world.cells if must_stick(cell)}
        if stuck != wanted:
            return f"stuck are {sorted(stuck)}, not {sorted(wanted)}"
        return "; ".join(self.wrong_with(name) for name in self.before if self.wrong_with(name))

    def wrong_with(self, name: str) -> str:
        state, stands = self.targets[name].state, self.after[name]
        if state is TargetState.STUCK:
            named = name in self.watched.why
            return "" if named else f"{name} is stuck and not named"
        if self.world.status == "DONE":
            wanted = (NEW, {"Size": "new"}, self.before[name][2])
            return "" if (state, stands) == (TargetState.DEPLOYED, wanted) else f"{name} is {state}: {stands}"
        back = state in (TargetState.ROLLED_BACK, None)
        return "" if back and stands == self.before[name] else f"{name} is {state}: {stands}"

    def holds(self, cell: Cell) -> str:
        """Empty when the cell holds; else what is wrong."""
        if not self.met[self.world.cells.index(cell)]:
            return "the fault was never met"
        if self.wrong:
            return self.wrong
        failed = [line.target for line in self.watched.log if line.did == "failed"]
        must_fail = cell.action == "fail" or fails(cell)
        if must_fail and target_id(cell) not in failed:
            return "it did not fail"
        return ""


def must_stick(cell: Cell) -> bool:
    return cell.action == "stuck" or (cell.action == "undo" and cell.kind in (*LASTING, "cannot"))


def spots_of(cloud: Cloud, embedded: Any, folder: Path, world: World) -> list[Spot]:
    return [
        Spot(cloud, embedded, folder / world.name, stack, region) for stack, region in world.stacks.items()
    ]


def play(
    cloud: Cloud,
    embedded: Any,
    folder: Path,
    world: World,
    meanwhile: Callable[[Fleet, str], None] | None = None,
) -> Played:
    """Roll out on existing stacks; call `meanwhile` while the handler waits in the first cell's action."""
    fleet = Fleet(cloud, embedded, folder / world.name, world.name)
    spots = spots_of(cloud, embedded, folder, world)
    for spot in spots:
        spot.deploy(OLD)
    for spot in spots:
        spot.wait_until_deployed()
        if spot.stack in world.failing:
            name = TAKEN_NAME.replace("${AWS::StackName}", spot.stack)
            spot.client("ssm", spot.places[0]).put_parameter(Name=name, Value="x", Type="String")
    before = {spot.id: spot.now for spot in spots}
    (folder / f"{world.name}.json").write_text(json.dumps(world.faults))
    run = fleet.start(_file(fleet, world))
    if meanwhile:
        eventually((folder / f"{world.name}.0.met").exists, within_s=PATIENCE_S)
        meanwhile(fleet, run)
        (folder / f"{world.name}.done").touch()
    watched = fleet.ended(run)
    for spot in spots:
        assert not spot.status(spot.places[0]).endswith("IN_PROGRESS"), spot.id
    marks = [folder / f"{world.name}.{number}.met" for number in range(len(world.cells))]
    met = [len(mark.read_text()) if mark.exists() else 0 for mark in marks]
    return Played(world, watched, before, {spot.id: spot.now for spot in spots}, met)


def test_what_could_not_go_back_goes_back_when_it_is_ordered_once_more(
    cloud: Cloud, embedded: Any, faulty: Path
) -> None:
    world = World("again", "STUCK", (Cell("undo", "cannot"),))
    played = play(cloud, embedded, faulty, world)
    assert not played.wrong
    fleet = Fleet(cloud, embedded, faulty / world.name, world.name)
    run = played.watched.summary.run
    with pytest.raises(Conflict, match="has ended: Needs attention"):
        fleet.order(run, "resume", "go on")
    (faulty / f"{world.name}.json").write_text("[]")  # whoever was called has mended it
    fleet.order(run, "stop", "the policy is back")
    watched = fleet.ended(run)
    assert watched.summary.status == "ROLLED_BACK", watched.why
    assert {each.state for each in watched.targets} == {TargetState.ROLLED_BACK}
    for spot in spots_of(cloud, embedded, faulty, world):
        assert spot.now == played.before[spot.id]


def test_an_update_by_somebody_else_between_record_and_execution_is_left_alone(
    cloud: Cloud, embedded: Any, faulty: Path
) -> None:
    world = World("between", "ROLLED_BACK", (Cell("execute", "late"),))
    target = next(
        spot for spot in spots_of(cloud, embedded, faulty, world) if spot.stack == world.cells[0].stack
    )
    theirs, (place,) = template(3), target.places

    def update(fleet: Fleet, run: str) -> None:
        target.client("cloudformation", place).update_stack(StackName=target.stack, TemplateBody=theirs)
        eventually(lambda: target.status(place) == "UPDATE_COMPLETE", within_s=PATIENCE_S)

    played = play(cloud, embedded, faulty, world, update)
    assert played.watched.summary.status == "ROLLED_BACK", played.watched.why
    failed = {line.target: line.why for line in played.watched.log if line.did == "failed"}
    assert "changed outside this rollout after it was recorded" in failed[target.id]
    assert played.targets[target.id].why == "the stack had not been changed"
    assert target.body(place) == theirs
    others = [name for name in played.before if name != target.id]
    assert [name for name in others if played.wrong_with(name)] == []


def _file(fleet: Fleet, world: World) -> Path:
    """Every stack is a group of its own."""
    account = json.dumps([PRODUCTION.id])
    groups = [
        f'accounts = {account}\nregions = ["{region}"]\nstack = "{stack}"'
        for stack, region in world.stacks.items()
    ]
    quick, long = (f'time = "{seconds}s"\nwait = "1s"' for seconds in (1, LONG_S))
    rests = any(cell.action == "rest" for cell in world.cells)
    tables = {
        "[where]": "\n[[where]]\n".join(groups),
        "bake__first": long if rests else quick,
        "bake__later": quick,
        "limits": f"at_once = {TARGETS_AT_ONCE}\nfailures = {world.tolerated}",
        "alarms": "target = []",
    }
    if not world.is_app:
        return fleet.write(NEW, **tables)
    tables["what"] = 'assembly = "cdk.out"\nparameters = { Size = "new" }'
    path = fleet.write(NEW, **tables)
    _app(fleet)
    return path


def _app(fleet: Fleet) -> None:
    """Write an app of one stack, which has the template of all others, and an asset; and its buckets."""
    code, parameters = {"a" * 64: {"index.py": ""}}, json.loads(NEW)["Parameters"]
    stack = Synthesized("Svc", parameters=parameters, folders=code, bootstrap=0)
    write_assembly(fleet.folder / "cdk.out", stack)
    (fleet.folder / "cdk.out" / "Svc.template.json").write_text(NEW)
    for region in HERE:
        s3 = fleet.client("s3", (PRODUCTION.id, region))
        bucket = f"cdk-{QUALIFIER}-assets-{PRODUCTION.id}-{region}"
        if bucket not in [each["Name"] for each in s3.list_buckets()["Buckets"]]:
            where = {} if region == "us-east-1" else {"LocationConstraint": region}
            s3.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": where} if where else {}))


def stop(fleet: Fleet, run: str) -> None:
    states = fleet.client("stepfunctions", (PRODUCTION.id, fleet.controller.place.region))
    states.stop_execution(executionArn=fleet.watch(run).execution, cause="a test")


@pytest.fixture(scope="module")
def faulty(cloud: Cloud, embedded: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The controller with the handler of faults before its own; its folder."""
    folder = tmp_path_factory.mktemp("faults")
    set_up(cloud, folder)
    controller = controllers.find_controller(cloud)
    functions = client(embedded, "lambda", account=PRODUCTION.id, region=controller.place.region)
    made = io.BytesIO(package.build())
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr("faulty_handler.py", Path(__file__).with_name("faulty_handler.py").read_text())
    was = functions.get_function_configuration(FunctionName=controller.function)["Environment"]
    functions.update_function_code(FunctionName=controller.function, ZipFile=made.getvalue())
    functions.update_function_configuration(
        FunctionName=controller.function,
        Handler="faulty_handler.handler",
        Environment={"Variables": {**was["Variables"], "FAULTS": str(folder)}},
    )
    yield folder
    functions.update_function_code(FunctionName=controller.function, ZipFile=package.build())
    functions.update_function_configuration(
        FunctionName=controller.function, Handler="ops.functions.rollouts.handler.handler", Environment=was
    )


def test_the_monitor_reports_a_rollback_that_is_claimed_early(
    cloud: Cloud, embedded: Any, faulty: Path, watch: Watch
) -> None:
    assert watch.look() == []
    world = World("early", "ROLLED_BACK", (Cell("undo", "claims early"),))
    play(cloud, embedded, faulty, world)
    found = [str(violation) for violation in watch.look()]
    assert any("is recorded as rolled back, and was not read since its last change" in each for each in found)


@pytest.mark.parametrize(
    "worlds",
    [
        pytest.param(ONE_OF_EACH, id="one of each"),
        pytest.param([world for world in OTHERS if world.cells], id="others", marks=pytest.mark.thorough),
    ],
)
def test_every_cell_of_the_matrix_holds(
    cloud: Cloud, embedded: Any, faulty: Path, worlds: list[World], capsys: pytest.CaptureFixture[str]
) -> None:
    hold(cloud, embedded, faulty, capsys, worlds)


@pytest.mark.thorough
def test_every_cell_with_lost_calls_holds(
    cloud: Cloud, embedded: Any, faulty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hold(cloud, embedded, faulty, capsys, THOROUGH)


def hold(
    cloud: Cloud, embedded: Any, faulty: Path, capsys: pytest.CaptureFixture[str], worlds: list[World]
) -> None:
    def tell(world: World) -> dict[Cell, str]:
        try:
            meanwhile = stop if world.cells[0].kind == "stopped" else None
            played = play(cloud, embedded, faulty, world, meanwhile)
        except Exception as error:  # every cell is told, also when one breaks
            return dict.fromkeys(world.cells, repr(error))
        return {cell: played.holds(cell) for cell in world.cells}

    with ThreadPoolExecutor(AT_ONCE) as pool:
        told = {cell: wrong for found in pool.map(tell, worlds) for cell, wrong in found.items()}
    with capsys.disabled():
        _print(told)
    assert {cell: wrong for cell, wrong in told.items() if wrong} == {}


def _print(told: dict[Cell, str]) -> None:
    print("\n" + f"{'':14}" + "".join(f"{kind:>14}" for kind in KINDS))
    for action in (*OF_THE_RUN, PUBLISH, *FORWARD, *BACK):
        row = [told.get(Cell(action, kind)) for kind in KINDS]
        words = ["–" if each is None else "FAILS" if each else "holds" for each in row]
        print(f"{action:14}" + "".join(f"{word:>14}" for word in words))
