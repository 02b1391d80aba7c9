"""Runs the containers of one ECS task as local processes, with ECS's dependencies, exit codes, and timeouts.

Does not use the emulator. Each container is a process group.
"""

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

STOP_TIMEOUT_S = 30.0  # ECS's default between SIGTERM and SIGKILL


@dataclass(frozen=True)
class Container:
    """A container to run.

    `after` lists (container, START | COMPLETE | SUCCESS); the process sees only `environment`.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    essential: bool = True
    after: tuple[tuple[str, str], ...] = ()
    stop_timeout_s: float = STOP_TIMEOUT_S


@dataclass(frozen=True)
class TaskOutcome:
    """How the task ended: its stop code and stopped reason."""

    stop_code: str
    reason: str


@dataclass
class _Running:
    process: subprocess.Popen[bytes]
    exit_code: int | None = None
    threads: list[threading.Thread] = field(default_factory=list)


class TaskRun:
    """One run of a task. `log` gets every line; `changed` gets every start (None) and exit code."""

    def __init__(
        self,
        containers: tuple[Container, ...],
        directory: Path,
        log: Callable[[str, str], None],
        changed: Callable[[str, int | None], None],
    ) -> None:
        self._containers = containers
        self._directory = directory
        self._log = log
        self._changed = changed
        self._running: dict[str, _Running] = {}
        self._stop_reason: str | None = None
        self._changes = threading.Condition()

    def run(self) -> TaskOutcome:
        """Start the containers as their dependencies allow; return when all have stopped."""
        try:
            while True:
                with self._changes:
                    outcome = self._check_outcome() or self._start_ready()
                    if outcome:
                        return outcome
                    self._changes.wait()
        finally:
            self._stop_all()

    def stop(self, reason: str) -> None:
        """Stop the run as StopTask does: SIGTERM, then SIGKILL after the stop timeout."""
        with self._changes:
            self._stop_reason = self._stop_reason or reason
            self._changes.notify_all()

    def _check_outcome(self) -> TaskOutcome | None:
        if self._stop_reason is not None:
            return TaskOutcome("UserInitiated", self._stop_reason)
        exits = {name: running.exit_code for name, running in self._running.items()}
        if any(
            exits.get(container.name) is not None for container in self._containers if container.essential
        ):
            return TaskOutcome("EssentialContainerExited", "Essential container in task exited")
        for container in self._containers:
            for name, condition in container.after:
                if container.name not in exits and condition == "SUCCESS" and exits.get(name):
                    return TaskOutcome(
                        "TaskFailedToStart",
                        f"Task failed to start: container {container.name} depends on the success of "
                        f"{name}, which exited with code {exits[name]}",
                    )
        return None

    def _start_ready(self) -> TaskOutcome | None:
        for container in self._containers:
            if container.name in self._running or not all(
                self._is_met(*dependency) for dependency in container.after
            ):
                continue
            try:
                self._running[container.name] = self._start(container)
            except OSError as error:
                return TaskOutcome(
                    "TaskFailedToStart",
                    f"CannotStartContainerError: {container.name}: {container.command[0]}: {error.strerror}",
                )
            self._changed(container.name, None)
        return None

    def _is_met(self, name: str, condition: str) -> bool:
        running = self._running.get(name)
        if running is None:
            return False
        if condition == "START":
            return True
        return running.exit_code == 0 or (condition == "COMPLETE" and running.exit_code is not None)

    def _start(self, container: Container) -> _Running:
        program = shutil.which(container.command[0], path=container.environment.get("PATH"))
        process = subprocess.Popen(
            [program or container.command[0], *container.command[1:]],
            env=dict(container.environment),
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        running = _Running(process)
        pump = threading.Thread(target=self._pump, args=(container.name, process), daemon=True)
        watch = threading.Thread(target=self._watch, args=(container.name, running, pump), daemon=True)
        running.threads += [pump, watch]
        pump.start()
        watch.start()
        return running

    def _pump(self, name: str, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout as output:
            for line in output:
                self._log(name, line.decode("utf-8", "replace").rstrip("\r\n"))

    def _watch(self, name: str, running: _Running, pump: threading.Thread) -> None:
        code = running.process.wait()
        _signal_group(running.process, signal.SIGKILL)  # a container stops when its first process exits
        pump.join()
        with self._changes:
            running.exit_code = code if code >= 0 else 128 - code
            self._changed(name, running.exit_code)
            self._changes.notify_all()

    def _stop_all(self) -> None:
        timeouts = {container.name: container.stop_timeout_s for container in self._containers}
        for running in self._running.values():
            if running.exit_code is None:
                _signal_group(running.process, signal.SIGTERM)
        for name, running in self._running.items():
            try:
                running.process.wait(timeouts[name])
            except subprocess.TimeoutExpired:
                _signal_group(running.process, signal.SIGKILL)
            for thread in running.threads:
                thread.join()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return  # it has already exited
