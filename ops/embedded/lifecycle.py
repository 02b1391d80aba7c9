"""Start, find, stop, and reset the embedded cloud's process. A lock allows one process for each folder."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.embedded import state_files
from ops.embedded.ports import free_port
from ops.embedded.processes import MARKER, terminate_marked
from ops.errors import EmbeddedError
from ops.own_log import Level

START_S = 180.0
STOP_S = 60.0
BUSY = 75  # exit status if another process has the folder: EX_TEMPFAIL in sysexits.h

_owned: dict[Path, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class RunningCloud:
    """A running embedded cloud. `joined`: it was running before this call."""

    endpoint: str
    pid: int
    data: Path
    joined: bool = True


def start(
    data: Path,
    *,
    delay_s: float = 1.0,
    latency_s: float = 0.0,
    auth: bool = True,
    sample: bool = True,
    rollout: bool = True,
    live: bool = False,
    owner: bool = False,
    record: Path | None = None,
    log_level: Level = Level.WARNING,
) -> RunningCloud:
    """Start the cloud, or find the running one. Returns when it answers and has its sample data.

    `delay_s` is how long RDS takes to create or change something, `latency_s` is added to each call, `auth`
    turns IAM enforcement on, and `sample` fills a new cloud with sample data, whose rollout is started with
    `rollout`. `live` deploys the sample's log
    export when the cloud is ready and writes new log events. With `owner`, the cloud stops when this process
    exits, for whatever reason. `record` is a file for a record of every API call and its effects. `log_level`
    is that of `server.log`.
    Raises EmbeddedError.
    """
    data = data.absolute()
    _check_installed()
    data.mkdir(parents=True, exist_ok=True)
    if running := status(data):
        return running
    if exited := _owned.pop(data, None):
        _reap(exited)
    options: dict[str, Any] = {
        "delay_s": delay_s,
        "latency_s": latency_s,
        "auth": auth,
        "sample": sample,
        "rollout": sample and rollout,
        "live": live,
        "owner": owner,
        "record": record,
        "log_level": log_level,
    }
    # Another program may take the port before the server binds it; the second attempt picks another.
    started = _launch(data, **options) or _launch(data, **options)
    if started:
        return started
    raise EmbeddedError(
        "The embedded cloud did not start.",
        hint=f"See {data / 'server.log'}. To start over, run `slipway embedded reset`.",
        detail=_tail(data / "server.log"),
    )


def _launch(data: Path, *, owner: bool, **options: Any) -> RunningCloud | None:
    """Start the process once; None if it exited before it was ready."""
    process = _spawn(data, owner=owner, **options)
    _wait(lambda: process.poll() is not None or _announced(data, process.pid), START_S)
    if _announced(data, process.pid):
        if owner:
            _owned[data] = process
        announcement = _read(data)
        return RunningCloud(announcement["endpoint"], announcement["pid"], data, joined=False)
    process.kill()
    exit_status = _reap(process)
    if exit_status == BUSY:
        return _join(data)
    if exit_status == state_files.DAMAGED:
        raise state_files.damage(state_files.missing(data / "state"))
    (data / "port").unlink(missing_ok=True)
    return None


def status(data: Path) -> RunningCloud | None:
    """Return the cloud in that folder if it is running and ready."""
    data = data.absolute()
    if not (data / "running.json").exists() or not is_locked(data):
        return None
    announcement = _read(data)
    return RunningCloud(announcement["endpoint"], announcement["pid"], data) if announcement else None


def stop(data: Path) -> None:
    """Stop the cloud and everything in it, and keep its state. Does nothing if it is not running."""
    _check_installed()
    data = data.absolute()
    if running := status(data):
        os.kill(running.pid, signal.SIGTERM)
        if not _wait(lambda: not is_locked(data), STOP_S):
            os.kill(running.pid, signal.SIGKILL)
            _wait(lambda: not is_locked(data), STOP_S)
    if process := _owned.pop(data, None):
        _reap(process)
    if not is_locked(data):
        terminate_marked(data)


def reset(data: Path) -> None:
    """Stop the cloud and delete its state."""
    stop(data)
    shutil.rmtree(data.absolute(), ignore_errors=True)


@contextmanager
def locked(data: Path) -> Iterator[bool]:
    """Hold the folder's lock inside the block; yields False if another process holds it."""
    with (data / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def is_locked(data: Path) -> bool:
    """Return whether a process serves the folder."""
    if not data.exists():
        return False
    with locked(data) as free:
        return not free


def announce(data: Path, url: str) -> None:
    """Report from within the process that it is ready."""
    part = data / "running.part"
    part.write_text(json.dumps({"endpoint": url, "pid": os.getpid()}))
    part.replace(data / "running.json")


def _check_installed() -> None:
    from importlib.util import find_spec

    if not find_spec("ministack"):
        raise EmbeddedError(
            "The embedded cloud is not installed.",
            hint='Install it with pip install "slipway-workbench[embedded]", or set SLIPWAY_CLOUD=aws.',
        )


def _spawn(
    data: Path,
    *,
    delay_s: float,
    latency_s: float,
    auth: bool,
    sample: bool,
    rollout: bool,
    live: bool,
    owner: bool,
    record: Path | None,
    log_level: Level,
) -> subprocess.Popen[bytes]:
    port = free_port(_last_port(data))
    (data / "running.json").unlink(missing_ok=True)
    flags = ["--sample"] * sample + ["--rollout"] * rollout + ["--live"] * live + ["--owned"] * owner
    flags += ["--record", str(record.absolute())] if record else []
    values = ["--delay", str(delay_s), "--latency", str(latency_s), "--log-level", log_level]
    command = [sys.executable, "-m", "ops.embedded.server", str(data), *values, *flags]
    with (data / "server.log").open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=Path(__file__).parents[2],
            env=_environment(data, port, auth=auth),
            # The kernel closes the owner's end of the pipe when the owner exits, even if it was killed.
            stdin=subprocess.PIPE if owner else subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _environment(data: Path, port: int, *, auth: bool) -> dict[str, str]:
    """Return the emulator's import-time settings, without the user's AWS configuration."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PG", "MINISTACK_"))
    }
    return {
        **inherited,
        MARKER: str(data),
        "AUTH": str(auth).lower(),
        "BIND_HOST": "127.0.0.1",
        "DOCKER_HOST": "unix:///nonexistent",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "MINISTACK_HOST": "127.0.0.1",
        "PERSIST_STATE": "1",
        "S3_DATA_DIR": str(data / "s3"),
        "S3_PERSIST": "1",
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(data / "state"),
    }


def _reap(process: subprocess.Popen[bytes]) -> int:
    """Wait for the process and return its exit status."""
    if process.stdin:
        process.stdin.close()
    return process.wait()


def _join(data: Path) -> RunningCloud:
    """Wait until the cloud that another process is starting is ready."""
    if _wait(lambda: status(data) is not None or not is_locked(data), START_S) and (running := status(data)):
        return running
    raise EmbeddedError(
        f"Another process uses {data} and does not respond.",
        hint="Stop it with `slipway embedded stop`, or set SLIPWAY_DATA to another folder.",
    )


def _announced(data: Path, pid: int) -> bool:
    return bool(_read(data).get("pid") == pid)


def _read(data: Path) -> dict[str, Any]:
    try:
        announcement: dict[str, Any] = json.loads((data / "running.json").read_text())
        return announcement
    except FileNotFoundError:
        return {}


def _last_port(data: Path) -> int:
    try:
        return int((data / "port").read_text())
    except (FileNotFoundError, ValueError):
        return 0


def _tail(path: Path) -> str:
    return path.read_text("utf-8", "replace")[-2000:] if path.exists() else ""


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
