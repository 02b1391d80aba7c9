"""The permissions that CloudFormation needs for a resource of a stack: those that its type publishes.

`handlers.json` is generated from the schemas of the resource types, whose handlers list every action that
they may call. An action that only some properties need is listed here with these properties. Of other
services, passing a role, reading a function's code, and invoking a custom resource's function are needed.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-type-schema.html
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from ops.embedded.authority import passed_roles, reference

Properties = Mapping[str, Any]
Operation = Literal["create", "update", "delete"]

# Actions that a handler calls only for these properties: if they are set, and at an update, if they change.
_PROPERTIES: Mapping[str, tuple[str, ...]] = {
    "dynamodb:UpdateContinuousBackups": ("PointInTimeRecoverySpecification",),
    "dynamodb:DescribeContinuousBackups": ("PointInTimeRecoverySpecification",),
    "dynamodb:UpdateTimeToLive": ("TimeToLiveSpecification",),
    "dynamodb:DescribeTimeToLive": ("TimeToLiveSpecification",),
    "ec2:AuthorizeSecurityGroupEgress": ("SecurityGroupEgress", "IpProtocol"),
    "ec2:AuthorizeSecurityGroupIngress": ("SecurityGroupIngress", "IpProtocol"),
    "ec2:RevokeSecurityGroupEgress": ("SecurityGroupEgress",),
    "ec2:RevokeSecurityGroupIngress": ("SecurityGroupIngress",),
    "ecs:PutClusterCapacityProviders": ("CapacityProviders",),
    "ecs:UpdateClusterSettings": ("ClusterSettings",),
    "elasticloadbalancing:DescribeListenerAttributes": ("ListenerAttributes",),
    "elasticloadbalancing:ModifyListenerAttributes": ("ListenerAttributes",),
    "elasticloadbalancing:ModifyLoadBalancerAttributes": ("LoadBalancerAttributes",),
    "elasticloadbalancing:ModifyTargetGroupAttributes": ("TargetGroupAttributes",),
    "events:ListTargetsByRule": ("Targets",),
    "events:PutTargets": ("Targets",),
    "events:RemoveTargets": ("Targets",),
    "iam:AttachRolePolicy": ("ManagedPolicyArns", "Roles"),
    "iam:DeleteRolePolicy": ("Policies", "PolicyDocument"),
    "iam:DetachRolePolicy": ("ManagedPolicyArns",),
    "iam:GetRolePolicy": ("Policies", "PolicyDocument"),
    "iam:PutRolePermissionsBoundary": ("PermissionsBoundary",),
    "iam:PutRolePolicy": ("Policies", "PolicyDocument"),
    "iam:UpdateAssumeRolePolicy": ("AssumeRolePolicyDocument",),
    "iam:UpdateRole": ("Description", "MaxSessionDuration"),
    "iam:CreatePolicyVersion": ("PolicyDocument",),
    "kinesis:IncreaseStreamRetentionPeriod": ("RetentionPeriodHours",),
    "kinesis:StartStreamEncryption": ("StreamEncryption",),
    "kinesis:UpdateShardCount": ("ShardCount",),
    "kinesis:UpdateStreamMode": ("StreamModeDetails",),
    "kms:EnableKeyRotation": ("EnableKeyRotation",),
    "kms:UpdateKeyDescription": ("Description",),
    "kms:PutKeyPolicy": ("KeyPolicy",),
    "lambda:PutFunctionConcurrency": ("ReservedConcurrentExecutions",),
    "lambda:UpdateFunctionCode": ("Architectures", "Code"),
    "logs:PutDestinationPolicy": ("DestinationPolicy",),
    "logs:PutLogGroupDeletionProtection": ("DeletionProtectionEnabled",),
    "logs:PutRetentionPolicy": ("RetentionInDays",),
    "s3:PutBucketCORS": ("CorsConfiguration",),
    "s3:PutBucketNotification": ("NotificationConfiguration",),
    "s3:PutBucketOwnershipControls": ("OwnershipControls",),
    "s3:PutBucketPublicAccessBlock": ("PublicAccessBlockConfiguration",),
    "s3:PutBucketVersioning": ("VersioningConfiguration",),
    "s3:PutEncryptionConfiguration": ("BucketEncryption",),
    "s3:PutLifecycleConfiguration": ("LifecycleConfiguration",),
    "secretsmanager:GetRandomPassword": ("GenerateSecretString",),
    "secretsmanager:UpdateSecret": ("Description", "GenerateSecretString", "KmsKeyId", "SecretString"),
    "sns:ListSubscriptionsByTopic": ("Subscription",),
    "sns:Subscribe": ("Subscription", "Endpoint"),
}
# What CloudFormation calls for every resource of a type, where the action's name does not contain the type's.
_ALWAYS: Mapping[str, str] = {
    "AWS::DynamoDB::Table": r"^dynamodb:(Create|Delete|Describe|Update)Table$",
    "AWS::EC2::SecurityGroup": r"^ec2:(Create|Delete|Describe)SecurityGroups?$",
    "AWS::EC2::SecurityGroupEgress": r"^$",
    "AWS::EC2::SecurityGroupIngress": r"^ec2:RevokeSecurityGroupIngress$",
    "AWS::ECS::Service": r"^ecs:(Create|Delete|Describe|Update)Services?$",
    "AWS::IAM::ManagedPolicy": r"^iam:(Create|Delete|Get)Policy$",
    "AWS::IAM::Policy": r"^$",
    "AWS::IAM::Role": r"^iam:(CreateRole|DeleteRole|GetRole|List\w+)$",
    "AWS::KinesisFirehose::DeliveryStream": r"DeliveryStream$|^firehose:UpdateDestination$",
    "AWS::KMS::Key": r"^kms:(CreateKey|DescribeKey|ScheduleKeyDeletion)$",
    "AWS::Kinesis::Stream": r"^kinesis:(CreateStream|DeleteStream|DescribeStreamSummary)$",
    "AWS::Lambda::Function": r"^lambda:(Create|Delete|Get)Function$|^lambda:UpdateFunctionConfiguration$",
    "AWS::S3::Bucket": r"^s3:(Create|Delete)Bucket$",
    "AWS::SNS::Subscription": r"^sns:(Unsubscribe|GetSubscriptionAttributes|SetSubscriptionAttributes)$",
    "AWS::SNS::TopicPolicy": r"^sns:SetTopicAttributes$",
    "AWS::SQS::QueuePolicy": r"^sqs:SetQueueAttributes$",
    "AWS::SecretsManager::Secret": r"^secretsmanager:(Create|Delete|Describe)Secret$",
}
# Verbs of actions that an operation's handler lists for what it calls in special cases only.
_NOT_CALLED: Mapping[Operation, re.Pattern[str]] = {
    "create": re.compile(r":(Associate|Delete|Import|Modify|Update)"),
    "update": re.compile(r":(Associate|Create|Delete)"),
    "delete": re.compile(r":(Create|Modify|Put|Update)"),
}
# Types whose resource has the name of another one, which a property refers to.
_NAMED_AFTER: Mapping[str, str] = {
    "AWS::EC2::SecurityGroupEgress": "GroupId",
    "AWS::EC2::SecurityGroupIngress": "GroupId",
    "AWS::IAM::Policy": "Roles",
    "AWS::Lambda::Permission": "FunctionName",
    "AWS::S3::BucketPolicy": "Bucket",
    "AWS::SNS::Subscription": "TopicArn",
    "AWS::SNS::TopicPolicy": "Topics",
    "AWS::SQS::QueuePolicy": "Queues",
}
NUMBERED = ("AWS::EC2::SecurityGroup", "AWS::KMS::Key")  # AWS gives them IDs that nothing can predict
_NESTED_NAMES = {"AWS::Glue::Database": ("DatabaseInput", "Name"), "AWS::Glue::Table": ("TableInput", "Name")}
_TAGGING = re.compile(
    r":(Tag|Untag|AddTags|RemoveTags|CreateTags|DeleteTags|ListTags|ListResourceTags|PutBucketTagging)"
)
_INVOKED = ("AWS::CloudFormation::CustomResource", "Custom::")
_SCOPE = ("Partition", "Region", "Account")
_VARIABLE = re.compile(r"\$\{([^}]+)\}")
UNKNOWN = "XXXXXXXXXXXX"  # stands for the random part of a name that CloudFormation generates


@dataclass(frozen=True)
class Permission:
    """An action that CloudFormation needs on a resource, an ARN."""

    action: str
    resource: str
    passed_to: str = ""  # the service principal that a role is passed to


@dataclass(frozen=True)
class StackResource:
    """A resource of a stack: its type, its name or ARN, and its properties.

    A name that CloudFormation is to generate ends in UNKNOWN, which stands for what is not known in ARNs too.
    """

    type: str
    name: str
    properties: Properties
    account: str
    region: str
    unknown: str = UNKNOWN


def needed(
    resource: StackResource, operation: Operation, before: Properties | None = None
) -> list[Permission]:
    """Return what the operation needs; `before` are the properties before an update.

    A resource type that is not known needs nothing.
    """
    if resource.type.startswith(_INVOKED):
        function = str(resource.properties.get("ServiceToken", ""))
        return [Permission("lambda:InvokeFunction", function)] if ":lambda:" in function else []
    concerned = _changed(resource.properties, before) if operation == "update" else resource.properties
    found = _needed(resource, operation, concerned)
    return list(dict.fromkeys(found))


def name_property(type_: str) -> str:
    """Return the property that names a resource of this type, or an empty string."""
    return str(_handlers().get(type_, {}).get("name", ""))


def _needed(resource: StackResource, operation: Operation, concerned: Properties) -> Iterator[Permission]:
    if resource.type not in _handlers():
        return
    service = _service(resource.type)
    for action in _handlers()[resource.type].get(operation, ()):
        if action == "iam:PassRole":
            if operation != "delete" and service in passed_roles.PASSED_TO:
                for role in passed_roles.roles_in(concerned):
                    yield Permission(action, role, f"{passed_roles.PASSED_TO[service]}.amazonaws.com")
        elif action == "s3:GetObject":
            yield from _code(concerned)
        elif action.startswith(f"{service}:") and _is_called(action, resource, operation, concerned):
            for arn in _arns(action, resource):
                yield Permission(action, arn)


def _is_called(action: str, resource: StackResource, operation: Operation, concerned: Properties) -> bool:
    if _TAGGING.search(action):
        adds = re.search(r":(Tag|AddTags|CreateTags)|:PutBucketTagging", action)
        return bool(adds) and operation != "delete" and _has_tags(concerned)
    if action in _PROPERTIES:
        return any(name in concerned for name in _PROPERTIES[action])
    if _NOT_CALLED[operation].search(action) and action.partition(":")[2] not in _own(
        resource.type, operation
    ):
        return False
    return bool(re.search(_ALWAYS.get(resource.type, resource.type.rpartition("::")[2]), action))


def _has_tags(concerned: Properties) -> bool:
    """Return whether there are tags besides those that CloudFormation adds without permission."""
    tags = concerned.get("Tags") or []
    keys = [tag.get("Key", "") for tag in tags] if isinstance(tags, list) else list(tags)
    return any(not str(key).startswith("aws:") for key in keys)


def _own(type_: str, operation: Operation) -> tuple[str, ...]:
    """Return the names of the operation itself, such as `UpdateTable` or `UpdateFunctionConfiguration`."""
    noun = type_.rpartition("::")[2]
    verbs = {"create": ("Create",), "update": ("Update", "Modify"), "delete": ("Delete",)}[operation]
    return tuple(f"{verb}{noun}{rest}" for verb in verbs for rest in ("", "s", "Configuration"))


def _code(concerned: Properties) -> Iterator[Permission]:
    """Yield the right to read a function's code."""
    code = concerned.get("Code")
    if isinstance(code, Mapping) and "S3Bucket" in code:
        yield Permission("s3:GetObject", f"arn:aws:s3:::{code['S3Bucket']}/{code.get('S3Key', '')}")


