"""The page Rollouts on the embedded cloud: the example's run, plan, simulation, and operator commands."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.rollouts import form, planning
from app.rollouts.charts import Bar, Cell, calendar, grid
from app.rollouts.views import logs_link
from app.shared.session import workbench
from ops.plan import execute
from ops.rollouts import controller as controllers
from ops.rollouts import runs
from ops.rollouts.prepare import prepare_run
from ops.rollouts.rules.decisions import TargetState
from ops.rollouts.runs import RunDetails
from tests.end_to_end.workbench import eventually
from tests.pages.test_pages import connected, page, texts

__all__ = ["connected"]  # the fixture that connects every page here

TARGET = "111111111111/us-east-1/welcome"


def watch(run: str) -> RunDetails:
    cloud = workbench().cloud
    return runs.describe_run(cloud, controllers.find_controller(cloud), run)


def example() -> str:
    """The run that the embedded cloud begins with, once it bakes."""
    cloud = workbench().cloud

    def look() -> str:
        found = runs.list_runs(cloud, controllers.find_controller(cloud))
        run = next(each.run for each in found if each.rollout == "welcome")
        return run if watch(run).baking else ""

    return eventually(look)


def test_the_run_of_the_example_bakes_its_one_box() -> None:
    test = page("rollouts", run=example())
    assert not test.exception
    assert re.search(r"One-box of wave 1\*\* Waiting: baking until", texts(test).replace("\\", ""))
    assert {button.label for button in test.button} >= {"Pause rollout", "Skip bake", "Roll back"}
    (log,) = [frame.value for frame in test.dataframe]
    events = {"Rollout started", "Deployment started", "Deployment succeeded", "Bake started"}
    assert events <= set(log["Event"])
    assert str(test.query_params["run"]).startswith("welcome-")


def test_the_plan_shows_stages_and_their_times() -> None:
    test = page("rollouts", view="Plan")
    assert not test.exception
    assert "13 targets in 4 stages" in texts(test)
    assert list(test.dataframe[0].value["Targets"]) == [1, 3, 3, 6]


def test_the_plan_shows_the_starts_in_local_time() -> None:
    test = page("rollouts", view="Plan")
    assert "Starts in local time" not in texts(test)
    area = next(found for found in test.text_area if found.label == "Rollout")
    area.set_value(str(area.value).replace('zone = "Europe/Berlin"', 'zone = "local"')).run()
    assert not test.exception and "Starts in local time" in texts(test)
    table = next(frame.value for frame in test.dataframe if "Time zone" in frame.value)
    sydney = table[table["Region"] == "ap-southeast-2"]
    assert list(sydney["Time zone"]) == ["Australia/Sydney"] and list(sydney["Targets"]) == [3]


def test_a_mistake_in_the_file_is_told_with_its_line() -> None:
    test = page("rollouts", view="Plan")
    area = next(found for found in test.text_area if found.label == "Rollout")
    area.set_value(str(area.value).replace('first = "eu-west-1"', 'first = "mars"')).run()
    assert "line 20" in texts(test) and not test.exception


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (f"fail {TARGET}", "Rolled back after"),
        ("stop +15m wrong version", "wrong version"),
        ("freeze +5m 2h", "Succeeded after"),
        ("pause +5m", "a condition can never be met"),
        ("explode", "not a known fault or command"),
    ],
)
def test_the_simulator_plays_faults_and_operator_commands(fault: str, said: str) -> None:
    test = page("rollouts", view="Simulate")
    area = next(found for found in test.text_area if found.label == "Faults and operator commands")
    area.set_value(fault).run()
    assert not test.exception and said in texts(test)


FILE = """
[what]
stack = "{name}"
template = "stack.json"
[[where]]
accounts = ["111111111111"]
regions = ["eu-west-1", "us-east-1"]
[order]
first = "eu-west-1"
[bake.first]
time = "1h"
[bake.later]
time = "1h"
[evidence]
none = "a test"
"""


def begin(folder: Path, name: str, more: str = "") -> str:
    """A run of two waves that bake for an hour."""
    bench, path = workbench(), folder / f"{name}.toml"
    (folder / "stack.json").write_text(Path("rollouts/welcome.template.json").read_text())
    path.write_text(FILE.format(name=name) + more)
    controller = controllers.find_controller(bench.cloud)
    document = prepare_run(path, lambda kind, name: (), bench.actor, datetime.now(UTC))
    plan = runs.plan_start(bench.cloud, controller, document)
    assert not execute(plan, actor=bench.actor, audit=bench.audit, confirmed=name).error
    eventually(lambda: watch(document.run).baking)
    return document.run


ONE_CLICK = ("Pause rollout", "Resume rollout")


def give(opener: str, run: str, *, why: str = "", typed: str = "") -> AppTest:
    """Give a command on the page. AppTest reruns the whole page each time, so the button is clicked again."""

    def again(test: AppTest) -> AppTest:
        next(found for found in test.button if found.label == opener).click()
        return test

    def shown() -> AppTest | None:  # the page may have cached the state before the last command
        test = page("rollouts", run=run)
        return test if any(found.label == opener for found in test.button) else None

    test = again(eventually(shown)).run()
    if opener in ONE_CLICK:
        assert not test.exception and not test.error
        return test
    (execute_,) = [found for found in test.button if str(found.key).startswith("execute-")]
    if why:
        assert "Nothing has been changed" in texts(execute_.click().run())
        next(found for found in test.text_input if str(found.key).startswith("why-")).set_value(why)
    if typed:
        next(found for found in test.text_input if str(found.key).startswith("confirm-")).set_value(typed)
    (execute_,) = [found for found in test.button if str(found.key).startswith("execute-")]
    execute_.click()
    test = again(test).run()
    assert not test.exception and not test.error
    return test


def test_every_operator_command_is_given_on_the_page_and_takes_effect(tmp_path: Path) -> None:
    orders = begin(tmp_path, "orders")

    def until(look: Callable[[RunDetails], object]) -> None:
        eventually(lambda: look(watch(orders)))

    give("Pause rollout", orders)
    until(lambda run: run.paused)
    give("Resume rollout", orders)
    until(lambda run: not run.paused)
    assert "All rollouts are frozen: a fair" in texts(give("Freeze all rollouts", orders, why="a fair"))
    give("Skip bake", orders, why="seen enough", typed=orders)
    until(lambda run: 0 in run.baked and "all rollouts are frozen: a fair" in run.why)
    give("Override blockers", orders, why="CVE", typed=orders)
    until(lambda run: 1 in run.baking)
    assert "All rollouts are frozen" not in texts(give("Unfreeze all rollouts", orders))
    give("Roll back", orders, why="wrong version", typed=orders)
    until(lambda run: run.summary.status == "ROLLED_BACK")
    done = page("rollouts", run=orders)
    assert "Stopped: wrong version" in texts(done)
    assert {each.state for each in watch(orders).targets} == {TargetState.ROLLED_BACK}
    (log,) = [frame.value for frame in done.dataframe]
    given = {row.Event: (row.Reason, row.By) for row in log.itertuples() if "by operator" in row.Event}
    me = workbench().actor.name
    assert given == {
        "Paused by operator": (f"Pause rollout, requested by {me}", me),
        "Resumed by operator": (f"Resume rollout, requested by {me}", me),
        "Bake skipped by operator": ("seen enough", me),
        "Blockers overridden by operator": ("CVE", me),
        "Rollback requested by operator": ("wrong version", me),
    }
    commands = {"Pause rollout", "Resume rollout", "Skip bake", "Roll back"}
    assert commands.isdisjoint(button.label for button in done.button)


class Stopped(datetime):
    """A clock that stands still: AppTest runs the whole page for each key that a dialog gets."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Stopped":
        return cls(2026, 7, 6, 8, tzinfo=tz)


