"""Checks a URL: one GET over HTTPS, to public addresses only, without redirects, bounded in size and time.

The host is looked up once, all its addresses are checked, and the connection is made to a checked one: what a
second look-up would answer does not matter. Metadata services and private networks are not reached.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from http.client import HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

MAX_BYTES = 16_384  # of the response, of which the start is shown
CHUNK = 4_096

Resolve = Callable[[str, int], Sequence[str]]


class _PinnedConnection(HTTPSConnection):
    """A connection to one address, with the certificate of the host."""

    def __init__(self, host: str, port: int, address: str, timeout: float, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=timeout, context=context)
        self._address, self._tls = address, context

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def check(
    url: str, timeout_s: float, *, resolve: Resolve | None = None, context: ssl.SSLContext | None = None
) -> tuple[bool, str]:
    """Return whether the URL answers with a status of 200 to 299, and its answer or the error."""
    end = time.monotonic() + timeout_s
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    try:
        addresses = (resolve or _addresses)(host, port)
        if refused := [address for address in addresses if not is_public(address)]:
            return False, f"{host} has the address {refused[0]}, which is not public"
        tls = context or ssl.create_default_context()
        connection = _PinnedConnection(host, port, addresses[0], timeout_s, tls)
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", path, headers={"User-Agent": "slipway-rollouts"})
            response = connection.getresponse()
            text = _read(response, end).decode("utf-8", "replace")
        finally:
            connection.close()
    except (OSError, HTTPException, ValueError) as error:
        return False, f"{type(error).__name__}: {error}"
    location = response.headers.get("Location", "")
    redirect = f", a redirect to {location}, which is not followed" if location else ""
    return 200 <= response.status < 300, f"status {response.status}{redirect}: {text}"


def is_public(address: str) -> bool:
    """Return whether the address is on the Internet: not private, link-local, loopback, or multicast."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        # NAT64 (RFC 6052) reaches the IPv4 address in the last 32 bits.
        if ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner:
            return inner.is_global and not inner.is_multicast
    return ip.is_global and not ip.is_multicast


def _addresses(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def _read(response: HTTPResponse, end: float) -> bytes:
    """Return the start of the body. A slow server gets no more than the time that is left."""
    body = b""
    while len(body) < MAX_BYTES:
        if time.monotonic() > end:
            raise TimeoutError("the answer takes too long")
        chunk = response.read1(min(CHUNK, MAX_BYTES - len(body)))
        if not chunk:
            break
        body += chunk
    return body
