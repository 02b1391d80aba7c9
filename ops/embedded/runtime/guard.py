"""Keeps a process on this machine: a connection to anything but loopback is an error that says so."""

import ipaddress
import socket
from typing import Any


class OutsideRefused(ConnectionError):
    """Something in the embedded cloud tried to reach another machine."""

    def __init__(self, place: object) -> None:
        super().__init__(
            f"The embedded cloud makes no connection beyond this machine; it refused {place}. "
            "Use AWS itself for what needs the network."
        )


def refuse_outside() -> None:
    """From now on sockets of this process connect and send to loopback only; other names do not resolve."""
    for name in ("connect", "connect_ex", "sendto"):
        _guard_method(name)
    resolve = socket.getaddrinfo

    def guarded(host: Any, *arguments: Any, **more: Any) -> Any:
        if host and not _may_resolve(host):
            raise OutsideRefused(host)
        return resolve(host, *arguments, **more)

    socket.getaddrinfo = guarded


def _guard_method(name: str) -> None:
    method = getattr(socket.socket, name)

    def guarded(self: socket.socket, *arguments: Any) -> Any:
        address = arguments[-1]  # the last one, for sendto(data, flags, address) too
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
            raise OutsideRefused(f"{address[0]}:{address[1]}")
        return method(self, *arguments)

    setattr(socket.socket, name, guarded)


def _may_resolve(host: Any) -> bool:
    """Numeric addresses resolve to themselves; `connect` judges them."""
    name = host.decode() if isinstance(host, bytes) else str(host)
    return _is_here(name) or _address(name) is not None


def _is_here(host: str) -> bool:
    if host in ("", "localhost", "localhost.") or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and (address.is_loopback or address.is_unspecified)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
