"""The stack of one account: the role that the workbench works in, one that may only look, their boundary."""

from collections.abc import Iterable
from typing import Any

from troposphere import Equals, GetAtt, If, NoValue, Output, Parameter, Ref, Sub, Template, iam

from ops.templates.access.grants import ALL, COMMON, IAM, JOBS, Grant, Job
from ops.templates.policies import accepted, allow, arn, document

ROLE, READ_ROLE, BOUNDARY = "slipway-workbench", "slipway-workbench-read", "slipway-workbench-boundary"
DESCRIPTION = "Slipway: the roles that the workbench works in, in this account."

_WHY = "Reads take no resource, or one that is not known before; changes name theirs"


def roles() -> Template:
    stack = Template(Description=DESCRIPTION)
    stack.set_version("2010-09-09")
    for parameter in _parameters():
        stack.add_parameter(parameter)
    for job in JOBS[1:]:
        stack.add_condition(f"Does{_title(job)}", Equals(Ref(_title(job)), "yes"))
    stack.add_resource(_boundary())
    reads = [grant for job in JOBS for grant in job.reads]
    stack.add_resource(_policy("Reads", "What the pages of every job read", reads))
    for job in JOBS:  # one each, for a role holds no more than ten policies
        changes = _policy(f"{_title(job)}Changes", f"{job.does}: what it changes", job.changes)
        if job is not COMMON:
            changes.Condition = f"Does{_title(job)}"
        stack.add_resource(changes)
    stack.add_resource(_role("Role", ROLE, "Works: what the jobs that are switched on need", _working()))
    stack.add_resource(_role("ReadRole", READ_ROLE, "Looks at everything, changes nothing", [Ref("Reads")]))
    for title in ("Role", "ReadRole"):
        stack.add_output(Output(f"{title}Arn", Value=GetAtt(title, "Arn")))
    return stack


def _parameters() -> Iterable[Parameter]:
    yield Parameter(
        "WorkbenchArn",
        Type="String",
        Description="Who may assume the roles: what the workbench runs as, or root for its whole account",
        AllowedPattern=r"arn:[a-z-]+:iam::\d{12}:(root|(role|user)/.+)",
    )
    yield Parameter(
        "LogBucket",
        Type="String",
        Default="none",
        Description="The bucket that logs are exported to, where it is in this account",
    )
    for job in JOBS[1:]:
        yield Parameter(
            _title(job), Type="String", Default="yes", AllowedValues=["yes", "no"], Description=f"{job.does}?"
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
    resources = "*" if grant.resources == ALL else [Sub(each) for each in grant.resources]
    return allow(grant.actions, resources)


def _working() -> list[Any]:
    changes = [
        Ref(f"{_title(job)}Changes")
        if job is COMMON
        else If(f"Does{_title(job)}", Ref(f"{_title(job)}Changes"), NoValue)
        for job in JOBS
    ]
    return [Ref("Reads"), *changes]


def _role(title: str, name: str, description: str, policies: list[Any]) -> iam.Role:
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": Ref("WorkbenchArn")},
        "Action": "sts:AssumeRole",
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
    """Whatever is added to the roles later: no other identity, no other role, and no way out of here."""
    services = sorted(
        {
            action.split(":")[0]
            for job in JOBS
            for grant in (*job.reads, *job.changes)
            for action in grant.actions
        }
    )
    forbidden = [
        "iam:AddUserToGroup", "iam:AttachGroupPolicy", "iam:AttachRolePolicy", "iam:AttachUserPolicy",
        "iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:CreatePolicyVersion", "iam:CreateUser",
        "iam:DeleteRolePermissionsBoundary", "iam:PutGroupPolicy", "iam:PutUserPolicy",
        "iam:SetDefaultPolicyVersion", "iam:UpdateAssumeRolePolicy", "organizations:LeaveOrganization",
        "account:CloseAccount",
    ]  # fmt: skip
    own = [Sub(f"{IAM}:role/{name}") for name in (ROLE, READ_ROLE)]
    keep = ["logs:DeleteLogGroup", "logs:DeleteLogStream"]
    return iam.ManagedPolicy(
        "Boundary",
        ManagedPolicyName=BOUNDARY,
        Description="The most that the workbench can ever be given",
        PolicyDocument=document(
            allow([f"{service}:*" for service in services], "*"),
            {"Effect": "Deny", "Action": forbidden, "Resource": "*"},
            {
                "Effect": "Deny",
                "Action": ["iam:PutRolePolicy", "iam:DeleteRole", "iam:PassRole"],
                "Resource": own,
            },
            {
                "Effect": "Deny",
                "Action": keep,
                "Resource": arn("logs:*:${AWS::AccountId}:log-group:/slipway/audit*"),
            },
        ),
        Metadata=accepted(
            CKV_AWS_107="A boundary allows nothing by itself",
            CKV_AWS_108="A boundary allows nothing by itself",
            CKV_AWS_109="A boundary allows nothing by itself",
            CKV_AWS_110="A boundary allows nothing by itself",
            CKV_AWS_111="A boundary allows nothing by itself",
            CKV2_AWS_40="A boundary allows nothing by itself",
        ),
    )
