"""Endpoints that answer, with whatever status, and one that does not."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ops.aws.cloud import Cloud, Endpoint
from ops.aws.inspection.endpoints import unreachable
from ops.settings import Account, Settings


class Forbidding(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(403)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def forbidding() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Forbidding)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def found(url: str) -> dict[str, str]:
    account = Account("one", "111111111111")
    cloud = Cloud(Settings(accounts=(account,)), Endpoint(url, "key", "secret"))
    return unreachable(cloud, cloud.places[0])


def test_any_answer_shows_that_the_endpoint_was_reached(forbidding: str) -> None:
    assert found(forbidding) == {}


def test_a_port_that_nobody_listens_on_is_named_with_the_reason() -> None:
    with socket.socket() as taken:  # bound, but not listening
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        ((name, reason),) = found(url).items()
    assert name == url and "Could not connect" in reason
