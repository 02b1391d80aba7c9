"""Support stacks from the command line, on the embedded cloud's sample pipelines."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from ops.cli import main
from ops.cli.context import NOT_READ
from ops.embedded.lifecycle import RunningCloud
from ops.embedded.sample.pipelines import support_stack
from ops.errors import AccessDenied
from ops.settings import Settings
from ops.support_stacks.replication import plan_replication
from tests.end_to_end import assemblies, sample_pipelines

REGIONS = ["eu-west-1", "us-east-1"]
OWNER, PLACE = "222222222222", "eu-west-1"  # qa, where the sample has no pipelines
NO_MINIMUM = ("--quiet-days", "0")  # everything in the sample is new
ORPHAN, LIVE = "Loyalty-support-us-east-1", "Storefront-support-us-east-1"


@pytest.fixture(scope="module")
def running(data: Path, plant: Callable[..., Path]) -> Iterator[RunningCloud]:
    folder = plant(Settings(data=data / "pipelines").embedded_data, sample_pipelines.pipelines)
    with sample_pipelines.serving(folder) as found:
        yield found


@pytest.fixture(autouse=True)
def connected(running: RunningCloud, data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SLIPWAY_DATA", str(data / "pipelines"))
    monkeypatch.chdir(tmp_path)
    for module in ("inventory", "replication"):  # two of the seventeen regions, to be quick
        monkeypatch.setattr(f"ops.support_stacks.{module}.list_regions", lambda _cloud, _account: REGIONS)
    monkeypatch.setattr("ops.cli.replication.list_regions", lambda _cloud, _account: REGIONS)


Capture = pytest.CaptureFixture[str]


def run(capsys: Capture, *arguments: str) -> tuple[int, str, str]:
    """Return the exit status, stdout and stderr."""
    status = main(["support-stacks", *arguments])
    output = capsys.readouterr()
    return status, output.out, output.err


def answer(capsys: Capture, *arguments: str) -> tuple[int, Any]:
    """Return the exit status and the output of --json."""
    status = main(["--json", "support-stacks", *arguments])
    return status, json.loads(capsys.readouterr().out)


def test_an_inventory_with_gaps_has_an_exit_status_of_its_own(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the pipelines of an account, nothing is known to be orphaned, and the sum is no total."""

    def refuse(self: Any, place: Any) -> Any:
        raise AccessDenied("Listing the pipelines was denied.")

    monkeypatch.setattr("ops.support_stacks.inventory.PipelineReader.read", refuse)
    status, out, _ = run(capsys, "inventory", *NO_MINIMUM)
    assert status == NOT_READ
    assert "Cost of orphaned resources: at least $0.00/month" in out
    status, found = answer(capsys, "inventory", *NO_MINIMUM)
    assert status == NOT_READ and found["unreadable"]


def test_the_inventory_lists_every_resource_with_its_state(capsys: Capture) -> None:
    status, out, _ = run(capsys, "inventory", *NO_MINIMUM)
    assert status == 0
    row = next(line for line in out.splitlines() if LIVE in line)
    assert "shared" in row and "Checkout, Storefront" in row
    row = next(line for line in out.splitlines() if ORPHAN in line)
    assert "orphaned" in row and "not used by any pipeline" in row
    assert "Cost of orphaned resources: $2.00/month" in out


def test_the_inventory_as_json_and_filtered_by_state(capsys: Capture) -> None:
    status, found = answer(capsys, "inventory", "--state", "orphaned", *NO_MINIMUM)
    assert status == 0
    assert {verdict["state"] for verdict in found["verdicts"]} == {"orphaned"}
    assert ORPHAN in [verdict["id"] for verdict in found["verdicts"]]
    assert found["unreadable"] == []
    assert {pipeline["name"] for pipeline in found["pipelines"]} == {"Storefront", "Checkout"}
    assert sorted(bucket["contents"]["versions"] for bucket in found["buckets"])[-3:] == [1, 1, 1]
    assert found["monthly"] == pytest.approx(2.0, abs=0.01)
    assert run(capsys, "inventory", "--state", "orphaned")[1].splitlines()[-2:] == [
        "No matching resources of CDK pipelines.",
        "Cost of orphaned resources: $0.00/month",
    ]


