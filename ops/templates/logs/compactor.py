"""The function that compacts past hours to Parquet with Athena, and its schedule.

Its role reads the exported events and writes to other prefixes; it cannot change or delete exported objects.
"""

from collections.abc import Mapping
from typing import Any

from troposphere import AWSObject, GetAtt, If, NoValue, Ref, awslambda, events, iam

from ops.templates.logs.pipeline import ARCHITECTURE, BUCKET, RESULTS
from ops.templates.logs.subscriber import RUNTIME, log_group
from ops.templates.logs.tables import below, query_statements
from ops.templates.policies import accepted, allow, document, trusts

TIMEOUT_S = 900  # the maximum: AWS Lambda Developer Guide, "Lambda quotas"
MEMORY_MB = 512
EVERY = "rate(1 hour)"
CONDITION = "IsProcessed"  # Athena cannot split the records of an object in the format CloudWatch JSON


def resources(source: str, relation: Mapping[str, str]) -> tuple[AWSObject, ...]:
    """Return the function, its role, and its schedule. `relation` holds SQL by environment variable."""
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
            Description="Compacts past hours to Parquet",
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


def _statements() -> tuple[Any, ...]:
    return (
        *query_statements(("json/", "raw/"), ("compacted/", RESULTS)),
        allow(["s3:DeleteObject"], below("compacted/")),
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
        Description="Compacts past hours to Parquet with Athena; never changes exported objects",
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
            CKV_AWS_115="Runs once an hour; concurrent runs do not conflict",
            CKV_AWS_116="The next scheduled run retries what a failed invocation has left",
            CKV_AWS_117="Calls AWS APIs only",
            CKV_AWS_173="The environment holds no secret",
        ),
    )
