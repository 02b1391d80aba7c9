"""`slipway run`: serve the pages, and start the embedded cloud unless the settings select AWS."""

import os
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import click

from ops.cli.context import Context
from ops.cli.verbs import verb
from ops.errors import Conflict, EmbeddedError
from ops.gate import tokens

HOST = "127.0.0.1"
ANY_IPV4, ANY_IPV6 = "0.0.0.0", "::"  # nosec B104: compared with what the user gives
ALL_ADDRESSES = {ANY_IPV4: HOST, ANY_IPV6: "::1"}  # and where this machine reaches a server on them
SUPERVISE_S = 1.0  # between looks whether the embedded cloud is running
ROOT = Path(__file__).parents[2]


@verb
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8501,
    show_default=True,
    help="Port of the pages.",
)
@click.option(
    "--address",
    default=HOST,
    show_default=True,
    help="Address to listen on. On any but loopback, the pages need sign-in: see docs/sign-in.md.",
)
def run(context: Context, port: int, address: str) -> int:
    """Run until Ctrl-C or SIGTERM; then stop the embedded cloud too, if this command started it."""
    _interrupt_on_sigterm()
    if context.settings.cloud != "embedded":
        return _streamlit(context, port, address)
    cloud = _EmbeddedCloud(context)
    try:
        return _streamlit(context, port, address, cloud.keep_running)
    finally:
        cloud.stop()


class _EmbeddedCloud:
    """The embedded cloud of this command: started, or found running, and restarted if it exits."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._owned = False
        self._start("running")

    def _start(self, becomes: str) -> None:
        from ops import embedded

        settings = self._context.settings
        running = embedded.start(
            settings.embedded_data,
            delay_s=settings.embedded_delay,
            live=True,
            owner=True,
            log_level=settings.log_level,
        )
        self._owned = self._owned or not running.joined
        joined = " (already running)" if running.joined else ""
        self._context.echo(f"The embedded cloud is {becomes} at {running.endpoint}{joined}")

    def keep_running(self) -> None:
        """Start the cloud again, with its state, if it has exited."""
        from ops import embedded

        if embedded.status(self._context.settings.embedded_data):
            return
        self._context.echo("The embedded cloud has exited. Starting it again…")
        try:
            self._start("running again")
        except EmbeddedError as error:  # the pages keep running, and this is tried again
            print(f"Error: {error}\nHint: {error.hint}", file=sys.stderr)

    def stop(self) -> None:
        from ops import embedded

        if self._owned:
            self._context.echo("Stopping the embedded cloud…")
            embedded.stop(self._context.settings.embedded_data)


def _streamlit(
    context: Context, port: int, address: str, keep_running: Callable[[], None] = lambda: None
) -> int:
    if not _is_free(address, port):
        raise Conflict(
            f"Port {port} is already in use.", hint="Choose another port, for example: make run PORT=8502"
        )
    # -P keeps the working folder off the path: a user's project can have an `app` or an `ops` of its own.
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(ROOT / "app/serve.py")]
    flags = ["--server.port", str(port), "--server.address", address, "--server.headless", "true"]
    flags += ["--logger.hideWelcomeMessage", "true"]  # its address lacks the token
    environment = {
        **os.environ,
        "SLIPWAY_CLOUD": context.settings.cloud,
        "SLIPWAY_DATA": str(context.settings.data.absolute()),
        "SLIPWAY_LOG_LEVEL": context.settings.log_level,
        # The working folder stays the user's: slipway.toml, rollouts/ and .streamlit/secrets.toml are there.
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
    }
    gate = tokens.folder(context.settings.data, port)
    tokens.remove(gate)  # of an earlier server: this one makes its own
    process = subprocess.Popen([*command, *flags], env=environment)
    try:
        while process.poll() is None and not _answers(address, port):
            time.sleep(0.1)
        if process.poll() is None:
            _show_address(context, gate, f"http://{_url_host(address)}:{port}")
        while True:
            try:
                return process.wait(SUPERVISE_S)
            except subprocess.TimeoutExpired:
                keep_running()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        return 0
    finally:
        tokens.remove(gate)


def _show_address(context: Context, gate: Path, address: str) -> None:
    """Print the address, with the token if the pages need it, and open it if somebody is in front of it."""
    token = tokens.read(gate)
    entering = tokens.url(address, token) if token else address
    context.echo(f"Slipway is running at {entering} (press Ctrl-C to stop)")
    if token and sys.stdout.isatty() and _has_desktop():
        webbrowser.open(tokens.opener(gate, entering).absolute().as_uri())


def _has_desktop() -> bool:
    """Whether a browser would open a window, instead of taking over the terminal."""
    return sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))


def _url_host(address: str) -> str:
    host = ALL_ADDRESSES.get(address, address)
    return f"[{host}]" if ":" in host else host


def _is_free(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _answers(address: str, port: int) -> bool:
    """Whether the server answers. Without the token, it refuses: that is an answer too."""
    connection = HTTPConnection(ALL_ADDRESSES.get(address, address), port, timeout=1)
    try:
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().status < 500
    except OSError:
        return False
    finally:
        connection.close()


def _interrupt_on_sigterm() -> None:
    """Handle SIGTERM like Ctrl-C, so that child processes are stopped and state is saved."""

    def interrupt(signum: int, frame: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
