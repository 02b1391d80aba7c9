"""The function that makes Parquet of the hours that are over, with Athena, and the schedule that calls it.

It may read the events and write beside them; no statement lets it touch an object of events.
"""

from collections.abc import Mapping
from typing import Any

from troposphere import AWSObject, GetAtt, If, Join, NoValue, Ref, awslambda, events, iam

from ops.templates.logs.pipeline import ARCHITECTURE, BUCKET, BUCKET_ARN, RESULTS
from ops.templates.logs.subscriber import RUNTIME, log_group
from ops.templates.policies import accepted, allow, arn, document, trusts

TIMEOUT_S = 900
MEMORY_MB = 512
EVERY = "rate(1 hour)"
CONDITION = "IsProcessed"  # Athena cannot tell the records of CloudWatch JSON apart

_HERE = "${AWS::Region}:${AWS::AccountId}"


def resources(source: str, relation: Mapping[str, str]) -> tuple[AWSObject, ...]:
    """`relation`: the variables of the function that hold SQL."""
    return (
        log_group("CompactorLogs", "compactor", Condition=CONDITION),
        iam.Role(
            "CompactorRole",
            Condition=CONDITION,
            AssumeRolePolicyDocument=trusts("lambda.amazonaws.com"),
            Policies=[iam.Policy(PolicyName="compact", PolicyDocument=document(*_statements()))],
        ),
        _function(source, relation),
        events.Rule(
            "CompactSchedule",
            Condition="Compacts",
            Description="Makes Parquet of the hours that are over",
            ScheduleExpression=EVERY,
            Targets=[events.Target(Id="compactor", Arn=GetAtt("Compactor", "Arn"))],
        ),
        awslambda.Permission(
            "CompactScheduleMayCall",
            Condition="Compacts",
            FunctionName=Ref("Compactor"),
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=GetAtt("CompactSchedule", "Arn"),
        ),
    )


def _below(*folders: str) -> list[Any]:
    return [Join("", [BUCKET_ARN, "/", Ref("BucketPrefix"), folder, "*"]) for folder in folders]


def _statements() -> tuple[Any, ...]:
    """What Athena does for a query it does with its caller's rights.

    It asks for the database `default` as well, whatever the query.
    https://docs.aws.amazon.com/athena/latest/ug/s3-permissions.html
    https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html
    """
    queries = ["StartQueryExecution", "StopQueryExecution", "GetQueryExecution", "GetQueryResults"]
    catalogue = [
        arn(f"glue:{_HERE}:{name}") for name in ("catalog", "database/${Database}", "table/${Database}/*")
    ]
    written = _below("compacted/", RESULTS)
    return (
        allow([f"athena:{name}" for name in queries], arn(f"athena:{_HERE}:workgroup/${{WorkGroup}}")),
        allow(["glue:GetDatabase", "glue:GetTable", "glue:GetPartition", "glue:GetPartitions"], catalogue),
        allow(["glue:GetDatabase"], arn(f"glue:{_HERE}:database/default")),
        allow(["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"], BUCKET_ARN),
        allow(["s3:GetObject"], [*_below("json/", "raw/"), *written]),
        allow(["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"], written),
        allow(["s3:DeleteObject"], _below("compacted/")),
        If("HasKey", allow(["kms:Decrypt", "kms:GenerateDataKey"], Ref("KeyArn")), NoValue),
        allow(["logs:CreateLogStream", "logs:PutLogEvents"], GetAtt("CompactorLogs", "Arn")),
    )


def _function(source: str, relation: Mapping[str, str]) -> awslambda.Function:
    variables = {
        "BUCKET": BUCKET,
        "PREFIX": Ref("BucketPrefix"),
        "DAYS": Ref("CompactDays"),
        "DATABASE": Ref("Database"),
        "WORK_GROUP": Ref("WorkGroup"),
        **relation,
    }
    return awslambda.Function(
        "Compactor",
        Condition=CONDITION,
        Description="Makes Parquet of the hours that are over, with Athena; touches no object of events",
        Runtime=RUNTIME,
        Handler="index.handler",
        Architectures=[ARCHITECTURE],
        Timeout=TIMEOUT_S,
        MemorySize=MEMORY_MB,
        Role=GetAtt("CompactorRole", "Arn"),
        Code=awslambda.Code(ZipFile=source),
        Environment=awslambda.Environment(Variables=variables),
        LoggingConfig=awslambda.LoggingConfig(LogGroup=Ref("CompactorLogs")),
        Metadata=accepted(
            CKV_AWS_115="Called once an hour; two at once do not disturb each other",
            CKV_AWS_116="The schedule looks again at what a failed call has left",
            CKV_AWS_117="Calls AWS APIs only",
            CKV_AWS_173="The environment holds no secret",
        ),
    )
