"""Fargate tasks on the embedded cloud: local processes with ECS's order, exit codes, secrets, and roles."""

import json
from typing import Any

import pytest

from tests.ops.embedded.overlay import ACCOUNT, REGION, allow, client, eventually, role, unique

POSTGRES = "public.ecr.aws/docker/library/postgres:18.1"
SUBNET = "subnet-00000001"  # of the default VPC
AWS_CLI = "public.ecr.aws/aws-cli/aws-cli:2.33.0"


class Tasks:
    """Registers and runs task definitions in a cluster of its own."""

    def __init__(self, embedded: Any) -> None:
        self.embedded = embedded
        self.ecs, self.logs = client(embedded, "ecs"), client(embedded, "logs")
        self.name = unique("tasks")
        self.ecs.create_cluster(clusterName=self.name)
        self.logs.create_log_group(logGroupName=self.name)
        self.execution = role(
            embedded, "ecs-tasks.amazonaws.com", allow(["logs:CreateLogStream", "logs:PutLogEvents"])
        )

    def define(self, *containers: dict[str, Any], **more: Any) -> str:
        options = {"awslogs-group": self.name, "awslogs-region": REGION, "awslogs-stream-prefix": "run"}
        logged = [
            {
                "image": POSTGRES,
                "entryPoint": ["/bin/sh", "-ec"],
                "logConfiguration": {"logDriver": "awslogs", "options": options},
                **container,
            }
            for container in containers
        ]
        made = self.ecs.register_task_definition(
            family=self.name,
            **{"executionRoleArn": self.execution, **more},
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=logged,
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def start(self, definition: str, **more: Any) -> str:
        started = self.ecs.run_task(
            cluster=self.name,
            taskDefinition=definition,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": [SUBNET], "assignPublicIp": "ENABLED"}},
            **more,
        )
        return str(started["tasks"][0]["taskArn"])

    def describe(self, arn: str) -> dict[str, Any]:
        task: dict[str, Any] = self.ecs.describe_tasks(cluster=self.name, tasks=[arn])["tasks"][0]
        return task

    def ended(self, arn: str) -> dict[str, Any]:
        def stopped() -> dict[str, Any] | None:
            task = self.describe(arn)
            return task if task["lastStatus"] == "STOPPED" else None

        return eventually(stopped)

    def run(self, *containers: dict[str, Any], **more: Any) -> dict[str, Any]:
        return self.ended(self.start(self.define(*containers, **more)))

    def lines(self, task: dict[str, Any], container: str) -> list[str]:
        stream = f"run/{container}/{task['taskArn'].rsplit('/', 1)[-1]}"
        events = self.logs.get_log_events(logGroupName=self.name, logStreamName=stream, startFromHead=True)
        return [event["message"] for event in events["events"]]


@pytest.fixture
def tasks(embedded: Any) -> Tasks:
    return Tasks(embedded)


def exit_codes(task: dict[str, Any]) -> dict[str, int | None]:
    return {container["name"]: container.get("exitCode") for container in task["containers"]}


def test_exit_code_and_log_stream(tasks: Tasks) -> None:
    task = tasks.run({"name": "main", "command": ["echo out; echo err >&2; exit 7"]})
    assert exit_codes(task) == {"main": 7}
    assert task["stopCode"] == "EssentialContainerExited"
    assert tasks.lines(task, "main") == ["out", "err"]


def test_psql_is_the_real_one(tasks: Tasks) -> None:
    task = tasks.run({"name": "main", "command": ["psql --version"]})
    assert "psql (PostgreSQL)" in tasks.lines(task, "main")[0]


def test_environment_contains_only_the_containers_variables(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = tasks.run(
        {
            "name": "main",
            "command": ["env | cut -d= -f1 | sort"],
            "environment": [{"name": "GIVEN", "value": "x"}],
        }
    )
    names = set(tasks.lines(task, "main"))
    assert "GIVEN" in names
    expected = {"GIVEN", "PATH", "LANG", "PWD", "SHLVL", "_", "OLDPWD"}
    assert {name for name in names - expected if not name.startswith(("AWS_", "SLIPWAY_"))} == set()


def test_overrides_reach_the_process_and_the_record(tasks: Tasks) -> None:
    definition = tasks.define(
        {"name": "main", "command": ["exit 1"], "environment": [{"name": "WHO", "value": "nobody"}]}
    )
    override = {
        "name": "main",
        "command": ['echo "$WHO"'],
        "environment": [{"name": "WHO", "value": "you"}],
    }
    task = tasks.ended(tasks.start(definition, overrides={"containerOverrides": [override]}))
    assert tasks.lines(task, "main") == ["you"]
    assert task["overrides"]["containerOverrides"][0]["environment"] == [{"name": "WHO", "value": "you"}]


def test_an_unsupported_image_fails_with_the_reason(tasks: Tasks) -> None:
    task = tasks.run({"name": "main", "image": "registry.example/oracle:19", "command": ["true"]})
    assert task["stopCode"] == "TaskFailedToStart"
    assert "CannotPullContainerError" in task["stoppedReason"]
    assert "registry.example/oracle:19" in task["stoppedReason"]


def test_missing_program_fails_with_the_reason(tasks: Tasks) -> None:
    task = tasks.run({"name": "main", "entryPoint": ["/no/such/program"], "command": []})
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("CannotStartContainerError: main: /no/such/program")


VOLUME = {"volumes": [{"name": "shared"}]}
MOUNT = {
    "mountPoints": [{"sourceVolume": "shared", "containerPath": "/shared"}],
    "environment": [{"name": "SHARED", "value": "/shared"}, {"name": "DEEP", "value": "/shared/a/b"}],
}


def test_containers_share_a_volume_in_the_order_of_their_dependencies(tasks: Tasks) -> None:
    task = tasks.run(
        {
            "name": "second",
            "command": ['cat "$SHARED/note"'],
            "dependsOn": [{"containerName": "first", "condition": "SUCCESS"}],
            **MOUNT,
        },
        {
            "name": "first",
            "essential": False,
            "command": ['mkdir -p "$DEEP"; echo from first > "$SHARED/note"'],
            **MOUNT,
        },
        **VOLUME,
    )
    assert exit_codes(task) == {"first": 0, "second": 0}
    assert tasks.lines(task, "second") == ["from first"]


def test_volumes_are_not_shared_between_tasks(tasks: Tasks) -> None:
    definition = tasks.define(
        {"name": "main", "command": ['ls "$SHARED"; echo x > "$SHARED/left"'], **MOUNT}, **VOLUME
    )
    tasks.ended(tasks.start(definition))
    again = tasks.ended(tasks.start(definition))
    assert tasks.lines(again, "main") == []


def test_failed_dependency_stops_the_task(tasks: Tasks) -> None:
    task = tasks.run(
        {"name": "first", "essential": False, "command": ["exit 4"]},
        {
            "name": "second",
            "command": ["echo must not run"],
            "dependsOn": [{"containerName": "first", "condition": "SUCCESS"}],
        },
    )
    assert exit_codes(task) == {"first": 4, "second": None}
    assert task["stopCode"] == "TaskFailedToStart"
    assert "first, which exited with code 4" in task["stoppedReason"]
    assert tasks.lines(task, "second") == []


def test_complete_does_not_require_success(tasks: Tasks) -> None:
    task = tasks.run(
        {"name": "first", "essential": False, "command": ["exit 4"]},
        {
            "name": "second",
            "command": ["echo ran"],
            "dependsOn": [{"containerName": "first", "condition": "COMPLETE"}],
        },
    )
    assert exit_codes(task) == {"first": 4, "second": 0}


def test_the_exit_of_an_essential_container_stops_the_others(tasks: Tasks) -> None:
    task = tasks.run(
        {"name": "side", "essential": False, "command": ["exec tail -f /dev/null"]},
        {"name": "main", "command": ["exit 0"]},
    )
    assert exit_codes(task) == {"side": 143, "main": 0}


def test_stop_task_sends_sigterm(tasks: Tasks) -> None:
    arn = tasks.start(tasks.define({"name": "main", "command": ["echo up; exec tail -f /dev/null"]}))
    eventually(lambda: tasks.describe(arn)["lastStatus"] == "RUNNING")
    assert (
        tasks.ecs.stop_task(cluster=tasks.name, task=arn, reason="enough")["task"]["desiredStatus"]
        == "STOPPED"
    )
    task = tasks.ended(arn)
    assert (exit_codes(task), task["stopCode"], task["stoppedReason"]) == (
        {"main": 143},
        "UserInitiated",
        "enough",
    )


def test_stop_task_kills_a_process_that_ignores_sigterm(tasks: Tasks) -> None:
    definition = tasks.define(
        {"name": "main", "stopTimeout": 1, "command": ["trap '' TERM; echo up; while :; do sleep 0.1; done"]}
    )
    arn = tasks.start(definition)
    stream = f"run/main/{arn.rsplit('/', 1)[-1]}"

    def is_up() -> bool:
        found = tasks.logs.describe_log_streams(logGroupName=tasks.name, logStreamNamePrefix=stream)
        return bool(found["logStreams"] and "lastEventTimestamp" in found["logStreams"][0])

    eventually(is_up)
    tasks.ecs.stop_task(cluster=tasks.name, task=arn)
    assert exit_codes(tasks.ended(arn)) == {"main": 137}


def test_stop_before_the_start(tasks: Tasks) -> None:
    arn = tasks.start(tasks.define({"name": "main", "command": ["exec tail -f /dev/null"]}))
    tasks.ecs.stop_task(cluster=tasks.name, task=arn)
    assert tasks.ended(arn)["stopCode"] == "UserInitiated"


# Secrets


def secret(embedded: Any) -> str:
    made = client(embedded, "secretsmanager").create_secret(
        Name=unique("secret"), SecretString=json.dumps({"user": "u", "password": "hunter2-unseen"})
    )
    return str(made["ARN"])


def reading(arn: str) -> dict[str, Any]:
    return {
        "name": "main",
        "command": ['[ "${#PGPASSWORD}" = 14 ]; case "$PGPASSWORD" in hunter2-*) ;; *) exit 1 ;; esac'],
        "secrets": [{"name": "PGPASSWORD", "valueFrom": f"{arn}:password::"}],
    }


def test_secret_reaches_the_process_and_no_record(tasks: Tasks, embedded: Any) -> None:
    arn = secret(embedded)
    reader = role(
        embedded,
        "ecs-tasks.amazonaws.com",
        allow("logs:CreateLogStream"),
        allow("secretsmanager:GetSecretValue", arn),
    )
    task = tasks.run(reading(arn), executionRoleArn=reader)
    assert exit_codes(task) == {"main": 0}
    definition = tasks.ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])
    assert "hunter2-unseen" not in json.dumps([task, definition["taskDefinition"]], default=str)