def test_a_file_is_drafted_planned_and_started_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "FOLDER", tmp_path)
    for module in (form, planning):
        monkeypatch.setattr(module, "team_folder", lambda settings: tmp_path / "team")
    monkeypatch.setattr(planning, "datetime", Stopped)
    test = page("rollouts", view="Plan")
    assert "No rollout files in" in texts(test)
    test.text_input(key="draft-stack").set_value("drafted")
    test.multiselect(key="draft-accounts").set_value(["qa"])
    test.multiselect(key="draft-regions").set_value(["us-east-1", "eu-west-1"])
    body = Path("rollouts/welcome.template.json").read_bytes()
    test.file_uploader(key="draft-template").set_value(("t.json", body, "application/json"))
    next(found for found in test.button if found.label == "Create file").click().run()
    assert not test.exception and not test.error
    assert 'first = "us-east-1"' in (tmp_path / "team/drafted.toml").read_text()
    assert "2 targets in 2 stages" in texts(test)
    next(found for found in test.button if found.label == "Preview changes").click().run()
    assert "adds Greets (AWS::SSM::Parameter)** in 2 new stacks" in texts(test).replace("\\", "")

    def again() -> None:
        next(found for found in test.button if found.label == "Start rollout").click()

    again()
    test.run()
    next(found for found in test.text_input if str(found.key).startswith("confirm-")).set_value("drafted")
    again()
    test.run()
    next(found for found in test.button if str(found.key).startswith("execute-")).click()
    again()
    test.run()
    assert not test.exception and not test.error
    run = "drafted-20260706-080000"
    assert str(test.query_params["run"]) == run
    eventually(lambda: watch(run).baking)
    give("Roll back", run, why="a test", typed=run)
    eventually(lambda: watch(run).summary.status == "ROLLED_BACK")


