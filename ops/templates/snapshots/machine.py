"""Handler, state machine, schedule and notices of a snapshot pipeline, each with its least role."""

from typing import Any

from troposphere import (
    AWSObject,
    GetAtt,
    If,
    Join,
    NoValue,
    Ref,
    Select,
    Split,
    Sub,
    awslambda,
    events,
    iam,
    logs,
    sns,
    stepfunctions,
)

from ops.templates.policies import accepted, allow, arn, document, trusts
from ops.templates.snapshots.task import RETENTION_DAYS

HANDLER_TIMEOUT_S = 60
RUNTIME = "python3.13"

# Eight hex digits of the stack's own id: two stacks never share a prefix, and a role is bound to its own.
STACK_TOKEN = Select(0, Split("-", Select(2, Split("/", Ref("AWS::StackId")))))
PREFIX = Join("", ["slipway-tmp-", STACK_TOKEN, "-"])

_HERE = "${AWS::Region}:${AWS::AccountId}"
_SNAPSHOTS = arn(f"rds:{_HERE}:snapshot:*")
_OWN_REQUEST = {"StringEquals": {"aws:RequestTag/slipway:pipeline": Ref("AWS::StackName")}}
_OWN_RESOURCE = {"StringEquals": {"aws:ResourceTag/slipway:pipeline": Ref("AWS::StackName")}}


def resources(definition: str, handler: str) -> tuple[AWSObject, ...]:
    return (*_function(handler), *_machine(definition), *_notices())


def _function(source: str) -> tuple[AWSObject, ...]:
    return (
        logs.LogGroup(
            "HandlerLogs",
            RetentionInDays=RETENTION_DAYS,
            Metadata=accepted(CKV_AWS_158="Holds identifiers, no data; encrypted by default"),
        ),
        iam.Role(
            "HandlerRole",
            AssumeRolePolicyDocument=trusts("lambda.amazonaws.com"),
            Policies=[iam.Policy(PolicyName="run-pipeline", PolicyDocument=document(*_handler_statements()))],
        ),
        awslambda.Function(
            "Handler",
            Description="Does the work of the snapshot pipeline's state machine",
            Runtime=RUNTIME,
            Handler="index.handler",
            Timeout=HANDLER_TIMEOUT_S,
            MemorySize=256,
            Role=GetAtt("HandlerRole", "Arn"),
            Code=awslambda.Code(ZipFile=source),
            Environment=awslambda.Environment(Variables=_handler_environment()),
            LoggingConfig=awslambda.LoggingConfig(LogGroup=Ref("HandlerLogs")),
            Metadata=accepted(
                CKV_AWS_115="Called by one state machine; a reserve would take from the account's pool",
                CKV_AWS_116="Called synchronously: errors go to the state machine, not to a queue",
                CKV_AWS_117="Calls AWS APIs only; the database is reached by the task",
                CKV_AWS_173="The environment holds no secret",
            ),
        ),
    )


def _handler_environment() -> dict[str, Any]:
    return {
        "PIPELINE": Ref("AWS::StackName"),
        "PREFIX": PREFIX,
        "SOURCE": Ref("SourceDatabase"),
        "DATABASE": Ref("DatabaseName"),
        "USE_LATEST_SNAPSHOT": Ref("UseLatestSnapshot"),
        "SCRIPT_BUCKET": Ref("ScriptBucket"),
        "SCRIPT_PREFIX": Ref("ScriptPrefix"),
        "NAME_FORMAT": Ref("SnapshotNameFormat"),
        "SHARE_WITH": Join(",", Ref("ShareWith")),
        "KMS_KEY": Ref("KmsKeyArn"),
        "KEEP": Ref("KeepSnapshots"),
        "INSTANCE_CLASS": Ref("InstanceClass"),
        "SUBNET_GROUP": Ref("SubnetGroup"),
        "SECURITY_GROUP": GetAtt("DatabaseSecurityGroup", "GroupId"),
        "SECRET": Ref("Password"),
        "LOG_GROUP": Ref("TaskLogs"),
        "TOPIC": Ref("Topic"),
    }


