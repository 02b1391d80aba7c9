"""The shared replication bucket and key of a region, and the directory of all of them. Pure.

The bucket needs no Lambda function to empty it before deletion: its lifecycle rule expires every object.
"""

from collections.abc import Mapping

from troposphere import (
    Equals,
    GetAtt,
    If,
    Join,
    Not,
    Output,
    Parameter,
    Ref,
    Sub,
    Tags,
    Template,
    kms,
    s3,
    ssm,
)

from ops.templates.policies import accepted, allow, arn, document

DESCRIPTION = "Slipway: the shared replication bucket and key of CDK pipelines in this region."
DIRECTORY_DESCRIPTION = "Slipway: names of the shared replication buckets and keys of every region."
JOB_TAG = "slipway:job"
JOB = "support-stacks"
PARAMETERS = "/slipway/replication"

READ = ("s3:GetObject*", "s3:GetBucket*", "s3:List*")
DECRYPT = ("kms:Decrypt", "kms:DescribeKey")


def replication() -> Template:
    """Return the template of one bucket and one key, which the target accounts may read and decrypt with."""
    stack = Template(Description=DESCRIPTION)
    stack.set_version("2010-09-09")
    stack.add_parameter(
        Parameter(
            "TargetAccounts",
            Type="CommaDelimitedList",
            Default="",
            Description="IDs of the accounts that pipelines of this account deploy to. May be empty.",
            AllowedPattern=r"(\s*\d{12}\s*)?",
            ConstraintDescription="must be account IDs of 12 digits",
        )
    )
    stack.add_parameter(
        Parameter(
            "ExpireDays",
            Type="Number",
            Default="30",
            MinValue=1,
            MaxValue=3650,
            Description="Days until an artifact expires. Pipelines cannot retry with older artifacts.",
        )
    )
    stack.add_condition("HasTargets", Not(Equals(Join("", Ref("TargetAccounts")), "")))
    for resource in (_key(), _alias(), _bucket(), _policy()):
        stack.add_resource(resource)
    stack.add_output(Output("BucketName", Value=Ref("Bucket"), Description="Bucket for replicated artifacts"))
    stack.add_output(
        Output("KeyArn", Value=GetAtt("Key", "Arn"), Description="Key that encrypts the artifacts")
    )
    return stack


def _targets() -> object:
    return {"AWS": Ref("TargetAccounts")}


def _key() -> kms.Key:
    owner = {
        **allow(["kms:*"], "*"),
        "Sid": "Owner",
        "Principal": {"AWS": arn("iam::${AWS::AccountId}:root")},
    }
    targets = {**allow(DECRYPT, "*"), "Sid": "TargetsDecrypt", "Principal": _targets()}
    return kms.Key(
        "Key",
        Description="Artifacts of CDK pipelines in the shared replication bucket",
        EnableKeyRotation=True,
        PendingWindowInDays=30,
        KeyPolicy=document(owner, If("HasTargets", targets, Ref("AWS::NoValue"))),
        Tags=Tags({JOB_TAG: JOB}),
    )


def _alias() -> kms.Alias:
    return kms.Alias("Alias", AliasName="alias/slipway-replication", TargetKeyId=Ref("Key"))


def _bucket() -> s3.Bucket:
    return s3.Bucket(
        "Bucket",
        BucketName=Sub("slipway-replication-${AWS::AccountId}-${AWS::Region}"),
        BucketEncryption=s3.BucketEncryption(
            ServerSideEncryptionConfiguration=[
                s3.ServerSideEncryptionRule(
                    BucketKeyEnabled=True,
                    ServerSideEncryptionByDefault=s3.ServerSideEncryptionByDefault(
                        SSEAlgorithm="aws:kms", KMSMasterKeyID=GetAtt("Key", "Arn")
                    ),
                )
            ]
        ),
        VersioningConfiguration=s3.VersioningConfiguration(Status="Enabled"),
        PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(
            BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
        ),
        OwnershipControls=s3.OwnershipControls(
            Rules=[s3.OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]
        ),
        LifecycleConfiguration=s3.LifecycleConfiguration(
            Rules=[
                s3.LifecycleRule(
                    Id="expire",
                    Status="Enabled",
                    ExpirationInDays=Ref("ExpireDays"),
                    NoncurrentVersionExpiration=s3.NoncurrentVersionExpiration(NoncurrentDays=1),
                    AbortIncompleteMultipartUpload=s3.AbortIncompleteMultipartUpload(DaysAfterInitiation=1),
                )
            ]
        ),
        Tags=Tags({JOB_TAG: JOB}),
        Metadata=accepted(CKV_AWS_18="Contains short-lived artifacts; CloudTrail data events record access"),
    )


def _policy() -> s3.BucketPolicy:
    objects = [GetAtt("Bucket", "Arn"), Sub("${Bucket.Arn}/*")]
    tls = {
        "Sid": "TLSOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": objects,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    targets = {**allow(READ, objects), "Sid": "TargetsRead", "Principal": _targets()}
    return s3.BucketPolicy(
        "BucketPolicy",
        Bucket=Ref("Bucket"),
        PolicyDocument=document(tls, If("HasTargets", targets, Ref("AWS::NoValue"))),
    )


def directory(entries: Mapping[str, tuple[str, str]]) -> Template:
    """Return the template of every region's parameters. `entries`: region → bucket name and key ARN."""
    stack = Template(Description=DIRECTORY_DESCRIPTION)
    stack.set_version("2010-09-09")
    for region, (bucket, key) in sorted(entries.items()):
        for suffix, value in (("bucket-name", bucket), ("key-arn", key)):
            title = "".join(word.capitalize() for word in f"{region}-{suffix}".split("-"))
            stack.add_resource(
                ssm.Parameter(title, Name=f"{PARAMETERS}/{region}/{suffix}", Type="String", Value=value)
            )
    return stack
