"""Preflight checks of a pipeline."""

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
from ops.snapshots.pipeline.model import PipelineSettings
from ops.snapshots.pipeline.preflight import PreflightVerdict, _options, preflight
from tests.end_to_end.workbench import Workbench

POLICY = "[tables.customers]\nemail = 'fake email'"


@pytest.fixture
def workbench(cloud: Cloud, data: Path) -> Workbench:
    return Workbench(cloud, data)


def verdicts(workbench: Workbench, pipeline: PipelineSettings) -> dict[str, tuple[PreflightVerdict, str]]:
    found = preflight(workbench.cloud, workbench.production, pipeline, datetime.now(UTC))
    return {item.subject: (item.verdict, item.reason) for item in found}


def test_valid_settings_pass_all_checks(workbench: Workbench) -> None:
    wanted = workbench.pipeline("shop-production", POLICY, assign_public_ip=True)
    found = verdicts(workbench, wanted)
    assert {
        subject for subject, (verdict, _) in found.items() if verdict is not PreflightVerdict.PASSED
    } == set()
    assert found["Subnets"][1] == "in eu-west-1a and eu-west-1b"


def test_a_policy_that_keeps_unlisted_columns_is_unknown(workbench: Workbench) -> None:
    wanted = workbench.pipeline("shop-production", 'unlisted = "keep"\n' + POLICY, assign_public_ip=True)
    verdict, reason = verdicts(workbench, wanted)["Policy"]
    assert verdict is PreflightVerdict.UNKNOWN and "unlisted columns are kept unchanged" in reason


def test_permissions_are_simulated(workbench: Workbench) -> None:
    place = workbench.production
    wanted = workbench.pipeline("shop-production", POLICY)
    assert "Slipway is allowed all" in verdicts(workbench, wanted)["Permissions"][1]
    iam = workbench.cloud.client("iam", place.account.id)
    deny = {"Effect": "Deny", "Action": ["sns:CreateTopic", "iam:PassRole"], "Resource": "*"}
    policy = {"RoleName": "Slipway", "PolicyName": "narrow"}
    iam.put_role_policy(**policy, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    verdict, reason = verdicts(workbench, wanted)["Permissions"]
    iam.delete_role_policy(**policy)
    assert (verdict, reason) == (
        PreflightVerdict.WILL_FAIL,
        "Slipway is not allowed to perform iam:PassRole, sns:CreateTopic",
    )


WRONG = {
    "Database": ({"database": "nope"}, "database nope does not exist"),
    "Policy": ({"policy": "[tables"}, "not valid TOML"),
    "Snapshot name": ({"name_format": "9{time}"}, "not a valid snapshot identifier"),
    "Accounts": ({"share_with": ("12",)}, "not an account ID"),
    "Image registry access": ({"assign_public_ip": False}, "no public IP"),
    "Subnets": ({"subnets": ("subnet-00000001", "subnet-nowhere")}, "subnet subnet-nowhere does not exist"),
}


@pytest.mark.parametrize("subject", WRONG)
def test_a_failed_check_has_a_reason_and_the_others_still_run(workbench: Workbench, subject: str) -> None:
    changed, reason = WRONG[subject]
    wanted = replace(
        workbench.pipeline("shop-production", POLICY, assign_public_ip=True),
        **changed,  # type: ignore[arg-type]
    )
    found = verdicts(workbench, wanted)
    assert found[subject][0] is PreflightVerdict.WILL_FAIL
    assert reason in found[subject][1]
    assert len(found) == 12


OPTIONS = {
    "no group but the default": ({}, PreflightVerdict.PASSED, "no persistent"),
    "an option that a copy loses": (
        {"OptionName": "MARIADB_AUDIT_PLUGIN"},
        PreflightVerdict.PASSED,
        "without MARIADB",
    ),
    "an option that stays": (
        {"OptionName": "TDE", "Persistent": True},
        PreflightVerdict.WILL_FAIL,
        "option TDE of the option group",
    ),
    "one that cannot go": (
        {"OptionName": "TDE", "Permanent": True},
        PreflightVerdict.WILL_FAIL,
        "cannot be shared",
    ),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_persistent_and_permanent_options_fail(case: str) -> None:
    """With stubbed responses, because option groups of the embedded cloud have no options."""
    option, verdict, reason = OPTIONS[case]
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
    assert found[0] is verdict and reason in found[1]


def test_a_key_must_be_usable_by_the_other_accounts(workbench: Workbench) -> None:
    name, place = f"keys-{uuid.uuid4().hex[:6]}", workbench.production
    workbench.make_database(name, StorageEncrypted=True)
    wanted = workbench.pipeline(name, POLICY)
    assert verdicts(workbench, wanted)["KMS key"][0] is PreflightVerdict.WILL_FAIL
    assert verdicts(workbench, replace(wanted, share_with=()))["KMS key"][0] is PreflightVerdict.PASSED
    key = workbench.cloud.client("kms", place.account.id, place.region).create_key()["KeyMetadata"]["Arn"]
    verdict, reason = verdicts(workbench, replace(wanted, kms_key=key))["KMS key"]
    assert verdict is PreflightVerdict.UNKNOWN and workbench.qa.account.id in reason
    gone = key[:-4] + "0000"
    assert verdicts(workbench, replace(wanted, kms_key=gone))["KMS key"][0] is PreflightVerdict.UNKNOWN
    workbench.rds(place).delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
