"""The shared replication bucket and key: as recorded, private, open to target accounts for reading only."""

import json
from pathlib import Path

from ops.templates.support_stacks import directory, replication

GOLDEN = Path("tests/data/templates/replication.json")
RESOURCES = json.loads(replication().to_json())["Resources"]


def test_is_the_recorded_one() -> None:
    assert json.loads(GOLDEN.read_text())["Resources"] == RESOURCES, (
        "run `make golden`, look at the difference"
    )


def test_target_accounts_read_and_decrypt_and_nothing_else() -> None:
    for name, document, sid in (
        ("BucketPolicy", "PolicyDocument", "TargetsRead"),
        ("Key", "KeyPolicy", "TargetsDecrypt"),
    ):
        conditional = RESOURCES[name]["Properties"][document]["Statement"][1]["Fn::If"]
        assert conditional[0] == "HasTargets" and conditional[1]["Sid"] == sid
        verbs = {action.split(":")[1].rstrip("*") for action in conditional[1]["Action"]}
        assert verbs <= {"GetObject", "GetBucket", "List", "Decrypt", "DescribeKey"}


def test_the_bucket_is_private_tls_only_and_empties_itself() -> None:
    bucket = RESOURCES["Bucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == {"Ref": "ExpireDays"}
    assert rule["NoncurrentVersionExpiration"] and rule["AbortIncompleteMultipartUpload"]
    tls = RESOURCES["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    assert (tls["Effect"], tls["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert RESOURCES["Key"]["Properties"]["EnableKeyRotation"] is True


def test_the_directory_names_every_region() -> None:
    made = json.loads(directory({"eu-west-1": ("b", "arn"), "us-west-2": ("c", "arn2")}).to_json())
    values = {r["Properties"]["Name"]: r["Properties"]["Value"] for r in made["Resources"].values()}
    assert values == {
        "/slipway/replication/eu-west-1/bucket-name": "b",
        "/slipway/replication/eu-west-1/key-arn": "arn",
        "/slipway/replication/us-west-2/bucket-name": "c",
        "/slipway/replication/us-west-2/key-arn": "arn2",
    }
