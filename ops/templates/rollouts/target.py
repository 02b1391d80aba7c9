"""The roles of a target account. Their names are fixed, so that the controller knows them in any account."""

from typing import Any

from troposphere import GetAtt, Join, Output, Parameter, Ref, Select, Split, Template, iam

from ops.templates.policies import accepted, allow, arn, document, limit_roles, trusts

TARGET_ROLE, EXECUTION_ROLE = "slipway-rollout-target", "slipway-rollout-execution"
DESCRIPTION = "Slipway: lets the rollout controller of another account deploy stacks in this account."

# Kept as deployed: a new description takes iam:UpdateRole, which the workbench's roles do not have.
_TARGET_ROLE_DESCRIPTION = "Assumed by the rollouts' engine: change sets, alarms and metrics"
_EXECUTION_ROLE_DESCRIPTION = "CloudFormation makes what rollouts deploy in this role"

_READ = (
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeStackDriftDetectionStatus",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStackResourceDrifts",
    "cloudformation:DescribeStacks",
    "cloudformation:DetectStackDrift",
    "cloudformation:DetectStackResourceDrift",
    "cloudformation:GetStackPolicy",
    "cloudformation:GetTemplate",
    "cloudformation:ListStackResources",
)
_WRITE = (
    "cloudformation:ContinueUpdateRollback",
    "cloudformation:CreateChangeSet",
    "cloudformation:DeleteChangeSet",
    "cloudformation:DeleteStack",
    "cloudformation:ExecuteChangeSet",
)
_UNSCOPED = (  # do not support resources, or the resource is not known in advance
    "cloudformation:GetTemplateSummary",
    "cloudwatch:DescribeAlarmHistory",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricStatistics",
)


def target() -> Template:
    stack = Template(Description=DESCRIPTION)
    stack.set_version("2010-09-09")
    for parameter in _parameters():
        stack.add_parameter(parameter)
    stack.add_resource(_execution_role())
    stack.add_resource(_target_role())
    limit_roles(stack, path=False)
    stack.add_output(Output("TargetRoleArn", Value=GetAtt("TargetRole", "Arn")))
    return stack


def _parameters() -> tuple[Parameter, ...]:
    return (
        Parameter(
            "EngineRoleArn",
            Type="String",
            Description="Output HandlerRoleArn of the controller stack: the role that may assume TargetRole",
            AllowedPattern=r"arn:[a-z-]+:iam::\d{12}:role/.+",
        ),
        Parameter(
            "EngineBucket",
            Type="String",
            Description="Output Bucket of the controller stack, which holds large templates",
        ),
        Parameter(
            "ExecutionPolicyArns",
            Type="CommaDelimitedList",
            Description="Managed policies with which CloudFormation deploys the stacks; at most 9",
        ),
    )


def _target_role() -> iam.Role:
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": Select(4, Split(":", Ref("EngineRoleArn")))},
        "Action": "sts:AssumeRole",
        "Condition": {"ArnEquals": {"aws:PrincipalArn": Ref("EngineRoleArn")}},
    }
    stacks = arn("cloudformation:*:${AWS::AccountId}:stack/*")
    return iam.Role(
        "TargetRole",
        RoleName=TARGET_ROLE,
        Description=_TARGET_ROLE_DESCRIPTION,
        AssumeRolePolicyDocument=document(trust),
        # Drift detection uses the caller's permissions; SecurityAudit reads configurations, but no data. With
        # the policies for deployments, CloudFormation updates stacks without a service role of their own.
        ManagedPolicyArns=Split(
            ",",
            Join(",", [arn("iam::aws:policy/SecurityAudit"), Join(",", Ref("ExecutionPolicyArns"))]),
        ),
        Policies=[
            iam.Policy(
                PolicyName="roll-out",
                PolicyDocument=document(
                    allow([*_READ, *_WRITE], stacks),
                    allow(_UNSCOPED, "*"),
                    allow(["s3:GetObject"], arn("s3:::${EngineBucket}/runs/*/templates/*")),
                    *_assets(),
                    allow(
                        ["iam:PassRole"],
                        GetAtt("ExecutionRole", "Arn"),
                        {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}},
                    ),
                ),
            )
        ],
        Metadata=accepted(CKV_AWS_60="The condition allows a single role to assume it"),
    )


def _assets() -> tuple[dict[str, Any], ...]:
    """Return what publishing the assets of CDK apps and checking those of packaged templates takes.

    The names are those of the CDK's bootstrap template, whose qualifier is part of `cdk-*`. Its buckets and
    its role for files are used; the role is tried first, because it may also use a key of the bucket.
    """
    bucket = "s3:::cdk-*-assets-${AWS::AccountId}-*"
    return (
        # The macros of AWS: the caller of CreateChangeSet needs it for each that the template has.
        allow(["cloudformation:CreateChangeSet"], arn("cloudformation:*:aws:transform/*")),
        allow(["sts:AssumeRole"], arn("iam::${AWS::AccountId}:role/cdk-*-file-publishing-role-*")),
        allow(["s3:ListBucket"], arn(bucket)),
        allow(["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"], arn(f"{bucket}/*")),
        # CloudFormation reads parameters of SSM types with the rights of the caller.
        allow(["ssm:GetParameter", "ssm:GetParameters"], arn("ssm:*:${AWS::AccountId}:parameter/*")),
        # Names and versions only: see ops/functions/rollouts/outside.py.
        allow(["secretsmanager:DescribeSecret"], arn("secretsmanager:*:${AWS::AccountId}:secret:*")),
        allow(["ecr:DescribeImages"], arn("ecr:*:*:repository/*")),
    )


def _execution_role() -> iam.Role:
    return iam.Role(
        "ExecutionRole",
        RoleName=EXECUTION_ROLE,
        Description=_EXECUTION_ROLE_DESCRIPTION,
        AssumeRolePolicyDocument=trusts("cloudformation.amazonaws.com"),
        ManagedPolicyArns=Ref("ExecutionPolicyArns"),
    )
