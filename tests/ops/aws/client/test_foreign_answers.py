"""Answers that are not from AWS, from a local server that answers everything with the same page."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from ops.aws.client.foreign_answers import refuse_html
from ops.aws.cloud import Cloud, Endpoint
from ops.errors import Unreachable
from ops.settings import Account, Settings

PAGE = b"\n<!DOCTYPE html><html><body>Sign in to the network</body></html>"
CALLS = {
    "rds": "describe_db_instances",
    "logs": "describe_log_groups",
    "s3": "list_buckets",
    "lambda": "list_functions",
    "sts": "get_caller_identity",
}


class Proxy(ThreadingHTTPServer):
    status = 200


class Answer(BaseHTTPRequestHandler):
    server: Proxy

    def do_GET(self) -> None:
        self.send_response(self.server.status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *arguments: Any) -> None:
        """Write nothing."""


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def client(proxy: Proxy, service: str) -> Any:
    made = boto3.client(
        service,  # type: ignore[call-overload]
        region_name="eu-west-1",
        endpoint_url=f"http://127.0.0.1:{proxy.server_port}",
        aws_access_key_id="x",
        aws_secret_access_key="x",  # pragma: allowlist secret
        config=Config(retries={"total_max_attempts": 1}),
    )
    refuse_html(made)
    return made


@pytest.mark.parametrize("status", [200, 403, 407, 502])
@pytest.mark.parametrize("service", CALLS)
def test_a_page_of_a_proxy_is_an_error_in_words(proxy: Proxy, service: str, status: int) -> None:
    proxy.status = status
    with pytest.raises(Unreachable, match="is a web page, not an answer of AWS") as caught:
        getattr(client(proxy, service), CALLS[service])()
    assert str(status) in str(caught.value)
    assert "HTTPS_PROXY" in caught.value.hint
    assert "Sign in to the network" in caught.value.detail


def test_an_object_may_be_a_page(proxy: Proxy) -> None:
    found = client(proxy, "s3").get_object(Bucket="site", Key="index.html")
    assert found["Body"].read() == PAGE


def test_every_client_of_the_cloud_refuses_pages(proxy: Proxy, tmp_path: Path) -> None:
    cloud = Cloud(
        Settings(data=tmp_path, accounts=(Account("one", "111111111111"),)),
        Endpoint(f"http://127.0.0.1:{proxy.server_port}", "x", "x"),
    )
    with pytest.raises(Unreachable, match="web page"):
        cloud.client("logs").describe_log_groups()
