"""Lambda functions on the embedded cloud: errors, logs, roles, environment, and updates as on AWS."""

import io
import json
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.ops.embedded.overlay import REGION, allow, client, eventually, role, unique


class Functions:
    def __init__(self, embedded: Any, region: str = REGION) -> None:
        self.embedded = embedded
        self.client = client(embedded, "lambda", region=region)

    def create(self, source: str, *, name: str = "", role_arn: str = "", **more: Any) -> str:
        name = name or unique("function")
        self.client.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="index.handler",
            Role=role_arn or role(self.embedded, "lambda.amazonaws.com"),
            Code={"ZipFile": zipped(source)},
            **more,
        )
        return name

    def call(self, name: str, event: Any = None) -> tuple[str | None, Any]:
        response = self.client.invoke(FunctionName=name, Payload=json.dumps(event))
        return response.get("FunctionError"), json.loads(response["Payload"].read())

    def result(self, source: str, event: Any = None, **more: Any) -> Any:
        return self.call(self.create(source, **more), event)[1]

    def log(self, group: str) -> list[str]:
        logs = client(self.embedded, "logs")
        return [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]


def zipped(source: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("index.py", textwrap.dedent(source))
    return data.getvalue()


@pytest.fixture
def functions(embedded: Any) -> Functions:
    return Functions(embedded)


NOT_READY = """
    class NotReady(Exception):
        pass

    def handler(event, context):
        raise NotReady("still creating:\\nlook later")
"""


def test_an_error_has_the_exceptions_class_and_message(functions: Functions) -> None:
    kind, response = functions.call(functions.create(NOT_READY))
    assert kind == "Unhandled"
    assert (response["errorType"], response["errorMessage"]) == ("NotReady", "still creating:\nlook later")
    assert "in handler" in response["stackTrace"][0]


def test_a_failed_event_is_retried(embedded: Any, functions: Functions, tmp_path: Path) -> None:
    name = functions.create(
        """
        def handler(event, context):
            with open(event["path"], "a+") as seen:
                seen.write("seen ")
                seen.seek(0)
                if seen.read() == "seen ":
                    raise ValueError("not yet")
        """
    )
    arn = functions.client.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    events = client(embedded, "events")
    rule, source, seen = unique("rule"), unique("source"), tmp_path / "seen"
    permit = {"Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"}
    made = events.put_rule(Name=rule, EventPattern=json.dumps({"source": [source]}))["RuleArn"]
    functions.client.add_permission(FunctionName=name, StatementId="rule", SourceArn=made, **permit)
    target = {"Id": "one", "Arn": arn, "Input": json.dumps({"path": str(seen)})}
    events.put_targets(Rule=rule, Targets=[target])

    events.put_events(Entries=[{"Source": source, "DetailType": "test", "Detail": "{}"}])

    eventually(lambda: seen.exists() and seen.read_text() == "seen seen ")


def test_a_sandbox_survives_an_error(functions: Functions) -> None:
    name = functions.create(
        """
        import os

        def handler(event, context):
            if event == "fail":
                raise ValueError(os.getpid())
            return os.getpid()
        """
    )
    assert functions.call(name, "fail")[1]["errorMessage"] == str(functions.call(name)[1])


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import nothing_like_it", "Runtime.ImportModuleError"),
        ("def handler(", "Runtime.UserCodeSyntaxError"),
        ("other = 1", "Runtime.HandlerNotFound"),
        ("raise KeyError('PIPELINE')", "KeyError"),
        ("import datetime\ndef handler(e, c): return datetime.date.today()", "Runtime.MarshalError"),
        ("import os\ndef handler(e, c): os._exit(1)", "Runtime.ExitError"),
    ],
)
def test_errors_of_the_runtime(functions: Functions, source: str, error: str) -> None:
    assert functions.result(source)["errorType"] == error


def test_timeout(functions: Functions) -> None:
    response = functions.result("import time\ndef handler(e, c): time.sleep(60)", Timeout=1)
    assert response["errorType"] == "Sandbox.Timedout"


def test_the_log_contains_output_and_errors(functions: Functions) -> None:
    name = functions.create(
        """
        def handler(event, context):
            print("looking at", event)
            raise RuntimeError("broken")
        """
    )
    functions.call(name, "it")
    log = functions.log(f"/aws/lambda/{name}")
    assert log[0].startswith("START RequestId: ")
    assert log[1:3] == ["looking at it", "[ERROR] RuntimeError: broken"]
    assert log[-1].startswith("REPORT RequestId: ")


def test_each_invocation_has_its_own_log_events(functions: Functions) -> None:
    name = functions.create("def handler(event, context): print('call', event)")
    for number in range(5):
        functions.call(name, number)
    logs = client(functions.embedded, "logs")
    group = f"/aws/lambda/{name}"
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    events = [
        logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
        for stream in streams
    ]
    assert sorted(stream[1]["message"] for stream in events) == [f"call {number}" for number in range(5)]