def test_secret_needs_the_execution_roles_permission(tasks: Tasks, embedded: Any) -> None:
    task = tasks.run(reading(secret(embedded)))
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("ResourceInitializationError: unable to pull secrets")
    assert "is not authorized to perform: secretsmanager:GetSecretValue" in task["stoppedReason"]


def test_secret_key_that_does_not_exist(tasks: Tasks, embedded: Any) -> None:
    arn = secret(embedded)
    reader = role(
        embedded,
        "ecs-tasks.amazonaws.com",
        allow(["logs:CreateLogStream", "secretsmanager:GetSecretValue"]),
    )
    wrong = {**reading(arn), "secrets": [{"name": "P", "valueFrom": f"{arn}:nothing::"}]}
    task = tasks.run(wrong, executionRoleArn=reader)
    assert "unable to retrieve json key 'nothing'" in task["stoppedReason"]


# Roles


def test_role_that_does_not_trust_ecs(tasks: Tasks, embedded: Any) -> None:
    other = role(embedded, "lambda.amazonaws.com")
    task = tasks.run({"name": "main", "command": ["true"]}, taskRoleArn=other)
    assert "ECS was unable to assume the role" in task["stoppedReason"]


def test_log_group_that_does_not_exist(tasks: Tasks) -> None:
    definition = tasks.define({"name": "main", "command": ["true"]})
    tasks.logs.delete_log_group(logGroupName=tasks.name)
    task = tasks.ended(tasks.start(definition))
    assert "failed to create Cloudwatch log stream: ResourceNotFoundException" in task["stoppedReason"]


