"""The embedded cloud's process: the emulator with its overlays on loopback, saved as it changes.

slipway.embedded.server FOLDER --delay SECONDS [--latency SECONDS] [--log-level LEVEL] [--record FILE]
    [--sample] [--rollout] [--live] [--owned]
"""

import argparse
import asyncio
import logging
import os
import shutil
import signal
import sys
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config
from hypercorn.utils import LifespanFailureError
from ministack import app
from ministack.core import persistence

from ops.embedded import network, recording, saving, state_files
from ops.embedded.athena import access as athena_access
from ops.embedded.athena import parameters as athena_parameters
from ops.embedded.athena import service as athena
from ops.embedded.authority import condition_keys
from ops.embedded.authority import documents as iam_documents
from ops.embedded.authority import requests as authority
from ops.embedded.cloudformation import boundaries, resource_types
from ops.embedded.cloudformation import checks as cloudformation_checks
from ops.embedded.cloudformation import operations as cloudformation_operations
from ops.embedded.cloudformation import permissions as cloudformation_permissions
from ops.embedded.cloudformation import reports as cloudformation_reports
from ops.embedded.context import OverlayContext
from ops.embedded.ecs import service as ecs
from ops.embedded.firehose import service as firehose
from ops.embedded.iam import identity, simulation
from ops.embedded.lifecycle import BUSY, announce, locked
from ops.embedded.limits import buckets
from ops.embedded.logs import access as logs_access
from ops.embedded.logs import account_policies, destinations, exports, reads, subscriptions, tags
from ops.embedded.logs import events as log_events
from ops.embedded.ports import HOST
from ops.embedded.processes import MARKER, terminate_marked
from ops.embedded.rds import service as rds
from ops.embedded.rds.service import Databases
from ops.embedded.sample import seed_pipelines
from ops.embedded.seams import check, declared
from ops.embedded.services import codepipeline, functions, kinesis, quotas, regions, s3_copy, trail
from ops.embedded.stepfunctions import calls, language, waits
from ops.embedded.stepfunctions import executions as stepfunctions_executions
from ops.embedded.stepfunctions import history as stepfunctions_history
from ops.embedded.validation import service as validation
from ops.embedded.vpc import service as vpc
from ops.own_log import Level, configure

OVERLAYS = (
    saving,  # before the overlays that load more state
    resource_types,
    boundaries,
    codepipeline,
    cloudformation_operations,
    cloudformation_reports,
    network,
    vpc,
    identity,
    simulation,
    logs_access,
    regions,
    quotas,
    s3_copy,
    buckets,
    functions,
    ecs,
    stepfunctions_history,
    stepfunctions_executions,
    language,
    waits,
    calls,
    kinesis,
    firehose,
    log_events,
    destinations,
    account_policies,
    subscriptions,
    exports,
    reads,
    tags,
    trail,
    athena,
    athena_access,
    athena_parameters,
    iam_documents,
)
SEAMS = (
    "ministack.app._build_persistence_save_dict",
    "ministack.app._load_persisted_state",
    "ministack.app.app",
    "ministack.core.persistence.save_all",
)
SAVE_S = 5.0
SAVE_SHARE = 10  # saving takes at most about a tenth of the time, however large the state is
SEEDED = "seeded"
ROLLOUT_STARTED = "rollout-started"

log = logging.getLogger("ops.embedded.server")  # __name__ is the name of the program