def test_a_plan_shows_its_steps_and_the_command_to_execute_it(capsys: Capture) -> None:
    status, plan = answer(capsys, "plan", ORPHAN, *NO_MINIMUM)
    assert status == 0
    assert plan["confirm"] == ORPHAN
    assert f"Delete stack {ORPHAN} and its key" in [step["does"] for step in plan["steps"]]
    assert {"s3:DeleteObjectVersion", "cloudformation:DeleteStack"} <= set(plan["actions"])
    status, out, _ = run(capsys, "plan", ORPHAN, *NO_MINIMUM)
    assert status == 0
    command = f"slipway support-stacks clean-up {ORPHAN} --quiet-days 0 --fingerprint {plan['fingerprint']}"
    assert f"To execute this plan: {command}" in out
    assert "No orphaned resources" in run(capsys, "plan")[1]


@pytest.fixture
def orphan(running: RunningCloud) -> str:
    """Return the name of an orphaned support stack."""
    stack = support_stack("Command", OWNER, PLACE)
    sample_pipelines.deploy(running, stack)
    return stack.name


def test_a_cleanup_needs_confirmation_and_executes_only_the_reviewed_plan(
    capsys: Capture, orphan: str
) -> None:
    chosen = (orphan, *NO_MINIMUM)
    _, plan = answer(capsys, "plan", *chosen)
    status, out, err = run(capsys, "clean-up", *chosen)
    assert (status, f"Hint: Add --confirm {orphan}" in err) == (3, True)
    assert f"Delete stack {orphan} and its key" in out
    status, _, err = run(capsys, "clean-up", *chosen, "--fingerprint", "0123456789abcdef")
    assert status == 3
    assert f"its fingerprint is now {plan['fingerprint']}" in err and "Hint: " in err
    status, shown = answer(capsys, "clean-up", *chosen, "--dry-run")
    assert (status, shown["confirm"]) == (0, orphan)
    status, done = answer(
        capsys, "clean-up", *chosen, "--fingerprint", plan["fingerprint"], "--confirm", orphan
    )
    assert status == 0
    assert {row["result"] for row in done["results"]} <= {"done", "already done"}
    (kept,) = [row["why"] for row in done["results"] if row["step"].startswith("Schedule")]
    assert "aws kms cancel-key-deletion --key-id" in kept
    status, _, err = run(capsys, "clean-up", *chosen)
    assert status == 1
    assert f"{orphan} is not in the inventory." in err


def test_a_cleanup_without_orphans_succeeds(capsys: Capture) -> None:
    assert answer(capsys, "clean-up") == (0, {"results": []})


