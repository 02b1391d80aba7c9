"""The comparison of recorded answers itself; tests/end_to_end/test_prove.py compares the recordings."""

from typing import Any

from tests.ops.prove.recorded import differences


def answer(status: int = 200, operation: str = "DescribeStacks", **response: Any) -> dict[str, Any]:
    return {"service": "cloudformation", "operation": operation, "status": status, "response": response}


def test_answers_of_the_same_shape_do_not_differ() -> None:
    aws = [answer(Stacks=[{"StackName": "a"}]), answer(Stacks=[{"StackName": "a", "Outputs": []}])]
    embedded = [answer(Stacks=[{"StackName": "b", "Outputs": []}, {"StackName": "c"}])]
    assert differences(aws, embedded) == []


def test_a_member_that_is_missing_or_invented_is_named() -> None:
    aws = [answer(Stacks=[{"StackName": "a", "EnableTerminationProtection": False}])]
    embedded = [answer(Stacks=[{"StackName": "b", "Color": "red"}])]
    assert differences(aws, embedded) == [
        "cloudformation:DescribeStacks: lacks Stacks[].EnableTerminationProtection",
        "cloudformation:DescribeStacks: invents Stacks[].Color",
    ]


def test_another_error_is_named() -> None:
    aws = [answer(400, Error={"Code": "ValidationError"})]
    embedded = [answer(404, Error={"Code": "NoSuchStack"})]
    assert differences(aws, embedded) == [
        "cloudformation:DescribeStacks: lacks error ValidationError",
        "cloudformation:DescribeStacks: invents error NoSuchStack",
    ]


def test_an_operation_that_only_one_has_answered_is_left_out() -> None:
    assert differences([answer(operation="ListStacks", Stacks=[])], [answer(Stacks=[])]) == []
