"""The function that subscribes log groups, what calls it, and the custom resource that begins and ends it."""

from collections.abc import Sequence
from typing import Any

from troposphere import AWSObject, GetAtt, Join, Ref, Sub, awslambda, cloudformation, events, iam, logs

from ops.templates.policies import accepted, allow, arn, document, trusts

RUNTIME = "python3.13"
TIMEOUT_S = 900
RETENTION_DAYS = 90
OWN_GROUPS = "/slipway/logs/"  # of every stack of the export: never exported

_HERE = "${AWS::Region}:${AWS::AccountId}"


def log_group(title: str, name: str, **options: Any) -> logs.LogGroup:
    """One of the export's own log groups."""
    return logs.LogGroup(
        title,
        LogGroupName=Sub(f"{OWN_GROUPS}${{AWS::StackName}}/{name}"),
        RetentionInDays=RETENTION_DAYS,
        Metadata=accepted(CKV_AWS_158="Holds names and counts, no log events; encrypted by default"),
        **options,
    )


def resources(source: str, destination: Any, after: Sequence[str] = ()) -> tuple[AWSObject, ...]:
    """`destination`: ARN of what is subscribed to; the resources `after` must be there before."""
    return (
        log_group("SubscriberLogs", "subscriber"),
        _role(destination),
        _function(source, destination),
        iam.PolicyType(
            "SubscriberGoesOn",
            PolicyName="go-on",
            Roles=[Ref("SubscriberRole")],
            PolicyDocument=document(allow(["lambda:InvokeFunction"], GetAtt("Subscriber", "Arn"))),
        ),
        *_calls(),
        cloudformation.CustomResource(
            "Subscriptions",
            ServiceToken=GetAtt("Subscriber", "Arn"),
            DependsOn=["SubscriberGoesOn", *after],
            **{name: value for name, value in _wanted(destination).items()},
        ),
    )


def _wanted(destination: Any) -> dict[str, Any]:
    """What decides which groups are subscribed: with any change of it the function is called."""
    return {
        "DESTINATION": destination,
        "MODE": Ref("SubscribeBy"),
        "PREFIX": Ref("LogGroupNamePrefix"),
        "INCLUDE": Ref("IncludePatterns"),
        "EXCLUDE": Ref("ExcludePatterns"),
    }


def _role(destination: Any) -> iam.Role:
    groups = arn(f"logs:{_HERE}:log-group:*")
    return iam.Role(
        "SubscriberRole",
        AssumeRolePolicyDocument=trusts("lambda.amazonaws.com"),
        Policies=[
            iam.Policy(
                PolicyName="subscribe",
                PolicyDocument=document(
                    allow(["logs:DescribeSubscriptionFilters", "logs:DeleteSubscriptionFilter"], groups),
                    allow(["logs:PutSubscriptionFilter"], [groups, destination]),
                    # Of the whole account: Service Authorization Reference.
                    allow(
                        [
                            "logs:PutAccountPolicy",
                            "logs:DeleteAccountPolicy",
                            "logs:DescribeAccountPolicies",
                            "logs:DescribeLogGroups",
                            "tag:GetResources",
                        ],
                        "*",
                    ),
                    allow(["logs:CreateLogStream", "logs:PutLogEvents"], GetAtt("SubscriberLogs", "Arn")),
                ),
            )
        ],
    )


def _function(source: str, destination: Any) -> awslambda.Function:
    variables = {
        **_wanted(destination),
        "FILTER": Sub("slipway-${AWS::Region}"),
        "OWN": Join(",", [OWN_GROUPS, Sub("/aws/lambda/${AWS::StackName}-")]),
    }
    return awslambda.Function(
        "Subscriber",
        Description="Subscribes the log groups of this account and region to the log export",
        Runtime=RUNTIME,
        Handler="index.handler",
        Timeout=TIMEOUT_S,
        MemorySize=256,
        Role=GetAtt("SubscriberRole", "Arn"),
        Code=awslambda.Code(ZipFile=source),
        Environment=awslambda.Environment(Variables=variables),
        LoggingConfig=awslambda.LoggingConfig(LogGroup=Ref("SubscriberLogs")),
        Metadata=accepted(
            CKV_AWS_115="Calls are paced; a reserve would take from the account's pool",
            CKV_AWS_116="The schedule looks again at what a failed call has left",
            CKV_AWS_117="Calls AWS APIs only",
            CKV_AWS_173="The environment holds no secret",
        ),
    )


def _calls() -> tuple[AWSObject, ...]:
    created = {
        "source": ["aws.logs"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {"eventSource": ["logs.amazonaws.com"], "eventName": ["CreateLogGroup"]},
    }
    rules = {
        "GroupCreated": ("Subscribes a new log group at once", {"EventPattern": created}),
        "Schedule": ("Looks at all log groups", {"ScheduleExpression": Ref("SubscribeSchedule")}),
    }
    resources: list[AWSObject] = []
    for name, (description, trigger) in rules.items():
        target = events.Target(Id="subscriber", Arn=GetAtt("Subscriber", "Arn"))
        resources.append(events.Rule(name, Description=description, Targets=[target], **trigger))
        resources.append(
            awslambda.Permission(
                f"{name}MayCall",
                FunctionName=Ref("Subscriber"),
                Action="lambda:InvokeFunction",
                Principal="events.amazonaws.com",
                SourceArn=GetAtt(name, "Arn"),
            )
        )
    return tuple(resources)
