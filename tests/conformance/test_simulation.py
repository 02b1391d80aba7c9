"""The policy simulator, the state machine validator, and the limits that services report."""

import json
from typing import Any

import pytest

from tests.conformance.callers import Account, allow, document, error, unique

ACTION = "sqs:CreateQueue"


def simulated(account: Account, principal: str, **more: Any) -> dict[str, Any]:
    answer = account.client("iam").simulate_principal_policy(
        PolicySourceArn=principal, **{"ActionNames": [ACTION], **more}
    )
    (result,) = answer["EvaluationResults"]
    found: dict[str, Any] = result
    return found


def test_the_simulator_knows_the_permissions_boundary(account: Account) -> None:
    """The policy simulator allows what the policies and the permissions boundary allow.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
    """
    iam = account.client("iam")
    role = account.role("lambda.amazonaws.com", allowed=(allow("sqs:*"),))
    assert simulated(account, role)["EvalDecision"] == "allowed"
    boundary = iam.create_policy(PolicyName=unique("boundary"), PolicyDocument=document(allow("sns:*")))
    iam.put_role_permissions_boundary(
        RoleName=role.rpartition("/")[2], PermissionsBoundary=boundary["Policy"]["Arn"]
    )
    result = simulated(account, role)
    assert result["EvalDecision"] == "implicitDeny"
    assert result["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}


def test_the_simulator_takes_context(account: Account) -> None:
    """The policy simulator evaluates conditions with the context that it is given; without it, they fail.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_ContextEntry.html
    """
    policy = "arn:aws:iam::111111111111:policy/b"
    role = account.role(
        "lambda.amazonaws.com",
        allowed=(allow("iam:CreateRole", StringEquals={"iam:PermissionsBoundary": policy}),),
    )
    asked: dict[str, Any] = {"ActionNames": ["iam:CreateRole"]}
    assert simulated(account, role, **asked)["EvalDecision"] == "implicitDeny"
    asked["ContextEntries"] = [
        {
            "ContextKeyName": "iam:PermissionsBoundary",
            "ContextKeyType": "string",
            "ContextKeyValues": [policy],
        }
    ]
    assert simulated(account, role, **asked)["EvalDecision"] == "allowed"


def test_the_simulator_needs_a_principal_that_exists(account: Account) -> None:
    """The principal of a simulation must exist, and the caller needs permission for that principal.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
    """
    missing = "arn:aws:iam::111111111111:role/nobody"
    simulate = account.client("iam").simulate_principal_policy
    code, _ = error(simulate, PolicySourceArn=missing, ActionNames=[ACTION])
    assert code == "NoSuchEntity"
    own, other = account.role("lambda.amazonaws.com"), account.role("lambda.amazonaws.com")
    iam = account.caller(allow("iam:SimulatePrincipalPolicy", own)).client("iam")
    assert iam.simulate_principal_policy(PolicySourceArn=own, ActionNames=[ACTION])["EvaluationResults"]
    code, message = error(iam.simulate_principal_policy, PolicySourceArn=other, ActionNames=[ACTION])
    assert code == "AccessDenied" and other in message


STATE = {"Type": "Pass", "End": True}


@pytest.mark.parametrize(
    ("definition", "codes"),
    [
        ({"StartAt": "A", "States": {"A": STATE}}, []),
        ({"StartAt": "B", "States": {"A": STATE}}, ["MISSING_TRANSITION_TARGET"] * 2),
        ({"StartAt": "A"}, ["SCHEMA_VALIDATION_FAILED"]),
    ],
)
def test_a_definition_is_validated(account: Account, definition: Any, codes: list[str]) -> None:
    """ValidateStateMachineDefinition lists what CreateStateMachine would refuse.

    https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html
    """
    states = account.client("stepfunctions")
    answer = states.validate_state_machine_definition(definition=json.dumps(definition))
    assert answer["result"] == ("FAIL" if codes else "OK")
    assert [each["code"] for each in answer["diagnostics"]] == codes


def test_a_template_in_a_request_is_limited(account: Account) -> None:
    """A request takes a template of at most 51,200 bytes; a larger one must be in Amazon S3.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    """
    client = account.client("cloudformation")
    large = json.dumps({"Resources": {"It": {"Type": "AWS::SNS::Topic"}}, "Description": "x"}).ljust(51_201)
    assert client.validate_template(TemplateBody=large.rstrip())["Description"] == "x"
    for call in (client.validate_template, client.create_stack):
        named = {"StackName": unique("stack")} if call == client.create_stack else {}
        code, message = error(call, TemplateBody=large, **named)
        assert code == "ValidationError" and "length less than or equal to 51200" in message


def test_services_report_their_quotas(account: Account) -> None:
    """Amazon RDS and Kinesis report the quotas of an account, and what of them is used.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeAccountAttributes.html
    """
    kinesis, name = account.client("kinesis"), unique("stream")
    before = kinesis.describe_limits()
    kinesis.create_stream(StreamName=name, ShardCount=3)
    after = kinesis.describe_limits()
    assert after["OpenShardCount"] == before["OpenShardCount"] + 3 <= after["ShardLimit"]
    quotas = account.client("rds").describe_account_attributes()["AccountQuotas"]
    used = {quota["AccountQuotaName"]: (quota["Used"], quota["Max"]) for quota in quotas}
    snapshots = account.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    assert used["ManualSnapshots"] == (len(snapshots), 100)