def _handler_statements() -> tuple[Any, ...]:
    """Temporary instances by prefix, snapshots by tag; production is read and never changed."""
    own_instances = Sub(f"arn:${{AWS::Partition}}:rds:{_HERE}:db:${{Prefix}}*", Prefix=PREFIX)
    source = arn(f"rds:{_HERE}:db:${{SourceDatabase}}")
    groups = [arn(f"rds:{_HERE}:{kind}:*") for kind in ("og", "pg")]
    subnet_group = arn(f"rds:{_HERE}:subgrp:${{SubnetGroup}}")
    restore = [own_instances, _SNAPSHOTS, subnet_group, *groups]
    return (
        allow(["rds:DescribeDBInstances"], arn(f"rds:{_HERE}:db:*")),
        allow(["rds:DescribeDBSnapshots"], [arn(f"rds:{_HERE}:db:*"), _SNAPSHOTS]),
        allow(["rds:CreateDBSnapshot"], [source, own_instances, _SNAPSHOTS], _OWN_REQUEST),
        allow(["rds:CopyDBSnapshot"], _SNAPSHOTS, _OWN_REQUEST),
        allow(["rds:RestoreDBInstanceFromDBSnapshot"], restore, _OWN_REQUEST),
        allow(["rds:AddTagsToResource"], [own_instances, _SNAPSHOTS], _OWN_REQUEST),
        allow(["rds:AddTagsToResource", "rds:RemoveTagsFromResource"], _SNAPSHOTS, _OWN_RESOURCE),
        allow(["rds:ModifyDBInstance", "rds:DeleteDBInstance"], [own_instances, *groups]),
        allow(["rds:ModifyDBSnapshotAttribute", "rds:DeleteDBSnapshot"], _SNAPSHOTS, _OWN_RESOURCE),
        allow(["secretsmanager:GetSecretValue"], Ref("Password")),
        allow(
            ["s3:ListBucket"],
            arn("s3:::${ScriptBucket}"),
            {"StringEquals": {"s3:prefix": Sub("${ScriptPrefix}/")}},
        ),
        allow(["s3:PutObject"], arn("s3:::${ScriptBucket}/snapshots/${SourceDatabase}/reports/*")),
        allow(["logs:GetLogEvents"], GetAtt("TaskLogs", "Arn")),
        allow(["kms:DescribeKey"], arn(f"kms:{_HERE}:key/*")),
        If("HasKey", _use_key(), NoValue),
        allow(["states:StartExecution"], arn(f"states:{_HERE}:stateMachine:${{AWS::StackName}}")),
        allow(["sns:Publish"], Ref("Topic")),
        allow(["states:DescribeExecution"], arn(f"states:{_HERE}:execution:${{AWS::StackName}}:*")),
        allow(["logs:CreateLogStream", "logs:PutLogEvents"], GetAtt("HandlerLogs", "Arn")),
    )


