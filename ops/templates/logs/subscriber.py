"""The function that subscribes log groups, its triggers, and the custom resource that starts and ends it."""

from collections.abc import Sequence
from typing import Any

from troposphere import AWSObject, GetAtt, Join, Ref, Sub, awslambda, cloudformation, events, iam, logs

from ops.templates.policies import accepted, allow, arn, document, trusts

RUNTIME = "python3.13"
TIMEOUT_S = 900
RETENTION_DAYS = 90
OWN_GROUPS = "/slipway/logs/"  # log groups of the export's stacks, which are never exported

_HERE = "${AWS::Region}:${AWS::AccountId}"


def log_group(title: str, name: str, **options: Any) -> logs.LogGroup:
    """Return one of the export's own log groups."""
    return logs.LogGroup(
        title,
        LogGroupName=Sub(f"{OWN_GROUPS}${{AWS::StackName}}/{name}"),
        RetentionInDays=RETENTION_DAYS,
        Metadata=accepted(CKV_AWS_158="Holds names and counts, not log events; encrypted by default"),
        **options,
    )


def resources(source: str, destination: Any, after: Sequence[str] = ()) -> tuple[AWSObject, ...]:
    """Return the function and its triggers; subscribing starts once the resources `after` exist."""
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
        *_triggers(),
        cloudformation.CustomResource(
            "Subscriptions",
            ServiceToken=GetAtt("Subscriber", "Arn"),
            DependsOn=["SubscriberGoesOn", *after],
            **{name: value for name, value in _selection(destination).items()},
        ),
    )


def _selection(destination: Any) -> dict[str, Any]:
    """Return the selection of log groups: CloudFormation invokes the function when it changes."""
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
                    # No resource-level permissions: Service Authorization Reference.
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
        **_selection(destination),
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
            CKV_AWS_115="Calls are rate-limited; reserved concurrency would reduce the account's pool",
            CKV_AWS_116="The next scheduled run retries what a failed invocation has left",
            CKV_AWS_117="Calls AWS APIs only",
            CKV_AWS_173="The environment holds no secret",
        ),
    )


def _triggers() -> tuple[AWSObject, ...]:
    created = {
        "source": ["aws.logs"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {"eventSource": ["logs.amazonaws.com"], "eventName": ["CreateLogGroup"]},
    }
    rules = {
        "GroupCreated": ("Subscribes a log group when it is created", {"EventPattern": created}),
        "Schedule": ("Checks all log groups", {"ScheduleExpression": Ref("SubscribeSchedule")}),
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