def test_the_environment_contains_only_the_functions_variables(functions: Functions) -> None:
    names = functions.result(
        "import os\ndef handler(e, c): return sorted(os.environ)",
        Environment={"Variables": {"PIPELINE": "shop"}},
    )
    allowed = {"PIPELINE", "PATH", "LANG", "TZ", "LAMBDA_TASK_ROOT", "LC_CTYPE"}
    assert "PIPELINE" in names
    assert {name for name in names if not name.startswith("AWS_")} <= allowed
    assert "AWS_PROFILE" not in names


WHO = """
    import boto3

    def handler(event, context):
        return boto3.client(event["service"]).__getattribute__(event["call"])(**event.get("with", {}))["Arn"]
"""


def test_a_handler_has_its_role(functions: Functions, embedded: Any) -> None:
    name = functions.create(WHO)
    who = functions.call(name, {"service": "sts", "call": "get_caller_identity"})[1]
    assert ":assumed-role/role-" in who and who.endswith(f"/{name}")


def test_a_handler_is_denied_without_permission(functions: Functions, embedded: Any) -> None:
    make = {"service": "ssm", "call": "get_parameter", "with": {"Name": "unknown"}}
    refused = functions.result(WHO, make)
    assert "is not authorized to perform: ssm:GetParameter" in refused["errorMessage"]
    granted = role(embedded, "lambda.amazonaws.com", allow("ssm:GetParameter"))
    assert functions.result(WHO, make, role_arn=granted)["errorType"] == "ParameterNotFound"


def test_new_code_takes_effect_on_the_next_invocation(functions: Functions) -> None:
    name = functions.create("def handler(e, c): return 'old'")
    assert functions.call(name)[1] == "old"
    functions.client.update_function_code(
        FunctionName=name, ZipFile=zipped("def handler(e, c): return 'new'")
    )
    assert functions.call(name)[1] == "new"


def test_a_new_environment_takes_effect_on_the_next_invocation(functions: Functions) -> None:
    name = functions.create("import os\ndef handler(e, c): return os.environ.get('KEEP')")
    assert functions.call(name)[1] is None
    functions.client.update_function_configuration(
        FunctionName=name, Environment={"Variables": {"KEEP": "3"}}
    )
    assert functions.call(name)[1] == "3"


COUNTS = """
    calls = 0

    def handler(event, context):
        global calls
        calls += 1
        return calls
"""


def test_an_update_does_not_affect_the_same_function_in_another_region(
    functions: Functions, embedded: Any
) -> None:
    name = functions.create(COUNTS)
    assert functions.call(name) == (None, 1)
    elsewhere = Functions(embedded, "us-east-1")
    elsewhere.create(COUNTS, name=name)
    elsewhere.client.update_function_configuration(FunctionName=name, Timeout=9)
    assert functions.call(name) == (None, 2)


def test_asynchronous_calls_are_retried_as_configured(functions: Functions) -> None:
    name = functions.create(NOT_READY)
    functions.client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    functions.client.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
    group = f"/aws/lambda/{name}"

    def ran() -> bool:
        groups = client(functions.embedded, "logs").describe_log_groups(logGroupNamePrefix=group)
        return bool(groups["logGroups"]) and "[ERROR] NotReady" in "".join(functions.log(group))

    assert eventually(ran)


def test_a_handler_cannot_connect_to_other_machines(functions: Functions) -> None:
    response = functions.result(
        """
        import socket

        def handler(event, context):
            socket.create_connection(("192.0.2.1", 443), timeout=1)
        """
    )
    assert response["errorType"] == "ConnectionBlocked"
    assert "192.0.2.1:443" in response["errorMessage"]


# The guard alone

TRIES = """
import socket, sys
from ops.embedded.runtime.guard import ConnectionBlocked, block_outside_connections
block_outside_connections()
listening = socket.create_server(("127.0.0.1", 0))
socket.create_connection(("localhost", listening.getsockname()[1])).close()
here, there = socket.socketpair()
refused = 0
for attempt in (
    lambda: socket.create_connection(("203.0.113.7", 80), timeout=1),
    lambda: socket.socket().connect_ex(("203.0.113.7", 80)),
    lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("203.0.113.7", 53)),
    lambda: socket.getaddrinfo("example.com", 443),
    lambda: socket.create_connection(("example.com", 443), timeout=1),
):
    try:
        attempt()
    except ConnectionBlocked:
        refused += 1
print(refused)
"""


def test_the_guard_allows_loopback_only() -> None:
    ran = subprocess.run([sys.executable, "-c", TRIES], capture_output=True, text=True, timeout=60)
    assert (ran.stdout, ran.stderr) == ("5\n", "")