def _changed(now: Properties, before: Properties | None) -> Properties:
    old = before or {}
    return {name: now.get(name, old.get(name)) for name in {*now, *old} if now.get(name) != old.get(name)}


def _arns(action: str, resource: StackResource) -> Iterator[str]:
    """Yield the ARN of each resource that the action requires, or `*` if it takes none."""
    noun = resource.type.rpartition("::")[2]
    patterns = reference.required(action) or reference.optional(action, noun)
    own = [pattern for pattern in patterns if pattern.split(":")[2] == action.partition(":")[0]]
    patterns = own or patterns
    if not patterns:
        yield "*"
    # https://docs.aws.amazon.com/vpc/latest/userguide/vpc-policy-examples.html
    if action == "ec2:CreateSecurityGroup":
        vpc = resource.properties.get("VpcId") or resource.unknown
        yield f"arn:aws:ec2:{resource.region}:{resource.account}:vpc/{vpc}"
    for pattern in patterns:
        for name in _names(resource):
            yield _filled(pattern, name, resource)


def _names(resource: StackResource) -> list[str]:
    """Return the names or ARNs of what the resource is, or of what it belongs to."""
    properties = resource.properties
    if owner := _NAMED_AFTER.get(resource.type):
        named = properties.get(owner) or [resource.name]
        return [str(name) for name in (named if isinstance(named, list) else [named])]
    if nested := _NESTED_NAMES.get(resource.type):
        return [str((properties.get(nested[0]) or {}).get(nested[1]) or resource.name)]
    if resource.type == "AWS::KMS::Alias":
        return [resource.name.removeprefix("alias/")]
    if resource.type == "AWS::SSM::Parameter":
        return [resource.name.removeprefix("/")]
    if resource.type == "AWS::S3::Bucket":
        return [resource.name.lower()]
    if resource.type in NUMBERED and resource.name.endswith(resource.unknown):
        return [resource.unknown]
    return [resource.name]


