"""`slipway setup organization`: from accounts without Slipway to accounts that `doctor` has checked."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops import settings
from ops.audit import FileAudit
from ops.cli import main
from ops.cli.context import Context
from ops.embedded.accounts import WORKBENCH
from ops.embedded.lifecycle import RunningCloud
from ops.organization import ADMIN_ROLE, CREATED_BY
from ops.own_stacks import ROLES
from tests.ops.embedded.overlay import client

COMMAND = ("setup", "organization", "--json")


class Unit:
    """An organizational unit of the workbench's organization, whose accounts have the administrating role."""

    def __init__(self, embedded: RunningCloud, size: int) -> None:
        self.embedded = embedded
        self.organizations: Any = client(embedded, "organizations", account=WORKBENCH)
        root = self.organizations.list_roots()["Roots"][0]["Id"]
        made = self.organizations.create_organizational_unit(ParentId=root, Name=f"fleet of {size}")
        self.id = made["OrganizationalUnit"]["Id"]
        self.accounts = [self._account(f"Fleet {size} {number:02d}", root) for number in range(size)]

    def _account(self, name: str, root: str) -> str:
        made = self.organizations.create_account(
            AccountName=name, Email=f"{name.replace(' ', '')}@example.com"
        )
        id_ = str(made["CreateAccountStatus"]["AccountId"])
        self.organizations.move_account(AccountId=id_, SourceParentId=root, DestinationParentId=self.id)
        self.allow(id_)
        return id_

    def allow(self, account: str) -> None:
        iam: Any = client(self.embedded, "iam", account=account)
        principal = {"AWS": f"arn:aws:iam::{WORKBENCH}:root"}
        statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.create_role(RoleName=ADMIN_ROLE, AssumeRolePolicyDocument=trust)
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
        iam.put_role_policy(RoleName=ADMIN_ROLE, PolicyName="all", PolicyDocument=policy)

    def forbid(self, account: str) -> None:
        iam: Any = client(self.embedded, "iam", account=account)
        iam.delete_role_policy(RoleName=ADMIN_ROLE, PolicyName="all")
        iam.delete_role(RoleName=ADMIN_ROLE)

    def stacks(self) -> list[str]:
        """Return the accounts that have the roles, created by the command."""
        found = []
        for account in self.accounts:
            cloudformation: Any = client(self.embedded, "cloudformation", account=account)
            for stack in cloudformation.describe_stacks()["Stacks"]:
                tags = {tag["Key"]: tag["Value"] for tag in stack["Tags"]}
                if stack["StackName"] == ROLES.name and CREATED_BY.items() <= tags.items():
                    found.append(account)
        return found


@pytest.fixture
def audit(
    embedded: RunningCloud, data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[FileAudit]:
    monkeypatch.setenv("SLIPWAY_DATA", str(data))
    monkeypatch.chdir(tmp_path)
    audit = FileAudit(tmp_path / "audit.jsonl")
    monkeypatch.setattr(Context, "audit", audit)
    yield audit


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    capsys.readouterr()
    status = main([*COMMAND, *arguments])
    printed = capsys.readouterr()
    return status, json.loads(printed.out) if printed.out else None, printed.err


@pytest.mark.parametrize("size", [2, pytest.param(40, marks=pytest.mark.thorough)])
def test_one_command_sets_up_an_organization_and_another_removes_it(
    size: int, embedded: RunningCloud, audit: FileAudit, capsys: pytest.CaptureFixture[str]
) -> None:
    unit = Unit(embedded, size)
    Path("slipway.toml").write_text('home_region = "eu-west-1"\n')
    of_unit, count = ("--unit", unit.id), f"{size} accounts"
    status, plan, _ = call(capsys, *of_unit, "--dry-run")
    assert status == 0 and plan["confirm"] == count and unit.stacks() == [] and audit.read(1) == []
    status, error, _ = call(capsys, *of_unit)
    assert status == 3 and error["error"]["type"] == "PlanRefused" and unit.stacks() == []

    status, done, said = call(capsys, *of_unit, "--confirm", count)  # the one command
    assert sorted(unit.stacks()) == sorted(unit.accounts), said
    configured = settings.load(environ={}).accounts
    assert {each.id for each in configured} == set(unit.accounts)
    assert {each.role.rpartition("/")[2] for each in configured} == {"slipway-workbench"}
    identities = [each for each in done["findings"] if each["check"] == "identity"]
    assert {each["result"] for each in identities} == {"works"} and len(done["accounts"]) == size

    text = Path("slipway.toml").read_text()
    status, again, _ = call(capsys, *of_unit)  # up to date: no confirmation is needed
    assert again["accounts"] == done["accounts"] and Path("slipway.toml").read_text() == text

    unit.forbid(unit.accounts[0])
    status, part, said = call(capsys, *of_unit)
    assert unit.accounts[0] in said and [each["account"] for each in part["not_read"]] == [unit.accounts[0]]
    assert Path("slipway.toml").read_text() == text  # not read is not gone

    status, left, _ = call(capsys, "--undo", "--confirm", f"{size - 1} account{'s' if size > 2 else ''}")
    assert status == 4 and unit.stacks() == unit.accounts[:1]
    assert [each["id"] for each in left["accounts"]] == unit.accounts[:1]
    unit.allow(unit.accounts[0])
    assert call(capsys, "--undo", "--confirm", "1 account")[0] == 0
    assert unit.stacks() == [] and Path("slipway.toml").read_text().strip() == 'home_region = "eu-west-1"'


def test_an_empty_selection_is_an_error(audit: FileAudit, capsys: pytest.CaptureFixture[str]) -> None:
    status, error, _ = call(capsys, "--tag", "stage=nowhere")
    assert status == 1 and "There is no account to set up" in error["error"]["message"]
    assert call(capsys, "--tag", "stage")[0] == 1
    assert call(capsys, "--undo", "--unit", "ou-1")[0] == 2
    assert call(capsys, "--undo")[0] == 0
