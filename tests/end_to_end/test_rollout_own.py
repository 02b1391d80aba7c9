"""Slipway's own stacks, drafted, rolled out to many places by its own controller, and then used."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.aws.cloud import Cloud, Place
from ops.cli import main
from ops.cli.rollouts.own import OWN_TEMPLATES
from ops.rollouts import runs
from ops.snapshots.pipeline import catalog
from ops.support_stacks.replication import read_shared
from tests.end_to_end.fleet import Fleet, set_up
from tests.end_to_end.workbench import PASSWORD, PEOPLE, PEOPLE_POLICY, Workbench, eventually

QA, REGIONS = "222222222222", ("eu-west-1", "us-east-1")
DEVELOPMENT = "333333333333"
DATABASE = "own-people"
QUICK = """
[bake.first]
time = "1s"
[bake.later]
time = "1s"
"""


class Own:
    """Drafts, starts and awaits rollouts by the command line."""

    def __init__(self, cloud: Cloud, embedded: Any, folder: Path) -> None:
        self.fleet = Fleet(cloud, embedded, folder, "own")

    def start(self, what: str, stack: str, account: str, *more: str, text: str = "") -> str:
        path = self.fleet.folder / f"{stack}.toml"
        where = ["--accounts", account, "--regions", *REGIONS, "--folder", str(path.parent)]
        assert main(["rollouts", "draft", what, "--stack", stack, *where, *more]) == 0
        path.write_text(path.read_text() + QUICK + text)
        assert main(["rollouts", "start", str(path), "--confirm", stack]) == 0
        found = runs.list_runs(self.fleet.cloud, self.fleet.controller)
        return next(each.run for each in found if each.rollout == stack)

    def assert_deployed(self, run: str, what: str) -> None:
        """Everywhere, and with the very template."""
        watched = self.fleet.ended(run)
        assert watched.summary.status == "DONE", watched.log
        assert len(watched.targets) == len(REGIONS)
        for each in watched.targets:
            fleet = Fleet(self.fleet.cloud, self.fleet.embedded, self.fleet.folder, each.target.stack)
            assert (
                fleet.body((each.target.account, each.target.region)).strip() == OWN_TEMPLATES[what]().strip()
            )

    def delete(self, stack: str, account: str) -> None:
        for region in REGIONS:
            cfn = self.fleet.client("cloudformation", (account, region))
            cfn.delete_stack(StackName=stack)


@pytest.fixture
def own(
    cloud: Cloud, embedded: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Own]:
    monkeypatch.setenv("SLIPWAY_DATA", str(data))
    monkeypatch.setenv("SLIPWAY_EMBEDDED_DELAY", "0.2")
    monkeypatch.chdir(tmp_path)
    set_up(cloud, tmp_path)
    made = Own(cloud, embedded, tmp_path / "drafts")
    yield made
    for stack, account in (
        (f"snapshots-{DATABASE}", QA),
        ("slipway-replication", DEVELOPMENT),
        ("own-logs-member", QA),
        ("own-logs", DEVELOPMENT),
    ):
        made.delete(stack, account)
    for region in REGIONS:
        rds = made.fleet.client("rds", (QA, region))
        for each in rds.describe_db_instances()["DBInstances"]:
            if each["DBInstanceIdentifier"] == DATABASE and each["DBInstanceStatus"] != "deleting":
                rds.delete_db_instance(DBInstanceIdentifier=DATABASE, SkipFinalSnapshot=True)


def make_databases(own: Own, bench: Workbench) -> None:
    for region in REGIONS:
        place = Place(bench.qa.account, region)
        bench.rds(place).create_db_instance(
            DBInstanceIdentifier=DATABASE,
            Engine="postgres",
            DBInstanceClass="db.t4g.micro",
            AllocatedStorage=20,
            DBName="app",
            MasterUsername="master",
            MasterUserPassword=PASSWORD,
        )
    for region in REGIONS:
        place = Place(bench.qa.account, region)
        bench.available(place, DATABASE)
        with bench.connect(place, DATABASE, "master", PASSWORD, "app") as connection:
            connection.execute(PEOPLE.encode())


@pytest.mark.thorough
def test_slipways_own_stacks_are_rolled_out_by_its_controller(
    own: Own, cloud: Cloud, data: Path, tmp_path: Path
) -> None:
    bench = Workbench(cloud, data)
    make_databases(own, bench)
    policy = tmp_path / "policy.toml"
    policy.write_text(PEOPLE_POLICY)

    asked = ["--parameter", f"TargetAccounts={QA}"]
    replication = own.start("replication", "slipway-replication", DEVELOPMENT, *asked)
    asked = ["--parameter", f"SourceDatabase={DATABASE}", "--parameter", "PollSeconds=1"]
    snapshots = own.start("snapshots", f"snapshots-{DATABASE}", QA, "--policy", str(policy), *asked)
    asked = [f"AllowedAccounts={QA}", "DestinationName=own", "IncludePatterns=/own/*"]
    central = own.start("log-export", "own-logs", DEVELOPMENT, *(f"--parameter={each}" for each in asked))

    own.assert_deployed(replication, "replication")
    shared = read_shared(cloud, cloud.account("development"), REGIONS)
    assert [(each.region, each.targets) for each in shared] == [(region, (QA,)) for region in REGIONS]

    own.assert_deployed(central, "log-export")
    groups = {}
    for region in REGIONS:
        logs = cloud.client("logs", "qa", region)
        logs.create_log_group(logGroupName="/own/app")
        groups[region] = logs
    destinations = [
        f'[[override]]\nregion = "{region}"\nparameters = {{ LogDestination = '
        f'"arn:aws:logs:{region}:{DEVELOPMENT}:destination:own" }}\n'
        for region in REGIONS
    ]
    asked = ["--parameter", "IncludePatterns=/own/*"]
    member = own.start("log-export-member", "own-logs-member", QA, *asked, text="".join(destinations))
    own.assert_deployed(member, "log-export-member")
    for logs in groups.values():
        eventually(lambda logs=logs: _subscribed(logs))  # type: ignore[misc]

    own.assert_deployed(snapshots, "snapshots")
    for region in REGIONS:
        pipeline = catalog.find_pipeline(cloud, Place(bench.qa.account, region), DATABASE)
        network = pipeline.stack.parameters
        assert network["ScriptBucket"] == f"slipway-staging-{QA}-{region}"
    assert bench.run(pipeline).execution.status == "SUCCEEDED"


def _subscribed(logs: Any) -> list[Any]:
    found: list[Any] = logs.describe_subscription_filters(logGroupName="/own/app")["subscriptionFilters"]
    return found


def test_a_database_that_is_nowhere_drafts_nothing(
    own: Own, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "policy.toml").write_text(PEOPLE_POLICY)
    where = ["--accounts", QA, "--regions", *REGIONS, "--folder", str(tmp_path / "drafts")]
    draft = ["rollouts", "draft", "snapshots", "--stack", "s", "--policy", str(tmp_path / "policy.toml")]
    assert main([*draft, *where, "--parameter", "SourceDatabase=nowhere"]) == 1
    assert "qa, eu-west-1: The database 'nowhere' does not exist" in capsys.readouterr().err
    assert main([*draft, *where]) == 1
    assert "Add --parameter SourceDatabase=NAME" in capsys.readouterr().err
    assert not (tmp_path / "drafts").exists()
