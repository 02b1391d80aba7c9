"""The export's templates: golden files, groups and labels, and the parameters of CloudWatch2S3."""

import json
from pathlib import Path

import pytest

from ops.logs.export.deployment.stacks import central_body, member_body

BODIES = {"logs": central_body, "logs_member": member_body}
CLOUDWATCH2S3 = {
    "BucketName", "BucketPrefix", "LogFormat", "DestinationName", "AllowedAccounts", "KeyArn", "ShardCount",
    "Retention", "BufferIntervalHint", "BufferSizeHint", "ProcessorBufferIntervalHint",
    "ProcessorBufferSizeHint", "SubscribeSchedule", "LogGroupNamePrefix",
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_matches_the_golden_file(name: str) -> None:
    golden = json.loads(Path(f"tests/data/templates/{name}.json").read_text())
    assert golden == json.loads(BODIES[name]()), "run `make golden` and review the difference"


@pytest.mark.parametrize("name", BODIES)
def test_every_parameter_has_a_group_and_a_label(name: str) -> None:
    template = json.loads(BODIES[name]())
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [parameter for group in interface["ParameterGroups"] for parameter in group["Parameters"]]
    assert sorted(grouped) == sorted(interface["ParameterLabels"]) == sorted(template["Parameters"])


@pytest.mark.parametrize("name", BODIES)
def test_an_organization_subscribes_with_a_role(name: str) -> None:
    """A destination whose policy names an organization takes only subscriptions with a role."""
    resources = json.loads(BODIES[name]())["Resources"]
    role = resources["SubscriptionRole"]
    assert role["Condition"] == "HasOrganization"
    (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "logs.amazonaws.com"}
    arn = {"Fn::GetAtt": ["SubscriptionRole", "Arn"]}
    variables = resources["Subscriber"]["Properties"]["Environment"]["Variables"]
    assert variables["ROLE"] == {"Fn::If": ["HasOrganization", arn, ""]}
    statements = resources["SubscriberRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    (passing,) = [statement["Fn::If"][1] for statement in statements if "Fn::If" in statement]
    assert passing["Action"] == ["iam:PassRole"] and passing["Resource"] == arn
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "logs.amazonaws.com"}}


def test_cloudwatch2s3_parameters_are_a_subset() -> None:
    assert set(json.loads(central_body())["Parameters"]) >= CLOUDWATCH2S3


def test_the_bucket_is_retained() -> None:
    bucket = json.loads(central_body())["Resources"]["LogBucket"]
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
