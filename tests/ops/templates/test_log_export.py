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


def test_cloudwatch2s3_parameters_are_a_subset() -> None:
    assert set(json.loads(central_body())["Parameters"]) >= CLOUDWATCH2S3


def test_the_bucket_is_retained() -> None:
    bucket = json.loads(central_body())["Resources"]["LogBucket"]
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
