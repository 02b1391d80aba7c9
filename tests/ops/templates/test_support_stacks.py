"""The shared replication bucket and key: as recorded, private, and read-only for target accounts."""

import json
from pathlib import Path

from ops.templates.support_stacks import directory, replication

GOLDEN = Path("tests/data/templates/replication.json")
RESOURCES = json.loads(replication().to_json())["Resources"]


def test_the_template_is_as_recorded() -> None:
    assert json.loads(GOLDEN.read_text())["Resources"] == RESOURCES, (
        "run `make golden` and review the difference"
    )


def test_target_accounts_can_only_read_and_decrypt() -> None:
    for name, document, sid in (
        ("BucketPolicy", "PolicyDocument", "TargetsRead"),
        ("Key", "KeyPolicy", "TargetsDecrypt"),
    ):
        conditional = RESOURCES[name]["Properties"][document]["Statement"][1]["Fn::If"]
        assert conditional[0] == "HasTargets" and conditional[1]["Sid"] == sid
        verbs = {action.split(":")[1].rstrip("*") for action in conditional[1]["Action"]}
        assert verbs <= {"GetObject", "GetBucket", "List", "Decrypt", "DescribeKey"}


def test_the_bucket_is_private_tls_only_and_expires_objects() -> None:
    bucket = RESOURCES["Bucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == {"Ref": "ExpireDays"}
    assert rule["NoncurrentVersionExpiration"] and rule["AbortIncompleteMultipartUpload"]
    tls = RESOURCES["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    assert (tls["Effect"], tls["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert RESOURCES["Key"]["Properties"]["EnableKeyRotation"] is True


def test_the_directory_lists_every_region() -> None:
    template = json.loads(directory({"eu-west-1": ("b", "arn"), "us-west-2": ("c", "arn2")}).to_json())
    values = {r["Properties"]["Name"]: r["Properties"]["Value"] for r in template["Resources"].values()}
    assert values == {
        "/slipway/replication/eu-west-1/bucket-name": "b",
        "/slipway/replication/eu-west-1/key-arn": "arn",
        "/slipway/replication/us-west-2/bucket-name": "c",
        "/slipway/replication/us-west-2/key-arn": "arn2",
    }
