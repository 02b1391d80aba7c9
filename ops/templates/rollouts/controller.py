"""The central account's stack: state machine, handler, what they remember, who is told."""

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
    sns,
)

from ops.templates import machines
from ops.templates.policies import accepted, allow, arn, document
from ops.templates.rollouts.target import EXECUTION_ROLE, TARGET_ROLE

DESCRIPTION = "Slipway: deploys stacks to many accounts and regions in waves, and rolls back by itself."
HANDLER_TIMEOUT_S = 300

_HERE = "${AWS::Region}:${AWS::AccountId}"
_MACHINE = arn(f"states:{_HERE}:stateMachine:${{AWS::StackName}}")
_EXECUTIONS = [arn(f"states:{_HERE}:execution:${{AWS::StackName}}{rest}") for rest in (":*", "/*")]


def engine(definition: str) -> Template:
    """`definition`: the state machine as Fn::Sub takes it. The handler's zip lies in CodeBucket."""
    stack = Template(Description=DESCRIPTION)
    stack.set_version("2010-09-09")
    for parameter in _parameters():
        stack.add_parameter(parameter)
    stack.add_condition("HasOrganization", Not(Equals(Ref("OrganizationId"), "")))
    stack.add_condition("HasEmail", Not(Equals(Ref("NotifyEmail"), "")))
    for part in (*_memory(), *_function(), *_machine(definition), *_notices(), *_rules()):
        stack.add_resource(part)
    _outputs(stack)
    return stack


def _parameters() -> tuple[Parameter, ...]:
    return (
        Parameter("CodeBucket", Type="String", Description="Bucket that holds the handler's zip"),
        Parameter("CodeKey", Type="String", Description="Key of the zip, named by its content"),
        Parameter(
            "TargetAccounts",
            Type="CommaDelimitedList",
            Description="Accounts that may read large templates; not needed with an organization",
        ),
        Parameter(
            "OrganizationId",
            Type="String",
            Default="",
            AllowedPattern="(o-[a-z0-9]{10,32})?",
            Description="Every account of it may read large templates",
        ),
        Parameter(
            "PollSeconds",
            Type="Number",
            Default=15,
            MinValue=1,
            MaxValue=300,
            Description="Between two looks at a stack that is being changed",
        ),
        Parameter(
            "SettleSeconds",
            Type="Number",
            Default=HANDLER_TIMEOUT_S,
            MinValue=1,
            MaxValue=900,
            Description="How long the last call of a killed execution may take",
        ),
        Parameter(
            "NotifyEmail", Type="String", Default="", Description="Who is told of what was rolled back"
        ),
    )


def _memory() -> tuple[AWSObject, ...]:
    """What a rollout was and did outlives the stack."""
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
            Metadata=accepted(CKV_AWS_119="Holds states of stacks, no data; encrypted by default"),
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
            Metadata=accepted(CKV_AWS_18="Written by the engine and the workbench, which both keep a record"),
            **kept,
        ),
        s3.BucketPolicy("BucketPolicy", Bucket=Ref("Bucket"), PolicyDocument=_bucket_policy()),
    )


def _bucket_policy() -> dict[str, Any]:
    """TLS only; target accounts may read templates."""
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
        Description="Does the work of the rollouts' state machine",
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
                "EXECUTION_ROLE": EXECUTION_ROLE,
            }
        ),
    )


def _handler_statements() -> tuple[Any, ...]:
    rows = ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query"]
    return (
        allow(["sts:AssumeRole"], arn(f"iam::*:role/{TARGET_ROLE}")),
        allow([f"dynamodb:{verb}" for verb in rows], GetAtt("Table", "Arn")),
        allow(["s3:GetObject", "s3:PutObject"], Sub("${Bucket.Arn}/runs/*")),
        allow(["states:StartExecution"], _MACHINE),
        # Takes no resource: the token, which only the engine keeps, says which task.
        allow(["states:SendTaskSuccess"], "*"),
        allow(["states:DescribeExecution"], _EXECUTIONS),
        allow(["sns:Publish"], Ref("Topic")),
        allow(["logs:CreateLogStream", "logs:PutLogEvents"], GetAtt("HandlerLogs", "Arn")),
    )


def _machine(definition: str) -> tuple[AWSObject, ...]:
    # How a distributed Map runs its children: Step Functions Developer Guide, "IAM policies for Map".
    children = (
        allow(["states:StartExecution"], _MACHINE),
        allow(["states:DescribeExecution", "states:StopExecution"], _EXECUTIONS),
    )
    return machines.machine(definition, {}, children)


def _notices() -> tuple[AWSObject, ...]:
    return (
        sns.Topic(
            "Topic",
            DisplayName=Sub("Slipway ${AWS::StackName}"),
            Metadata=accepted(CKV_AWS_26="Notices hold names only; any subscriber may read them"),
        ),
        sns.SubscriptionResource(
            "Subscription",
            Condition="HasEmail",
            TopicArn=Ref("Topic"),
            Protocol="email",
            Endpoint=Ref("NotifyEmail"),
        ),
    )


def _rules() -> tuple[AWSObject, ...]:
    abandoned = events.InputTransformer(
        InputPathsMap={"detail": "$.detail"},
        InputTemplate='{"action": "abandoned", "on": {"detail": <detail>}}',
    )
    handler = GetAtt("Handler", "Arn")
    return (
        events.Rule(
            "Killed",
            Description="A rollout whose execution was killed goes on in another one",
            EventPattern=machines.KILLED,
            Targets=[events.Target(Id="succeed", Arn=handler, InputTransformer=abandoned)],
        ),
        events.Rule(
            "Watch",
            Description="Looks at the alarms of every rollout that is under way",
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


def _outputs(stack: Template) -> None:
    outputs = {
        "StateMachineArn": Ref("StateMachine"),
        "HandlerArn": GetAtt("Handler", "Arn"),
        "HandlerRoleArn": GetAtt("HandlerRole", "Arn"),
        "Bucket": Ref("Bucket"),
        "Table": Ref("Table"),
        "Topic": Ref("Topic"),
    }
    for name, value in outputs.items():
        stack.add_output(Output(name, Value=value))
