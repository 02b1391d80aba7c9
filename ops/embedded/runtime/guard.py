"""Keeps a process's connections on this machine: connecting anywhere but to loopback is an error."""

import ipaddress
import socket
from typing import Any


class ConnectionBlocked(ConnectionError):
    """A process of the embedded cloud tried to connect to another machine."""

    def __init__(self, address: object) -> None:
        super().__init__(
            f"Cannot connect to {address}: the embedded cloud blocks connections to other machines. "
            "Use AWS for anything that needs the network."
        )


def block_outside_connections() -> None:
    """Allow this process's sockets to connect and send to loopback only; other names do not resolve."""
    for name in ("connect", "connect_ex", "sendto"):
        _guard_method(name)
    resolve = socket.getaddrinfo

    def guarded(host: Any, *arguments: Any, **more: Any) -> Any:
        if host and not _may_resolve(host):
            raise ConnectionBlocked(host)
        return resolve(host, *arguments, **more)

    socket.getaddrinfo = guarded


def _guard_method(name: str) -> None:
    method = getattr(socket.socket, name)

    def guarded(self: socket.socket, *arguments: Any) -> Any:
        address = arguments[-1]  # the last one, for sendto(data, flags, address) too
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0]):
            raise ConnectionBlocked(f"{address[0]}:{address[1]}")
        return method(self, *arguments)

    setattr(socket.socket, name, guarded)


def _may_resolve(host: Any) -> bool:
    """Return whether a host may resolve: numeric addresses may, because `connect` checks them."""
    name = host.decode() if isinstance(host, bytes) else str(host)
    return _is_local(name) or _address(name) is not None


def _is_local(host: str) -> bool:
    if host in ("", "localhost", "localhost.") or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and (address.is_loopback or address.is_unspecified)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