class Server:
    """Serves requests until it is stopped; every request sets `_changed` until the next save."""

    def __init__(
        self,
        context: OverlayContext,
        databases: Databases,
        *,
        sample: bool,
        rollout: bool,
        live: bool,
        latency_s: float = 0.0,
    ) -> None:
        self._context = context
        self._databases = databases
        self._sample = sample
        self._rollout = rollout
        self._live = live
        self._latency_s = latency_s
        self._changed = threading.Event()
        self._failed = False

    async def run(self, *, owned: bool) -> int:
        """Serve until the process is stopped; return the exit status."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        if owned:
            loop.add_reader(sys.stdin, stop.set)  # readable when the owner exits: it never writes
        config = Config()
        config.bind = [f"{HOST}:{self._context.port}"]
        config.keep_alive_timeout = 75
        config.loglevel = "WARNING"
        listening = asyncio.create_task(serve(self._handle_request, config, shutdown_trigger=stop.wait))
        threading.Thread(target=self._seed_and_save, args=(loop, stop), daemon=True).start()
        await listening
        return 1 if self._failed else 0

    async def _handle_request(self, scope: Any, receive: Any, send: Any) -> None:
        self._changed.set()
        if self._latency_s and scope["type"] == "http":
            await asyncio.sleep(self._latency_s)
        await app.app(scope, receive, send)

    def _seed_and_save(self, loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
        """Seed a new cloud, announce that it is ready, then save after every change."""
        try:
            _wait_until_answering(self._context.port)
            stepfunctions_executions.resume()
            if self._sample and not (self._context.data / SEEDED).exists():
                from ops.embedded.sample.seed import seed  # imports the jobs, which only seeding needs

                seed(self._context, self._databases)
            (self._context.data / SEEDED).touch()
            if self._rollout and not (self._context.data / ROLLOUT_STARTED).exists():
                from ops.embedded.sample.seed import begin

                begin(self._context)
                (self._context.data / ROLLOUT_STARTED).touch()
            _save()
        except Exception as error:  # all data is the sample's, so its message contains nothing of a user
            log.exception("Cannot seed the embedded cloud", extra={"reason": repr(error)})
            self._failed = True
            loop.call_soon_threadsafe(stop.set)
            return
        announce(self._context.data, self._context.endpoint)
        if self._live:
            threading.Thread(target=_live, args=(self._context,), daemon=True).start()
        pause = SAVE_S
        while self._changed.wait():
            self._changed.clear()
            threading.Event().wait(pause)
            began = time.monotonic()
            _save()
            pause = max(SAVE_S, SAVE_SHARE * (time.monotonic() - began))


def _live(context: OverlayContext) -> None:
    from ops.embedded.sample.seed import live

    live(context)


def _wait_until_answering(port: int) -> None:
    """Wait until the emulator answers, which it does once it has loaded the saved state."""
    while True:
        try:
            connection = HTTPConnection(HOST, port, timeout=5)
            connection.request("GET", "/_ministack/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)


def _save() -> None:
    persistence.save_all(app._build_persistence_save_dict())


def main() -> int:
    arguments = _arguments()
    configure(arguments.log_level, as_json=False)
    with locked(arguments.data) as free:
        if not free:
            return BUSY
        terminate_marked(arguments.data)
        return _serve(arguments)


def _serve(arguments: argparse.Namespace) -> int:
    data: Path = arguments.data
    if not (data / SEEDED).exists():
        _clear(data)
    if damaged := state_files.set_aside_damaged(data / "state"):
        log.error("Damaged state files", extra={"files": [path.name for path in damaged]})
        return state_files.DAMAGED
    port = int(os.environ["GATEWAY_PORT"])
    (data / "port").write_text(str(port))
    context = OverlayContext(data, port, arguments.delay, {MARKER: os.environ[MARKER]})
    databases = _install(context)
    if arguments.record:
        recording.install(recording.to_file(arguments.record))
    try:
        server = Server(
            context,
            databases,
            sample=arguments.sample,
            rollout=arguments.rollout,
            live=arguments.live,
            latency_s=arguments.latency,
        )
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(server.run(owned=arguments.owned))
    finally:
        (data / "running.json").unlink(missing_ok=True)
        ecs.stop_all()
        databases.stop_all()
        terminate_marked(data)


def _install(context: OverlayContext) -> Databases:
    check([*declared(), *seed_pipelines.SEAMS])
    for overlay in OVERLAYS:
        overlay.install(context)
    databases = rds.install(context)
    condition_keys.install(context)
    cloudformation_checks.install(context)  # before permissions: the handler looks at properties last
    cloudformation_permissions.install(context)
    authority.install(context)  # after the overlays that name a request's resource
    validation.install(context)
    load_state = app._load_persisted_state

    def load_and_resume() -> None:
        try:
            load_state()
        except Exception as error:  # hypercorn would serve without the state, and save that
            raise LifespanFailureError("startup", "the saved state cannot be loaded") from error
        databases.resume()
        resource_types.resume()
        firehose.resume()

    app._load_persisted_state = load_and_resume
    return databases


def _clear(data: Path) -> None:
    """Delete what an interrupted first start left, so that this start begins again."""
    for item in data.iterdir():
        if item.name not in ("lock", "server.log"):
            shutil.rmtree(item) if item.is_dir() else item.unlink()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="slipway.embedded.server")
    parser.add_argument("data", type=Path)
    parser.add_argument("--delay", type=float, required=True)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--log-level", type=Level, default=Level.WARNING)
    parser.add_argument("--sample", action="store_true")
    parser.add_argument("--rollout", action="store_true")
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--owned", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    os._exit(status)  # do not wait for tasks and threads of the emulator, which may sleep for hours
