"""ECS without Docker: a task's containers are local processes, which start and stop as on Fargate.

The emulator keeps clusters, task definitions, and the API; this module replaces its calls to Docker.
"""

import logging
import shutil
from typing import Any

from ministack.core.responses import error_response_json, json_response, request_scope
from ministack.services import ecs

from ops.embedded.context import OverlayContext
from ops.embedded.ecs import network, runners
from ops.embedded.ecs import start as ecs_start
from ops.embedded.ecs.containers import TaskOutcome, TaskRun
from ops.embedded.ecs.start import CannotStart

SEAMS = (
    "ministack.services.ecs._docker",
    "ministack.services.ecs._ensure_ecs_reaper_thread",
    "ministack.services.ecs._run_task",
    "ministack.services.ecs._run_task_worker",
    "ministack.services.ecs._stop_task",
    "ministack.services.ecs._ACTION_MAP",
    "ministack.services.ecs._tasks",
    "ministack.services.ecs._task_defs",
    "ministack.services.ecs._resolve_cluster_name",
    "ministack.services.ecs._resolve_task",
    "ministack.services.ecs._sanitize",
    "ministack.services.ecs._mark_task_pending",
    "ministack.services.ecs._mark_task_activating",
    "ministack.services.ecs._mark_task_running",
    "ministack.services.ecs._mark_task_stopped",
)

Record = dict[str, Any]

log = logging.getLogger(__name__)


class _DockerPlaceholder:
    """Makes the emulator start tasks in PROVISIONING, as if Docker were available."""


_runs: dict[str, TaskRun] = {}
_stopping: dict[str, str] = {}  # StopTask's reasons for tasks that have not stopped yet


def install(context: OverlayContext) -> None:
    runners.write_programs(context.data / "programs")
    ecs._docker = _DockerPlaceholder()
    ecs._ensure_ecs_reaper_thread = lambda: None
    ecs._run_task_worker = lambda *arguments: _run_task(context, *arguments)
    ecs._run_task = ecs._ACTION_MAP["RunTask"] = network.with_network(ecs._run_task)
    ecs._stop_task = stop_task
    ecs._ACTION_MAP["StopTask"] = stop_task


def stop_all() -> None:
    """Stop the containers of every running task."""
    for arn in list(_runs):
        stop(arn, "The embedded cloud is stopping")


def stop(task_arn: str, reason: str) -> None:
    """Stop a task that has not stopped yet, as StopTask does."""
    _stopping[task_arn] = reason
    if run := _runs.get(task_arn):
        run.stop(reason)


def _run_task(
    context: OverlayContext,
    task: Record,
    definition: Record,
    overrides: list[Record],
    _docker: Any,
    account: str,
    region: str,
) -> None:
    """Run one task from start to end, in the thread that the emulator starts for it."""
    arn = task["taskArn"]
    directory = context.data / "tasks" / arn.rsplit("/", 1)[-1]
    with request_scope(account, region):
        try:
            ecs._mark_task_pending(arn, task)
            ecs._mark_task_activating(arn, task)
            _runs[arn] = run = ecs_start.prepare(context, task, definition, overrides, directory)
            if arn in _stopping:
                run.stop(_stopping[arn])
            ecs._mark_task_running(arn, task)
            outcome = run.run()
        except CannotStart as error:
            outcome = TaskOutcome("TaskFailedToStart", str(error))
        except Exception as error:  # callers that wait for the task must see it stop
            log.exception("Cannot run task %s", arn)
            outcome = TaskOutcome("TaskFailedToStart", f"The embedded cloud failed: {error!r}")
        finally:
            _runs.pop(arn, None)
            _stopping.pop(arn, None)
            shutil.rmtree(directory, ignore_errors=True)
        # StopTask has changed the desired status; the emulator's transition requires a running task.
        task["desiredStatus"] = "RUNNING"
        ecs._mark_task_stopped(arn, task, outcome.reason, outcome.stop_code)


def stop_task(request: Record) -> Any:
    """Handle StopTask: processes get SIGTERM now; the task is STOPPED when they have exited."""
    cluster = ecs._resolve_cluster_name(request.get("cluster", "default"))
    if cluster is None:
        return error_response_json("ClusterNotFoundException", "Cluster not found.", 400)
    task = ecs._resolve_task(request.get("task", ""), cluster)
    if not task:
        return error_response_json("InvalidParameterException", "The referenced task was not found.", 400)
    if task["lastStatus"] != "STOPPED":
        task["desiredStatus"] = "STOPPED"
        stop(task["taskArn"], request.get("reason", "Task stopped by user"))
    return json_response({"task": ecs._sanitize(task)})
