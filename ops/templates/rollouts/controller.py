"""The controller's stack in the central account: state machine, Lambda function, storage, notifications."""

from typing import Any

from troposphere import (
    AWSObject,
    Equals,
    GetAtt,
    If,
    Not,
    Output,
    Parameter,
    Ref,
    Sub,
    Template,
    awslambda,
    dynamodb,
    events,
    iam,
    s3,
)

from ops.templates import machines
from ops.templates.policies import accepted, allow, arn, document, limit_roles
from ops.templates.rollouts.target import TARGET_ROLE

DESCRIPTION = "Slipway: deploys stacks to many accounts and regions in waves, with automatic rollback."
HANDLER_TIMEOUT_S = 300

HOOK_NAMES = "slipway-hook-"  # as `HOOK_NAMES` of ops.rollouts.rules.gates.model: a test compares them

_OWN = "${AWS::Region}:${AWS::AccountId}"
_MACHINE = arn(f"states:{_OWN}:stateMachine:${{AWS::StackName}}")
_EXECUTIONS = [arn(f"states:{_OWN}:execution:${{AWS::StackName}}{rest}") for rest in (":*", "/*")]


def controller(definition: str, version: int) -> Template:
    """Return the template. `definition` is the state machine's text for Fn::Sub.

    `version` is that of the newest documents that the controller can carry out.
    """
    stack = Template(Description=DESCRIPTION)
    stack.set_version("2010-09-09")
    for parameter in _parameters():
        stack.add_parameter(parameter)
    stack.add_condition("HasOrganization", Not(Equals(Ref("OrganizationId"), "")))
    stack.add_condition("HasEmail", Not(Equals(Ref("NotifyEmail"), "")))
    for part in (
        *_storage(),
        *_function(),
        *_machine(definition),
        *machines.topic("Notifications hold names only; any subscriber may read them"),
        *_rules(),
    ):
        stack.add_resource(part)
    limit_roles(stack)
    _outputs(stack, version)
    return stack


def _parameters() -> tuple[Parameter, ...]:
    return (
        Parameter("CodeBucket", Type="String", Description="Bucket of the function's zip package"),
        Parameter("CodeKey", Type="String", Description="Key of the zip package, derived from its content"),
        Parameter(
            "TargetAccounts",
            Type="CommaDelimitedList",
            Description="Accounts that may read large templates; not used with OrganizationId",
        ),
        Parameter(
            "OrganizationId",
            Type="String",
            Default="",
            AllowedPattern="(o-[a-z0-9]{10,32})?",
            Description="Organization whose accounts may read large templates",
        ),
        Parameter(
            "PollSeconds",
            Type="Number",
            Default=15,
            MinValue=1,
            MaxValue=300,
            Description="Polling interval for stack operations, in seconds",
        ),
        Parameter(
            "SettleSeconds",
            Type="Number",
            Default=HANDLER_TIMEOUT_S,
            MinValue=1,
            MaxValue=900,
            Description="Seconds to wait for the last function call of a stopped execution",
        ),
        Parameter(
            "NotifyEmail", Type="String", Default="", Description="Email address for rollback notifications"
        ),
    )


def _storage() -> tuple[AWSObject, ...]:
    """Return the table and the bucket. They are retained when the stack is deleted: they hold the history."""
    kept = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    return (
        dynamodb.Table(
            "Table",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                dynamodb.AttributeDefinition(AttributeName=name, AttributeType="S")
                for name in ("run", "item")
            ],
            KeySchema=[
                dynamodb.KeySchema(AttributeName="run", KeyType="HASH"),
                dynamodb.KeySchema(AttributeName="item", KeyType="RANGE"),
            ],
            PointInTimeRecoverySpecification=dynamodb.PointInTimeRecoverySpecification(
                PointInTimeRecoveryEnabled=True
            ),
            Metadata=accepted(CKV_AWS_119="Holds deployment states only; encrypted by default"),
            **kept,
        ),
        s3.Bucket(
            "Bucket",
            BucketEncryption=s3.BucketEncryption(
                ServerSideEncryptionConfiguration=[
                    s3.ServerSideEncryptionRule(
                        ServerSideEncryptionByDefault=s3.ServerSideEncryptionByDefault(SSEAlgorithm="AES256")
                    )
                ]
            ),
            PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(
                BlockPublicAcls=True,
                BlockPublicPolicy=True,
                IgnorePublicAcls=True,
                RestrictPublicBuckets=True,
            ),
            VersioningConfiguration=s3.VersioningConfiguration(Status="Enabled"),
            Metadata=accepted(
                CKV_AWS_18="Written by the controller and the workbench only, which both keep a log"
            ),
            **kept,
        ),
        s3.BucketPolicy("BucketPolicy", Bucket=Ref("Bucket"), PolicyDocument=_bucket_policy()),
    )


