"""Free ports on loopback."""

import socket

from ops.errors import EmbeddedError

HOST = "127.0.0.1"


def free_port(preferred: int = 0) -> int:
    """Return the preferred port if it is free, otherwise any free port."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise EmbeddedError("No free port on 127.0.0.1.", hint="Close other programs and retry.")
