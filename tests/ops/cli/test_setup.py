"""`setup deploy`: the roles of an account, through a change set that is previewed and audited."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ops import embedded as emulator
from ops.aws.cloud import Cloud
from ops.aws.cloudformation.stacks import read_stack
from ops.aws.logs.audit_trail import open_audit
from ops.cli import main
from ops.embedded.accounts import WORKBENCH
from ops.embedded.accounts import cloud as embedded_cloud
from ops.own_stacks import ROLES
from ops.settings import Settings

WHO = f"WorkbenchArn=arn:aws:iam::{WORKBENCH}:root"
ROLES_OF_QA = ("setup", "deploy", "roles", "--accounts", "qa")


@pytest.fixture(scope="module")
def cloud(data: Path, plant: Callable[..., Path]) -> Iterator[Cloud]:
    """A Cloud without roles: in the cloud that tests share, others deploy them, and need them."""
    settings = Settings(data=data / "setup")
    running = emulator.start(plant(settings.embedded_data), owner=True)
    yield embedded_cloud(settings, running.endpoint)
    emulator.stop(settings.embedded_data)


@pytest.fixture(autouse=True)
def connected(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_DATA", str(cloud.settings.data))


def test_the_roles_are_previewed_deployed_and_changed(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    qa = (cloud.account("qa").id, cloud.settings.home_region)
    assert main([*ROLES_OF_QA, "--set", WHO, "--dry-run"]) == 0
    assert "AWS::IAM::Role" in capsys.readouterr().out
    assert read_stack(cloud, *qa, ROLES.name) is None

    assert main([*ROLES_OF_QA, "--set", WHO, "Rollouts=no"]) == 0
    made = read_stack(cloud, *qa, ROLES.name)
    assert made and made.status == "CREATE_COMPLETE" and made.parameters["Rollouts"] == "no"
    records = [each for each in open_audit(cloud).read(50) if ROLES.name in each.resource]
    assert {each.result for each in records} >= {"started", "done"}
    capsys.readouterr()

    assert main([*ROLES_OF_QA]) == 0  # parameters that are not set keep their values
    assert "is up to date" in capsys.readouterr().out
    assert main(["--json", *ROLES_OF_QA, "--set", "Rollouts=yes", "--dry-run"]) == 0
    (would,) = json.loads(capsys.readouterr().out)
    assert {change["logical_id"] for change in would["changes"]} >= {"Role"}


def test_missing_and_unknown_parameters_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    command = ("setup", "deploy", "app", "--accounts", "qa")
    for arguments, words in (
        ((), "slipway-app requires the parameters Vpc, BalancerSubnets, TaskSubnets, DomainName"),
        (("--set", "Vpcs=x"), "slipway-app has no parameter Vpcs"),
        (("--set", "Vpc"), "Cannot read 'Vpc': --set takes NAME=VALUE"),
    ):
        assert main([*command, *arguments]) == 1
        assert words in capsys.readouterr().err


def test_deploying_requires_the_role(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLIPWAY_LOCAL_ROLE", "operator")
    command = ("setup", "deploy", "roles", "--accounts", "development", "--set", WHO)
    assert main([*command]) == 1
    assert "requires the role administrator" in capsys.readouterr().err
    where = (cloud.account("development").id, cloud.settings.home_region)
    assert read_stack(cloud, *where, ROLES.name) is None