WRONG = {
    "in use": (["plan", LIVE], 1, f"Cannot delete {LIVE}: it is shared"),
    "no such thing": (["plan", "nope"], 1, "nope is not in the inventory."),
    "too many": (["plan", "--most", "2", *NO_MINIMUM], 1, "the limit is 2"),
    "no such archive": (
        ["plan", ORPHAN, "--archive", "no-such-bucket", *NO_MINIMUM],
        1,
        "Cannot archive to no-such-bucket",
    ),
    "no such pipeline": (["migration", "nope"], 1, "Pipeline nope does not exist."),
    "no such account": (
        ["replication", "show", "--account", "nobody"],
        1,
        "The account 'nobody' is not configured",
    ),
    "no such target": (
        ["replication", "deploy", "--regions", PLACE, "--targets", "x"],
        1,
        "The account 'x' is not configured",
    ),
    "no such region": (
        ["replication", "deploy", "--regions", "eu-nowhere-1"],
        1,
        "Region 'eu-nowhere-1' does not exist",
    ),
    "no days": (
        ["replication", "deploy", "--regions", PLACE, "--expire-days", "0"],
        1,
        "0 is not a valid number of days",
    ),
    "no assembly": (["lint", "cdk.out"], 1, "cdk.out/manifest.json does not exist."),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_error_has_a_message_and_a_hint(capsys: Capture, case: str) -> None:
    arguments, status, message = WRONG[case]
    exit_status, _, errors = run(capsys, *arguments)
    assert (exit_status, message in errors, "Hint: " in errors) == (status, True, True), errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plan", "--waiting-days", "6"], "6 is not in the range 7<=x<=30"),
        (["inventory", "--quiet-days", "x"], "'x' is not a valid integer"),
        (["inventory", "--state", "x"], "'x' is not one of 'in use'"),
        (["lint", "--language", "json"], "'json' is not one of 'typescript'"),
        (["replication", "deploy"], "Missing option '--regions'"),
        (["replication", "deploy", "--regions", PLACE, "--targets", "qa", "--no-targets"], "used together"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_invalid_arguments_exit_with_status_2(capsys: Capture, arguments: list[str], message: str) -> None:
    status, out, errors = run(capsys, *arguments)
    assert (status, out, message in errors, "Hint: " in errors) == (2, "", True, True), errors


def test_shared_buckets_are_deployed_one_region_at_a_time(capsys: Capture, running: RunningCloud) -> None:
    """A later deployment keeps the settings of the first region, and every directory lists both."""
    deploy = ("replication", "deploy", "--account", "qa")
    assert run(capsys, "replication", "show", "--account", "qa")[1].startswith("No shared buckets.")
    status, plan = answer(capsys, *deploy, "--regions", PLACE, "--dry-run")
    assert (status, "Deploy the shared bucket" in json.dumps(plan)) == (0, True)
    assert answer(capsys, "replication", "show", "--account", "qa") == (0, [])
    first = (*deploy, "--regions", PLACE, "--targets", "production", "--expire-days", "90")
    assert answer(capsys, *first)[0] == 0
    status, found = answer(capsys, *deploy, "--regions", "us-east-1")
    assert status == 0
    assert [(row["region"], row["targets"], row["expire_days"]) for row in found] == [
        ("eu-west-1", ["111111111111"], 90),
        ("us-east-1", ["111111111111"], 30),
    ]
    status, out, _ = run(capsys, "replication", "show", "--account", "qa")
    assert (status, f"slipway-replication-{OWNER}-us-east-1" in out) == (0, True)
    for language, words in (("python", "from_bucket_attributes"), ("typescript", "fromBucketAttributes")):
        code = run(capsys, "replication", "code", "--account", "qa", "--language", language)[1]
        assert code.count(words) == 2
    status, mapping = answer(capsys, "replication", "code", "--account", "qa")
    assert (status, list(mapping)) == (0, REGIONS)
    as_json = run(capsys, "replication", "code", "--account", "qa", "--language", "json")[1]
    assert json.loads(as_json) == mapping
    for region in REGIONS:
        ssm = assemblies.client(running.endpoint, "ssm", OWNER, region)
        named = ssm.get_parameters_by_path(Path="/slipway/replication", Recursive=True)["Parameters"]
        assert {item["Name"].split("/")[3] for item in named} == set(REGIONS)


@pytest.mark.parametrize(
    ("arguments", "targets"),
    [
        ([], None),
        (["--targets", "production", "333333333333"], ["111111111111", "333333333333"]),
        (["--no-targets"], []),
    ],
    ids=["unchanged", "two", "none"],
)
def test_the_targets_of_shared_buckets(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, arguments: list[str], targets: list[str] | None
) -> None:
    planned = Mock(wraps=plan_replication)
    monkeypatch.setattr("ops.cli.replication.plan_replication", planned)
    deploy = ("replication", "deploy", "--regions", *REGIONS, "--dry-run")
    assert run(capsys, *deploy, *arguments)[0] == 0
    assert planned.call_args.args[2:] == (tuple(REGIONS), targets, None)


def test_the_template_is_printed(capsys: Capture) -> None:
    template = json.loads(run(capsys, "replication", "template")[1])
    assert "TargetAccounts" in template["Parameters"]
    assert answer(capsys, "replication", "template") == (0, template)


def test_the_migration_of_a_pipeline(capsys: Capture) -> None:
    status, out, _ = run(capsys, "migration")
    assert status == 0
    assert "Storefront" in out and "Checkout" in out and "Loyalty" not in out
    status, way = answer(capsys, "migration", "Storefront")
    assert status == 0
    assert [step["done"] for step in way["steps"]] == [False] * 5
    assert sorted(way["missing"]) == REGIONS
    status, out, _ = run(capsys, "migration", "Storefront")
    assert "replication deploy --account production --regions eu-west-1 us-east-1" in out
