"""ECS: what a task definition and a task must have, on Fargate above all.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ministack.services import ec2, ecs

from ops.embedded.limits.problems import Parameters, Problem, Rule

SEAMS = (
    "ministack.services.ec2._ensure_defaults_initialized",
    "ministack.services.ec2._security_groups",
    "ministack.services.ec2._subnets",
    "ministack.services.ecs._clusters",
    "ministack.services.ecs._resolve_td_key",
    "ministack.services.ecs._task_defs",
)

CLIENT, INVALID = "ClientException", "InvalidParameterException"
GIB = 1024
# CPU units of a Fargate task: the least and the most MiB of memory, and the step between.
FARGATE = {
    256: (512, 2 * GIB, GIB),
    512: (GIB, 4 * GIB, GIB),
    1024: (2 * GIB, 8 * GIB, GIB),
    2048: (4 * GIB, 16 * GIB, GIB),
    4096: (8 * GIB, 30 * GIB, GIB),
    8192: (16 * GIB, 60 * GIB, 4 * GIB),
    16384: (32 * GIB, 120 * GIB, 8 * GIB),
    32768: (60 * GIB, 244 * GIB, 4 * GIB),
}
EPHEMERAL_GIB = (20, 200)
OVERRIDES_CHARACTERS = 8_192
TASKS = 10
NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
STARTED_BY_CHARACTERS = 128


def register(parameters: Parameters) -> Iterator[Problem]:
    containers: Sequence[Mapping[str, Any]] = parameters.get("containerDefinitions") or []
    if not NAME.fullmatch(str(parameters.get("family", ""))):
        yield Problem(CLIENT, "Family contains invalid characters or has more than 255 of them.")
    for problem in _containers(containers, parameters):
        yield Problem(CLIENT, problem)
    if "FARGATE" in (parameters.get("requiresCompatibilities") or []):
        for problem in _fargate(parameters, containers):
            yield Problem(CLIENT, problem)
    secrets = any(container.get("secrets") for container in containers)
    if secrets and not parameters.get("executionRoleArn"):
        yield Problem(
            CLIENT,
            "When you are specifying container secrets, you must also specify a value for "
            "'executionRoleArn'.",
        )


def _containers(containers: Sequence[Mapping[str, Any]], parameters: Parameters) -> Iterator[str]:
    names = [str(container.get("name", "")) for container in containers]
    if not names:
        yield "TaskDefinition must contain at least one container definition."
        return
    for name in names:
        if not NAME.fullmatch(name):
            yield f"Container name '{name}' contains invalid characters or has more than 255 of them."
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        yield f"Duplicate container name: {', '.join(repeated)}"
    if not any(container.get("essential", True) for container in containers):
        yield "TaskDefinition must contain at least one essential container."
    yield from _references(containers, parameters)


def _references(containers: Sequence[Mapping[str, Any]], parameters: Parameters) -> Iterator[str]:
    names = [container.get("name") for container in containers]
    volumes = {volume.get("name") for volume in parameters.get("volumes") or []}
    for container in containers:
        for mount in container.get("mountPoints") or []:
            if mount.get("sourceVolume") not in volumes:
                yield f"Unknown volume '{mount.get('sourceVolume')}'."
        for dependency in container.get("dependsOn") or []:
            if dependency.get("containerName") not in names:
                yield f"Container '{dependency.get('containerName')}' of a dependency does not exist."


def _fargate(parameters: Parameters, containers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if parameters.get("networkMode") != "awsvpc":
        yield "Fargate only supports network mode 'awsvpc'."
    for name in ("cpu", "memory"):
        if not parameters.get(name):
            yield f"Fargate requires that '{name}' be defined at the task level."
            return
    cpu, memory = units(parameters["cpu"]), units(parameters["memory"])
    yield from _combination(cpu, memory)
    for name, most in (("cpu", cpu), ("memory", memory)):
        values = [int(container.get(name) or 0) for container in containers]
        if max(values, default=0) > most or (name == "cpu" and sum(values) > most):
            yield f"Invalid setting for the containers: their '{name}' exceeds the task's, {most}."
    size = (parameters.get("ephemeralStorage") or {}).get("sizeInGiB")
    if size is not None and not EPHEMERAL_GIB[0] <= int(size) <= EPHEMERAL_GIB[1]:
        yield f"The ephemeral storage must have {EPHEMERAL_GIB[0]} to {EPHEMERAL_GIB[1]} GiB, not {size}."
    drivers = [(container.get("logConfiguration") or {}).get("logDriver") for container in containers]
    if "awslogs" in drivers and not parameters.get("executionRoleArn"):
        yield "Fargate requires task definition to have execution role ARN to support log driver awslogs."


def _combination(cpu: int, memory: int) -> Iterator[str]:
    least, most, step = FARGATE.get(cpu, (0, 0, 1))
    if not least <= memory <= most or (memory % step and (cpu, memory) != (256, 512)):
        yield (
            f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon "
            "ECS documentation for the valid values."
        )


def units(size: Any) -> int:
    """Return CPU units or MiB; `1 vCPU` and `2 GB` are allowed as well. 0 if it is neither."""
    match = re.fullmatch(r"\s*([\d.]+)\s*(vcpu|gb)?\s*", str(size), re.IGNORECASE)
    return int(float(match[1]) * (GIB if match[2] else 1)) if match else 0


def run(parameters: Parameters) -> Iterator[Problem]:
    cluster = str(parameters.get("cluster") or "default").rpartition("/")[2]
    if cluster not in ecs._clusters and cluster != "default":
        yield Problem("ClusterNotFoundException", "Cluster not found.")
    if int(parameters.get("count") or 1) > TASKS:
        yield Problem(INVALID, f"Invalid task count {parameters['count']}: it must be between 1 and {TASKS}.")
    if len(str(parameters.get("startedBy") or "")) > STARTED_BY_CHARACTERS:
        yield Problem(INVALID, f"startedBy must have at most {STARTED_BY_CHARACTERS} characters.")
    definition = ecs._task_defs.get(ecs._resolve_td_key(parameters.get("taskDefinition", "")))
    if definition:
        for problem in _task(parameters, definition):
            yield Problem(INVALID, problem)


def _task(parameters: Parameters, definition: Mapping[str, Any]) -> Iterator[str]:
    fargate = parameters.get("launchType") == "FARGATE"
    if fargate and "FARGATE" not in (definition.get("requiresCompatibilities") or []):
        yield "Task definition does not support launch_type FARGATE."
    network = (parameters.get("networkConfiguration") or {}).get("awsvpcConfiguration")
    if definition.get("networkMode") == "awsvpc" and not network:
        yield "Network Configuration must be provided when networkMode 'awsvpc' is specified."
    yield from _network(network or {})
    overrides = parameters.get("overrides") or {}
    names = {container.get("name") for container in definition.get("containerDefinitions", [])}
    for override in overrides.get("containerOverrides") or []:
        if override.get("name") not in names:
            yield (
                f"Override for container named {override.get('name')} is not a container in the "
                "TaskDefinition."
            )
    if len(json.dumps(overrides, separators=(",", ":"))) > OVERRIDES_CHARACTERS:
        yield f"Container Overrides length must be at most {OVERRIDES_CHARACTERS}"
    if fargate and (overrides.get("cpu") or overrides.get("memory")):
        cpu, memory = (overrides.get(name) or definition.get(name) for name in ("cpu", "memory"))
        yield from _combination(units(cpu), units(memory))


def _network(network: Mapping[str, Any]) -> Iterator[str]:
    ec2._ensure_defaults_initialized()
    for subnet in network.get("subnets") or []:
        if subnet not in ec2._subnets:
            yield (
                f"Error retrieving subnet information for [{subnet}]: The subnet ID '{subnet}' does not "
                "exist (ErrorCode: InvalidSubnetID.NotFound)"
            )
    for group in network.get("securityGroups") or []:
        if group not in ec2._security_groups:
            yield (
                f"Error retrieving security group information for [{group}]: The security group '{group}' "
                "does not exist (ErrorCode: InvalidGroup.NotFound)"
            )


RULES: Mapping[str, Rule] = {"RegisterTaskDefinition": register, "RunTask": run}
