"""IAM: the grammar of policies, and how many a role has."""

import json
from typing import Any

import pytest

from tests.conformance.callers import Account, allow, document, error, unique

READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
WRONG: list[Any] = [
    pytest.param({**READ, "Action": "GetObject"}, "must be prefaced by a vendor", id="action"),
    pytest.param({**READ, "Resource": "bucket/*"}, "must be in ARN format", id="resource"),
    pytest.param({**READ, "Principal": "*"}, "should not specify a principal", id="principal"),
    pytest.param({**READ, "Condition": {"Equals": {"aws:x": "y"}}}, "Invalid Condition type", id="condition"),
    pytest.param({**READ, "Sid": "with-hyphen"}, "must be alpha-numeric", id="sid"),
    pytest.param({**READ, "Effect": "Permit"}, "Syntax errors in policy.", id="effect"),
    pytest.param({**READ, "Actions": "s3:*"}, "Syntax errors in policy.", id="element"),
    pytest.param({"Effect": "Allow", "Action": "s3:*"}, "must contain resources", id="no resource"),
    pytest.param({"Effect": "Allow", "Resource": "*"}, "must contain actions", id="no action"),
]
WRONG_TRUST: list[Any] = [
    pytest.param({**TRUST, "Resource": "*"}, "Has prohibited field Resource", id="resource"),
    pytest.param({**TRUST, "Action": "s3:GetObject"}, "only specify STS AssumeRole", id="action"),
    pytest.param({"Effect": "Allow", "Action": "sts:AssumeRole"}, "field Principal", id="principal"),
]


@pytest.mark.parametrize(("statement", "said"), WRONG)
def test_policies_have_a_grammar(account: Account, statement: dict[str, Any], said: str) -> None:
    """A policy of an identity has known elements, actions of services, resources, and no principal.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
    """
    iam, name = account.client("iam"), account.role("lambda.amazonaws.com").rpartition("/")[2]
    refused = error(iam.put_role_policy, RoleName=name, PolicyName="p", PolicyDocument=document(statement))
    assert refused[0] == "MalformedPolicyDocument" and said in refused[1]
    created = error(iam.create_policy, PolicyName=unique("p"), PolicyDocument=document(statement))
    assert created == refused


@pytest.mark.parametrize(
    "text",
    ["{", json.dumps({"Version": "2012-10-18", "Statement": [READ]}), json.dumps({"Version": "2012-10-17"})],
    ids=["json", "version", "no statement"],
)
def test_a_policy_is_a_document(account: Account, text: str) -> None:
    """A policy is a JSON document with a known version and statements.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
    """
    refused = error(account.client("iam").create_policy, PolicyName=unique("p"), PolicyDocument=text)
    assert refused == ("MalformedPolicyDocument", "Syntax errors in policy.")


def test_the_statements_of_a_policy_have_different_ids(account: Account) -> None:
    """The IDs of the statements of a policy are unique.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html
    """
    same = document({**READ, "Sid": "A"}, {**READ, "Sid": "A"})
    code, message = error(account.client("iam").create_policy, PolicyName=unique("p"), PolicyDocument=same)
    assert code == "MalformedPolicyDocument" and "must be unique" in message


@pytest.mark.parametrize(("statement", "said"), WRONG_TRUST)
def test_trust_policies_have_a_grammar(account: Account, statement: dict[str, Any], said: str) -> None:
    """A trust policy has a principal, actions of STS, and no resource.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-custom.html
    """
    trust = document(statement)
    code, message = error(
        account.client("iam").create_role, RoleName=unique("r"), AssumeRolePolicyDocument=trust
    )
    assert code == "MalformedPolicyDocument" and said in message


def test_an_attached_policy_exists(account: Account) -> None:
    """Only a managed policy that exists is attached.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachRolePolicy.html
    """
    name = account.role("lambda.amazonaws.com").rpartition("/")[2]
    arn = f"arn:aws:iam::{account.id}:policy/{unique('none')}"
    assert error(account.client("iam").attach_role_policy, RoleName=name, PolicyArn=arn)[0] == "NoSuchEntity"


def test_a_role_has_ten_managed_policies(account: Account) -> None:
    """A role has at most ten managed policies.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    iam, name = account.client("iam"), account.role("lambda.amazonaws.com").rpartition("/")[2]

    def policy() -> str:
        created = iam.create_policy(PolicyName=unique("p"), PolicyDocument=document(allow("s3:GetObject")))
        return str(created["Policy"]["Arn"])

    for _ in range(10):
        iam.attach_role_policy(RoleName=name, PolicyArn=(last := policy()))
    iam.attach_role_policy(RoleName=name, PolicyArn=last)
    exceeded = ("LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10")
    assert error(iam.attach_role_policy, RoleName=name, PolicyArn=policy()) == exceeded
