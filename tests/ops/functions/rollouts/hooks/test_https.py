"""The check of a URL reaches public addresses only, follows no redirect, and reads a bounded answer."""

import io
import ssl
from http.client import HTTPResponse
from typing import Any

import pytest

from ops.functions.rollouts.hooks import https


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "::1", "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"),
        "2002:a9fe:a9fe::",
    ],
)
def test_other_addresses_are_not_public(address: str) -> None:
    assert not https.is_public(address)
    ok, why = https.check("https://shop.example.com/", 1, resolve=lambda host, port: ["8.8.8.8", address])
    assert not ok and why == f"shop.example.com has the address {address}, which is not public"


def test_public_addresses_are_public() -> None:
    assert https.is_public("8.8.8.8") and https.is_public("2606:4700:4700::1111")


class _Socket:
    """A connection that answers with fixed bytes, and keeps what it was sent."""

    def __init__(self, answer: bytes) -> None:
        self.sent, self._answer = b"", io.BytesIO(answer)

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def makefile(self, *_: Any) -> Any:
        return self._answer

    def close(self) -> None:
        pass


def answered(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> tuple[tuple[bool, str], str, list[Any]]:
    connected: list[Any] = []

    def connect(place: Any, timeout: float) -> _Socket:
        connected.append(place)
        return sock

    def wrap(plain: Any, *, server_hostname: str) -> Any:
        connected.append(server_hostname)
        return plain

    tls = ssl.create_default_context()
    monkeypatch.setattr(tls, "wrap_socket", wrap)
    sock = _Socket(answer)
    monkeypatch.setattr("socket.create_connection", connect)
    result = https.check(
        "https://shop.example.com/health?deep=1",
        5,
        resolve=lambda host, port: ["8.8.8.8"],
        context=tls,
    )
    return result, sock.sent.decode(), connected


def test_the_connection_is_made_to_the_checked_address(monkeypatch: pytest.MonkeyPatch) -> None:
    result, sent, connected = answered(monkeypatch, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert result == (True, "status 200: ok")
    assert connected == [("8.8.8.8", 443), "shop.example.com"]
    assert sent.startswith("GET /health?deep=1 HTTP/1.1\r\nHost: shop.example.com\r\n")


def test_a_redirect_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: https://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    (ok, why), _, connected = answered(monkeypatch, answer)
    assert not ok and "a redirect to https://169.254.169.254/, which is not followed" in why
    assert len(connected) == 2


def test_the_answer_is_bounded_in_size_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    (ok, why), _, _ = answered(monkeypatch, b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000)
    assert ok and len(why) < https.MAX_BYTES + 20
    response = HTTPResponse(_Socket(b"HTTP/1.1 200 OK\r\n\r\nx"))  # type: ignore[arg-type]
    response.begin()
    with pytest.raises(TimeoutError):
        https._read(response, 0)
