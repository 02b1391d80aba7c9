"""What IAM accepts: principals, policy sizes, and names."""

import json
from typing import Any

import pytest

from tests.conformance.callers import Account, allow, document, error, unique


def _trust(**principal: Any) -> str:
    return document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal})


@pytest.mark.parametrize("kind", ["role", "user"])
def test_a_trust_policy_names_principals_that_exist(account: Account, kind: str) -> None:
    """A trust policy that names a role or user that does not exist is rejected.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    iam, arn = account.client("iam"), f"arn:aws:iam::{account.other().id}:{kind}/does-not-exist"
    invalid = ("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{arn}"')
    assert error(iam.create_role, RoleName=unique("r"), AssumeRolePolicyDocument=_trust(AWS=[arn])) == invalid
    name = account.role("lambda.amazonaws.com").rpartition("/")[2]
    assert error(iam.update_assume_role_policy, RoleName=name, PolicyDocument=_trust(AWS=arn)) == invalid


def test_a_trust_policy_names_principals_of_other_accounts(account: Account) -> None:
    """A trust policy may name an existing role of another account, an account, and a service.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    other = account.other()
    role = other.role("lambda.amazonaws.com")
    trust = _trust(AWS=[role, other.id, f"arn:aws:iam::{other.id}:root"], Service="ecs-tasks.amazonaws.com")
    account.client("iam").create_role(RoleName=unique("r"), AssumeRolePolicyDocument=trust)


def _statement_of(characters: int) -> dict[str, Any]:
    """Return a statement whose document has that many characters without white space."""
    empty = len("".join(document(allow("s3:GetObject", ["arn:aws:s3:::"])).split()))
    return allow("s3:GetObject", ["arn:aws:s3:::" + "x" * (characters - empty)])


def test_inline_policies_of_a_role_share_a_limit(account: Account) -> None:
    """All inline policies of a role together have at most 10,240 characters, white space not counted.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    iam, name = account.client("iam"), account.role("lambda.amazonaws.com").rpartition("/")[2]
    half = json.dumps(json.loads(document(_statement_of(5120))), indent=4)
    for policy in ("first", "second", "second"):  # replacing a policy does not count it twice
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=half)
    code, message = error(
        iam.put_role_policy, RoleName=name, PolicyName="third", PolicyDocument=document(allow("s3:GetObject"))
    )
    assert (code, message) == (
        "LimitExceeded",
        f"Maximum policy size of 10240 bytes exceeded for role {name}",
    )


def test_inline_policies_of_users_and_groups_have_limits(account: Account) -> None:
    """Inline policies have at most 2,048 characters for a user and 5,120 for a group.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    iam, user, group = account.client("iam"), unique("user"), unique("group")
    iam.create_user(UserName=user)
    iam.create_group(GroupName=group)
    for put, owner, limit in (
        (iam.put_user_policy, {"UserName": user}, 2048),
        (iam.put_group_policy, {"GroupName": group}, 5120),
    ):
        put(PolicyName="p", PolicyDocument=document(_statement_of(limit)), **owner)
        code, _ = error(put, PolicyName="p", PolicyDocument=document(_statement_of(limit + 1)), **owner)
        assert code == "LimitExceeded"


def test_a_managed_policy_has_a_limit(account: Account) -> None:
    """A managed policy has at most 6,144 characters, white space not counted.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    iam = account.client("iam")
    created = iam.create_policy(PolicyName=unique("p"), PolicyDocument=document(_statement_of(6144)))
    exceeded = ("LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
    large = document(_statement_of(6145))
    assert error(iam.create_policy, PolicyName=unique("p"), PolicyDocument=large) == exceeded
    arn = created["Policy"]["Arn"]
    assert error(iam.create_policy_version, PolicyArn=arn, PolicyDocument=large) == exceeded


def test_a_trust_policy_has_a_limit(account: Account) -> None:
    """A trust policy has at most 2,048 characters, white space not counted.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    trust = _trust(AWS=[f"arn:aws:iam::{number:012}:root" for number in range(100)])
    code, message = error(
        account.client("iam").create_role, RoleName=unique("r"), AssumeRolePolicyDocument=trust
    )
    assert (code, message) == ("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048")


@pytest.mark.parametrize("name", ["r" * 65, "no spaces"])
def test_a_role_name_has_a_shape(account: Account, name: str) -> None:
    """A role's name has at most 64 characters: letters, digits, and _+=,.@-.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
    """
    trust = _trust(Service="lambda.amazonaws.com")
    code, message = error(account.client("iam").create_role, RoleName=name, AssumeRolePolicyDocument=trust)
    assert code == "ValidationError"
    assert "1 validation error detected: Value" in message
    assert "at 'roleName' failed to satisfy constraint: Member must" in message
