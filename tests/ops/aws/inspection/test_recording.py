"""Recorded answers: what AWS said, without identifiers."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ops.aws.inspection.recording import Recorder, shape_of

ACCOUNT, OTHER = "314159265358", "271828182845"


def recorded(**response: Any) -> Any:
    recorder = Recorder()
    context = {"client_region": "eu-west-1"}
    metadata = {"HTTPStatusCode": 403, "RequestId": "5b8e1b9e-0000-4a2a-9d5e-1f2f3a4b5c6d"}
    recorder._record(
        event_name="after-call.kms.GetKeyPolicy",
        parsed={**response, "ResponseMetadata": metadata},
        context=context,
    )
    (answer,) = json.loads(recorder.text())
    assert {name: answer[name] for name in ("service", "operation", "region", "status")} == {
        "service": "kms",
        "operation": "GetKeyPolicy",
        "region": "eu-west-1",
        "status": 403,
    }
    return answer["response"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"User: arn:aws:sts::{ACCOUNT}:assumed-role/acme/ada is not authorized to perform: kms:Decrypt",
            "User: arn:aws:sts::000000000001:assumed-role/name-1 is not authorized to perform: kms:Decrypt",
        ),
        (
            f"arn:aws:iam::{ACCOUNT}:role/slipway-workbench",
            "arn:aws:iam::000000000001:role/slipway-workbench",
        ),
        ("arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/ReadOnlyAccess"),
        (f"arn:aws:iam::{ACCOUNT}:root", "arn:aws:iam::000000000001:root"),
        ("arn:aws:s3:::acme-payroll/2026/x", "arn:aws:s3:::name-1"),
        (
            f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:pay",
            "arn:aws:lambda:eu-west-1:000000000001:function:name-1",
        ),
        (
            "Request ID: 5b8e1b9e-0000-4a2a-9d5e-1f2f3a4b5c6d",
            "Request ID: 00000000-0000-0000-0000-000000000000",
        ),
        ("AROAJQABCDEFGHIJKLMNO:ada", "AROAEXAMPLE:ada"),
        ("ask ada@acme.example", "ask name@example.com"),
        ("cannot reach 10.20.30.40", "cannot reach host.example.com"),
        ("cannot reach pay.abc1.eu-west-1.rds.amazonaws.com", "cannot reach host.example.com"),
        ("eu-west-1 has 51200 bytes", "eu-west-1 has 51200 bytes"),
    ],
)
def test_identifiers_are_replaced(text: str, expected: str) -> None:
    assert recorded(Message=text) == {"Message": expected}


def test_the_same_identifier_gets_the_same_replacement() -> None:
    found = recorded(
        One={"Account": ACCOUNT, "Other": OTHER},
        Two=[f"arn:aws:iam::{ACCOUNT}:role/acme", f"arn:aws:iam::{OTHER}:role/acme"],
    )
    assert found["One"] == {"Account": "000000000001", "Other": "000000000002"}
    assert found["Two"] == ["arn:aws:iam::000000000001:role/name-1", "arn:aws:iam::000000000002:role/name-1"]


def test_secrets_and_what_people_have_chosen_are_dropped() -> None:
    found = recorded(
        Credentials={"SecretAccessKey": "hunter2"},
        Stacks=[
            {"StackName": "s", "Parameters": [{"ParameterValue": "hunter2"}], "Created": datetime.now(UTC)}
        ],
        Body=object(),
    )
    assert found["Stacks"][0]["StackName"] == "name-1" and "hunter2" not in json.dumps(found)


def test_names_are_replaced_also_where_a_message_repeats_them() -> None:
    found = recorded(
        Stacks=[{"StackName": "acme-payroll", "Kind": "acme-payroll is busy"}, {"StackName": "slipway-x"}],
        RegionName="eu-west-1",
        nextToken="hunter2",
        SecretString="hunter2",  # pragma: allowlist secret
        MasterUserPassword="hunter2",  # pragma: allowlist secret
    )
    assert found == {
        "Stacks": [{"StackName": "name-1", "Kind": "name-1 is busy"}, {"StackName": "slipway-x"}],
        "RegionName": "eu-west-1",
    }


def test_a_fixture_has_one_answer_of_each_shape() -> None:
    recorder = Recorder()
    recorder.replace("ab12cd", "000000")
    for stack in ({"StackName": "slipway-ab12cd"}, {"StackName": "slipway-two"}, {"StackId": "x"}):
        answer = {"Stacks": [stack], "ResponseMetadata": {"HTTPStatusCode": 200}}
        recorder._record(event_name="after-call.cloudformation.DescribeStacks", parsed=answer, context={})
    answers = json.loads(recorder.fixture())
    assert [answer["response"]["Stacks"] for answer in answers] == [
        [{"StackName": "slipway-two"}],
        [{"StackId": "x"}],
    ]
    assert shape_of(answers[0]["response"]) == {"Stacks", "Stacks[]", "Stacks[].StackName"}
    assert "slipway-000000" in recorder.text()