def test_an_alarm_stops_the_run_and_leads_to_the_logs_around_it(tmp_path: Path) -> None:
    cloud = workbench().cloud
    alarms = cloud.client("cloudwatch", "qa", "eu-west-1")
    alarms.put_metric_alarm(
        AlarmName="billing",
        Namespace="Billing",
        MetricName="Faults",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    alarms.set_alarm_state(AlarmName="billing", StateValue="OK", StateReason="a test")
    run = begin(tmp_path, "alarmed", '[alarms]\nneighbours = ["222222222222/eu-west-1/billing"]\n')
    alarms.set_alarm_state(AlarmName="billing", StateValue="ALARM", StateReason="a test")
    controllers.invoke_controller(
        cloud, controllers.find_controller(cloud), "watch", {}
    )  # what happens every minute
    eventually(lambda: watch(run).summary.status == "ROLLED_BACK")
    test = page("rollouts", run=run)
    # Whether it is seen by its state or by its history is a matter of which second it is.
    neighbour = "222222222222/eu-west-1/billing"
    said = texts(test).replace("\\", "")
    seen = f"alarm billing of {neighbour} fired at|{neighbour}: alarm billing is active"
    assert re.search(rf"Fired\] ({seen})", said)
    (link,) = test.get("link_button")
    assert link.proto.label == "Open logs of qa, eu-west-1"
    assert link.proto.url.startswith("/logs?q=account%3A222222222222+region%3Aeu-west-1&t=")


def test_a_link_to_logs_names__its_account_region_and_time() -> None:
    at = datetime(2026, 7, 6, 8, tzinfo=UTC)
    assert logs_link("111111111111", "eu-west-1", at) == (
        "/logs?q=account%3A111111111111+region%3Aeu-west-1"
        "&t=2026-07-06T07%3A45%3A00Z%2F2026-07-06T08%3A15%3A00Z"
    )


def test_charts_hold_hostile_names_as_data() -> None:
    name = "<script>alert(1)</script>"
    drawn = grid([Cell(name, "eu-west-1", "s", "wave 1", "Succeeded")]).to_dict()
    assert name in str(drawn["data"] if "data" in drawn else drawn)
    moment = datetime(2026, 7, 6, 8, tzinfo=UTC)
    assert name in str(calendar([Bar(name, "Baking", moment, moment)]).to_dict())
