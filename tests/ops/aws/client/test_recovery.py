"""An outage: calls fail fast while nothing answers, and rejected credentials are replaced."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore import exceptions as boto
from botocore.config import Config

from ops.aws.client.recovery import ATTEMPTS, DOWN_S, Recovery
from ops.aws.cloud import Cloud, Endpoint
from ops.embedded.ports import free_port
from ops.settings import Account, Settings

ROLE = "arn:aws:iam::111111111111:role/Slipway"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def client(recovery: Recovery) -> tuple[Any, list[str]]:
    """Return a client of an endpoint where nothing listens, and the requests that it sends."""
    config = Config(retries={"mode": "adaptive", "max_attempts": 5}, connect_timeout=1)
    url = f"http://127.0.0.1:{free_port()}"
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-west-1")
    made = session.client("sts", endpoint_url=url, config=config)
    recovery.watch(made, "", lambda: None)
    sent: list[str] = []
    made.meta.events.register("before-send", lambda request, **_: sent.append(request.url))
    return made, sent


def attempts(made: Any, sent: list[str]) -> int:
    sent.clear()
    with pytest.raises(boto.EndpointConnectionError):
        made.get_caller_identity()
    return len(sent)


def test_an_endpoint_on_this_machine_is_tried_once() -> None:
    made, sent = client(Recovery(local=True))
    assert [attempts(made, sent) for _ in range(2)] == [1, 1]


def test_aws_is_tried_twice_and_then_not_for_a_while() -> None:
    clock = Clock()
    made, sent = client(Recovery(local=False, clock=clock))
    assert attempts(made, sent) == ATTEMPTS == 2
    assert attempts(made, sent) == 0
    clock.now += DOWN_S
    assert attempts(made, sent) == ATTEMPTS


def test_calls_during_the_pause_do_not_prolong_it() -> None:
    """Otherwise pages that keep asking would never see the host again."""
    clock = Clock()
    made, sent = client(Recovery(local=False, clock=clock))
    assert attempts(made, sent) == ATTEMPTS
    for _ in range(3):
        clock.now += DOWN_S / 4
        assert attempts(made, sent) == 0
    clock.now += DOWN_S / 4
    assert attempts(made, sent) == ATTEMPTS


class Service(BaseHTTPRequestHandler):
    """STS, which numbers the access keys that it gives, and rejects those below `valid_from`."""

    given: int
    valid_from: int

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        key = self.headers["Authorization"].split("Credential=")[1].split("/")[0]
        if "Action=AssumeRole" in body:
            type(self).given += 1
            self.answer(
                200,
                "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
                f"<AccessKeyId>AKIA{self.given}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
                "<SessionToken>t</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration>"
                "</Credentials></AssumeRoleResult></AssumeRoleResponse>",
            )
        elif int(key.removeprefix("AKIA")) < self.valid_from:
            error = "<Code>InvalidClientTokenId</Code><Message>unknown</Message>"
            self.answer(403, f"<ErrorResponse><Error>{error}</Error></ErrorResponse>")
        else:
            found = "<Account>1</Account><Arn>a</Arn><UserId>u</UserId>"
            result = f"<GetCallerIdentityResult>{found}</GetCallerIdentityResult>"
            self.answer(200, f"<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>")

    def answer(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def service() -> Iterator[tuple[str, type[Service]]]:
    kind = type("Numbered", (Service,), {"given": 0, "valid_from": 0})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", kind
    server.shutdown()
    server.server_close()


def test_credentials_that_are_rejected_are_replaced_within_the_call(
    service: tuple[str, type[Service]],
) -> None:
    """After a restart of the embedded cloud, for example, which does not know its former sessions."""
    url, kind = service
    settings = Settings(accounts=(Account("one", "111111111111", ROLE),))
    sts = Cloud(settings, Endpoint(url, "root", "root")).client("sts")
    assert sts.get_caller_identity()["Account"] == "1"
    assert sts.get_caller_identity()["Account"] == "1"
    assert kind.given == 1
    kind.valid_from = 2
    assert sts.get_caller_identity()["Account"] == "1"
    assert kind.given == 2


def test_credentials_that_stay_rejected_are_an_error_after_one_retry(
    service: tuple[str, type[Service]],
) -> None:
    url, kind = service
    kind.valid_from = 100
    settings = Settings(accounts=(Account("one", "111111111111", ROLE),))
    sts = Cloud(settings, Endpoint(url, "root", "root")).client("sts")
    with pytest.raises(boto.ClientError, match="InvalidClientTokenId"):
        sts.get_caller_identity()
    assert kind.given == 2


def test_credentials_that_stay_rejected_are_not_replaced_for_each_call(
    service: tuple[str, type[Service]],
) -> None:
    """In thousands of accounts and Regions, each call would assume its role again."""
    url, kind = service
    kind.valid_from = 100
    settings = Settings(accounts=(Account("one", "111111111111", ROLE),))
    cloud = Cloud(settings, Endpoint(url, "root", "root"))
    for region in ("eu-west-1", "us-east-1", "us-east-2"):
        with pytest.raises(boto.ClientError, match="InvalidClientTokenId"):
            cloud.client("sts", region=region).get_caller_identity()
    assert kind.given == 2
