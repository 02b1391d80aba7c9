"""The scripts of a pipeline whose stack compiles the policy itself: a bucket, and a custom resource.

Both have the logical IDs of the parameters that other stacks have instead, ScriptBucket and ScriptPrefix, so
that all references to them are the same. The bucket, which also has the reports of the runs, is retained.
"""

from typing import Any

from troposphere import AWSObject, GetAtt, Ref, Sub, awslambda, cloudformation, iam, logs, s3

from ops.templates.machines import RETENTION_DAYS, RUNTIME
from ops.templates.policies import accepted, allow, document, trusts
from ops.templates.snapshots.parameters import POLICY_PARTS

TIMEOUT_S = 60


def resources(source: str) -> tuple[AWSObject, ...]:
    """Return the resources. `source`: the source of the function that compiles the policy."""
    return (
        s3.Bucket(
            "ScriptBucket",
            DeletionPolicy="RetainExceptOnCreate",
            UpdateReplacePolicy="Retain",
            PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(
                BlockPublicAcls=True,
                BlockPublicPolicy=True,
                IgnorePublicAcls=True,
                RestrictPublicBuckets=True,
            ),
            BucketEncryption=s3.BucketEncryption(
                ServerSideEncryptionConfiguration=[
                    s3.ServerSideEncryptionRule(
                        ServerSideEncryptionByDefault=s3.ServerSideEncryptionByDefault(SSEAlgorithm="AES256")
                    )
                ]
            ),
            Metadata=accepted(
                CKV_AWS_18="Only the roles of this stack use the bucket",
                CKV_AWS_21="A script is never changed: another policy has another prefix",
            ),
        ),
        logs.LogGroup(
            "CompilerLogs",
            RetentionInDays=RETENTION_DAYS,
            Metadata=accepted(CKV_AWS_158="Contains prefixes, no data; encrypted by default"),
        ),
        _role(),
        _function(source),
        cloudformation.CustomResource(
            "ScriptPrefix",
            ServiceToken=GetAtt("Compiler", "Arn"),
            Bucket=Ref("ScriptBucket"),
            Database=Ref("SourceDatabase"),
            Engine=Ref("Engine"),
            Method=Ref("Method"),
            **{part: Ref(part) for part in POLICY_PARTS},
        ),
    )


def _role() -> iam.Role:
    bucket: Any = GetAtt("ScriptBucket", "Arn")
    return iam.Role(
        "CompilerRole",
        AssumeRolePolicyDocument=trusts("lambda.amazonaws.com"),
        Policies=[
            iam.Policy(
                PolicyName="store-scripts",
                PolicyDocument=document(
                    allow(["s3:PutObject", "s3:DeleteObject"], Sub("${ScriptBucket.Arn}/snapshots/*")),
                    allow(["s3:ListBucket"], bucket, {"StringLike": {"s3:prefix": "snapshots/*"}}),
                    allow(["logs:CreateLogStream", "logs:PutLogEvents"], GetAtt("CompilerLogs", "Arn")),
                ),
            )
        ],
    )


def _function(source: str) -> awslambda.Function:
    return awslambda.Function(
        "Compiler",
        Description="Compiles the policy of a snapshot pipeline to SQL scripts",
        Runtime=RUNTIME,
        Handler="index.handler",
        Timeout=TIMEOUT_S,
        MemorySize=512,
        Role=GetAtt("CompilerRole", "Arn"),
        Code=awslambda.Code(ZipFile=source),
        LoggingConfig=awslambda.LoggingConfig(LogGroup=Ref("CompilerLogs")),
        Metadata=accepted(
            CKV_AWS_115="Invoked by CloudFormation only; reserving would reduce the account's concurrency",
            CKV_AWS_116="Invoked by CloudFormation, which reports a failure as that of the stack",
            CKV_AWS_117="Calls S3 only",
        ),
    )
