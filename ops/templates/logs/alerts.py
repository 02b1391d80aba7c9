"""The function that judges alerts on exported logs, and its schedule.

Its role reads the exported events and writes to other prefixes; it cannot change or delete exported objects.
It notifies only the stack's own topic and those that the parameter AlertTopics names.
"""

from typing import Any

from troposphere import AWSObject, GetAtt, If, Join, NoValue, Ref, Split, awslambda, events, iam

from ops.templates.logs.pipeline import ARCHITECTURE, BUCKET, RESULTS
from ops.templates.logs.subscriber import RUNTIME, log_group
from ops.templates.logs.tables import query_statements
from ops.templates.policies import accepted, allow, document, trusts

TIMEOUT_S = 300
MEMORY_MB = 256
EVERY = "rate(5 minutes)"  # the shortest window of an alert
READ = ("json/", "raw/", "cloudwatch/")
WRITTEN = ("alerts/", RESULTS)


def resources(source: str) -> tuple[AWSObject, ...]:
    return (
        log_group("AlertsLogs", "alerts"),
        iam.Role(
            "AlertsRole",
            AssumeRolePolicyDocument=trusts("lambda.amazonaws.com"),
            Policies=[iam.Policy(PolicyName="judge", PolicyDocument=document(*_statements()))],
        ),
        _function(source),
        events.Rule(
            "AlertsSchedule",
            Description="Judges alerts on exported logs",
            ScheduleExpression=EVERY,
            Targets=[events.Target(Id="alerts", Arn=GetAtt("Alerts", "Arn"))],
        ),
        awslambda.Permission(
            "AlertsScheduleMayCall",
            FunctionName=Ref("Alerts"),
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=GetAtt("AlertsSchedule", "Arn"),
        ),
    )


def _statements() -> tuple[Any, ...]:
    return (
        *query_statements(READ, WRITTEN),
        If("HasEmail", allow(["sns:Publish"], Ref("Topic")), NoValue),
        If("HasAlertTopics", allow(["sns:Publish"], Split(",", Ref("AlertTopics"))), NoValue),
        If("HasKey", allow(["kms:Decrypt", "kms:GenerateDataKey"], Ref("KeyArn")), NoValue),
        allow(["logs:CreateLogStream", "logs:PutLogEvents"], GetAtt("AlertsLogs", "Arn")),
    )


def _function(source: str) -> awslambda.Function:
    variables = {
        "BUCKET": BUCKET,
        "PREFIX": Ref("BucketPrefix"),
        "DATABASE": Ref("Database"),
        "WORK_GROUP": Ref("WorkGroup"),
        "TOPICS": Join(",", [If("HasEmail", Ref("Topic"), ""), Ref("AlertTopics")]),
    }
    return awslambda.Function(
        "Alerts",
        Description="Counts events of exported logs for alerts, and notifies their topics",
        Runtime=RUNTIME,
        Handler="index.handler",
        Architectures=[ARCHITECTURE],
        Timeout=TIMEOUT_S,
        MemorySize=MEMORY_MB,
        Role=GetAtt("AlertsRole", "Arn"),
        Code=awslambda.Code(ZipFile=source),
        Environment=awslambda.Environment(Variables=variables),
        LoggingConfig=awslambda.LoggingConfig(LogGroup=Ref("AlertsLogs")),
        Metadata=accepted(
            CKV_AWS_115="Runs every few minutes; concurrent runs do not conflict",
            CKV_AWS_116="The next scheduled run retries what a failed invocation has left",
            CKV_AWS_117="Calls AWS APIs only",
            CKV_AWS_173="The environment holds no secret",
        ),
    )
