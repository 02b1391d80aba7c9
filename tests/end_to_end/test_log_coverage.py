"""Coverage with a deployed export: every reason, and lasting subscriptions and unsubscriptions."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation.deploy import plan_delete, plan_preview
from ops.aws.cloudformation.resources import list_resources
from ops.aws.cloudformation.stacks import read_stack
from ops.aws.logs import groups as log_groups
from ops.cli import main
from ops.errors import InputError
from ops.logs.export.canary import CanaryState, read_canaries
from ops.logs.export.coverage.reading import Coverage, read_coverage
from ops.logs.export.coverage.seen import Seen, judge_seen
from ops.logs.export.coverage.subscriptions import plan_subscribe, plan_unsubscribe
from ops.logs.export.coverage.verdicts import CoverageState, GroupCoverage
from ops.logs.export.deployment.stacks import STACK, central_spec
from ops.logs.export.installed import find_exports
from ops.roles import Role
from tests.end_to_end.workbench import Workbench, eventually

STEM = f"/covered-{uuid4().hex[:6]}"
REGION = "us-east-1"


@pytest.fixture(scope="module")
def bench(cloud: Cloud, data: Path) -> Workbench:
    return Workbench(cloud, data)


@pytest.fixture(scope="module")
def place(bench: Workbench) -> Place:
    return Place(bench.cloud.account("qa"), REGION)


@pytest.fixture(scope="module", params=["group", pytest.param("account", marks=pytest.mark.thorough)])
def mode(bench: Workbench, place: Place, request: pytest.FixtureRequest) -> Any:
    """An export of the log groups under STEM, deployed to its own account and region, removed at the end."""
    logs = bench.cloud.client("logs", place.account.id, place.region)
    for name in ("a", "b", "c", "left/x"):
        if f"{STEM}/{name}" not in {each["logGroupName"] for each in logs.describe_log_groups()["logGroups"]}:
            logs.create_log_group(logGroupName=f"{STEM}/{name}")
    parameters = {
        "SubscribeBy": request.param,
        "LogGroupNamePrefix": STEM,
        "ExcludePatterns": f"{STEM}/left/*",
        "BufferIntervalHint": "1",
    }
    spec = central_spec(place, parameters)
    bench.deploy_stack(spec, plan_preview(bench.cloud, spec, ()))
    yield request.param
    stack = read_stack(bench.cloud, place.account.id, place.region, STACK)
    assert stack
    bench.must(plan_delete(bench.cloud, stack, place.account.id, place.region))


def read(bench: Workbench, place: Place) -> Coverage:
    return read_coverage(bench.cloud, datetime.now(UTC), [place])


def covered(bench: Workbench, place: Place, name: str) -> GroupCoverage:
    return next(each for each in read(bench, place).groups if each.group.name == f"{STEM}/{name}")


def state(bench: Workbench, place: Place, name: str, wanted: CoverageState) -> GroupCoverage | None:
    found = covered(bench, place, name)
    return found if found.state is wanted else None


def call_subscriber(bench: Workbench, place: Place, work: str) -> None:
    functions = list_resources(bench.cloud, place, STACK)
    name = next(each.physical_id for each in functions if each.logical_id == "Subscriber")
    lambda_ = bench.cloud.client("lambda", place.account.id, place.region)
    answer = lambda_.invoke(FunctionName=name, Payload=json.dumps({"work": work}).encode())
    assert "FunctionError" not in answer, answer["Payload"].read()


def test_each_group_is_exported_or_has_a_reason(bench: Workbench, place: Place, mode: str) -> None:
    found = eventually(lambda: state(bench, place, "a", CoverageState.SUBSCRIBED))
    by = {"group": f"filter slipway-{REGION}", "account": f"account policy slipway-{REGION}"}
    assert found.exported_by == by[mode] and found.since
    assert covered(bench, place, "left/x").state is CoverageState.EXCLUDED
    whole = read(bench, place)
    own = [each for each in whole.groups if each.group.name.startswith("/slipway/logs/")]
    assert own and {each.state for each in own} == {CoverageState.EXPORT_LOGS}
    assert whole.places[0].exports[0].central and not whole.notes and not whole.unread


def test_the_canary_arrives_in_the_bucket(bench: Workbench, place: Place, mode: str) -> None:
    def canary_group() -> GroupCoverage | None:
        groups = read(bench, place).groups
        name = f"/slipway/canary/{STACK}"
        return next((e for e in groups if e.group.name == name and e.state is CoverageState.SUBSCRIBED), None)

    covered = eventually(canary_group)  # although the prefix does not select it
    (export,) = (each for each in find_exports(bench.cloud, place) if each.central)
    location = export.location
    assert location
    call_subscriber(bench, place, "canary")
    found = eventually(lambda: read_canaries(bench.cloud, location, datetime.now(UTC)).found)
    now = datetime.now(UTC)
    assert [(each.account, each.region) for each in found] == [(place.account.id, REGION)]
    assert found[0].state(now) is CanaryState.ARRIVING
    sight = judge_seen(covered, None, read_canaries(bench.cloud, location, now), now)
    assert (sight.state, sight.at) == (Seen.ARRIVING, found[0].written)
    call_subscriber(bench, place, "canary")  # counts the one that arrived
    cloudwatch = bench.cloud.client("cloudwatch", place.account.id, place.region)
    metrics = cloudwatch.list_metrics(Namespace="Slipway/Logs", MetricName="StoppedCanaries")["Metrics"]
    assert {"Name": "StackName", "Value": STACK} in metrics[0]["Dimensions"]


def test_unsubscribing_lasts_until_subscribing(bench: Workbench, place: Place, mode: str) -> None:
    found = eventually(lambda: state(bench, place, "b", CoverageState.SUBSCRIBED))
    plan = plan_unsubscribe(bench.cloud, [found])
    assert plan.confirm and plan.operation.role is Role.ADMINISTRATOR
    bench.must(plan)
    assert covered(bench, place, "b").state is CoverageState.UNSUBSCRIBED
    call_subscriber(bench, place, "check")
    call_subscriber(bench, place, "reconcile")
    left_out = covered(bench, place, "b")
    assert left_out.state is CoverageState.UNSUBSCRIBED
    assert covered(bench, place, "a").state is CoverageState.SUBSCRIBED
    again = bench.carry_out(plan)
    assert [result.status.value for result in again.results] == ["already done"]

    plan = plan_subscribe(bench.cloud, [left_out])
    assert plan.operation.role is Role.OPERATOR and not plan.confirm
    bench.must(plan)
    assert covered(bench, place, "b").state is CoverageState.SUBSCRIBED
    call_subscriber(bench, place, "reconcile")
    assert covered(bench, place, "b").state is CoverageState.SUBSCRIBED


@pytest.mark.parametrize("verb", ["coverage", "subscribe", "unsubscribe"])
def test_a_name_that_does_not_exist_is_an_error(
    mode: str,
    verb: str,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("SLIPWAY_DATA", str(data))
    monkeypatch.chdir(tmp_path)
    assert main(["logs", verb, f"{STEM}/nonesuch", "--account", "qa"]) == 1
    assert f"The log group {STEM}/nonesuch does not exist in qa." in capsys.readouterr().err


def test_only_the_named_groups_are_read(
    bench: Workbench, place: Place, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call per log group takes minutes for a thousand of them."""
    asked: list[str] = []
    read_filters = log_groups.list_subscription_filters

    def recorded(cloud: Cloud, place: Place, group: str) -> Any:
        asked.append(group)
        return read_filters(cloud, place, group)

    monkeypatch.setattr(log_groups, "list_subscription_filters", recorded)
    named = [f"{STEM}/a", f"{STEM}/left/*", f"{STEM}/[b]"]
    found = read_coverage(bench.cloud, datetime.now(UTC), [place], patterns=named)
    names = [each.group.name for each in found.groups]
    assert names == [f"{STEM}/a", f"{STEM}/b", f"{STEM}/left/x"]
    assert set(asked) <= set(names)


