"""What Fargate does before a task's containers run: roles, network, secrets, volumes, log streams, images.

Turns a task definition into local containers, or raises ECS's reason why the task cannot start.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import ecs

from ops.embedded.context import OverlayContext
from ops.embedded.ecs import network, runners
from ops.embedded.ecs.containers import STOP_TIMEOUT_S, Container, TaskRun
from ops.embedded.iam import identity

SEAMS = (
    "ministack.services.ecs._awslogs_config",
    "ministack.services.ecs._ensure_awslogs_stream",
    "ministack.services.ecs._emit_awslogs_event",
    "ministack.services.ecs._resolve_container_secrets",
    "ministack.services.ecs._SecretResolutionError",
)

Record = dict[str, Any]

_NO_SECRET = (
    "ResourceInitializationError: unable to pull secrets or registry auth: "
    "execution resource retrieval failed: "
)
_NO_STREAM = (
    "ResourceInitializationError: failed to validate logger args: failed to create Cloudwatch log stream: "
)


class CannotStart(Exception):
    """The task stops before any container runs; the message is ECS's stopped reason."""


def prepare(
    context: OverlayContext, task: Record, definition: Record, overrides: list[Record], directory: Path
) -> TaskRun:
    arn = task["taskArn"]
    session_name = arn.rsplit("/", 1)[-1]
    roles = _roles(definition, task["overrides"])
    execution, role = (_assume(roles[kind], session_name) for kind in ("executionRoleArn", "taskRoleArn"))
    unreachable = _connect(task, definition)
    volumes = _make_volumes(definition, directory)
    containers, loggers = [], {}
    for declared in definition["containerDefinitions"]:
        override = next((item for item in overrides if item.get("name") == declared["name"]), {})
        environment = {
            **_plain_environment(declared, override),
            **_secrets(declared, execution),
            **(role.environment() if role else {}),
            **unreachable,
        }
        containers.append(_container(context, declared, override, environment, volumes))
        loggers[declared["name"]] = _logger(declared, session_name, execution)
    container_records = {container["name"]: container for container in task["containers"]}

    def changed(name: str, exit_code: int | None) -> None:
        container_records[name]["lastStatus"] = "RUNNING" if exit_code is None else "STOPPED"
        container_records[name]["exitCode"] = exit_code

    return TaskRun(tuple(containers), directory, lambda name, line: loggers[name](line), changed)


def _roles(definition: Record, overrides: Record) -> dict[str, str]:
    return {
        kind: overrides.get(kind) or definition.get(kind) or ""
        for kind in ("executionRoleArn", "taskRoleArn")
    }


def _assume(role: str, session_name: str) -> identity.RoleSession | None:
    if not role:
        return None
    if not identity.trusts(role, "ecs-tasks.amazonaws.com"):
        raise CannotStart(
            f"ECS was unable to assume the role '{role}' that was provided for this task. Please verify that "
            "the role being passed has the proper trust relationship and permissions"
        )
    return identity.assume(role, session_name)


def _connect(task: Record, definition: Record) -> dict[str, str]:
    """Attach the task to its network; return the variables that list what its programs do not reach."""
    candidates = network.interfaces(task)
    problems = [network.problem(interface, definition) for interface in candidates]
    worst = next((number for number, problem in enumerate(problems) if problem), 0)
    if candidates:
        network.attach(task, candidates[worst])
        if problems[worst]:
            raise CannotStart(problems[worst])
    return network.environment(candidates)


def _make_volumes(definition: Record, directory: Path) -> dict[str, Path]:
    directory.mkdir(parents=True, exist_ok=True)
    volumes = {}
    for volume in definition.get("volumes", []):
        path = directory / "volumes" / volume["name"]
        path.mkdir(parents=True)
        volumes[volume["name"]] = path
    return volumes


def _plain_environment(declared: Record, override: Record) -> dict[str, str]:
    pairs = [*declared.get("environment", []), *override.get("environment", [])]
    return {pair["name"]: pair["value"] for pair in pairs}


