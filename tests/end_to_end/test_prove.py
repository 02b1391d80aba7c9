"""`slipway prove` in empty accounts of the embedded cloud: a whole run, crashes, and the ceilings."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ops.aws.cloud import Cloud
from ops.aws.cloudformation.stacks import list_stacks
from ops.cli import main
from ops.cli import prove as verb
from ops.cli.context import Context
from ops.embedded.accounts import HOME
from ops.plan import ReportProgress
from ops.prove import clean_up, resources
from ops.prove.proof import Job, ProofStep
from ops.prove.rollouts import rollouts
from ops.prove.session import ProofSession
from ops.prove.state import ProofState
from ops.prove.support_stacks import support_stacks
from tests.end_to_end import assemblies
from tests.end_to_end.sandboxes import CONFIRM, SANDBOX, client, sandbox_cloud
from tests.ops.prove.recorded import differences, read, recordings

KINDS = ("stacks", "buckets", "groups", "databases", "snapshots", "tables", "keys")
EMPTY: dict[str, list[str]] = {kind: [] for kind in KINDS}
FIRST = SANDBOX[0].id


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture(scope="module")
def cloud(
    plant: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory, data: Path
) -> Iterator[Cloud]:
    with sandbox_cloud(data / "sandbox", plant) as running:
        yield running


@pytest.fixture(autouse=True)
def context(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Run the verb at the sandbox; return the folder of its data."""
    monkeypatch.chdir(tmp_path)
    confined = Cloud(replace(cloud.settings, data=tmp_path), cloud.endpoint)
    monkeypatch.setattr(Context, "cloud", confined)
    monkeypatch.setattr(Context, "settings", confined.settings)
    return tmp_path


def existing(cloud: Cloud) -> dict[str, list[str]]:
    """Return everything that costs money or blocks a name in the sandbox accounts, read from the services."""
    found: dict[str, list[str]] = {kind: [] for kind in EMPTY}
    for account in SANDBOX:

        def call(service: str, operation: str, key: str, account: str = account.id) -> list[Any]:
            return list(getattr(client(cloud, service, account), operation)()[key])

        found["stacks"] += [s.name for s in list_stacks(cloud, account.id, HOME)]
        found["buckets"] += [b["Name"] for b in call("s3", "list_buckets", "Buckets")]
        found["groups"] += [g["logGroupName"] for g in call("logs", "describe_log_groups", "logGroups")]
        found["databases"] += [
            i["DBInstanceIdentifier"] for i in call("rds", "describe_db_instances", "DBInstances")
        ]
        found["snapshots"] += [
            s["DBSnapshotIdentifier"] for s in call("rds", "describe_db_snapshots", "DBSnapshots")
        ]
        found["tables"] += call("dynamodb", "list_tables", "TableNames")
        kms = client(cloud, "kms", account.id)
        states = [kms.describe_key(KeyId=k["KeyId"])["KeyMetadata"] for k in kms.list_keys()["Keys"]]
        found["keys"] += [
            k["KeyId"] for k in states if k["KeyState"] == "Enabled" and k.get("KeyManager") != "AWS"
        ]
    return found


def prove(*arguments: str) -> int:
    return main(["prove", *arguments])


def report_of(folder: Path) -> dict[str, Any]:
    (path,) = folder.glob("prove/*/report.json")
    report: dict[str, Any] = json.loads(path.read_text())
    return report


def test_a_whole_proof_passes_and_leaves_nothing(cloud: Cloud, context: Path) -> None:
    seen: dict[str, list[str]] = {}
    planned = clean_up.plan_clean_up

    def look(session: ProofSession) -> Any:
        seen.update(seen or existing(cloud))
        return planned(session)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verb, "plan_clean_up", look)
        status = prove("--confirm", CONFIRM, "--record", str(context / "answers"))
    report = report_of(context)
    assert (status, report["passed"]) == (0, True), [s for s in report["steps"] if s["result"] != "passed"]
    assert {kind for kind, found in seen.items() if found} == set(EMPTY), "before the cleanup"
    assert existing(cloud) == EMPTY
    assert 0.01 < report["dollars"] < 1 and report["left"] == []
    evidence = {step["step"]: step["evidence"] for step in report["steps"]}
    assert (
        "50 rows treated; shared with 222222222222" in evidence["Check that the snapshot is clean, and alone"]
    )
    assert evidence["Search the exported events"] == "80 of 80 events found, each once"
    assert not (context / "prove/state.json").exists()
    assert "Left: nothing" in (context / "prove" / report["proof"] / "report.md").read_text()
    (answers,) = (context / "answers").iterdir()
    recorded = answers.read_text()
    assert len(json.loads(recorded)) > 50
    assert [account.id for account in SANDBOX if account.id in recorded] == []
    assert report["proof"] not in recorded and "127.0.0.1" not in recorded and "@prove.test" not in recorded
    found = {path.name: differences(read(path), read(answers)) for path in recordings()}
    assert {name: lines for name, lines in found.items() if lines} == {}


# Small cells: two steps instead of all

REPLICATION = Job("Support stacks", support_stacks().steps[1:])
CONTROLLER = Job("Rollouts", rollouts().steps[:1])


def killed(*arguments: Any) -> Any:
    raise Killed


def only(monkeypatch: pytest.MonkeyPatch, *jobs: Job) -> None:
    monkeypatch.setattr(verb, "JOBS", jobs)


def results(report: dict[str, Any]) -> list[str]:
    return [step["result"] for step in report["steps"]]