def _bucket_policy() -> dict[str, Any]:
    """Require TLS; let target accounts read templates."""
    read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": Sub("${Bucket.Arn}/runs/*/templates/*")}
    return document(
        {
            "Sid": "TLSOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [GetAtt("Bucket", "Arn"), Sub("${Bucket.Arn}/*")],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        If(
            "HasOrganization",
            {
                **read,
                "Principal": "*",
                "Condition": {"StringEquals": {"aws:PrincipalOrgID": Ref("OrganizationId")}},
            },
            {**read, "Principal": {"AWS": Ref("TargetAccounts")}},
        ),
    )


def _function() -> tuple[AWSObject, ...]:
    return machines.function(
        awslambda.Code(S3Bucket=Ref("CodeBucket"), S3Key=Ref("CodeKey")),
        iam.Policy(PolicyName="roll-out", PolicyDocument=document(*_handler_statements())),
        Description="Carries out the actions of the rollouts' state machine",
        Handler="ops.functions.rollouts.handler.handler",
        Timeout=HANDLER_TIMEOUT_S,
        MemorySize=512,
        Environment=awslambda.Environment(
            Variables={
                "BUCKET": Ref("Bucket"),
                "TABLE": Ref("Table"),
                "TOPIC": Ref("Topic"),
                "MACHINE": _MACHINE,
                "PARTITION": Ref("AWS::Partition"),
                "URL_SUFFIX": Ref("AWS::URLSuffix"),
                "TARGET_ROLE": TARGET_ROLE,
            }
        ),
    )


def _handler_statements() -> tuple[Any, ...]:
    rows = ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query"]
    return (
        allow(["sts:AssumeRole"], arn(f"iam::*:role/{TARGET_ROLE}")),
        allow([f"dynamodb:{verb}" for verb in rows], GetAtt("Table", "Arn")),
        allow(["s3:GetObject", "s3:PutObject"], Sub("${Bucket.Arn}/runs/*")),
        allow(["s3:GetObject"], Sub("${Bucket.Arn}/assets/*")),
        allow(["states:StartExecution"], _MACHINE),
        *_hook_statements(),
        # Does not support resources; the task token, which only the controller knows, selects the task.
        allow(["states:SendTaskSuccess", "states:SendTaskFailure"], "*"),
        allow(["states:DescribeExecution"], _EXECUTIONS),
        allow(["sns:Publish"], Ref("Topic")),
        allow(["logs:CreateLogStream", "logs:PutLogEvents"], GetAtt("HandlerLogs", "Arn")),
    )


def _hook_statements() -> tuple[Any, ...]:
    """Allow the hooks of stages: what has their name, in the controller's account and region."""
    states = f"states:{_OWN}"
    return (
        allow(["lambda:InvokeFunction"], arn(f"lambda:{_OWN}:function:{HOOK_NAMES}*")),
        allow(["states:StartExecution"], arn(f"{states}:stateMachine:{HOOK_NAMES}*")),
        allow(["states:DescribeExecution"], arn(f"{states}:execution:{HOOK_NAMES}*")),
    )


def _machine(definition: str) -> tuple[AWSObject, ...]:
    # What a distributed Map needs to run child executions: Step Functions Developer Guide, "IAM policies for
    # using Distributed Map state".
    children = (
        allow(["states:StartExecution"], _MACHINE),
        allow(["states:DescribeExecution", "states:StopExecution"], _EXECUTIONS),
    )
    return machines.machine(definition, {}, children)


def _rules() -> tuple[AWSObject, ...]:
    abandoned = events.InputTransformer(
        InputPathsMap={"detail": "$.detail"},
        InputTemplate='{"action": "abandoned", "on": {"detail": <detail>}}',
    )
    handler = GetAtt("Handler", "Arn")
    return (
        events.Rule(
            "Killed",
            Description="Continues the run of a stopped execution in another one",
            EventPattern=machines.UNSUCCESSFUL_EXECUTIONS,
            Targets=[events.Target(Id="succeed", Arn=handler, InputTransformer=abandoned)],
        ),
        events.Rule(
            "Watch",
            Description="Monitors the alarms of rollouts in progress",
            ScheduleExpression="rate(1 minute)",
            Targets=[events.Target(Id="watch", Arn=handler, Input='{"action": "watch"}')],
        ),
        *(
            awslambda.Permission(
                f"{rule}MayCall",
                FunctionName=Ref("Handler"),
                Action="lambda:InvokeFunction",
                Principal="events.amazonaws.com",
                SourceArn=GetAtt(rule, "Arn"),
            )
            for rule in ("Killed", "Watch")
        ),
    )


def _outputs(stack: Template, version: int) -> None:
    outputs = {
        "StateMachineArn": Ref("StateMachine"),
        "HandlerArn": GetAtt("Handler", "Arn"),
        "HandlerRoleArn": GetAtt("HandlerRole", "Arn"),
        "Bucket": Ref("Bucket"),
        "Table": Ref("Table"),
        "Topic": Ref("Topic"),
        "Version": str(version),
    }
    for name, value in outputs.items():
        stack.add_output(Output(name, Value=value))
