"""Every template deploys on moto's CloudFormation, an implementation that is not Slipway's.

What moto lacks is left out, each with the reason; a test fails when moto no longer lacks it.
"""

import json
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from ops.release.catalog import RELEASED
from tests.second_opinion import moto_cloud

NO_TYPE = "moto's CloudFormation does not have the type"
# Resource types that are left out of each template.
LACKING: dict[str, dict[str, str]] = {
    "logs": dict.fromkeys(
        (
            "AWS::Athena::WorkGroup",
            "AWS::CloudFormation::CustomResource",
            "AWS::CloudWatch::Alarm",
            "AWS::Glue::Database",
            "AWS::Glue::Table",
            "AWS::KinesisFirehose::DeliveryStream",
            "AWS::Logs::Destination",
            "AWS::Logs::LogStream",
            "AWS::S3::BucketPolicy",
            "AWS::SNS::Subscription",
            "AWS::SNS::TopicPolicy",
        ),
        NO_TYPE,
    ),
    "logs_member": dict.fromkeys(("AWS::CloudFormation::CustomResource", "AWS::Logs::Destination"), NO_TYPE),
    "replication": {
        "AWS::S3::BucketPolicy": NO_TYPE,
        "AWS::KMS::Key": "moto reads the tags of a key as KMS names them, not as CloudFormation does",
        "AWS::KMS::Alias": "its key is left out",
    },
    "rollouts-controller": dict.fromkeys(("AWS::S3::BucketPolicy", "AWS::SNS::Subscription"), NO_TYPE),
    "rollouts-organization": {"AWS::CloudFormation::StackSet": NO_TYPE},
    "rollouts-target": {},
    "setup-app": {},
    "setup-roles": {},
    "snapshots": dict.fromkeys(
        (
            "AWS::EC2::SecurityGroupEgress",
            "AWS::SNS::Subscription",
            "AWS::SecretsManager::Secret",
        ),
        NO_TYPE,
    ),
}
NORMAL = ("logs_member", "rollouts-controller", "snapshots")  # one of each job that has functions


@pytest.fixture(autouse=True)
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", moto_cloud.REGION)
    moto_cloud.make_importable()
    with mock_aws():
        moto_cloud.put_code()
        yield


def test_every_template_is_tried() -> None:
    assert {path.stem for path in moto_cloud.TEMPLATES.glob("*.json")} == set(LACKING)


@pytest.mark.parametrize(
    "name", [name if name in NORMAL else pytest.param(name, marks=pytest.mark.thorough) for name in LACKING]
)
def test_the_template_deploys(name: str) -> None:
    template = moto_cloud.without(moto_cloud.read_template(name), LACKING[name])
    statuses = moto_cloud.deploy(name, template)
    expected = {
        logical_id for logical_id, resource in template["Resources"].items() if "Condition" not in resource
    }
    assert expected <= set(statuses) <= set(template["Resources"])
    assert set(statuses.values()) <= {"CREATE_COMPLETE"}


# What is left out of the templates of `dist/` that have no other form.
RELEASED_LACKING = {
    "sanitized-snapshots": {
        **LACKING["snapshots"],
        "AWS::CloudFormation::CustomResource": NO_TYPE,
    },
    "log-export-small": {
        name: why
        for name, why in LACKING["logs"].items()
        if name not in ("AWS::Athena::WorkGroup", "AWS::Glue::Database", "AWS::Glue::Table")
    },
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", RELEASED_LACKING)
def test_the_released_template_deploys(name: str) -> None:
    (released,) = [released for released in RELEASED if released.name == name]
    template = moto_cloud.without(json.loads(released.text()), RELEASED_LACKING[name])
    statuses = moto_cloud.deploy(name, template)
    assert set(statuses.values()) <= {"CREATE_COMPLETE"} and len(statuses) > 5


def test_what_is_left_out_for_its_type_is_used_and_still_missing() -> None:
    for name, kinds in LACKING.items():
        used = {resource["Type"] for resource in moto_cloud.read_template(name)["Resources"].values()}
        left_out = {kind for kind, why in kinds.items() if why is NO_TYPE}
        assert left_out == used - moto_cloud.supported(), name


def test_a_key_with_tags_still_fails() -> None:
    template = moto_cloud.without(moto_cloud.read_template("replication"), {"AWS::S3::BucketPolicy"})
    with pytest.raises(KeyError, match="TagKey"):
        moto_cloud.deploy("replication", template)


def test_a_conditional_item_of_a_list_still_fails() -> None:
    """moto makes it null where it does not exist: `moto_cloud.without` leaves it out."""
    template = moto_cloud.read_template("logs_member")
    reduced = moto_cloud.without(template, LACKING["logs_member"])
    reduced["Resources"]["WriterWrites"] = template["Resources"]["WriterWrites"]
    with pytest.raises(ClientError, match="Syntax errors in policy"):
        moto_cloud.deploy("logs_member", reduced)
