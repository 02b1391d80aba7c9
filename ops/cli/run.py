"""`python -m ops run`: the pages, with the embedded cloud behind them unless the settings name AWS."""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from ops.cli.context import Context
from ops.errors import Conflict, InputError

HOST = "127.0.0.1"
ROOT = Path(__file__).parents[2]


def add(commands: Any) -> None:
    command = commands.add_parser("run", help="start the workbench in the browser")
    command.add_argument("--port", type=int, default=8501, help="port on 127.0.0.1 (default 8501)")
    command.set_defaults(command=run)


def run(context: Context, options: argparse.Namespace) -> int:
    """Runs until Ctrl-C or SIGTERM; then the embedded cloud, where this command started it, ends as well."""
    if not 1 <= options.port <= 65535:
        raise InputError(f"{options.port} is not a port.", field="port", hint="Choose one from 1 to 65535.")
    _on_termination_interrupt()
    if context.wanted.cloud != "embedded":
        return _streamlit(context, options.port)
    from ops import embedded

    running = embedded.start(
        context.wanted.embedded_data, delay_s=context.wanted.embedded_delay, live=True, owner=True
    )
    already = " (it was running already)" if running.joined else ""
    context.say(f"The embedded cloud answers at {running.endpoint}{already}.")
    try:
        return _streamlit(context, options.port)
    finally:
        if not running.joined:
            context.say("Stopping the embedded cloud.")
            embedded.stop(context.wanted.embedded_data)


def _streamlit(context: Context, port: int) -> int:
    if not _is_free(port):
        raise Conflict(
            f"Port {port} is taken by another program.", hint="Choose another one: make run PORT=8502"
        )
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py"]
    flags = ["--server.port", str(port), "--server.address", HOST, "--server.headless", "true"]
    environment = {
        **os.environ,
        "SLIPWAY_CLOUD": context.wanted.cloud,
        "SLIPWAY_DATA": str(context.wanted.data.absolute()),
    }
    process = subprocess.Popen([*command, *flags], cwd=ROOT, env=environment)
    try:
        while process.poll() is None and not _answers(port):
            time.sleep(0.1)
        if process.poll() is None:
            context.say(f"Slipway is at http://{HOST}:{port} (Ctrl-C ends it)")
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        return 0


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _answers(port: int) -> bool:
    connection = HTTPConnection(HOST, port, timeout=1)
    try:
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _on_termination_interrupt() -> None:
    """SIGTERM ends the command as Ctrl-C does: children are stopped, state is saved."""

    def interrupt(signum: int, frame: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
