"""`python -m ops run`: the pages, with the embedded cloud behind them unless the settings name AWS."""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from ops.cli.context import Context
from ops.errors import InputError

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

    running = embedded.start(context.wanted.embedded_data, delay_s=context.wanted.embedded_delay, owner=True)
    already = " (it was running already)" if running.joined else ""
    context.say(f"The embedded cloud answers at {running.endpoint}{already}.")
    try:
        return _streamlit(context, options.port)
    finally:
        if not running.joined:
            context.say("Stopping the embedded cloud.")
            embedded.stop(context.wanted.embedded_data)


def _streamlit(context: Context, port: int) -> int:
    context.say(f"Slipway opens at http://127.0.0.1:{port}")
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py"]
    flags = ["--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true"]
    environment = {
        **os.environ,
        "SLIPWAY_CLOUD": context.wanted.cloud,
        "SLIPWAY_DATA": str(context.wanted.data.absolute()),
    }
    process = subprocess.Popen([*command, *flags], cwd=ROOT, env=environment)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        return 0


def _on_termination_interrupt() -> None:
    """SIGTERM ends the command as Ctrl-C does: children are stopped, state is saved."""

    def interrupt(signum: int, frame: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