def _secrets(declared: Record, execution: identity.RoleSession | None) -> dict[str, str]:
    """Return the container's secrets, read with the execution role's permissions; no record contains them."""
    declared_secrets = declared.get("secrets", [])
    if declared_secrets and execution is None:
        raise CannotStart(f"{_NO_SECRET}the task definition has secrets but no execution role")
    for secret in declared_secrets:
        assert execution is not None
        if message := identity.denial_message(execution, *_secret_access(secret["valueFrom"])):
            raise CannotStart(
                f"{_NO_SECRET}failed to fetch secret {secret['valueFrom']}: AccessDeniedException: {message}"
            )
    try:
        return dict(ecs._resolve_container_secrets(declared))
    except ecs._SecretResolutionError as error:
        raise CannotStart(f"{_NO_SECRET}{error}") from error


def _secret_access(value_from: str) -> tuple[str, str]:
    """Return the action and the resource that reading `valueFrom` requires."""
    if ":secretsmanager:" in value_from:
        return "secretsmanager:GetSecretValue", ":".join(value_from.split(":")[:7])
    if value_from.startswith("arn:"):
        return "ssm:GetParameters", value_from
    region = get_region()
    return "ssm:GetParameters", f"arn:aws:ssm:{region}:{get_account_id()}:parameter/{value_from.lstrip('/')}"


def _container(
    context: OverlayContext,
    declared: Record,
    override: Record,
    environment: dict[str, str],
    volumes: dict[str, Path],
) -> Container:
    try:
        runner = runners.runner(declared["image"], context.data / "programs")
    except runners.NoRunner as error:
        raise CannotStart(f"CannotPullContainerError: {error}") from error
    command = (
        *(declared.get("entryPoint") or runner.entry_point),
        *(override.get("command") or declared.get("command") or ()),
    )
    if not command:
        raise CannotStart(
            f"CannotStartContainerError: {declared['name']}: no command for {declared['image']}"
        )
    mounts = {
        mount["containerPath"]: volumes[mount["sourceVolume"]] for mount in declared.get("mountPoints", [])
    }
    after = tuple(
        (dependency["containerName"], dependency["condition"]) for dependency in declared.get("dependsOn", [])
    )
    if any(condition == "HEALTHY" for _, condition in after):
        raise CannotStart(
            f"Task failed to start: {declared['name']} depends on a health check, which is not emulated"
        )
    return Container(
        name=declared["name"],
        command=command,
        environment={
            "PATH": runner.path,
            "LANG": "C.UTF-8",
            **context.child_environment,
            **_aws_environment(context),
            **{name: _mapped(value, mounts) for name, value in environment.items()},
        },
        essential=declared.get("essential", True),
        after=after,
        stop_timeout_s=float(declared.get("stopTimeout") or STOP_TIMEOUT_S),
    )


def _aws_environment(context: OverlayContext) -> dict[str, str]:
    """Return the variables that Fargate sets in every container, and this cloud's endpoint."""
    return {
        "AWS_REGION": get_region(),
        "AWS_DEFAULT_REGION": get_region(),
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        "AWS_ENDPOINT_URL": context.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _mapped(value: str, mounts: dict[str, Path]) -> str:
    """Replace a path in a mounted volume with the local folder: the processes share one root folder."""
    for path, local in mounts.items():
        if value == path or value.startswith(path.rstrip("/") + "/"):
            return f"{local}{value[len(path.rstrip('/')) :]}"
    return value


def _logger(declared: Record, task_id: str, execution: identity.RoleSession | None) -> Callable[[str], None]:
    """Return a function that writes lines to the container's log stream, which Fargate creates first."""
    config = ecs._awslogs_config(declared, task_id, task_id)
    if not config:
        return lambda line: None
    account, region = get_account_id(), config["region"] or get_region()
    stream_arn = f"arn:aws:logs:{region}:{account}:log-group:{config['group']}:log-stream:{config['stream']}"
    if execution is None:
        raise CannotStart(f"{_NO_STREAM}the task definition has no execution role")
    if message := identity.denial_message(execution, "logs:CreateLogStream", stream_arn):
        raise CannotStart(f"{_NO_STREAM}AccessDeniedException: {message}")
    with request_scope(account, region):
        if not ecs._ensure_awslogs_stream(config):
            raise CannotStart(
                f"{_NO_STREAM}ResourceNotFoundException: The specified log group does not exist."
            )

    def write(line: str) -> None:
        with request_scope(account, region):
            ecs._emit_awslogs_event(config, line)

    return write
