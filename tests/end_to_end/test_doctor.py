"""`slipway doctor` on the embedded cloud: green in the role that the docs name, and what it says if not."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation.stacks import read_stack
from ops.aws.inspection.trial_stacks import PREFIX
from ops.cli import main
from ops.cli.context import Context
from ops.doctor import Finding, Result, examine, exit_status
from ops.doctor import keys as key_check
from ops.doctor.findings import Question
from ops.embedded.accounts import HOME, QA, WORKBENCH
from ops.own_stacks import ROLES
from ops.templates.access import READ_ROLE, ROLE, STACK_BOUNDARY, roles
from ops.templates.access.grants import LOGS
from ops.templates.logs import MEMBER_DESCRIPTION
from tests.conformance.callers import unique

BARE = "doctor-bare"


@pytest.fixture(scope="module")
def deployed(cloud: Cloud) -> Iterator[None]:
    """Slipway's roles in QA, which other tests of this process may have deployed, and a role that lacks two
    permissions.
    """
    stacks, iam = cloud.client("cloudformation", QA.id, HOME), cloud.client("iam", QA.id)
    there = read_stack(cloud, QA.id, HOME, ROLES.name) is not None
    if not there:
        stacks.create_stack(
            StackName=ROLES.name,
            TemplateBody=json.dumps(roles().to_dict(), separators=(",", ":")),
            Parameters=[{"ParameterKey": "WorkbenchArn", "ParameterValue": f"arn:aws:iam::{WORKBENCH}:root"}],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        stacks.get_waiter("stack_create_complete").wait(StackName=ROLES.name, WaiterConfig={"Delay": 1})
    trust = {"Effect": "Allow", "Principal": {"AWS": WORKBENCH}, "Action": "sts:AssumeRole"}
    lacking = ["rds:DescribeAccountAttributes", "states:StartExecution"]
    allowed = {"Effect": "Allow", "NotAction": lacking, "Resource": "*"}
    iam.create_role(RoleName=BARE, AssumeRolePolicyDocument=document(trust))
    iam.put_role_policy(RoleName=BARE, PolicyName="most", PolicyDocument=document(allowed))
    yield
    iam.delete_role_policy(RoleName=BARE, PolicyName="most")
    iam.delete_role(RoleName=BARE)
    if not there:
        stacks.delete_stack(StackName=ROLES.name)
        stacks.get_waiter("stack_delete_complete").wait(StackName=ROLES.name, WaiterConfig={"Delay": 1})


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def as_role(cloud: Cloud, role: str, *, boundary: str = STACK_BOUNDARY) -> Cloud:
    account = replace(QA, role=f"arn:aws:iam::{QA.id}:role/{role}", regions=(HOME,))
    settings = replace(cloud.settings, accounts=(account,), permissions_boundary=boundary, logs=())
    return Cloud(settings, cloud.endpoint)


def problems(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.result is not Result.WORKS]


@pytest.mark.usefixtures("deployed")
def test_everything_works_in_the_read_role(cloud: Cloud) -> None:
    reader = as_role(cloud, READ_ROLE)
    findings = examine(reader, reader.places)
    assert problems(findings) == [] and exit_status(findings) == 0
    subjects = {finding.subject for finding in findings if finding.check == "permissions"}
    assert {f"{READ_ROLE}: snapshots, read", f"{ROLE}: logs, deploy", f"{ROLE}: deploy, write"} <= subjects
    assert f"{READ_ROLE}: snapshots, write" not in subjects  # which it must not have


@pytest.mark.usefixtures("deployed")
def test_the_working_role_deploys_only_with_the_boundary(cloud: Cloud) -> None:
    found = problems(list(examine(as_role(cloud, ROLE, boundary=""), as_role(cloud, ROLE).places)))
    assert {finding.check for finding in found} == {"permissions"}
    assert all('permissions_boundary = "slipway-stack-boundary"' in finding.hint for finding in found)
    assert any("iam:CreateRole: explicitDeny" in finding.reason for finding in found)
    assert not any("iam:CreateRole" in finding.statement for finding in found)  # would not help


@pytest.mark.usefixtures("deployed")
def test_a_missing_permission_is_named_with_the_statement(cloud: Cloud) -> None:
    bare = as_role(cloud, BARE)
    found = problems(examine(bare, bare.places))
    (quota,) = [finding for finding in found if finding.check == "quotas"]
    assert quota.result is Result.REFUSED and "rds:DescribeAccountAttributes" in quota.reason
    added = json.loads(quota.statement)["Statement"]
    assert [statement["Action"] for statement in added] == [["rds:DescribeAccountAttributes"]]
    (refresh,) = [finding for finding in found if finding.subject == f"{BARE}: snapshots, write"]
    assert refresh.result is Result.WOULD_FAIL and refresh.reason == "states:StartExecution: implicitDeny"
    assert "snapshots refresh" in refresh.hint
    (statement,) = json.loads(refresh.statement)["Statement"]
    assert statement["Action"] == ["states:StartExecution"]
    assert f"arn:aws:states:{HOME}:{QA.id}:stateMachine:*" in statement["Resource"]


def test_a_role_that_cannot_be_assumed_ends_the_checks_of_its_account(cloud: Cloud) -> None:
    stranger = as_role(cloud, "nobody")
    identity, rest = examine(stranger, stranger.places)
    assert identity.result is Result.REFUSED and "access denied" in identity.reason
    (statement,) = json.loads(identity.statement)["Statement"]
    assert statement["Action"] == ["sts:AssumeRole"] and statement["Resource"][0].endswith(":role/nobody")
    assert rest.result is Result.NOT_ASKED


def test_the_wrong_account_would_fail(cloud: Cloud) -> None:
    wrong = replace(QA, id="444444444444", regions=(HOME,))
    mistaken = Cloud(replace(cloud.settings, accounts=(wrong,)), cloud.endpoint)
    identity, _ = examine(mistaken, mistaken.places)
    assert identity.result is Result.WOULD_FAIL
    assert identity.reason == f"the credentials are those of the account {QA.id}, not of 444444444444"


@pytest.fixture
def export(cloud: Cloud) -> Iterator[str]:
    """A stack that looks like the export's in an account, with a key whose policy names another account."""
    kms, stacks = cloud.client("kms", QA.id, HOME), cloud.client("cloudformation", QA.id, HOME)
    owner = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{QA.id}:root"}, "Resource": "*"}
    managed = {**owner, "Action": ["kms:PutKeyPolicy", "kms:Describe*", "kms:Get*", "kms:Schedule*"]}
    key = kms.create_key(Policy=document(managed))["KeyMetadata"]["Arn"]
    name = unique("log-export")
    template = {
        "Description": MEMBER_DESCRIPTION,
        "Parameters": {"KeyArn": {"Type": "String"}},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    }
    stacks.create_stack(
        StackName=name,
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": "KeyArn", "ParameterValue": key}],
    )
    stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    yield key
    stacks.delete_stack(StackName=name)
    stacks.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})


