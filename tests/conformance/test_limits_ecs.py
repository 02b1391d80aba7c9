"""ECS: what a task definition and a task must have."""

from typing import Any

import pytest

from tests.conformance.callers import Account, error, unique

MAIN = {"name": "main", "image": "busybox", "essential": True}
SUBNET = "subnet-00000001"  # of the default VPC
NETWORK = {"awsvpcConfiguration": {"subnets": [SUBNET]}}


def definition(**more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "family": unique("limits"),
        "containerDefinitions": [MAIN],
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        **more,
    }
    return {name: value for name, value in given.items() if value is not None}


@pytest.mark.parametrize(
    ("cpu", "memory"),
    [
        ("256", "4096"),
        ("512", "512"),
        ("384", "1024"),
        ("1024", "2500"),
        ("4096", "31744"),
        ("8192", "18432"),
    ],
)
def test_fargate_has_combinations_of_cpu_and_memory(account: Account, cpu: str, memory: str) -> None:
    """A Fargate task has one of the documented combinations of CPU and memory.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
    """
    code, message = error(
        account.client("ecs").register_task_definition, **definition(cpu=cpu, memory=memory)
    )
    assert code == "ClientException"
    assert f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory." in message


@pytest.mark.parametrize(
    ("cpu", "memory"), [("256", "512"), (".5 vCPU", "3 GB"), ("4096", "30720"), ("16384", "40960")]
)
def test_fargate_accepts_its_combinations(account: Account, cpu: str, memory: str) -> None:
    """CPU and memory are given in units and MiB, or as vCPU and GB.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
    """
    account.client("ecs").register_task_definition(**definition(cpu=cpu, memory=memory))


WRONG: list[Any] = [
    pytest.param({"cpu": None}, "Fargate requires that 'cpu' be defined at the task level", id="cpu"),
    pytest.param({"memory": None}, "Fargate requires that 'memory' be defined", id="memory"),
    pytest.param({"networkMode": "bridge"}, "only supports network mode 'awsvpc'", id="network"),
    pytest.param({"ephemeralStorage": {"sizeInGiB": 201}}, "20 to 200 GiB", id="storage"),
    pytest.param({"family": "not a family"}, "Family contains invalid characters", id="family"),
    pytest.param({"containerDefinitions": [MAIN, MAIN]}, "Duplicate container name", id="duplicate"),
    pytest.param({"containerDefinitions": [{**MAIN, "essential": False}]}, "essential", id="essential"),
    pytest.param({"containerDefinitions": [{**MAIN, "name": "a b"}]}, "name 'a b'", id="name"),
    pytest.param({"containerDefinitions": [{**MAIN, "memory": 600}]}, "exceeds the task's", id="too much"),
    pytest.param(
        {
            "containerDefinitions": [
                {**MAIN, "mountPoints": [{"sourceVolume": "none", "containerPath": "/x"}]}
            ]
        },
        "Unknown volume 'none'",
        id="volume",
    ),
    pytest.param(
        {"containerDefinitions": [{**MAIN, "dependsOn": [{"containerName": "none", "condition": "START"}]}]},
        "Container 'none'",
        id="dependency",
    ),
    pytest.param(
        {"containerDefinitions": [{**MAIN, "secrets": [{"name": "A", "valueFrom": "b"}]}]},
        "'executionRoleArn'",
        id="secrets",
    ),
    pytest.param(
        {"containerDefinitions": [{**MAIN, "logConfiguration": {"logDriver": "awslogs"}}]},
        "execution role ARN to support log driver awslogs",
        id="logs",
    ),
]


@pytest.mark.parametrize(("given", "said"), WRONG)
def test_a_task_definition_is_consistent(account: Account, given: dict[str, Any], said: str) -> None:
    """A task definition has what Fargate requires, valid names, and refers to what it contains.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
    """
    code, message = error(account.client("ecs").register_task_definition, **definition(**given))
    assert code == "ClientException" and said in message


LONG = [{"name": "main", "command": ["x" * 8_200]}]
NOT_RUN: list[Any] = [
    pytest.param({"networkConfiguration": None}, "Network Configuration must be provided", id="network"),
    pytest.param(
        {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1234abcd"]}}},
        "InvalidSubnetID.NotFound",
        id="subnet",
    ),
    pytest.param({"overrides": {"containerOverrides": LONG}}, "at most 8192", id="overrides"),
    pytest.param(
        {"overrides": {"containerOverrides": [{"name": "none"}]}}, "container named none", id="container"
    ),
    pytest.param({"overrides": {"cpu": "512", "memory": "512"}}, "No Fargate configuration", id="size"),
    pytest.param({"count": 11}, "Invalid task count 11", id="count"),
    pytest.param({"startedBy": "x" * 129}, "startedBy", id="started by"),
]


@pytest.mark.parametrize(("given", "said"), NOT_RUN)
def test_a_task_is_run_within_limits(account: Account, given: dict[str, Any], said: str) -> None:
    """A task needs a network, and its overrides have at most 8,192 characters.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
    """
    ecs = account.client("ecs")
    family = ecs.register_task_definition(**definition())["taskDefinition"]["family"]
    ecs.create_cluster(clusterName="limits")
    more = {"networkConfiguration": NETWORK, **given}
    arguments = {name: value for name, value in more.items() if value is not None}
    code, message = error(
        ecs.run_task, cluster="limits", taskDefinition=family, launchType="FARGATE", **arguments
    )
    assert code == "InvalidParameterException" and said in message


def test_a_task_runs_in_a_cluster_that_exists(account: Account) -> None:
    """A task needs a cluster that exists.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
    """
    ecs = account.client("ecs")
    family = ecs.register_task_definition(**definition())["taskDefinition"]["family"]
    call = {"taskDefinition": family, "networkConfiguration": NETWORK}
    assert error(ecs.run_task, cluster=unique("none"), **call)[0] == "ClusterNotFoundException"
