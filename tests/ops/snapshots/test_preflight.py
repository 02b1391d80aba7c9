"""What is told of a pipeline before anything is created."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops.aws.cloud import Cloud
from ops.snapshots.pipeline import Pipeline
from ops.snapshots.preflight import Verdict, preflight
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
    assert len(found) == 8


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
