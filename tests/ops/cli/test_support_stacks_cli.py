"""Support stacks from the command line, on the embedded cloud's sample pipelines."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.cli import main
from ops.embedded.lifecycle import RunningCloud
from ops.embedded.sample.pipelines import support_stack
from ops.settings import Settings
from tests.end_to_end import assemblies, sample_pipelines

REGIONS = ["eu-west-1", "us-east-1"]
OWNER, PLACE = "222222222222", "eu-west-1"  # qa, where the sample has no pipelines
NOW = ("--quiet-days", "0")  # everything was made just now
ORPHAN, LIVE = "Loyalty-support-us-east-1", "Storefront-support-us-east-1"


@pytest.fixture(scope="module")
def running(data: Path) -> Iterator[RunningCloud]:
    with sample_pipelines.serving(Settings(data=data / "pipelines").embedded_data) as found:
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
    """Exit status, what was printed, and what was said beside it."""
    status = main(["support-stacks", *arguments])
    said = capsys.readouterr()
    return status, said.out, said.err


def answer(capsys: Capture, *arguments: str) -> tuple[int, Any]:
    """Exit status, and what is printed with --json."""
    status = main(["--json", "support-stacks", *arguments])
    return status, json.loads(capsys.readouterr().out)


def test_the_inventory_tells_each_thing_with_its_verdict(capsys: Capture) -> None:
    status, out, _ = run(capsys, "inventory", *NOW)
    assert status == 0
    row = next(line for line in out.splitlines() if LIVE in line)
    assert "shared" in row and "Checkout, Storefront" in row
    row = next(line for line in out.splitlines() if ORPHAN in line)
    assert "orphaned" in row and "no pipeline of any account" in row
    assert "What nobody needs costs $2.00 a month." in out


def test_the_inventory_for_scripts_and_one_state_only(capsys: Capture) -> None:
    status, found = answer(capsys, "inventory", "--state", "orphaned", *NOW)
    assert status == 0
    assert {verdict["state"] for verdict in found["verdicts"]} == {"orphaned"}
    assert ORPHAN in [verdict["id"] for verdict in found["verdicts"]]
    assert found["unreadable"] == []
    assert {pipeline["name"] for pipeline in found["pipelines"]} == {"Storefront", "Checkout"}
    assert sorted(bucket["contents"]["versions"] for bucket in found["buckets"])[-3:] == [1, 1, 1]
    assert found["monthly"] == pytest.approx(2.0, abs=0.01)
    assert run(capsys, "inventory", "--state", "orphaned")[1].splitlines()[-2:] == [
        "Nothing that CDK pipelines have made was found.",
        "What nobody needs costs $0.00 a month.",
    ]


def test_a_plan_says_what_why_and_how_to_do_just_that(capsys: Capture) -> None:
    status, plan = answer(capsys, "plan", ORPHAN, *NOW)
    assert status == 0
    assert plan["confirm"] == ORPHAN
    assert f"Delete the stack {ORPHAN} and its key" in [step["does"] for step in plan["steps"]]
    assert {"s3:DeleteObjectVersion", "cloudformation:DeleteStack"} <= set(plan["actions"])
    status, out, _ = run(capsys, "plan", ORPHAN, *NOW)
    assert status == 0
    command = (
        f"python -m ops support-stacks clean-up {ORPHAN} --quiet-days 0 --fingerprint {plan['fingerprint']}"
    )
    assert f"To do exactly this: {command}" in out
    assert "Nothing is orphaned" in run(capsys, "plan")[1]


@pytest.fixture
def dead(running: RunningCloud) -> str:
    """The name of a support stack that nobody needs."""
    made = support_stack("Command", OWNER, PLACE)
    sample_pipelines.deploy(running, made)
    return made.name


def test_a_clean_up_asks_refuses_another_plan_and_does_what_was_shown(capsys: Capture, dead: str) -> None:
    chosen = (dead, *NOW)
    _, plan = answer(capsys, "plan", *chosen)
    status, out, err = run(capsys, "clean-up", *chosen)
    assert (status, f"Hint: Add --confirm {dead}" in err) == (3, True)
    assert f"Delete the stack {dead} and its key" in out
    status, _, err = run(capsys, "clean-up", *chosen, "--fingerprint", "0123456789abcdef")
    assert status == 3
    assert f"its fingerprint is {plan['fingerprint']} now" in err and "Hint: " in err
    status, shown = answer(capsys, "clean-up", *chosen, "--dry-run")
    assert (status, shown["confirm"]) == (0, dead)
    status, done = answer(
        capsys, "clean-up", *chosen, "--fingerprint", plan["fingerprint"], "--confirm", dead
    )
    assert status == 0
    assert {row["result"] for row in done["results"]} <= {"done", "already done"}
    (kept,) = [row["why"] for row in done["results"] if row["step"].startswith("Schedule")]
    assert "aws kms cancel-key-deletion --key-id" in kept
    status, _, err = run(capsys, "clean-up", *chosen)
    assert status == 1
    assert f"There is no {dead} in the inventory." in err


def test_a_clean_up_of_nothing_is_done(capsys: Capture) -> None:
    assert answer(capsys, "clean-up") == (0, {"results": []})


WRONG = {
    "in use": (["plan", LIVE], 1, f"{LIVE} is shared"),
    "no such thing": (["plan", "nope"], 1, "There is no nope in the inventory."),
    "too many": (["plan", "--most", "2", *NOW], 1, "2 is the limit"),
    "no such archive": (["plan", ORPHAN, "--archive", "no-such-bucket", *NOW], 1, "no bucket no-such-bucket"),
    "no such pipeline": (["migration", "nope"], 1, "There is no pipeline nope."),
    "no such account": (["replication", "show", "--account", "nobody"], 1, "No account 'nobody'"),
    "no such target": (["replication", "deploy", "--regions", PLACE, "--targets", "x"], 1, "No account 'x'"),
    "no such region": (["replication", "deploy", "--regions", "eu-nowhere-1"], 1, "no region 'eu-nowhere-1'"),
    "no days": (["replication", "deploy", "--regions", PLACE, "--expire-days", "0"], 1, "after 0 days"),
    "no assembly": (["lint", "cdk.out"], 1, "There is no cdk.out/manifest.json."),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_call_says_what_and_what_next(capsys: Capture, case: str) -> None:
    arguments, status, message = WRONG[case]
    found, _, said = run(capsys, *arguments)
    assert (found, message in said, "Hint: " in said) == (status, True, True), said


@pytest.mark.parametrize(
    "arguments",
    [["plan", "--waiting-days", "6"], ["inventory", "--quiet-days", "x"], ["replication", "deploy"]],
    ids=lambda arguments: arguments[0],
)
def test_what_cannot_be_understood_is_a_wrong_call(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["support-stacks", *arguments])
    assert caught.value.code == 2


def test_the_shared_buckets_are_set_up_a_region_at_a_time(capsys: Capture, running: RunningCloud) -> None:
    """A later region does not take from the first what it had, and every directory names both."""
    deploy = ("replication", "deploy", "--account", "qa")
    assert run(capsys, "replication", "show", "--account", "qa")[1].startswith("None yet. Set them up:")
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
    for region in REGIONS:
        ssm = assemblies.client(running.endpoint, "ssm", OWNER, region)
        named = ssm.get_parameters_by_path(Path="/slipway/replication", Recursive=True)["Parameters"]
        assert {item["Name"].split("/")[3] for item in named} == set(REGIONS)


def test_the_template_is_printed(capsys: Capture) -> None:
    assert "TargetAccounts" in json.loads(run(capsys, "replication", "template")[1])["Parameters"]


def test_the_way_of_a_pipeline(capsys: Capture) -> None:
    status, out, _ = run(capsys, "migration")
    assert status == 0
    assert "Storefront" in out and "Checkout" in out and "Loyalty" not in out
    status, way = answer(capsys, "migration", "Storefront")
    assert status == 0
    assert [step["done"] for step in way["steps"]] == [False] * 5
    assert sorted(way["missing"]) == REGIONS
    status, out, _ = run(capsys, "migration", "Storefront")
    assert "replication deploy --account production --regions eu-west-1 us-east-1" in out
