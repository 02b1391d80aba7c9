"""`slipway run`: prints its URL, serves pages, and stops all its processes."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from ops import embedded
from ops.embedded.ports import free_port
from ops.gate import tokens
from tests.end_to_end.workbench import eventually
from tests.ops.embedded.test_lifecycle import marked

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(plant: Callable[..., Path]) -> Iterator[Path]:
    parent = Path(tempfile.mkdtemp(prefix="slipway-run-"))
    parent.chmod(0o755)
    plant(parent / "embedded")
    yield parent
    shutil.rmtree(parent, ignore_errors=True)


def run(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    with (folder / "out").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "ops", "run", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, "SLIPWAY_DATA": str(folder)},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.thorough), signal.SIGTERM])
def test_serves_pages_and_stops_all_processes(folder: Path, number: signal.Signals) -> None:
    port = free_port()
    process = run(folder, port)
    eventually(lambda: f"Slipway is running at http://127.0.0.1:{port}" in (folder / "out").read_text())
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/")
    assert connection.getresponse().status == 401
    connection.close()
    token = tokens.folder(folder, port) / "token"
    assert f"?token={token.read_text()} " in (folder / "out").read_text() and mode(token) == 0o600
    connection.request("GET", f"/?token={token.read_text()}")
    entered = connection.getresponse()
    connection.close()
    connection.request("GET", "/", headers={"Cookie": entered.headers["set-cookie"].partition(";")[0]})
    assert (entered.status, connection.getresponse().status) == (303, 200)
    connection.close()
    assert marked(folder / "embedded")
    if number is signal.SIGTERM:
        killed = embedded.status(folder / "embedded")
        assert killed
        os.kill(killed.pid, signal.SIGKILL)
        eventually(lambda: "The embedded cloud is running again at" in (folder / "out").read_text())
        again = embedded.status(folder / "embedded")
        assert again and again.pid != killed.pid and again.endpoint == killed.endpoint
    if number is signal.SIGINT:  # as a terminal sends it: to every process of the command
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    assert process.wait(60) == 0
    assert not token.exists()
    eventually(lambda: not marked(folder / "embedded"))


def test_port_in_use_is_reported(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = run(folder, taken.getsockname()[1])
        assert process.wait(120) == 1
    assert "is already in use" in (folder / "out").read_text()
    assert marked(folder / "embedded") == []