def _use_key() -> dict[str, Any]:
    """RDS encrypts in the handler's name, and only through RDS."""
    actions = ["kms:CreateGrant", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKeyWithoutPlaintext"]
    return allow(
        [*actions, "kms:ReEncryptFrom", "kms:ReEncryptTo"],
        Ref("KmsKeyArn"),
        {"StringEquals": {"kms:ViaService": Sub("rds.${AWS::Region}.${AWS::URLSuffix}")}},
    )


def _machine(definition: str) -> tuple[AWSObject, ...]:
    return (
        logs.LogGroup(
            "MachineLogs",
            LogGroupName=Sub("/aws/vendedlogs/states/${AWS::StackName}"),
            RetentionInDays=RETENTION_DAYS,
            Metadata=accepted(CKV_AWS_158="Holds identifiers, no data; encrypted by default"),
        ),
        iam.Role(
            "MachineRole",
            AssumeRolePolicyDocument=trusts(
                "states.amazonaws.com", {"StringEquals": {"aws:SourceAccount": Ref("AWS::AccountId")}}
            ),
            Policies=[iam.Policy(PolicyName="orchestrate", PolicyDocument=document(*_machine_statements()))],
        ),
        stepfunctions.StateMachine(
            "StateMachine",
            StateMachineName=Ref("AWS::StackName"),
            StateMachineType="STANDARD",
            RoleArn=GetAtt("MachineRole", "Arn"),
            DefinitionString=Sub(
                definition,
                Handler=GetAtt("Handler", "Arn"),
                Cluster=GetAtt("Cluster", "Arn"),
                TaskDefinition=Ref("TaskDefinition"),
                TaskSecurityGroup=GetAtt("TaskSecurityGroup", "GroupId"),
            ),
            LoggingConfiguration=stepfunctions.LoggingConfiguration(
                Level="ERROR",
                IncludeExecutionData=False,
                Destinations=[
                    stepfunctions.LogDestination(
                        CloudWatchLogsLogGroup=stepfunctions.CloudWatchLogsLogGroup(
                            LogGroupArn=GetAtt("MachineLogs", "Arn")
                        )
                    )
                ],
            ),
            TracingConfiguration=stepfunctions.TracingConfiguration(Enabled=True),
        ),
    )


def _machine_statements() -> tuple[Any, ...]:
    tasks = arn(f"ecs:{_HERE}:task/${{Cluster}}/*")
    delivery = [f"logs:{verb}LogDelivery" for verb in ("Create", "Get", "Update", "Delete")]
    # None of these takes a resource: Step Functions Developer Guide, "Logging", "X-Ray".
    unscoped = [
        *delivery,
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:DescribeResourcePolicies",
        "logs:DescribeLogGroups",
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
    ]
    return (
        allow(["lambda:InvokeFunction"], GetAtt("Handler", "Arn")),
        allow(
            ["ecs:RunTask"],
            Ref("TaskDefinition"),
            {"ArnEquals": {"ecs:cluster": GetAtt("Cluster", "Arn")}},
        ),
        allow(["ecs:StopTask", "ecs:DescribeTasks"], tasks),
        allow(
            ["iam:PassRole"],
            [GetAtt("ExecutionRole", "Arn"), GetAtt("TaskRole", "Arn")],
            {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        ),
        # How Step Functions learns that a .sync task has ended.
        allow(
            ["events:PutTargets", "events:PutRule", "events:DescribeRule"],
            arn(f"events:{_HERE}:rule/StepFunctionsGetEventsForECSTaskRule"),
        ),
        allow(unscoped, "*"),
    )


def _notices() -> tuple[AWSObject, ...]:
    ended = {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {
            "stateMachineArn": [Ref("StateMachine")],
            "status": ["FAILED", "TIMED_OUT", "ABORTED"],
        },
    }
    return (
        sns.Topic(
            "Topic",
            DisplayName=Sub("Slipway ${AWS::StackName}"),
            Metadata=accepted(
                CKV_AWS_26="EventBridge cannot publish under the default key; notices hold names only"
            ),
        ),
        sns.TopicPolicy(
            "TopicPolicy",
            Topics=[Ref("Topic")],
            PolicyDocument=document(
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sns:Publish",
                    "Resource": Ref("Topic"),
                    "Condition": {"ArnEquals": {"aws:SourceArn": GetAtt("Ended", "Arn")}},
                }
            ),
        ),
        sns.SubscriptionResource(
            "Subscription",
            Condition="HasEmail",
            TopicArn=Ref("Topic"),
            Protocol="email",
            Endpoint=Ref("NotifyEmail"),
        ),
        events.Rule(
            "Ended",
            Description="Runs that did not succeed: tell, and clean up after those that could not themselves",
            EventPattern=ended,
            Targets=[
                events.Target(
                    Id="tell",
                    Arn=Ref("Topic"),
                    InputTransformer=events.InputTransformer(
                        InputPathsMap={"name": "$.detail.name", "status": "$.detail.status"},
                        InputTemplate=Sub(
                            '"Snapshot pipeline ${AWS::StackName}: the run <name> ended as <status>. '
                            'The page Snapshots shows the step and the reason."'
                        ),
                    ),
                ),
                events.Target(
                    Id="clean-up",
                    Arn=GetAtt("Handler", "Arn"),
                    InputTransformer=events.InputTransformer(
                        InputPathsMap={"detail": "$.detail"},
                        InputTemplate='{"action": "abandoned", "run": <detail>}',
                    ),
                ),
            ],
        ),
        awslambda.Permission(
            "EndedMayCall",
            FunctionName=Ref("Handler"),
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=GetAtt("Ended", "Arn"),
        ),
        events.Rule(
            "Sweep",
            Description="Cleans up after runs that have ended and could not themselves",
            ScheduleExpression="rate(1 hour)",
            Targets=[
                events.Target(
                    Id="sweep",
                    Arn=GetAtt("Handler", "Arn"),
                    Input=Sub('{"action": "sweep", "run": {"stateMachineArn": "${StateMachine}"}}'),
                )
            ],
        ),
        awslambda.Permission(
            "SweepMayCall",
            FunctionName=Ref("Handler"),
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=GetAtt("Sweep", "Arn"),
        ),
        iam.Role(
            "ScheduleRole",
            Condition="HasSchedule",
            AssumeRolePolicyDocument=trusts("events.amazonaws.com"),
            Policies=[
                iam.Policy(
                    PolicyName="start",
                    PolicyDocument=document(allow(["states:StartExecution"], Ref("StateMachine"))),
                )
            ],
        ),
        events.Rule(
            "Refresh",
            Condition="HasSchedule",
            Description="Refreshes the sanitized snapshot",
            ScheduleExpression=Ref("Schedule"),
            Targets=[
                events.Target(
                    Id="start",
                    Arn=Ref("StateMachine"),
                    RoleArn=GetAtt("ScheduleRole", "Arn"),
                    Input="{}",
                )
            ],
        ),
    )
