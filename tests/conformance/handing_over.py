"""Calls that pass a role to a service: one for each service to which Slipway passes roles."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

from tests.conformance.callers import Account, unique

Client = Callable[[str], Any]


def lambda_function(client: Client, account: Account, role: str) -> None:
    client("lambda").create_function(
        FunctionName=unique("function"),
        Runtime="python3.12",
        Handler="index.handler",
        Role=role,
        Code={"ZipFile": _zip("def handler(event, context): return event")},
    )


def task_definition(client: Client, account: Account, role: str) -> None:
    container = {"name": "main", "image": "busybox", "essential": True}
    client("ecs").register_task_definition(
        family=unique("task"), containerDefinitions=[container], taskRoleArn=role
    )


def task(client: Client, account: Account, role: str) -> None:
    """The caller did not register the task definition that names the role."""
    family = unique("task")
    ecs = account.client("ecs")
    ecs.create_cluster(clusterName="conformance")
    container = {"name": "main", "image": "busybox", "essential": True}
    ecs.register_task_definition(family=family, containerDefinitions=[container], executionRoleArn=role)
    client("ecs").run_task(cluster="conformance", taskDefinition=family)


def state_machine(client: Client, account: Account, role: str) -> None:
    definition = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
    client("stepfunctions").create_state_machine(name=unique("machine"), definition=definition, roleArn=role)


def delivery_stream(client: Client, account: Account, role: str) -> None:
    destination = {"RoleARN": role, "BucketARN": "arn:aws:s3:::conformance"}
    client("firehose").create_delivery_stream(
        DeliveryStreamName=unique("delivery"), ExtendedS3DestinationConfiguration=destination
    )


def rule_target(client: Client, account: Account, role: str) -> None:
    rule = unique("rule")
    account.client("events").put_rule(Name=rule, ScheduleExpression="rate(1 day)")
    machine = f"arn:aws:states:eu-west-1:{account.id}:stateMachine:none"
    client("events").put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": machine, "RoleArn": role}])


def monitored_database(client: Client, account: Account, role: str) -> None:
    client("rds").create_db_instance(
        DBInstanceIdentifier=unique("db"),
        DBInstanceClass="db.t4g.micro",
        Engine="oracle-se2",  # a record only: no server starts
        AllocatedStorage=20,
        MasterUsername="root0",
        MasterUserPassword="long-enough",
        MonitoringInterval=60,
        MonitoringRoleArn=role,
    )


def subscription_filter(client: Client, account: Account, role: str) -> None:
    group, stream = unique("group"), unique("stream")
    account.client("logs").create_log_group(logGroupName=group)
    account.client("kinesis").create_stream(StreamName=stream, ShardCount=1)
    client("logs").put_subscription_filter(
        logGroupName=group,
        filterName="all",
        filterPattern="",
        destinationArn=f"arn:aws:kinesis:eu-west-1:{account.id}:stream/{stream}",
        roleArn=role,
    )


def change_set(client: Client, account: Account, role: str) -> None:
    topic = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    client("cloudformation").create_change_set(
        StackName=unique("stack"),
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps(topic),
        RoleARN=role,
    )


def _zip(source: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", source)
    return buffer.getvalue()
