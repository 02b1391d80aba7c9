"""Amazon ECS: run a task of a deployed task definition, and read how it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops.aws.calls import translated
from ops.aws.cloud import Cloud, Place
from ops.errors import Conflict

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient


@dataclass(frozen=True)
class TaskNetwork:
    """Where a Fargate task runs: its subnets and security groups, and whether it gets a public IP."""

    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    public_ip: bool


@dataclass(frozen=True)
class TaskEnd:
    """How a task ended. `exit_code` is None if the container did not start; `reason` is in ECS's words."""

    exit_code: int | None
    reason: str


def start_task(
    cloud: Cloud,
    place: Place,
    cluster: str,
    definition: str,
    network: TaskNetwork,
    *,
    container: str,
    environment: Mapping[str, str],
    command: Sequence[str],
) -> str:
    """Start a Fargate task with this environment and command; return its ARN. Raises Conflict."""
    client: ECSClient = cloud.client("ecs", place.account.id, place.region)
    with translated(f"Starting a task of {definition.rpartition('/')[2]}"):
        answer = client.run_task(
            cluster=cluster,
            taskDefinition=definition,
            launchType="FARGATE",
            networkConfiguration={
                "awsvpcConfiguration": {
                    "subnets": [*network.subnets],
                    "securityGroups": [*network.security_groups],
                    "assignPublicIp": "ENABLED" if network.public_ip else "DISABLED",
                }
            },
            overrides={
                "containerOverrides": [
                    {
                        "name": container,
                        "command": [*command],
                        "environment": [{"name": name, "value": text} for name, text in environment.items()],
                    }
                ]
            },
        )
    if not answer["tasks"]:
        reasons = "; ".join(failure.get("reason", "") for failure in answer.get("failures", []))
        raise Conflict(f"ECS did not start the task: {reasons}.", hint="Check the cluster and its capacity.")
    return answer["tasks"][0]["taskArn"]


def read_end(cloud: Cloud, place: Place, cluster: str, task: str) -> TaskEnd | None:
    """Return how the task ended, or None while it runs."""
    client: ECSClient = cloud.client("ecs", place.account.id, place.region)
    with translated(f"Reading the task {task.rpartition('/')[2]}"):
        found = client.describe_tasks(cluster=cluster, tasks=[task])["tasks"]
    if not found:
        return TaskEnd(None, "the task no longer exists")
    if found[0]["lastStatus"] != "STOPPED":
        return None
    (container, *_) = found[0]["containers"]
    reason = container.get("reason") or found[0].get("stoppedReason", "")
    return TaskEnd(container.get("exitCode"), reason)


def read_commands(cloud: Cloud, place: Place, definition: str) -> dict[str, tuple[str, ...]]:
    """Return the command of each container of a task definition."""
    client: ECSClient = cloud.client("ecs", place.account.id, place.region)
    with translated(f"Reading the task definition {definition}"):
        found = client.describe_task_definition(taskDefinition=definition)["taskDefinition"]
    return {item["name"]: tuple(item.get("command", ())) for item in found["containerDefinitions"]}