def test_a_killed_proof_continues_where_it_was(
    cloud: Cloud, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploys, checks = REPLICATION.steps
    with monkeypatch.context() as patch:
        only(patch, Job("Support stacks", (deploys, replace(checks, act=killed))))
        with pytest.raises(Killed):
            prove("--confirm", CONFIRM)
    assert "slipway-replication" in existing(cloud)["stacks"]
    only(monkeypatch, Job("Support stacks", (replace(deploys, act=killed), checks)))
    assert prove("--confirm", CONFIRM) == 0
    assert results(report_of(context)) == ["passed"] * 3
    assert existing(cloud) == EMPTY


@pytest.mark.parametrize(
    "where",
    [
        pytest.param((ProofState, "finish"), id="after a deployment"),
        pytest.param((clean_up, "_record_contents"), id="before a deletion", marks=pytest.mark.thorough),
        pytest.param((ProofState, "mark_deleted"), id="after a deletion", marks=pytest.mark.thorough),
        pytest.param((resources, "delete"), id="at a deletion", marks=pytest.mark.thorough),
    ],
)
def test_a_killed_proof_is_cleaned_up(
    cloud: Cloud, context: Path, monkeypatch: pytest.MonkeyPatch, where: tuple[Any, str]
) -> None:
    """The controller's stack retains a bucket and a table."""
    only(monkeypatch, CONTROLLER)
    owner, name = where
    with monkeypatch.context() as patch:
        if name == "finish":
            finish = ProofState.finish
            patch.setattr(
                ProofState,
                name,
                lambda state, step, record: killed() if step != "prepare" else finish(state, step, record),
            )
        else:
            patch.setattr(owner, name, killed)
        with pytest.raises(Killed):
            prove("--confirm", CONFIRM)
    assert existing(cloud) != EMPTY
    assert prove("--clean-up") == 3, "it asks for confirmation"
    assert prove("--clean-up", "--confirm", CONFIRM) == 0
    assert existing(cloud) == EMPTY
    assert prove("--clean-up", "--confirm", CONFIRM) == 0, "nothing to clean up"


def forever(session: ProofSession, say: ReportProgress) -> str:
    return session.wait(lambda: None, "something that never happens", say)


def test_the_ceiling_of_time_stops_a_wait(
    cloud: Cloud, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = [timedelta()]

    def sleep(seconds: float) -> None:
        passed[0] += timedelta(hours=1)
        assert passed[0] < timedelta(hours=100)

    def clock() -> datetime:
        return datetime.now(UTC) + passed[0]

    waits = ProofStep("wait", "Wait forever", 1, forever)
    only(monkeypatch, Job("Support stacks", (REPLICATION.steps[0], waits, REPLICATION.steps[1])))
    monkeypatch.setattr(verb, "ProofSession", partial(ProofSession, clock=clock, sleep=sleep))
    assert prove("--confirm", CONFIRM, "--max-hours", "3") == 1
    report = report_of(context)
    assert results(report) == ["passed", "passed", "failed", "not run"]
    assert report["steps"][2]["code"] == "CeilingReached" and "--max-hours" in report["steps"][2]["error"]
    assert report["left"] == [] and existing(cloud) == EMPTY


def test_the_ceiling_of_cost_stops_the_next_step(
    cloud: Cloud, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, REPLICATION)
    assert prove("--confirm", CONFIRM, "--max-cost", "0.0001") == 1
    report = report_of(context)
    assert results(report) == ["passed", "passed", "failed"]
    assert "--max-cost" in report["steps"][2]["error"] and existing(cloud) == EMPTY


def test_what_aws_refuses_is_reported_in_its_words(
    cloud: Cloud, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cloud.endpoint
    only(monkeypatch, REPLICATION)
    assemblies.make_role(cloud.endpoint.url, FIRST, deny=("kms:CreateKey",))
    try:
        assert prove("--confirm", CONFIRM) == 1
    finally:
        assemblies.make_role(cloud.endpoint.url, FIRST)
    report = report_of(context)
    assert results(report) == ["passed", "failed", "not run"]
    words = report["steps"][1]["error"]
    assert "is not authorized to perform: kms:CreateKey" in words
    assert words in (context / "prove" / report["proof"] / "report.md").read_text()
    assert report["left"] == [] and existing(cloud) == EMPTY


def test_a_stack_of_somebody_else_is_neither_used_nor_deleted(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    stacks = client(cloud, "cloudformation", FIRST)
    handle = {"Resources": {"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}}
    stacks.create_stack(StackName="slipway-replication", TemplateBody=json.dumps(handle))
    stacks.get_waiter("stack_create_complete").wait(
        StackName="slipway-replication", WaiterConfig={"Delay": 1}
    )
    try:
        assert prove("--confirm", CONFIRM) == 1
        assert "already has the stack slipway-replication" in capsys.readouterr().err
        assert existing(cloud) == {**EMPTY, "stacks": ["slipway-replication"]}
    finally:
        stacks.delete_stack(StackName="slipway-replication")
        stacks.get_waiter("stack_delete_complete").wait(
            StackName="slipway-replication", WaiterConfig={"Delay": 1}
        )


def test_without_a_sandbox_account_nothing_starts(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Context, "cloud", Cloud(replace(cloud.settings, prove_accounts=()), cloud.endpoint))
    assert prove("--confirm", CONFIRM) == 1
    assert "prove_accounts" in capsys.readouterr().err
    assert existing(cloud) == EMPTY