def test_an_excluded_group_cannot_be_subscribed(bench: Workbench, place: Place, mode: str) -> None:
    with pytest.raises(InputError, match="ExcludePatterns") as caught:
        plan_subscribe(bench.cloud, [covered(bench, place, "left/x")])
    assert "update" in caught.value.hint


def test_the_filter_limit_and_an_unsupported_log_class(bench: Workbench, place: Place, mode: str) -> None:
    if mode == "account":
        pytest.skip("an account policy needs no free filter")
    logs = bench.cloud.client("logs", place.account.id, place.region)
    found = eventually(lambda: state(bench, place, "c", CoverageState.SUBSCRIBED))
    assert found.export
    logs.delete_subscription_filter(logGroupName=found.group.name, filterName=found.export.rules.filter)
    for name in ("one", "two"):
        logs.put_subscription_filter(
            logGroupName=found.group.name,
            filterName=name,
            filterPattern="",
            destinationArn=found.export.rules.destination,
        )
    full = covered(bench, place, "c")
    assert full.state is CoverageState.FILTER_LIMIT and "one, two" in full.reason
    with pytest.raises(InputError, match="two other subscription filters"):
        plan_subscribe(bench.cloud, [full])
    changed = bench.carry_out(plan_unsubscribe(bench.cloud, [found])).results[0]
    assert changed.status.value == "done", "what is not there is marked all the same"
    assert len(logs.describe_subscription_filters(logGroupName=found.group.name)["subscriptionFilters"]) == 2
    logs.create_log_group(logGroupName=f"{STEM}/rare", logGroupClass="INFREQUENT_ACCESS")
    assert covered(bench, place, "rare").state is CoverageState.UNSUPPORTED