def _filled(pattern: str, name: str, resource: StackResource) -> str:
    """Return the ARN of the pattern; variables that are not known are UNKNOWN."""
    if name.startswith("arn:") and reference.matches(pattern, name):
        return name
    variables = _VARIABLE.findall(pattern)
    if resource.type == "AWS::KMS::Alias" and pattern.endswith("${KeyId}"):
        name = str(resource.properties.get("TargetKeyId", name)).rpartition("/")[2]
    values = {"Partition": "aws", "Region": resource.region, "Account": resource.account}
    values |= {key: value for key, value in resource.properties.items() if isinstance(value, str)}
    if named := [variable for variable in variables if variable not in _SCOPE]:
        values.setdefault(_own_variable(named, resource.type), name.rpartition(":")[2] or name)
    return _VARIABLE.sub(lambda match: values.get(match[1], resource.unknown), pattern)


def _own_variable(variables: list[str], type_: str) -> str:
    """Return the variable that holds the resource's own name: `TableName` of a table, else the first."""
    noun = type_.rpartition("::")[2]
    return next((variable for variable in variables if variable.startswith(noun)), variables[0])


def _service(type_: str) -> str:
    name = type_.split("::")[1].lower()
    return {
        "elasticloadbalancingv2": "elasticloadbalancing",
        "kinesisfirehose": "firehose",
        "stepfunctions": "states",
    }.get(name, name)


@cache
def _handlers() -> Mapping[str, Mapping[str, Any]]:
    handlers: Mapping[str, Mapping[str, Any]] = json.loads(
        Path(__file__).with_name("handlers.json").read_text("utf-8")
    )
    return handlers
