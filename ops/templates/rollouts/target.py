"""What a target account needs: two roles with fixed names, which the engine can name in any account."""

from troposphere import GetAtt, Output, Parameter, Ref, Select, Split, Template, iam

from ops.templates.policies import accepted, allow, arn, document, trusts

TARGET_ROLE, EXECUTION_ROLE = "slipway-rollout-target", "slipway-rollout-execution"
DESCRIPTION = "Slipway: lets the rollouts' engine of another account deploy stacks here."

_READ = (
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeStackDriftDetectionStatus",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStackResourceDrifts",
    "cloudformation:DescribeStacks",
    "cloudformation:DetectStackDrift",
    "cloudformation:DetectStackResourceDrift",
    "cloudformation:GetTemplate",
)
_WRITE = (
    "cloudformation:ContinueUpdateRollback",
    "cloudformation:CreateChangeSet",
    "cloudformation:DeleteChangeSet",
    "cloudformation:DeleteStack",
    "cloudformation:ExecuteChangeSet",
)
_UNSCOPED = (  # take no resource, or one that is not known before
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
    stack.add_output(Output("TargetRoleArn", Value=GetAtt("TargetRole", "Arn")))
    return stack


def _parameters() -> tuple[Parameter, ...]:
    return (
        Parameter(
            "EngineRoleArn",
            Type="String",
            Description="Output HandlerRoleArn of the engine's stack: the only one that may assume the role",
            AllowedPattern=r"arn:[a-z-]+:iam::\d{12}:role/.+",
        ),
        Parameter(
            "EngineBucket",
            Type="String",
            Description="Output Bucket of the engine's stack: large templates are read from it",
        ),
        Parameter(
            "ExecutionPolicyArns",
            Type="CommaDelimitedList",
            Description="Managed policies with which CloudFormation makes what the rolled out stacks hold",
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
        Description="Assumed by the rollouts' engine: change sets, alarms and metrics",
        AssumeRolePolicyDocument=document(trust),
        # Drift is found with the caller's rights: this policy reads how things are configured, no data.
        ManagedPolicyArns=[arn("iam::aws:policy/SecurityAudit")],
        Policies=[
            iam.Policy(
                PolicyName="roll-out",
                PolicyDocument=document(
                    allow([*_READ, *_WRITE], stacks),
                    allow(_UNSCOPED, "*"),
                    allow(["s3:GetObject"], arn("s3:::${EngineBucket}/runs/*/templates/*")),
                    allow(
                        ["iam:PassRole"],
                        GetAtt("ExecutionRole", "Arn"),
                        {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}},
                    ),
                ),
            )
        ],
        Metadata=accepted(CKV_AWS_60="The condition names the one role that may assume it"),
    )


def _execution_role() -> iam.Role:
    return iam.Role(
        "ExecutionRole",
        RoleName=EXECUTION_ROLE,
        Description="CloudFormation makes what rollouts deploy in this role",
        AssumeRolePolicyDocument=trusts("cloudformation.amazonaws.com"),
        ManagedPolicyArns=Ref("ExecutionPolicyArns"),
    )
