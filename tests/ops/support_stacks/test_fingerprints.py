"""CDK's resources are recognized by what CDK computes, never by a name alone."""

import pytest

from ops.aws.cloudformation.resources import StackResource
from ops.support_stacks.fingerprints import (
    ALIAS_CONSTRUCT,
    CONSTRUCT,
    StackKind,
    alias_origin,
    bucket_origin,
    is_candidate_stack,
    is_of_pipelines,
    path_hash,
    stack_kind,
)
from ops.support_stacks.principals import ANYONE, writers

TOOLS = "111111111111"


def test_the_hash_is_the_one_in_the_names_of_synthesized_apps() -> None:
    """From aws-cdk-lib 2.276.0's output for account 111111111111."""
    assert path_hash(TOOLS, "eu-west-1") == "f341357f"
    assert path_hash(TOOLS, "us-west-2") == "8624dcfe"
    assert path_hash(TOOLS, "eu-west-1", ALIAS_CONSTRUCT) == "e57b9f9e"


def test_a_bucket_is_cdks_by_its_hash_or_by_cloudformations_tag() -> None:
    name = "pipea-support-eu-west-1eplicationbucketf341357fe038a0e2bc01"
    assert "CDK's hash" in bucket_origin(name, TOOLS, "eu-west-1", {})
    assert bucket_origin(name, TOOLS, "eu-west-2", {}) == ""
    assert bucket_origin(name, "222222222222", "eu-west-1", {}) == ""
    tags = {"aws:cloudformation:logical-id": f"{CONSTRUCT}FC3227F2", "aws:cloudformation:stack-name": "S"}
    assert bucket_origin("anything", TOOLS, "eu-west-1", tags).endswith(
        f"created as {CONSTRUCT}FC3227F2 in stack S"
    )
    old = "aws-cdk-codepipeline-cross-region-scaffolding-eu-west-1"
    assert "2018" in bucket_origin(old, TOOLS, "eu-west-1", {})
    assert "artifact bucket" in bucket_origin(
        "x", TOOLS, "eu-west-1", {"aws:cloudformation:logical-id": "PipePipelineArtifactsBucket0099DBF7"}
    )


def test_an_alias_is_cdks_by_its_hash() -> None:
    name = "alias/u-west-1tencryptionaliase57b9f9ead1acf30851f"
    assert alias_origin(name, TOOLS, "eu-west-1", {})
    assert not alias_origin(name, TOOLS, "us-east-1", {})


@pytest.mark.parametrize(
    "name",
    [
        "PipeA-support-eu-west-1",
        "A-support-us-gov-west-1",
        "cross-region-support-eu-west-1",
        "A-support-123456789012",
    ],
)
def test_candidate_names(name: str) -> None:
    assert is_candidate_stack(name)


def test_other_names() -> None:
    assert not is_candidate_stack("customer-support")
    assert not is_candidate_stack("support-portal-eu-west-1")


BUCKET = StackResource(f"{CONSTRUCT}FC3227F2", "AWS::S3::Bucket", "b")
METADATA = StackResource("CDKMetadata", "AWS::CDK::Metadata", "m")
QUEUE = StackResource("Queue", "AWS::SQS::Queue", "q")
INSIDE = StackResource(f"CrossRegionReplicationSupportd823{CONSTRUCT}28505AC3", "AWS::S3::Bucket", "b")


@pytest.mark.parametrize(
    ("name", "resources", "kind"),
    [
        ("A-support-eu-west-1", [BUCKET, METADATA], StackKind.SUPPORT),
        ("A-support-eu-west-1", [BUCKET, QUEUE], StackKind.EXTENDED),
        ("A-support-eu-west-1", [BUCKET, METADATA, QUEUE], StackKind.EXTENDED),
        ("App", [BUCKET, QUEUE], StackKind.ORDINARY),
        ("A-support-eu-west-1", [QUEUE], StackKind.LOOK_ALIKE),
        ("A-support-eu-west-1", [], StackKind.LOOK_ALIKE),
        ("App", [INSIDE, QUEUE], StackKind.ORDINARY),
        ("A-support-123456789012", [BUCKET], StackKind.ROLES),
    ],
)
def test_a_stack_is_classified_by_its_resources(
    name: str, resources: list[StackResource], kind: StackKind
) -> None:
    assert stack_kind(name, resources) is kind


def test_buckets_of_pipelines_are_recognized_by_their_logical_id() -> None:
    assert is_of_pipelines("CrossRegionCodePipelineReplicationBucketFC3227F2")
    assert is_of_pipelines("DeliveryPipelineArtifactsBucket0A1B2C3D")
    assert not is_of_pipelines("Uploads0A1B2C3D") and not is_of_pipelines("ArtifactsBucketPolicy0A1B2C3D")


def test_writers_of_bucket_policies() -> None:
    def policy(**statement: object) -> dict[str, object]:
        return {"Statement": {"Effect": "Allow", "Resource": "*", "Action": "s3:PutObject", **statement}}

    assert writers(None) == frozenset()
    assert writers(policy(Principal={"AWS": ["arn:aws:iam::222222222222:role/x", "333333333333"]})) == {
        "222222222222",
        "333333333333",
    }
    assert writers(policy(Principal={"AWS": "arn:aws:sts::222222222222:assumed-role/x/y"})) == {
        "222222222222"
    }
    assert writers(policy(Principal="*")) == writers(policy(NotPrincipal={"AWS": "1"})) == {ANYONE}
    assert writers(policy(Principal={"AWS": "*"}, Action=["s3:Get*"])) == frozenset()
    assert writers(policy(Principal={"AWS": "*"}, Action=["S3:put*"])) == {ANYONE}
    assert writers(policy(Principal={"AWS": "*"}, Effect="Deny")) == frozenset()
    assert writers(policy(Principal={"AWS": "AROAEXAMPLEID"})) == frozenset()
    without_action = {"Statement": [{"Effect": "Allow", "Principal": "*", "NotAction": "s3:DeleteBucket"}]}
    assert writers(without_action) == {ANYONE}
