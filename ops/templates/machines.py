"""A state machine and the function that does its work, each with its log group and its least role."""

from collections.abc import Mapping, Sequence
from typing import Any

from troposphere import AWSObject, GetAtt, Ref, Sub, awslambda, iam, logs, stepfunctions

from ops.templates.policies import accepted, allow, document, trusts

RETENTION_DAYS = 365
RUNTIME = "python3.13"

# What a state machine needs for its log and its traces, none of which takes a resource:
# Step Functions Developer Guide, "Logging", "X-Ray".
_UNSCOPED = (
    *(f"logs:{verb}LogDelivery" for verb in ("Create", "Get", "Update", "Delete")),
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
)
# The events of a state machine's executions that did not end by themselves.
KILLED = {
    "source": ["aws.states"],
    "detail-type": ["Step Functions Execution Status Change"],
    "detail": {
        "stateMachineArn": [Ref("StateMachine")],
        "status": ["FAILED", "TIMED_OUT", "ABORTED"],
    },
}


def function(
    code: awslambda.Code, policy: iam.Policy, *, network: str = "Calls AWS APIs only", **properties: Any
) -> tuple[AWSObject, ...]:
    """The function Handler; `network` says why it is outside of any VPC."""
    return (
        _log_group("HandlerLogs"),
        iam.Role("HandlerRole", AssumeRolePolicyDocument=trusts("lambda.amazonaws.com"), Policies=[policy]),
        awslambda.Function(
            "Handler",
            Runtime=RUNTIME,
            Role=GetAtt("HandlerRole", "Arn"),
            Code=code,
            LoggingConfig=awslambda.LoggingConfig(LogGroup=Ref("HandlerLogs")),
            Metadata=accepted(
                CKV_AWS_115="Called by one state machine; a reserve would take from the account's pool",
                CKV_AWS_116="Called synchronously: errors go to the state machine, not to a queue",
                CKV_AWS_117=network,
                CKV_AWS_173="The environment holds no secret",
            ),
            **properties,
        ),
    )


def machine(
    definition: str, names: Mapping[str, Any], statements: Sequence[Mapping[str, Any]]
) -> tuple[AWSObject, ...]:
    """The state machine StateMachine, which may call Handler and what `statements` allow.

    `definition` as Fn::Sub takes it, `names` what stands in it beside Handler.
    """
    handler = GetAtt("Handler", "Arn")
    allowed = (
        allow(["lambda:InvokeFunction"], handler),
        *statements,
        allow(list(_UNSCOPED), "*"),
    )
    return (
        _log_group("MachineLogs", LogGroupName=Sub("/aws/vendedlogs/states/${AWS::StackName}")),
        iam.Role(
            "MachineRole",
            AssumeRolePolicyDocument=trusts(
                "states.amazonaws.com", {"StringEquals": {"aws:SourceAccount": Ref("AWS::AccountId")}}
            ),
            Policies=[iam.Policy(PolicyName="orchestrate", PolicyDocument=document(*allowed))],
        ),
        stepfunctions.StateMachine(
            "StateMachine",
            StateMachineName=Ref("AWS::StackName"),
            StateMachineType="STANDARD",
            RoleArn=GetAtt("MachineRole", "Arn"),
            DefinitionString=Sub(definition, Handler=handler, **names),
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


def _log_group(title: str, **properties: Any) -> logs.LogGroup:
    return logs.LogGroup(
        title,
        RetentionInDays=RETENTION_DAYS,
        Metadata=accepted(CKV_AWS_158="Holds identifiers, no data; encrypted by default"),
        **properties,
    )
