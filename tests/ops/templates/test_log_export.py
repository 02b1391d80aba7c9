"""The export's templates: as recorded, with groups and labels, and the known exporter's parameters."""

import json
from pathlib import Path

import pytest

from ops.logs.export.deployment.stacks import central_body, member_body

BODIES = {"logs": central_body, "logs_member": member_body}
KNOWN = {
    "BucketName", "BucketPrefix", "LogFormat", "DestinationName", "AllowedAccounts", "KeyArn", "ShardCount",
    "Retention", "BufferIntervalHint", "BufferSizeHint", "ProcessorBufferIntervalHint",
    "ProcessorBufferSizeHint", "SubscribeSchedule", "LogGroupNamePrefix",
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_is_the_recorded_one(name: str) -> None:
    golden = json.loads(Path(f"tests/data/templates/{name}.json").read_text())
    assert golden == json.loads(BODIES[name]()), "run `make golden` and look at the difference"


@pytest.mark.parametrize("name", BODIES)
def test_every_parameter_has_a_group_and_a_label(name: str) -> None:
    template = json.loads(BODIES[name]())
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [parameter for group in interface["ParameterGroups"] for parameter in group["Parameters"]]
    assert sorted(grouped) == sorted(interface["ParameterLabels"]) == sorted(template["Parameters"])


def test_the_known_exporters_parameters_are_a_subset() -> None:
    assert set(json.loads(central_body())["Parameters"]) >= KNOWN


def test_the_bucket_outlives_the_stack() -> None:
    bucket = json.loads(central_body())["Resources"]["LogBucket"]
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
