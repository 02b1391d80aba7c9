"""The function that subscribes log groups, its triggers, and the custom resource that starts and ends it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
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
# The same values as in the functions, which a test compares.
CANARY_GROUPS = "/slipway/canary/"  # then the name of the stack
CANARY_FOLDER = "canary/"  # of the canaries in the bucket
CANARY_NAMESPACE, CANARY_METRIC = "Slipway/Logs", "StoppedCanaries"
CANARY_SCHEDULE = "rate(30 minutes)"
CANARY_DAYS = 7
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


@dataclass(frozen=True)
class CanaryCheck:
    """Where the function of the central stack looks for canaries; `bucket` is empty if it cannot."""

    bucket: Any
    bucket_arn: Any


def resources(
    source: str,
    destination: Any,
    after: Sequence[str] = (),
    sender: Any = None,
    check: CanaryCheck | None = None,
) -> tuple[AWSObject, ...]:
    """Return the function and its triggers; subscribing starts once the resources `after` exist.

    `sender` is the ARN of the role that sends to the destination, which a Firehose stream requires; without
    one there is a canary.
    """
    subscription_role = GetAtt("SubscriptionRole", "Arn")
    passes = _pass_role(sender) if sender else If("HasOrganization", _pass_role(subscription_role), NoValue)
    role = sender or If("HasOrganization", subscription_role, "")
    return (
        log_group("SubscriberLogs", "subscriber"),
        _role(destination, passes),
        *(() if sender else (_subscription_role(),)),
        *(() if sender else _canary(check)),
        _function(source, destination, role, _canary_variables(sender, check)),
        iam.PolicyType(
            "SubscriberGoesOn",
            PolicyName="go-on",
            Roles=[Ref("SubscriberRole")],
            PolicyDocument=document(allow(["lambda:InvokeFunction"], GetAtt("Subscriber", "Arn"))),
        ),
        *_triggers(canary=not sender),
        cloudformation.CustomResource(
            "Subscriptions",
            ServiceToken=GetAtt("Subscriber", "Arn"),
            DependsOn=["SubscriberGoesOn", *(() if sender else ("SubscriberCanary",)), *after],
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


def _canary(check: CanaryCheck | None) -> tuple[AWSObject, ...]:
    """The log group of the canary, and what writing and finding canaries needs."""
    checks: list[Any] = []
    if check:
        folder = {"StringLike": {"s3:prefix": Sub(f"${{BucketPrefix}}{CANARY_FOLDER}*")}}
        namespace = {"StringEquals": {"cloudwatch:namespace": CANARY_NAMESPACE}}
        checks = [
            allow(["s3:ListBucket"], check.bucket_arn, folder),
            # No resource-level permissions: Service Authorization Reference.
            allow(["cloudwatch:PutMetricData"], "*", namespace),
        ]
    return (
        logs.LogGroup(
            "CanaryLogs",
            LogGroupName=Sub(f"{CANARY_GROUPS}${{AWS::StackName}}"),
            RetentionInDays=CANARY_DAYS,
            Metadata=accepted(CKV_AWS_158="Holds an ID and a time per event; encrypted by default"),
        ),
        iam.PolicyType(
            "SubscriberCanary",
            PolicyName="canary",
            Roles=[Ref("SubscriberRole")],
            PolicyDocument=document(
                allow(["logs:CreateLogStream", "logs:PutLogEvents"], GetAtt("CanaryLogs", "Arn")), *checks
            ),
        ),
    )


def _canary_variables(sender: Any, check: CanaryCheck | None) -> dict[str, Any]:
    if sender:
        return {}
    variables: dict[str, Any] = {"CANARY": Ref("CanaryLogs")}
    if check:
        variables |= {
            "BUCKET": check.bucket,
            "BUCKET_PREFIX": Ref("BucketPrefix"),
            "STACK": Ref("AWS::StackName"),
        }
    return variables


def _function(source: str, destination: Any, role: Any, canary: dict[str, Any]) -> awslambda.Function:
    variables = {
        **_selection(destination),
        "ROLE": role,
        "FILTER": Sub("slipway-${AWS::Region}"),
        "OWN": Join(",", [OWN_GROUPS, Sub("/aws/lambda/${AWS::StackName}-")]),
        **canary,
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


def _triggers(*, canary: bool) -> tuple[AWSObject, ...]:
    created = {
        "source": ["aws.logs"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {"eventSource": ["logs.amazonaws.com"], "eventName": ["CreateLogGroup"]},
    }
    rules = {
        "GroupCreated": ("Subscribes a log group when it is created", {"EventPattern": created}),
        "Schedule": ("Checks all log groups", {"ScheduleExpression": Ref("SubscribeSchedule")}),
    }
    if canary:
        rules["CanarySchedule"] = ("Writes the canary", {"ScheduleExpression": CANARY_SCHEDULE})
    resources: list[AWSObject] = []
    for name, (description, trigger) in rules.items():
        work = {"Input": json.dumps({"work": "canary"})} if name == "CanarySchedule" else {}
        target = events.Target(Id="subscriber", Arn=GetAtt("Subscriber", "Arn"), **work)
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
