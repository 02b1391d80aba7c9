"""CloudFormation makes, changes, and deletes resources with the permissions of its caller or service role."""

import json
import time
from typing import Any

import pytest

from tests.conformance.callers import Account, Caller, allow, document, error, unique

SETTLED = ("COMPLETE", "FAILED")
STACKS = allow("cloudformation:*")
TOPICS = ["sns:CreateTopic", "sns:GetTopicAttributes", "sns:SetTopicAttributes", "sns:DeleteTopic"]
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


def template(type_: str = "AWS::SNS::Topic", **properties: Any) -> str:
    return json.dumps({"Resources": {"It": {"Type": type_, "Properties": properties}}})


def settled(caller: Caller | Account, name: str) -> str:
    """Wait until the stack's operation has ended; return its status."""
    client = caller.client("cloudformation")
    deadline = time.monotonic() + 60
    while True:
        status = str(client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
        if status.endswith(SETTLED):
            return status
        assert time.monotonic() < deadline, status
        time.sleep(0.05)


def create(caller: Caller | Account, body: str, name: str = "", **more: Any) -> tuple[str, str]:
    """Create a stack; return its ID and its status."""
    client = caller.client("cloudformation")
    created = client.create_stack(StackName=name or unique("stack"), TemplateBody=body, **more)
    return created["StackId"], settled(caller, created["StackId"])


def reasons(account: Account, id_: str) -> str:
    events = account.client("cloudformation").describe_stack_events(StackName=id_)["StackEvents"]
    return " ".join(event.get("ResourceStatusReason", "") for event in events)


def test_a_stack_is_rolled_back_if_its_creator_may_not_create_a_resource(account: Account) -> None:
    """CloudFormation creates resources with the permissions of its caller.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/control-access-with-iam.html
    """
    id_, status = create(account.caller(STACKS), template())
    assert status == "ROLLBACK_COMPLETE"
    assert "is not authorized to perform: sns:CreateTopic on resource: arn:aws:sns:" in reasons(account, id_)
    _, status = create(account.caller(STACKS, allow(TOPICS)), template())
    assert status == "CREATE_COMPLETE"


def test_a_grant_on_the_names_that_cloudformation_generates_is_enough(account: Account) -> None:
    """A generated name begins with the names of the stack and of the resource.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
    """
    name = unique("stack")
    narrow = account.caller(STACKS, allow(TOPICS, f"arn:aws:sns:*:*:{name}-It-*"))
    assert create(narrow, template(), name)[1] == "CREATE_COMPLETE"
    assert create(narrow, template())[1] == "ROLLBACK_COMPLETE"
    assert create(narrow, template(TopicName="other"), unique(name))[1] == "ROLLBACK_COMPLETE"


def test_an_update_and_a_deletion_need_permissions_of_their_own(account: Account) -> None:
    """CloudFormation changes and deletes resources with the permissions of its caller.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/control-access-with-iam.html
    """
    id_, _ = create(account, template(DisplayName="one"))
    powerless, able = account.caller(STACKS), account.caller(STACKS, allow(TOPICS))
    for caller, expected in ((powerless, "UPDATE_ROLLBACK_COMPLETE"), (able, "UPDATE_COMPLETE")):
        caller.client("cloudformation").update_stack(StackName=id_, TemplateBody=template(DisplayName="two"))
        assert settled(account, id_) == expected
    for caller, expected in ((powerless, "DELETE_FAILED"), (able, "DELETE_COMPLETE")):
        caller.client("cloudformation").delete_stack(StackName=id_)
        assert settled(account, id_) == expected


def test_a_service_role_acts_instead_of_the_caller_and_stays_with_the_stack(account: Account) -> None:
    """With a service role, CloudFormation uses its permissions, also for later operations of the stack.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html
    """
    able = account.role("cloudformation.amazonaws.com", allowed=(allow(TOPICS),))
    unable = account.role("cloudformation.amazonaws.com")
    caller = account.caller(STACKS, allow("iam:PassRole", [able, unable]))
    id_, status = create(caller, template(), RoleARN=unable)
    assert status == "ROLLBACK_COMPLETE"
    id_, status = create(caller, template(), RoleARN=able)
    assert status == "CREATE_COMPLETE"
    account.caller(STACKS).client("cloudformation").delete_stack(StackName=id_)
    assert settled(account, id_) == "DELETE_COMPLETE"


@pytest.mark.parametrize("bounded", [False, True])
def test_the_boundary_of_a_role_in_a_template_is_a_condition_key(account: Account, bounded: bool) -> None:
    """`iam:PermissionsBoundary` holds for roles that CloudFormation creates.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
    """
    boundary = limits(account, "logs:*")
    caller = account.caller(
        STACKS,
        allow("iam:CreateRole", StringEquals={"iam:PermissionsBoundary": boundary}),
        allow(["iam:GetRole", "iam:PutRolePermissionsBoundary", "iam:DeleteRole", "iam:List*"]),
    )
    more = {"PermissionsBoundary": boundary} if bounded else {}
    body = template("AWS::IAM::Role", AssumeRolePolicyDocument=TRUST, **more)
    _, status = create(caller, body, Capabilities=["CAPABILITY_IAM"])
    assert status == ("CREATE_COMPLETE" if bounded else "ROLLBACK_COMPLETE")


def limits(account: Account, actions: str) -> str:
    """Return the ARN of a new policy that allows the actions."""
    created = account.client("iam").create_policy(
        PolicyName=unique("limits"), PolicyDocument=document(allow(actions))
    )
    return str(created["Policy"]["Arn"])


@pytest.mark.parametrize("kind", ["AWS::IAM::Role", "AWS::IAM::User"])
def test_a_role_or_user_of_a_template_has_its_boundary(account: Account, kind: str) -> None:
    """The boundary of a template is the resource's, also after an update; a missing policy is refused.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html
    """
    first, second = limits(account, "logs:*"), limits(account, "s3:*")
    trust = {"AssumeRolePolicyDocument": TRUST} if kind == "AWS::IAM::Role" else {}
    caller = account.caller(STACKS, allow("iam:*"))
    formation, iam = caller.client("cloudformation"), account.client("iam")
    id_, status = create(
        caller, template(kind, PermissionsBoundary=first, **trust), Capabilities=["CAPABILITY_IAM"]
    )
    assert status == "CREATE_COMPLETE"

    def boundary() -> str:
        (resource,) = formation.describe_stack_resources(StackName=id_)["StackResources"]
        name = resource["PhysicalResourceId"]
        found = (
            iam.get_role(RoleName=name)["Role"]
            if kind == "AWS::IAM::Role"
            else iam.get_user(UserName=name)["User"]
        )
        return str(found["PermissionsBoundary"]["PermissionsBoundaryArn"])

    assert boundary() == first
    formation.update_stack(
        StackName=id_,
        TemplateBody=template(kind, PermissionsBoundary=second, **trust),
        Capabilities=["CAPABILITY_IAM"],
    )
    assert settled(account, id_) == "UPDATE_COMPLETE"
    assert boundary() == second
    _, status = create(
        caller, template(kind, PermissionsBoundary=f"{first}-no", **trust), Capabilities=["CAPABILITY_IAM"]
    )
    assert status == "ROLLBACK_COMPLETE"


@pytest.mark.parametrize("bounded", [False, True])
def test_the_boundary_is_that_of_the_role_whose_policy_a_template_changes(
    account: Account, bounded: bool
) -> None:
    """For PutRolePolicy, `iam:PermissionsBoundary` is the boundary of the role.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
    """
    boundary = limits(account, "logs:*")
    role = account.role("lambda.amazonaws.com").rpartition("/")[2]
    if bounded:
        account.client("iam").put_role_permissions_boundary(RoleName=role, PermissionsBoundary=boundary)
    caller = account.caller(
        STACKS,
        allow("iam:PutRolePolicy", StringEquals={"iam:PermissionsBoundary": boundary}),
        allow(["iam:GetRolePolicy", "iam:DeleteRolePolicy"]),
    )
    body = template(
        "AWS::IAM::Policy",
        PolicyName="more",
        Roles=[role],
        PolicyDocument={"Version": "2012-10-17", "Statement": [allow("logs:*")]},
    )
    _, status = create(caller, body, Capabilities=["CAPABILITY_IAM"])
    assert status == ("CREATE_COMPLETE" if bounded else "ROLLBACK_COMPLETE")


@pytest.mark.parametrize("passes", [True, False])
def test_a_role_in_a_template_is_passed_by_the_caller(account: Account, passes: bool) -> None:
    """A role that a template gives to a service is passed by who deploys the template.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    role = account.role("lambda.amazonaws.com")
    to_lambda = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    to_ecs = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    caller = account.caller(
        STACKS, allow("lambda:*"), allow("iam:PassRole", role, **(to_lambda if passes else to_ecs))
    )
    body = template(
        "AWS::Lambda::Function",
        Role=role,
        Handler="index.handler",
        Runtime="python3.12",
        Code={"ZipFile": "def handler(event, context): pass"},
    )
    id_, status = create(caller, body)
    assert status == ("CREATE_COMPLETE" if passes else "ROLLBACK_COMPLETE")
    assert ("iam:PassRole" in reasons(account, id_)) is not passes


def test_a_custom_resource_is_invoked_by_the_caller(account: Account) -> None:
    """The function of a custom resource is invoked with the permissions of the caller.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources.html
    """
    function = f"arn:aws:lambda:eu-west-1:{account.id}:function:missing"
    id_, status = create(account.caller(STACKS), template("Custom::It", ServiceToken=function))
    assert status == "ROLLBACK_COMPLETE"
    assert "lambda:InvokeFunction" in reasons(account, id_)


def test_a_stack_of_a_change_set_is_made_with_the_permissions_of_who_executes_it(account: Account) -> None:
    """Who executes a change set needs the permissions for its resources.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html
    """
    client, name = account.client("cloudformation"), unique("stack")
    created = client.create_change_set(
        StackName=name, ChangeSetName="it", ChangeSetType="CREATE", TemplateBody=template()
    )
    client.get_waiter("change_set_create_complete").wait(ChangeSetName=created["Id"])
    account.caller(STACKS).client("cloudformation").execute_change_set(ChangeSetName=created["Id"])
    assert settled(account, created["StackId"]) == "ROLLBACK_COMPLETE"


def test_a_change_set_is_executed_with_permission_for_its_stack(account: Account) -> None:
    """Actions on a change set are checked on its stack, also if the request has the change set's ARN only.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html
    """
    client, name = account.client("cloudformation"), unique("stack")
    created = client.create_change_set(
        StackName=name, ChangeSetName="it", ChangeSetType="CREATE", TemplateBody=template()
    )
    client.get_waiter("change_set_create_complete").wait(ChangeSetName=created["Id"])
    execute = "cloudformation:ExecuteChangeSet"
    other = account.caller(allow(execute, "arn:aws:cloudformation:*:*:stack/other/*"))
    code, message = error(other.client("cloudformation").execute_change_set, ChangeSetName=created["Id"])
    assert code == "AccessDenied" and created["StackId"] in message
    own = account.caller(allow(execute, f"arn:aws:cloudformation:*:*:stack/{name}/*"), allow(TOPICS))
    own.client("cloudformation").execute_change_set(ChangeSetName=created["Id"])
    assert settled(account, created["StackId"]) == "CREATE_COMPLETE"
