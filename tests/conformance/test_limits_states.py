"""Step Functions: definitions that AWS rejects."""

import json
from typing import Any

import pytest

from tests.conformance.callers import Account, error, unique

END: dict[str, Any] = {"Type": "Pass", "End": True}
INVOKE = "arn:aws:states:::lambda:invoke"
MISSING, SCHEMA = "MISSING_TRANSITION_TARGET", "SCHEMA_VALIDATION_FAILED"


def machine(*first: Any, **states: Any) -> str:
    return json.dumps({"StartAt": first[0] if first else "First", "States": states})


def task(**more: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": INVOKE, "End": True, **more}


def choice(**rule: Any) -> dict[str, Any]:
    return {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 1, **rule}], "Default": "End"}


NOT_CONNECTED: list[Any] = [
    pytest.param(
        machine(First={"Type": "Pass", "Next": "Nowhere"}),
        f"{MISSING}: Missing 'Next' target: Nowhere at /States/First/Next",
        id="next",
    ),
    pytest.param(machine("Nowhere", First=END), "target: Nowhere at /StartAt", id="start"),
    pytest.param(
        machine(First=choice(Next="Nowhere"), End=END), "at /States/First/Choices[0]/Next", id="choice"
    ),
    pytest.param(
        machine(First={**choice(Next="End"), "Default": "Nowhere"}, End=END),
        "at /States/First/Default",
        id="default",
    ),
    pytest.param(
        machine(First=task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Nowhere"}])),
        "at /States/First/Catch[0]/Next",
        id="catch",
    ),
    pytest.param(machine(First=END, Alone=END), f'{MISSING}: State "Alone" is not reachable.', id="alone"),
    pytest.param(
        machine(First={"Type": "Pass", "Next": "First"}),
        "MISSING_END_STATE: Workflow has no terminal state",
        id="no end",
    ),
    pytest.param(
        machine(
            First={"Type": "Parallel", "End": True, "Branches": [{"StartAt": "X", "States": {"Y": END}}]}
        ),
        "at /States/First/Branches[0]/StartAt",
        id="branch",
    ),
    pytest.param(
        machine(First={"Type": "Map", "End": True, "ItemProcessor": {"StartAt": "X", "States": {"Y": END}}}),
        "at /States/First/ItemProcessor/StartAt",
        id="map",
    ),
]
WRONG_FIELDS: list[Any] = [
    pytest.param("{", "INVALID_JSON_DESCRIPTION", id="json"),
    pytest.param(json.dumps({"States": {"First": END}}), "required: [StartAt]", id="no start"),
    pytest.param(machine(First={"Type": "Nothing", "End": True}), "at /States/First/Type", id="type"),
    pytest.param(machine(First={"Type": "Pass"}), "[Next, End] at /States/First", id="neither"),
    pytest.param(machine(First={**END, "Next": "First"}), "[Next, End] at /States/First", id="both"),
    pytest.param(machine(First={**END, "Surplus": 1}), "The field 'Surplus' is not supported", id="field"),
    pytest.param(machine(First={"Type": "Fail", "Catch": []}), "'Catch' is not supported", id="fail"),
    pytest.param(machine(First={"Type": "Task", "End": True}), "required: [Resource]", id="resource"),
    pytest.param(
        machine(First=task(Resource="arn:aws:states:::none:run")), "is not recognized", id="integration"
    ),
    pytest.param(machine(First={"Type": "Wait", "End": True}), "[Seconds, SecondsPath", id="wait"),
    pytest.param(
        machine(First={"Type": "Wait", "End": True, "Seconds": "9"}),
        "type Integer for the field",
        id="number",
    ),
    pytest.param(machine(First={**END, "InputPath": "x"}), "not a Reference Path at", id="path"),
    pytest.param(
        machine(First={**END, "Parameters": {"a.$": "x"}}), "must be a valid JSONPath", id="payload"
    ),
    pytest.param(
        machine(First={**END, "Parameters": {"a.$": "States.None($)"}}), "not an intrinsic", id="intrinsic"
    ),
    pytest.param(machine(First=choice(), End=END), "required: [Next] at /States/First/Choices[0]", id="rule"),
    pytest.param(
        machine(First=task(Retry=[{"ErrorEquals": ["States.ALL", "Other"]}])), "must appear alone", id="all"
    ),
    pytest.param(
        machine(First=task(Retry=[{"ErrorEquals": ["A"], "BackoffRate": 0.5}])), "at least 1.0", id="backoff"
    ),
    pytest.param(
        machine(First=task(TimeoutSeconds=5, HeartbeatSeconds=9)), "HeartbeatSeconds", id="heartbeat"
    ),
    pytest.param(machine("n" * 81, **{"n" * 81: END}), "at most 80 characters", id="name"),
]


def create(account: Account) -> Any:
    role = account.role("states.amazonaws.com")

    def call(definition: str, name: str = "") -> Any:
        client = account.client("stepfunctions")
        return client.create_state_machine(name=name or unique("m"), definition=definition, roleArn=role)

    return call


@pytest.mark.parametrize(("definition", "said"), NOT_CONNECTED)
def test_states_are_connected(account: Account, definition: str, said: str) -> None:
    """The states of a definition lead to states that exist, all are reachable, and one is terminal.

    https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html
    """
    code, message = error(create(account), definition=definition)
    assert code == "InvalidDefinition"
    assert message.startswith("Invalid State Machine Definition: '") and said in message


@pytest.mark.parametrize(("definition", "said"), WRONG_FIELDS)
def test_states_have_their_fields(account: Account, definition: str, said: str) -> None:
    """A state has the fields of its type, and no others.

    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html
    """
    code, message = error(create(account), definition=definition)
    assert code == "InvalidDefinition" and said in message


def test_an_update_has_a_valid_definition(account: Account) -> None:
    """A state machine cannot be updated to an invalid definition.

    https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateStateMachine.html
    """
    arn = create(account)(machine(First=END))["stateMachineArn"]
    update = account.client("stepfunctions").update_state_machine
    wrong = machine(First={"Type": "Pass", "Next": "Nowhere"})
    assert error(update, stateMachineArn=arn, definition=wrong)[0] == "InvalidDefinition"


@pytest.mark.parametrize("name", ["with space", "with/slash", 'quoted"'])
def test_names_of_state_machines_have_a_shape(account: Account, name: str) -> None:
    """A state machine's name has no white space, brackets, wildcards, or special characters.

    https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
    """
    assert error(create(account), definition=machine(First=END), name=name)[0] == "InvalidName"


def test_the_input_of_an_execution_has_a_limit(account: Account) -> None:
    """The input of an execution has at most 256 KiB.

    https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
    """
    arn = create(account)(machine(First=END))["stateMachineArn"]
    start = account.client("stepfunctions").start_execution
    for letter, count in (("x", 262_143), ("\N{SNOWMAN}", 90_000)):  # characters, and bytes of UTF-8
        code, _ = error(start, stateMachineArn=arn, input=f'"{letter * count}"')
        assert code in ("InvalidExecutionInput", "ValidationException")
