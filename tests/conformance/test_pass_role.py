"""Who may pass a role to a service, and which services can use it."""

from typing import Any

import pytest

from tests.conformance import handing_over
from tests.conformance.callers import Account, allow, error

# A call that passes a role, the service that it is passed to, and the actions that the call itself needs.
PASSED: list[Any] = [
    pytest.param(handing_over.lambda_function, "lambda.amazonaws.com", "lambda:*", id="lambda"),
    pytest.param(handing_over.task_definition, "ecs-tasks.amazonaws.com", "ecs:*", id="task definition"),
    pytest.param(handing_over.task, "ecs-tasks.amazonaws.com", "ecs:*", id="task"),
    pytest.param(handing_over.state_machine, "states.amazonaws.com", "states:*", id="state machine"),
    pytest.param(handing_over.delivery_stream, "firehose.amazonaws.com", "firehose:*", id="firehose"),
    pytest.param(handing_over.rule_target, "events.amazonaws.com", "events:*", id="events"),
    pytest.param(handing_over.monitored_database, "monitoring.rds.amazonaws.com", "rds:*", id="rds"),
    pytest.param(handing_over.subscription_filter, "logs.amazonaws.com", "logs:*", id="logs"),
    pytest.param(
        handing_over.change_set, "cloudformation.amazonaws.com", "cloudformation:*", id="change set"
    ),
]


@pytest.mark.parametrize(("hand_over", "service", "actions"), PASSED)
def test_a_role_is_passed_with_permission_only(
    account: Account, hand_over: Any, service: str, actions: str
) -> None:
    """A caller that passes a role to a service needs `iam:PassRole` on the role, for that service.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    role = account.role(service, allowed=(allow("kinesis:*"),))
    for grants in (
        [],
        [allow("iam:PassRole", role, StringEquals={"iam:PassedToService": "none.amazonaws.com"})],
    ):
        caller = account.caller(allow(actions), *grants)
        code, message = error(hand_over, client=caller.client, account=account, role=role)
        assert code in ("AccessDenied", "AccessDeniedException")
        assert f"is not authorized to perform: iam:PassRole on resource: {role}" in message
    may = account.caller(
        allow(actions), allow("iam:PassRole", role, StringEquals={"iam:PassedToService": service})
    )
    hand_over(may.client, account, role)


def test_a_role_of_another_account_is_never_passed(account: Account) -> None:
    """A role of another account cannot be passed to a service.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    role = account.other().role("lambda.amazonaws.com")
    code, message = error(handing_over.lambda_function, client=account.client, account=account, role=role)
    assert (code, message) == ("AccessDeniedException", "Cross-account pass role is not allowed.")


def test_the_action_itself_is_checked_first(account: Account) -> None:
    """Without permission for the action, the error names the action, not `iam:PassRole`.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
    """
    role, caller = account.role("states.amazonaws.com"), account.caller()
    code, message = error(handing_over.state_machine, client=caller.client, account=account, role=role)
    assert code == "AccessDeniedException"
    assert "states:CreateStateMachine" in message


NOT_TRUSTED: list[Any] = [
    pytest.param(
        handing_over.lambda_function,
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
        id="lambda",
    ),
    pytest.param(
        handing_over.state_machine,
        "AccessDeniedException",
        "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to "
        "assume the provided role.",
        id="state machine",
    ),
    pytest.param(
        handing_over.delivery_stream, "InvalidArgumentException", "unable to assume role", id="firehose"
    ),
    pytest.param(
        handing_over.rule_target, "ValidationException", "cannot be assumed by principal", id="events"
    ),
    pytest.param(handing_over.monitored_database, "InvalidParameterValue", "ENHANCED_MONITORING", id="rds"),
    pytest.param(
        handing_over.change_set, "ValidationError", "is invalid or cannot be assumed", id="change set"
    ),
]


@pytest.mark.parametrize(("hand_over", "code", "message"), NOT_TRUSTED)
def test_a_service_uses_only_roles_that_trust_it(
    account: Account, hand_over: Any, code: str, message: str
) -> None:
    """A service rejects a role whose trust policy does not name it.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_roles.html
    """
    for role in (account.role("sns.amazonaws.com"), f"arn:aws:iam::{account.id}:role/does-not-exist"):
        answered = error(hand_over, client=account.client, account=account, role=role)
        assert answered[0] == code
        assert message in answered[1]


def test_conditions_of_a_trust_policy_are_checked(account: Account) -> None:
    """A service assumes a role on behalf of an account: `aws:SourceAccount` in the trust policy must match.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    own = account.role("states.amazonaws.com", StringEquals={"aws:SourceAccount": account.id})
    handing_over.state_machine(account.client, account, own)
    foreign = account.role("states.amazonaws.com", StringEquals={"aws:SourceAccount": account.other().id})
    code, _ = error(handing_over.state_machine, client=account.client, account=account, role=foreign)
    assert code == "AccessDeniedException"
