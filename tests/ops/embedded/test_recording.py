"""The recorder: each API call, log event, delivered object, and execution event is one line, in order."""

import json
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tests.ops.embedded.log_pipeline import LogPipeline, make_group, write_logs
from tests.ops.embedded.overlay import ACCOUNT, REGION, allow, client, eventually, role, unique

DEFINITION = {"StartAt": "Only", "States": {"Only": {"Type": "Pass", "Result": {"x": 1}, "End": True}}}


def lines(record: Path, text: str) -> list[dict[str, Any]]:
    """Return the records that contain the text."""
    complete = [line for line in record.read_text().split("\n")[:-1] if text in line]
    return [json.loads(line) for line in complete]


def test_a_call_is_recorded_with_its_request_and_answer(embedded: Any, record: Path) -> None:
    name = unique("topic")
    client(embedded, "sns").create_topic(Name=name)
    (found,) = lines(record, name)
    assert (found["kind"], found["service"], found["operation"]) == ("call", "sns", "CreateTopic")
    assert (found["account"], found["region"], found["status"]) == (ACCOUNT, REGION, 200)
    assert found["request"]["Name"] == name
    assert name in found["response"] and "Boto3" in found["agent"]


def test_a_refused_call_is_recorded_with_its_error(embedded: Any, record: Path) -> None:
    bucket = unique("absent")
    try:
        client(embedded, "s3").list_objects_v2(Bucket=bucket)
    except ClientError:
        pass
    (found,) = lines(record, bucket)
    assert found["status"] == 404 and "NoSuchBucket" in found["response"]


def test_log_events_are_recorded_before_their_delivery(embedded: Any, record: Path) -> None:
    pipeline, group, message = LogPipeline(embedded), make_group(embedded), unique("message")
    pipeline.subscribe(group)
    write_logs(embedded, group, message)
    eventually(lambda: [each for each in lines(record, message) if each["kind"] == "delivery"])
    kinds = [found["kind"] for found in lines(record, message)]
    assert kinds.index("lines") < kinds.index("delivery")
    (stored,) = [found for found in lines(record, message) if found["kind"] == "lines"]
    assert [event["message"] for event in stored["events"]] == [message] and stored["events"][0]["eventId"]


def test_the_history_of_an_execution_is_recorded(embedded: Any, record: Path) -> None:
    states, name = client(embedded, "stepfunctions"), unique("machine")
    machine = states.create_state_machine(
        name=name,
        definition=json.dumps(DEFINITION),
        roleArn=role(embedded, "states.amazonaws.com", allow("lambda:InvokeFunction")),
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]

    def recorded() -> list[str]:
        return [found["event"]["type"] for found in lines(record, execution) if found["kind"] == "state"]

    eventually(lambda: "ExecutionSucceeded" in recorded())
    events = states.get_execution_history(executionArn=execution)["events"]
    assert [event["type"] for event in events if event["type"] != "ExecutionStarted"] == recorded()