def test_log_stream_needs_the_execution_roles_permission(tasks: Tasks, embedded: Any) -> None:
    bare = role(embedded, "ecs-tasks.amazonaws.com")
    task = tasks.run({"name": "main", "command": ["true"]}, executionRoleArn=bare)
    assert "is not authorized to perform: logs:CreateLogStream" in task["stoppedReason"]


# The replacement for the AWS CLI


def copying(bucket: str, **more: Any) -> dict[str, Any]:
    return {
        "name": "fetch",
        "image": AWS_CLI,
        "command": [
            'aws s3 cp --recursive --only-show-errors "$SOURCE" "$SHARED"; cat "$SHARED/sub/two.sql"'
        ],
        "mountPoints": MOUNT["mountPoints"],
        "environment": [
            {"name": "SOURCE", "value": f"s3://{bucket}/scripts/"},
            {"name": "SHARED", "value": "/shared"},
        ],
        **more,
    }


@pytest.fixture
def bucket(embedded: Any) -> str:
    s3, name = client(embedded, "s3"), unique("scripts")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=name, Key="scripts/one.sql", Body=b"select 1;")
    s3.put_object(Bucket=name, Key="scripts/sub/two.sql", Body=b"select 2;")
    s3.put_object(Bucket=name, Key="scripts-of-others/three.sql", Body=b"select 3;")
    return name


