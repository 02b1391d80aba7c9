"""Handler, state machine, schedule, and notifications of a snapshot pipeline, with least-privilege roles."""

from typing import Any

from troposphere import (
    AWSObject,
    GetAtt,
    Join,
    Ref,
    Sub,
    awslambda,
    events,
    iam,
)

from ops.templates import machines
from ops.templates.policies import allow, arn, document, trusts
from ops.templates.snapshots.parameters import engine_setting
from ops.templates.snapshots.permissions import PREFIX, REGION_ACCOUNT, handler_statements

HANDLER_TIMEOUT_S = 60


def resources(definition: str, handler: str) -> tuple[AWSObject, ...]:
    return (*_function(handler), *_machine(definition), *_notifications())


def _function(source: str) -> tuple[AWSObject, ...]:
    return machines.function(
        awslambda.Code(ZipFile=source),
        iam.Policy(PolicyName="run-pipeline", PolicyDocument=document(*handler_statements())),
        network="Calls AWS APIs only; only the task connects to the database",
        Description="Actions of the state machine of a snapshot pipeline",
        Handler="index.handler",
        Timeout=HANDLER_TIMEOUT_S,
        MemorySize=256,
        Environment=awslambda.Environment(Variables=_handler_environment()),
    )


def _handler_environment() -> dict[str, Any]:
    return {
        "PIPELINE": Ref("AWS::StackName"),
        "PREFIX": PREFIX,
        "SOURCE": Ref("SourceDatabase"),
        "DATABASE": Ref("DatabaseName"),
        "METHOD": Ref("Method"),
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
        # The port that the security groups allow, whatever the port of the source is.
        "DATABASE_PORT": engine_setting("Port"),
        "SECRET": Ref("Password"),
        "LOG_GROUP": Ref("TaskLogs"),
        "TOPIC": Ref("Topic"),
    }


def _machine(definition: str) -> tuple[AWSObject, ...]:
    names = {
        "Cluster": GetAtt("Cluster", "Arn"),
        "TaskDefinition": Ref("TaskDefinition"),
        "TaskSecurityGroup": GetAtt("TaskSecurityGroup", "GroupId"),
    }
    return machines.machine(definition, names, _tasks())


def _tasks() -> tuple[Any, ...]:
    """Permissions to run the sanitizing task and to learn that it stopped."""
    return (
        allow(
            ["ecs:RunTask"],
            Ref("TaskDefinition"),
            {"ArnEquals": {"ecs:cluster": GetAtt("Cluster", "Arn")}},
        ),
        allow(["ecs:StopTask", "ecs:DescribeTasks"], arn(f"ecs:{REGION_ACCOUNT}:task/${{Cluster}}/*")),
        allow(
            ["iam:PassRole"],
            [GetAtt("ExecutionRole", "Arn"), GetAtt("TaskRole", "Arn")],
            {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        ),
        # Through this rule, Step Functions learns that a .sync task has stopped.
        allow(
            ["events:PutTargets", "events:PutRule", "events:DescribeRule"],
            arn(f"events:{REGION_ACCOUNT}:rule/StepFunctionsGetEventsForECSTaskRule"),
        ),
    )


def _notifications() -> tuple[AWSObject, ...]:
    return (
        *machines.topic("Notifications contain names only"),
        events.Rule(
            "Ended",
            Description="Cleans up after runs that did not succeed, and sends a notification",
            EventPattern=machines.UNSUCCESSFUL_EXECUTIONS,
            Targets=[
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
            Description="Cleans up after finished runs that have leftover resources",
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
