"""The stack with Slipway's IAM roles in one account: a working role, a read-only role, and their boundary.

A second boundary is for the roles in Slipway's stacks. The working role can create only roles that have it,
so whoever deploys as this role cannot give a function more than Slipway's own templates do.
"""

from collections.abc import Iterable
from typing import Any

from troposphere import (
    And,
    Condition,
    Equals,
    GetAtt,
    If,
    NoValue,
    Output,
    Parameter,
    Ref,
    Sub,
    Template,
    iam,
)

from ops.templates.access.grants import (
    ALL,
    COMMON,
    DEPLOY,
    IAM,
    JOBS,
    STACK_ROLE_ACTIONS,
    STACK_ROLES,
    Grant,
    Job,
)
from ops.templates.policies import accepted, allow, arn, document
from ops.templates.rollouts import TARGET_ROLE

ROLE, READ_ROLE, BOUNDARY = "slipway-workbench", "slipway-workbench-read", "slipway-workbench-boundary"
STACK_BOUNDARY = "slipway-stack-boundary"
DESCRIPTION = "Slipway: the roles that the workbench works in, in this account."

_WHY = (
    "Read actions have no resource type, or their resource is not known in advance; write actions are scoped"
)

_NO_GRANT = "A permissions boundary grants nothing by itself"
_BOUNDARY_CHECKS = accepted(
    **dict.fromkeys(("CKV_AWS_107", "CKV_AWS_108", "CKV_AWS_109", "CKV_AWS_110", "CKV_AWS_111"), _NO_GRANT),
    CKV2_AWS_40=_NO_GRANT,
)


def roles() -> Template:
    stack = Template(Description=DESCRIPTION)
    stack.set_version("2010-09-09")
    for parameter in _parameters():
        stack.add_parameter(parameter)
    for job in JOBS[1:]:
        stack.add_condition(f"Does{_title(job)}", Equals(Ref(_title(job)), "yes"))
    for job in JOBS:
        if job.deploys:
            both = And(Condition(f"Does{_title(job)}"), Condition(f"Does{_title(DEPLOY)}"))
            stack.add_condition(f"Deploys{_title(job)}", both)
    stack.add_resource(_boundary())
    stack.add_resource(_stack_boundary())
    reads = [grant for job in JOBS for grant in job.reads]
    stack.add_resource(_policy("Reads", "Read permissions of all pages", reads))
    for job in JOBS:  # one policy per job: a role can have ten managed policies
        changes = _policy(f"{_title(job)}Changes", f"{job.does}: write permissions", job.changes)
        if job is not COMMON:
            changes.Condition = f"Does{_title(job)}"
        stack.add_resource(changes)
        if job.deploys:
            deploys = _policy(f"Deploy{_title(job)}", f"{job.does}: permissions for its stacks", job.deploys)
            deploys.Condition = f"Deploys{_title(job)}"
            stack.add_resource(deploys)
    policies = _working_policies()
    stack.add_resource(_role("Role", ROLE, "Slipway: permissions of the enabled jobs", policies))
    stack.add_resource(
        _role("ReadRole", READ_ROLE, "Slipway: read-only access to every page", [Ref("Reads")])
    )
    for title in ("Role", "ReadRole"):
        stack.add_output(Output(f"{title}Arn", Value=GetAtt(title, "Arn")))
    return stack


def _parameters() -> Iterable[Parameter]:
    yield Parameter(
        "WorkbenchArn",
        Type="String",
        Description="ARN of the principal that can assume the roles, or the root ARN of its account",
        AllowedPattern=r"arn:[a-z-]+:iam::\d{12}:(root|(role|user)/.+)",
    )
    yield Parameter(
        "LogBucket",
        Type="String",
        Default="none",
        Description="Bucket of the log export, if it is in this account",
    )
    for job in JOBS[1:]:
        yield Parameter(
            _title(job),
            Type="String",
            Default="yes",
            AllowedValues=["yes", "no"],
            Description=f"Grant the permissions for: {job.does}",
        )


def _title(job: Job) -> str:
    return job.name.title().replace("-", "")


def _policy(title: str, description: str, grants: Iterable[Grant]) -> iam.ManagedPolicy:
    return iam.ManagedPolicy(
        title,
        Description=description,
        PolicyDocument=document(*map(_statement, grants)),
        Metadata=accepted(
            CKV_AWS_107=_WHY, CKV_AWS_108=_WHY, CKV_AWS_109=_WHY, CKV_AWS_110=_WHY, CKV_AWS_111=_WHY
        ),
    )


def _statement(grant: Grant) -> dict[str, Any]:
    resources = "*" if grant.resources == ALL else [Sub(resource) for resource in grant.resources]
    return allow(grant.actions, resources)


