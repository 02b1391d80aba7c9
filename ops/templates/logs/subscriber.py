"""The function that subscribes log groups, its triggers, and the custom resource that starts and ends it."""

from collections.abc import Sequence
from typing import Any

from troposphere import (
    AWSObject,
    GetAtt,
    If,
    Join,
    NoValue,
    Ref,
    Sub,
    awslambda,
    cloudformation,
    events,
    iam,
    logs,
)

from ops.templates.policies import accepted, allow, arn, document, trusts

RUNTIME = "python3.13"
TIMEOUT_S = 900  # the maximum: AWS Lambda Developer Guide, "Lambda quotas"
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


def resources(
    source: str, destination: Any, after: Sequence[str] = (), sender: Any = None
) -> tuple[AWSObject, ...]:
    """Return the function and its triggers; subscribing starts once the resources `after` exist.

    `sender` is the ARN of the role that sends to the destination, which a Firehose stream requires.
    """
    subscription_role = GetAtt("SubscriptionRole", "Arn")
    passes = _pass_role(sender) if sender else If("HasOrganization", _pass_role(subscription_role), NoValue)
    role = sender or If("HasOrganization", subscription_role, "")
    return (
        log_group("SubscriberLogs", "subscriber"),
        _role(destination, passes),
        *(() if sender else (_subscription_role(),)),
        _function(source, destination, role),
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


def _role(destination: Any, passes: Any) -> iam.Role:
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
                    passes,
                ),
            )
        ],
    )


def _subscription_role() -> iam.Role:
    """The role that CloudWatch Logs requires if the destination's policy names an organization.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CreateSubscriptionFilter-CrossAccount.html
    """
    return iam.Role(
        "SubscriptionRole",
        Condition="HasOrganization",
        AssumeRolePolicyDocument=document(
            {
                "Effect": "Allow",
                "Principal": {"Service": "logs.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": Ref("AWS::AccountId")}},
            }
        ),
        Policies=[
            iam.Policy(
                PolicyName="send",
                PolicyDocument=document(allow(["logs:PutLogEvents"], arn(f"logs:{_HERE}:log-group:*"))),
            )
        ],
    )


def _pass_role(role: Any) -> dict[str, Any]:
    return allow(
        ["iam:PassRole"],
        role,
        {"StringEquals": {"iam:PassedToService": "logs.amazonaws.com"}},
    )


def _function(source: str, destination: Any, role: Any) -> awslambda.Function:
    variables = {
        **_selection(destination),
        "ROLE": role,
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
