"""A state machine and its Lambda function, each with a log group and a least-privilege role, and a topic."""

from collections.abc import Mapping, Sequence
from typing import Any

from troposphere import AWSObject, GetAtt, Ref, Sub, awslambda, iam, logs, sns, stepfunctions

from ops.templates.policies import accepted, allow, document, trusts

RETENTION_DAYS = 365
RUNTIME = "python3.13"

# The actions for logging and tracing, none of which supports resource-level permissions:
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
# The EventBridge pattern of executions that did not succeed.
UNSUCCESSFUL_EXECUTIONS = {
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
    """Return the function Handler with its role and log group. `network` says why it needs no VPC."""
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
                CKV_AWS_115="Invoked by one state machine; reserving would reduce the account's concurrency",
                CKV_AWS_116="Invoked synchronously: errors go to the state machine, not to a queue",
                CKV_AWS_117=network,
                CKV_AWS_173="The environment contains no secrets",
            ),
            **properties,
        ),
    )


def machine(
    definition: str, names: Mapping[str, Any], statements: Sequence[Mapping[str, Any]]
) -> tuple[AWSObject, ...]:
    """Return the state machine StateMachine, which may invoke Handler and do what `statements` allow.

    `definition` is the text for Fn::Sub; `names` are its variables besides Handler.
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
                Level="FATAL",  # ERROR would include every poll of a resource that is not ready yet
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


def topic(why: str) -> tuple[AWSObject, ...]:
    """Return the topic for notifications, and its subscription by email. `why` says why it needs no key."""
    return (
        sns.Topic("Topic", DisplayName=Sub("Slipway ${AWS::StackName}"), Metadata=accepted(CKV_AWS_26=why)),
        sns.SubscriptionResource(
            "Subscription",
            Condition="HasEmail",
            TopicArn=Ref("Topic"),
            Protocol="email",
            Endpoint=Ref("NotifyEmail"),
        ),
    )


def _log_group(title: str, **properties: Any) -> logs.LogGroup:
    return logs.LogGroup(
        title,
        RetentionInDays=RETENTION_DAYS,
        Metadata=accepted(CKV_AWS_158="Contains identifiers, no data; encrypted by default"),
        **properties,
    )