def reader_of(embedded: Any, bucket: str) -> str:
    return role(
        embedded,
        "ecs-tasks.amazonaws.com",
        allow("s3:GetObject", f"arn:aws:s3:::{bucket}/scripts/*"),
        allow(
            "s3:ListBucket",
            f"arn:aws:s3:::{bucket}",
            Condition={"StringLike": {"s3:prefix": "scripts/*"}},
        ),
    )


def test_aws_fetches_a_folder_with_the_task_role(tasks: Tasks, embedded: Any, bucket: str) -> None:
    task = tasks.run(copying(bucket), taskRoleArn=reader_of(embedded, bucket), **VOLUME)
    assert tasks.lines(task, "fetch") == ["select 2;"]
    assert exit_codes(task) == {"fetch": 0}


def test_aws_is_denied_without_permission(tasks: Tasks, embedded: Any, bucket: str) -> None:
    task = tasks.run(copying(bucket), taskRoleArn=role(embedded, "ecs-tasks.amazonaws.com"), **VOLUME)
    assert exit_codes(task) == {"fetch": 1}
    assert "AccessDenied" in tasks.lines(task, "fetch")[0]


def test_aws_uploads(tasks: Tasks, embedded: Any, bucket: str) -> None:
    writer = role(embedded, "ecs-tasks.amazonaws.com", allow("s3:PutObject", f"arn:aws:s3:::{bucket}/out/*"))
    command = f'echo done > "$SHARED/report"; aws s3 cp "$SHARED/report" s3://{bucket}/out/'
    task = tasks.run(copying(bucket, command=[command]), taskRoleArn=writer, **VOLUME)
    assert tasks.lines(task, "fetch")[0].startswith("copied: ")
    body = client(embedded, "s3").get_object(Bucket=bucket, Key="out/report")["Body"].read()
    assert body == b"done\n"


def test_aws_reports_unsupported_commands(tasks: Tasks) -> None:
    task = tasks.run(
        {"name": "fetch", "image": AWS_CLI, "entryPoint": [], "command": ["s3", "sync", "a", "b"]}
    )
    assert exit_codes(task) == {"fetch": 252}
    assert "Unsupported command: aws s3 sync a b" in tasks.lines(task, "fetch")[1]


def test_a_tasks_arn_has_its_account(tasks: Tasks) -> None:
    arn = tasks.start(tasks.define({"name": "main", "command": ["true"]}))
    assert arn.startswith(f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/{tasks.name}/")
    tasks.ended(arn)
