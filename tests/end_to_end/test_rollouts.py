"""Rollouts on the embedded cloud, with IAM enforcement: every story ends with every target as expected.

The stories run at the same time, each with a stack of its own in three accounts and four regions.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ops.aws.cloud import Cloud
from ops.rollouts import controller as controllers
from ops.rollouts.rules.decisions import TargetState
from ops.rollouts.runs import RunDetails
from tests.end_to_end.fleet import REGIONS, Fleet, Place, Small, set_up, template
from tests.ops.embedded.overlay import eventually

OLD, NEW = template(1), template(2)
LONG = 'time = "60s"\nwait = "3s"'  # a bake in which something happens
AT_ONCE = 3  # stories


@dataclass
class Told:
    """How a story ended."""

    fleet: Fleet
    before: dict[Place, Any]
    watched: RunDetails
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def states(self) -> set[TargetState | None]:
        return {each.state for each in self.watched.targets}

    @property
    def changed(self) -> list[str]:
        """Ids of the targets that were begun."""
        return [each.target.id for each in self.watched.targets if each.begun]

    def is_as_before(self, place: Place) -> bool:
        return bool(self.fleet.everything(place) == self.before[place])

    def logged(self, did: str) -> list[str]:
        return [line.target or line.why for line in self.watched.log if line.did == did]


class Teller:
    """Tells one story on a fleet that somebody had deployed before."""

    def __init__(self, cloud: Cloud, embedded: Any, folder: Path, name: str) -> None:
        kind = Small if name in SMALL else Fleet
        self.fleet = kind(cloud, embedded, folder / name, f"story-{name}")
        self.cloud = cloud

    def prepare(self) -> dict[Place, Any]:
        self.fleet.deploy_everywhere(OLD)
        self.fleet.make_alarms()
        return {place: self.fleet.everything(place) for place in self.fleet.places}

    def look(self) -> None:
        """What the schedule does every minute."""
        controllers.invoke_controller(self.cloud, self.fleet.controller, "watch", {})

    def clean(self) -> Told:
        before = self.prepare()
        return Told(self.fleet, before, self.fleet.ended(self.fleet.start(self.fleet.write(NEW))))

    def alarm_in(self, wave: str, where: Place) -> Told:
        """The alarm fires while the wave bakes."""
        before = self.prepare()
        long = {"bake__first": LONG} if wave == "wave 1" else {}
        if wave == "wave 2":
            long = {"bake__later": LONG}
        elif wave == "wave 3":
            long = {"bake__later": 'time = "10s"\nwait = "3s"'}
        run = self.fleet.start(self.fleet.write(NEW, **long))
        self.fleet.until(run, f"bakes  {wave}")
        self.fleet.alarm(where)
        self.look()
        return Told(self.fleet, before, self.fleet.ended(run))

    def fails(self, where: Place) -> Told:
        """One target already has a parameter of the name that the new template brings."""
        before = self.prepare()
        name = f"/{self.fleet.stack}/taken"
        self.fleet.client("ssm", where).put_parameter(Name=name, Value="x", Type="String")
        taken = {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Name": name, "Type": "String", "Value": "y"},
        }
        run = self.fleet.start(self.fleet.write(template(2, Taken=taken)))
        return Told(self.fleet, before, self.fleet.ended(run))

    def blocked(self) -> Told:
        before = self.prepare()
        now = datetime.now(UTC)
        opens = (now + timedelta(seconds=12)).replace(microsecond=0)
        window = f"start = {now - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}\nend = {opens:%Y-%m-%dT%H:%M:%S}"
        path = self.fleet.write(NEW, **{"[blockers__window]": window})
        return Told(self.fleet, before, self.fleet.ended(self.fleet.start(path)), {"opens": opens})

    def ordered(self) -> Told:
        """Paused, resumed, a bake skipped; then stopped and rolled back."""
        before = self.prepare()
        run = self.fleet.start(self.fleet.write(NEW, bake__first=LONG, bake__later=LONG))
        self.fleet.until(run, "bakes  wave 1")
        for does in ("pause", "skip"):
            self.fleet.order(run, does, f"a test of {does}")
        self.fleet.until(run, "waits  paused")
        self.fleet.order(run, "resume", "enough")
        self.fleet.until(run, "bakes  wave 2")
        self.fleet.order(run, "stop", "wrong version")
        return Told(self.fleet, before, self.fleet.ended(run))

    def new_stacks(self) -> Told:
        """Nothing was there before; the alarm is one of the stack itself."""
        alarm = {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmName": f"{self.fleet.stack}-health",
                "Namespace": "Test",
                "MetricName": "Faults",
                "Statistic": "Sum",
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": 1,
                "ComparisonOperator": "GreaterThanThreshold",
            },
        }
        path = self.fleet.write(template(2, Health=alarm), bake__first=LONG)
        run = self.fleet.start(path)
        self.fleet.until(run, "bakes  wave 1")
        self.fleet.alarm(self.fleet.places[0])
        self.look()
        return Told(self.fleet, {}, self.fleet.ended(run))


FIRST, MIDDLE, LAST = (("222222222222", REGIONS[n]) for n in (0, 1, 3))
STORIES: dict[str, Callable[[Teller], Told]] = {
    "clean": Teller.clean,
    "first": lambda teller: teller.alarm_in("wave 1", FIRST),
    "middle": lambda teller: teller.alarm_in("wave 2", MIDDLE),
    "last": lambda teller: teller.alarm_in("wave 3", LAST),
    "earlier": lambda teller: teller.alarm_in("wave 2", FIRST),
    "failing": lambda teller: teller.fails(MIDDLE),
    "blocked": Teller.blocked,
    "ordered": Teller.ordered,
    "new": Teller.new_stacks,
}
SMALL = ("ordered", "new")  # what they tell needs no fleet of three accounts and four regions


@pytest.fixture(scope="module")
def stories(
    cloud: Cloud, embedded: Any, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Told]]]:
    """Every story, told or being told."""
    folder = tmp_path_factory.mktemp("rollouts")
    set_up(cloud, folder)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            name: pool.submit(tell, Teller(cloud, embedded, folder, name)) for name, tell in STORIES.items()
        }


def test_a_clean_rollout_deploys_everywhere(stories: dict[str, Future[Told]]) -> None:
    told = stories["clean"].result()
    assert (told.watched.summary.status, told.states) == ("DONE", {TargetState.DEPLOYED})
    for place in told.fleet.places:
        body, parameters, tags = told.fleet.everything(place)
        assert (body, parameters, tags) == (NEW, {"Size": "new"}, [{"Key": "team", "Value": "shop"}])
    assert [line.split()[1] for line in told.logged("baked")] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("name", "changed"), [("first", 3), ("middle", 6), ("last", 12), ("earlier", 6), ("failing", 6)]
)
def test_what_goes_wrong_rolls_every_changed_target_back(
    stories: dict[str, Future[Told]], name: str, changed: int
) -> None:
    told = stories[name].result()
    assert told.watched.summary.status == "ROLLED_BACK", told.watched.log
    assert len(told.changed) == changed
    assert told.states <= {TargetState.ROLLED_BACK, None}
    assert [place for place in told.fleet.places if not told.is_as_before(place)] == []
    back = [name.split("/")[1] for name in told.logged("rolls back")]
    assert back == sorted(back, key=REGIONS.index, reverse=True) or name == "last"


def test_the_reason_of_a_rollback_names_alarm_and_target(stories: dict[str, Future[Told]]) -> None:
    told = stories["middle"].result()
    target, alarm = f"{MIDDLE[0]}/{MIDDLE[1]}/{told.fleet.stack}", f"alarm {told.fleet.stack}-health"
    # By its history, or by its state where the second is the same.
    words = (f"{alarm} of {target} fired", f"{target}: {alarm} is active")
    assert any(each in told.watched.stopped for each in words)


def test_a_target_that_fails_says_which_resource(stories: dict[str, Future[Told]]) -> None:
    told = stories["failing"].result()
    (failed,) = [line for line in told.watched.log if line.did == "failed"]
    assert "Taken (AWS::SSM::Parameter)" in failed.why


def test_a_blocker_that_opens_later_is_awaited(stories: dict[str, Future[Told]]) -> None:
    told = stories["blocked"].result()
    assert told.watched.summary.status == "DONE"
    begun = [each.begun for each in told.watched.targets if each.begun]
    assert min(begun) >= told.facts["opens"]
    assert told.logged("waits")[0].startswith("closed")


def test_orders_are_obeyed_and_kept_with_their_reasons(stories: dict[str, Future[Told]]) -> None:
    told = stories["ordered"].result()
    assert told.watched.summary.status == "ROLLED_BACK"
    assert told.logged("baked") == ["wave 1 bake skipped: a test of skip (Ada)"]
    assert told.watched.stopped == "wrong version (Ada)"
    assert [line.who for line in told.watched.log if line.did.startswith("ordered")] == ["Ada"] * 4
    assert all(told.is_as_before(place) for place in told.fleet.places)


def test_stacks_that_the_rollout_made_are_deleted(stories: dict[str, Future[Told]]) -> None:
    told = stories["new"].result()
    assert told.watched.summary.status == "ROLLED_BACK", told.watched.log
    eventually(lambda: not any(told.fleet.exists(place) for place in told.fleet.places))
