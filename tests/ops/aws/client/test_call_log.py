"""Logged AWS calls: each once, with its names, and neither its parameters nor AWS's message."""

import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from ops.aws.cloud import Cloud, Endpoint
from ops.own_log import JsonLines
from ops.settings import Account, Settings

SECRET = "hunter2-of-a-customer"
ACCOUNTS = (Account("one", "111111111111"),)


@dataclass
class Service:
    """CloudWatch Logs, reduced to a list of responses: the error code of each, or "" for success."""

    url: str = ""
    responses: list[str] = field(default_factory=list)


@pytest.fixture
def service() -> Iterator[Service]:
    served = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            code = served.responses.pop(0)
            error = {"__type": code, "message": f"{SECRET} is refused"}
            body = json.dumps(error if code else {"events": []})
            status = 503 if code == "ServiceUnavailable" else 400 if code else 200
            self.send_response(status)
            self.send_header("x-amzn-RequestId", "request-1")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}"
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


def search(url: str) -> None:
    cloud = Cloud(Settings(accounts=ACCOUNTS), Endpoint(url, "key", "secret"))
    cloud.client("logs").filter_log_events(logGroupName="/shop", filterPattern=SECRET)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """All records of the test, which must not contain the secret."""
    caplog.set_level(logging.DEBUG, logger="ops")
    yield caplog
    assert SECRET not in "".join(map(JsonLines().format, caplog.get_records("call")))


def test_a_retried_call_is_logged_once_with_its_attempts(
    service: Service, logged: pytest.LogCaptureFixture
) -> None:
    service.responses = ["ThrottlingException", ""]
    search(service.url)
    (record,) = logged.records
    fields = json.loads(JsonLines().format(record))
    assert {name: fields[name] for name in ("level", "message", "service", "operation", "region")} == {
        "level": "INFO",
        "message": "AWS call retried",
        "service": "cloudwatch-logs",
        "operation": "FilterLogEvents",
        "region": "eu-west-1",
    }
    assert (fields["attempts"], fields["code"], fields["request_id"]) == (
        2,
        "ThrottlingException",
        "request-1",
    )


@pytest.mark.parametrize(
    ("code", "level", "message"),
    [
        ("AccessDeniedException", "INFO", "AWS call refused"),
        ("ResourceNotFoundException", "DEBUG", "AWS call failed"),
    ],
)
def test_a_call_that_is_not_retried_is_logged_with_its_code(
    service: Service, logged: pytest.LogCaptureFixture, code: str, level: str, message: str
) -> None:
    service.responses = [code]
    with pytest.raises(ClientError):
        search(service.url)
    (record,) = logged.records
    fields = json.loads(JsonLines().format(record))
    assert (fields["level"], fields["message"], fields["code"], fields["attempts"]) == (
        level,
        message,
        code,
        1,
    )


def test_a_call_that_fails_in_spite_of_retries_is_logged_once(
    service: Service, logged: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # half a minute of backoff
    service.responses = ["ServiceUnavailable"] * 6
    with pytest.raises(ClientError):
        search(service.url)
    ((level, code, attempts),) = [(r.levelname, vars(r)["code"], vars(r)["attempts"]) for r in logged.records]
    assert (level, code, attempts) == ("INFO", "ServiceUnavailable", 6)


def test_a_call_without_a_response_is_logged(service: Service, logged: pytest.LogCaptureFixture) -> None:
    with pytest.raises(BotoCoreError):
        search("http://127.0.0.1:1")
    (record,) = logged.records
    assert (record.levelname, vars(record)["code"]) == ("INFO", "EndpointConnectionError")


def test_a_call_that_succeeds_is_not_logged(service: Service, logged: pytest.LogCaptureFixture) -> None:
    service.responses = [""]
    search(service.url)
    assert logged.records == []
