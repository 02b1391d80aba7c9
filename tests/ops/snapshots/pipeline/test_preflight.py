"""What is told of a pipeline before anything is created."""

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from botocore.stub import Stubber

from ops.aws.cloud import Cloud, Place
from ops.aws.rds.databases import Database
from ops.settings import Account
from ops.snapshots.pipeline.model import Pipeline
from ops.snapshots.pipeline.preflight import Verdict, _options, preflight
from tests.end_to_end.workbench import Workbench

POLICY = "[tables.customers]\nemail = 'fake email'"


@pytest.fixture
def workbench(cloud: Cloud, data: Path) -> Workbench:
    return Workbench(cloud, data)


def verdicts(workbench: Workbench, pipeline: Pipeline) -> dict[str, tuple[Verdict, str]]:
    found = preflight(workbench.cloud, workbench.production, pipeline, datetime.now(UTC))
    return {item.subject: (item.verdict, item.reason) for item in found}


def test_what_works_is_fine(workbench: Workbench) -> None:
    wanted = workbench.pipeline("shop-production", POLICY, assign_public_ip=True)
    found = verdicts(workbench, wanted)
    assert {subject for subject, (verdict, _) in found.items() if verdict is not Verdict.FINE} == set()
    assert found["Subnets"][1] == "in eu-west-1a and eu-west-1b"


def test_a_policy_that_keeps_what_it_does_not_name_is_not_called_fine(workbench: Workbench) -> None:
    wanted = workbench.pipeline("shop-production", 'unlisted = "keep"\n' + POLICY, assign_public_ip=True)
    verdict, reason = verdicts(workbench, wanted)["Policy"]
    assert verdict is Verdict.UNKNOWN and "does not name is kept" in reason


def test_permissions_are_simulated(workbench: Workbench) -> None:
    place = workbench.production
    wanted = workbench.pipeline("shop-production", POLICY)
    assert "Slipway may do all" in verdicts(workbench, wanted)["Permissions"][1]
    iam = workbench.cloud.client("iam", place.account.id)
    deny = {"Effect": "Deny", "Action": ["sns:CreateTopic", "iam:PassRole"], "Resource": "*"}
    policy = {"RoleName": "Slipway", "PolicyName": "narrow"}
    iam.put_role_policy(**policy, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    verdict, reason = verdicts(workbench, wanted)["Permissions"]
    iam.delete_role_policy(**policy)
    assert (verdict, reason) == (Verdict.FAILS, "Slipway lacks iam:PassRole, sns:CreateTopic")


WRONG = {
    "Database": ({"database": "nope"}, "no database nope"),
    "Policy": ({"policy": "[tables"}, "not valid TOML"),
    "Name": ({"name_format": "9{time}"}, "not a snapshot id"),
    "Accounts": ({"share_with": ("12",)}, "not an account id"),
    "Route to images": ({"assign_public_ip": False}, "no public address"),
    "Subnets": ({"subnets": ("subnet-00000001", "subnet-nowhere")}, "no subnet subnet-nowhere"),
}


@pytest.mark.parametrize("subject", WRONG)
def test_what_fails_says_why_and_the_rest_is_checked_as_well(workbench: Workbench, subject: str) -> None:
    changed, reason = WRONG[subject]
    wanted = replace(
        workbench.pipeline("shop-production", POLICY, assign_public_ip=True),
        **changed,  # type: ignore[arg-type]
    )
    found = verdicts(workbench, wanted)
    assert found[subject][0] is Verdict.FAILS
    assert reason in found[subject][1]
    assert len(found) == 11


OPTIONS = {
    "no group but the default": ({}, Verdict.FINE, "no option"),
    "an option that a copy loses": ({"OptionName": "MARIADB_AUDIT_PLUGIN"}, Verdict.FINE, "without MARIADB"),
    "an option that stays": ({"OptionName": "TDE", "Persistent": True}, Verdict.FAILS, "TDE of the option"),
    "one that cannot go": ({"OptionName": "TDE", "Permanent": True}, Verdict.FAILS, "cannot be shared"),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_option_groups_are_judged_by_what_a_copy_keeps(case: str) -> None:
    """As RDS answers: the embedded cloud's option groups have no options."""
    option, verdict, said = OPTIONS[case]
    client = boto3.client(
        "rds",
        region_name="eu-west-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",  # pragma: allowlist secret
    )
    place = Place(Account("production", "111111111111"), "eu-west-1")
    database = Database("shop", "", "mariadb", "", "available", "", 20, "", "", "shop")
    memberships = [{"OptionGroupName": "ours" if option else "default:mariadb-10-11"}]
    with Stubber(client) as stubber:
        stubber.add_response(
            "describe_db_instances",
            {"DBInstances": [{"OptionGroupMemberships": memberships}]},
            {"DBInstanceIdentifier": "shop"},
        )
        if option:
            group = {"OptionGroupName": "ours", "Options": [option]}
            stubber.add_response(
                "describe_option_groups", {"OptionGroupsList": [group]}, {"OptionGroupName": "ours"}
            )
        cloud = SimpleNamespace(client=lambda *where: client)
        found = _options(cloud, place, database)  # type: ignore[arg-type]
    assert found[0] is verdict and said in found[1]


def test_keys_are_judged_by_who_may_use_them(workbench: Workbench) -> None:
    name, place = f"keys-{uuid.uuid4().hex[:6]}", workbench.production
    workbench.make_database(name, StorageEncrypted=True)
    wanted = workbench.pipeline(name, POLICY)
    assert verdicts(workbench, wanted)["Key"][0] is Verdict.FAILS
    assert verdicts(workbench, replace(wanted, share_with=()))["Key"][0] is Verdict.FINE
    key = workbench.cloud.client("kms", place.account.id, place.region).create_key()["KeyMetadata"]["Arn"]
    verdict, reason = verdicts(workbench, replace(wanted, kms_key=key))["Key"]
    assert verdict is Verdict.UNKNOWN and workbench.qa.account.id in reason
    gone = key[:-4] + "0000"
    assert verdicts(workbench, replace(wanted, kms_key=gone))["Key"][0] is Verdict.UNKNOWN
    workbench.rds(place).delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