def test_the_command_line_unsubscribes_and_subscribes(
    bench: Workbench,
    place: Place,
    mode: str,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    if mode == "account":
        pytest.skip("covered by the mode group")
    monkeypatch.setenv("SLIPWAY_DATA", str(data))
    monkeypatch.chdir(tmp_path)
    where = ("--account", "qa", "--region", REGION)
    assert main(["--json", "logs", "unsubscribe", f"{STEM}/a", *where, "--confirm", f"{STEM}/a"]) == 0
    capsys.readouterr()
    main(["--json", "logs", "coverage", f"{STEM}/*", *where])
    rows = {row["group"]: row for row in json.loads(capsys.readouterr().out)["groups"]}
    assert rows[f"{STEM}/a"]["state"] == "unsubscribed" and "manually" in rows[f"{STEM}/a"]["why"]
    assert main(["--json", "logs", "subscribe", f"{STEM}/a", *where]) == 0
    assert covered(bench, place, "a").state is CoverageState.SUBSCRIBED
    assert main(["--json", "logs", "subscribe", f"{STEM}/left/x", *where]) == 1
    assert "ExcludePatterns" in capsys.readouterr().out


def test_a_group_whose_destination_or_stream_is_deleted_is_not_exported(
    bench: Workbench, place: Place, mode: str
) -> None:
    """The last test: it breaks the export."""
    (found,) = read(bench, place).places[0].exports
    rules, resources = found.rules, list_resources(bench.cloud, place, STACK)
    eventually(lambda: state(bench, place, "b", CoverageState.SUBSCRIBED))
    stream = next(each.physical_id for each in resources if each.logical_id == "LogStream")
    bench.cloud.client("kinesis", place.account.id, place.region).delete_stream(StreamName=stream)
    lost = covered(bench, place, "b")
    assert lost.state is CoverageState.NOT_DELIVERED and "the stream" in lost.reason
    logs = bench.cloud.client("logs", place.account.id, place.region)
    logs.delete_destination(destinationName=rules.destination.rpartition(":")[2])
    whole = read(bench, place)
    assert not whole.complete and whole.of(CoverageState.SUBSCRIBED) == []
    assert {each.reason for each in whole.of(CoverageState.NOT_DELIVERED)} == {
        f"the destination {rules.destination} no longer exists: deploy the export again, then subscribe the "
        "log groups"
    }