def _working_policies() -> list[Any]:
    changes = [
        Ref(f"{_title(job)}Changes")
        if job is COMMON
        else If(f"Does{_title(job)}", Ref(f"{_title(job)}Changes"), NoValue)
        for job in JOBS
    ]
    deploys = [
        If(f"Deploys{_title(job)}", Ref(f"Deploy{_title(job)}"), NoValue) for job in JOBS if job.deploys
    ]
    return [Ref("Reads"), *changes, *deploys]


def _role(title: str, name: str, description: str, policies: list[Any]) -> iam.Role:
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": Ref("WorkbenchArn")},
        # The workbench names the person in its sessions: CloudTrail shows who has made a change.
        "Action": ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"],
    }
    return iam.Role(
        title,
        RoleName=name,
        Description=description,
        AssumeRolePolicyDocument=document(trust),
        ManagedPolicyArns=policies,
        PermissionsBoundary=Ref("Boundary"),
    )


def _boundary() -> iam.ManagedPolicy:
    """The permissions boundary of both roles.

    Whatever is attached to the roles later, they cannot create identities, change other identities or their
    own permissions, create a role or change its permissions without the boundary of stacks, delete the audit
    log, or close the account or remove it from the organization.
    """
    services = sorted(
        {
            action.split(":")[0]
            for job in JOBS
            for grant in (*job.reads, *job.changes, *job.deploys)
            for action in grant.actions
        }
    )
    forbidden = [
        "iam:AddUserToGroup", "iam:AttachGroupPolicy", "iam:AttachUserPolicy",
        "iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:CreatePolicyVersion", "iam:CreateUser",
        "iam:DeleteRolePermissionsBoundary", "iam:PutGroupPolicy", "iam:PutUserPolicy",
        "iam:SetDefaultPolicyVersion", "organizations:LeaveOrganization", "account:CloseAccount",
    ]  # fmt: skip
    of_stacks = [Sub(f"{IAM}:role/{name}") for name in STACK_ROLES]
    own = [Sub(f"{IAM}:role/{name}") for name in (ROLE, READ_ROLE)]
    delete_logs = ["logs:DeleteLogGroup", "logs:DeleteLogStream"]
    return iam.ManagedPolicy(
        "Boundary",
        ManagedPolicyName=BOUNDARY,
        # Changing the description of a named policy would need its replacement, which CloudFormation refuses.
        Description="The most that the workbench can ever be given",
        PolicyDocument=document(
            allow([f"{service}:*" for service in services], "*"),
            {"Effect": "Deny", "Action": forbidden, "Resource": "*"},
            {
                "Effect": "Deny",
                "Action": ["iam:AttachRolePolicy", "iam:DetachRolePolicy", "iam:UpdateAssumeRolePolicy"],
                "NotResource": of_stacks,
            },
            {
                "Effect": "Deny",
                # AWS IAM User Guide, "Delegating responsibility to others using permissions boundaries".
                "Action": [
                    "iam:AttachRolePolicy",
                    "iam:CreateRole",
                    "iam:PutRolePermissionsBoundary",
                    "iam:PutRolePolicy",
                ],
                "Resource": "*",
                "Condition": {
                    "StringNotEquals": {"iam:PermissionsBoundary": Sub(f"{IAM}:policy/{STACK_BOUNDARY}")}
                },
            },
            {
                "Effect": "Deny",
                "Action": ["iam:PutRolePolicy", "iam:DeleteRole", "iam:PassRole"],
                "Resource": own,
            },
            {
                "Effect": "Deny",
                "Action": delete_logs,
                "Resource": arn("logs:*:${AWS::AccountId}:log-group:/slipway/audit*"),
            },
        ),
        Metadata=_BOUNDARY_CHECKS,
    )


def _stack_boundary() -> iam.ManagedPolicy:
    """The permissions boundary of the roles in Slipway's stacks: what all of them together are allowed."""
    scoped = {
        "iam:PassRole": [Sub(f"{IAM}:role/{name}") for name in STACK_ROLES],
        "sts:AssumeRole": [arn(f"iam::*:role/{TARGET_ROLE}")],
    }
    others = [action for action in STACK_ROLE_ACTIONS if action not in scoped]
    return iam.ManagedPolicy(
        "StackBoundary",
        Condition=f"Does{_title(DEPLOY)}",
        ManagedPolicyName=STACK_BOUNDARY,
        Description="The most that the roles in Slipway's stacks can ever be given",
        PolicyDocument=document(
            allow(others, "*"), *(allow([action], resources) for action, resources in scoped.items())
        ),
        Metadata=_BOUNDARY_CHECKS,
    )