def test_a_broken_key_policy_is_named_with_the_statement(cloud: Cloud, export: str) -> None:
    question = Question(cloud, Place(QA, HOME), (LOGS,))
    (found,) = key_check.check(question)
    assert found.result is Result.WOULD_FAIL and export in found.subject
    assert "kms:Decrypt, kms:GenerateDataKey" in found.reason
    kms = cloud.client("kms", QA.id, HOME)
    policy = json.loads(kms.get_key_policy(KeyId=export)["Policy"])
    policy["Statement"].append(json.loads(found.statement))
    kms.put_key_policy(KeyId=export, PolicyName="default", Policy=json.dumps(policy))
    (fixed,) = key_check.check(question)
    assert fixed.result is Result.WORKS
    kms.schedule_key_deletion(KeyId=export)
    (gone,) = key_check.check(question)
    assert gone.result is Result.WOULD_FAIL and gone.reason == "the key is PendingDeletion"


def reviewed(cloud: Cloud) -> list[str]:
    pages = cloud.client("cloudformation", QA.id, HOME).get_paginator("describe_stacks").paginate()
    names = [stack["StackName"] for page in pages for stack in page["Stacks"]]
    return [name for name in names if name.startswith(PREFIX)]


@pytest.mark.usefixtures("deployed")
def test_change_sets_are_deleted_also_those_of_a_crash(
    cloud: Cloud,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    stacks = cloud.client("cloudformation", QA.id, HOME)
    template = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    crashed = {"StackName": f"{PREFIX}roles", "ChangeSetName": "old", "ChangeSetType": "CREATE"}
    stacks.create_change_set(TemplateBody=template, **crashed)
    monkeypatch.setenv("SLIPWAY_DATA", str(data))
    monkeypatch.setenv("SLIPWAY_PERMISSIONS_BOUNDARY", STACK_BOUNDARY)
    record = tmp_path / "answers.json"
    command = ("--accounts", "qa", "--regions", HOME, "--change-sets", "--record", str(record))
    status = main(["--json", "doctor", *command])
    findings = json.loads(capsys.readouterr().out)
    found = {each["subject"]: each for each in findings if each["check"] == "change sets"}
    tried = [each for each in found.values() if each["reason"].startswith("would create ")]
    assert tried and {each["result"] for each in tried} == {"works"}
    assert found["roles"]["reason"] == "deployed as slipway-access, which is CREATE_COMPLETE"
    assert found["log export"]["result"] == "not asked" and "bucket" in found["log export"]["reason"]
    assert "Vpc" in found["pages on Fargate"]["reason"]
    assert status == 4  # not everything could be asked
    assert reviewed(cloud) == []
    text = record.read_text()
    assert "CreateChangeSet" in text and "SimulatePrincipalPolicy" in text and QA.id not in text


def test_change_sets_require_an_administrator(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLIPWAY_DATA", str(data))
    monkeypatch.setenv("SLIPWAY_LOCAL_ROLE", "viewer")
    assert main(["doctor", "--accounts", "qa", "--regions", HOME, "--job", "rollouts", "--change-sets"]) == 1
    assert "requires the role administrator" in capsys.readouterr().err


def test_people_see_counts_and_problems(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger = as_role(cloud, "nobody")
    monkeypatch.setattr(Context, "cloud", stranger)
    assert main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert "Refused: identity, arn:aws:iam::222222222222:role/nobody (qa)" in printed
    assert '"sts:AssumeRole"' in printed and "Not asked: other checks" in printed
