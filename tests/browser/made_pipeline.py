"""A database with a stack that is listed as its pipeline, around a state machine of the test."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ops.templates.snapshots import DESCRIPTION
from tests.ops.embedded.overlay import eventually

Client = Callable[..., Any]
Undo = Callable[..., Any]

PARAMETERS = {
    "KeepSnapshots": "7",
    "PollSeconds": "1",
    "AssignPublicIp": "ENABLED",
    "UseLatestSnapshot": "false",
    "InstanceClass": "db.t4g.micro",
}


def make_database(client: Client, undo: Undo, name: str, tags: Mapping[str, str]) -> None:
    rds = client("rds")
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        Engine="postgres",
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20,
        DBName="app",
        MasterUsername="master",
        MasterUserPassword="correct-horse-1",
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    undo(rds.delete_db_instance, DBInstanceIdentifier=name, SkipFinalSnapshot=True)

    def is_available() -> bool:
        (instance,) = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        return bool(instance["DBInstanceStatus"] == "available")

    eventually(is_available)


def make_machine(client: Client, undo: Undo, name: str, definition: Mapping[str, Any]) -> str:
    """Create the state machine and its role; return the machine's ARN."""
    machines, iam = client("stepfunctions"), client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    role = iam.create_role(RoleName=f"machine-{name}", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    undo(iam.delete_role, RoleName=f"machine-{name}")
    created = machines.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)
    undo(machines.delete_state_machine, stateMachineArn=created["stateMachineArn"])
    return str(created["stateMachineArn"])


def make_stack(client: Client, undo: Undo, name: str, machine: str, parameters: Mapping[str, str]) -> None:
    stacks = client("cloudformation")
    all_parameters = {**PARAMETERS, **parameters}
    template = {
        "Description": DESCRIPTION,
        "Parameters": {key: {"Type": "String", "Default": value} for key, value in all_parameters.items()},
        "Resources": {"P": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "x"}}},
        "Outputs": {"StateMachineArn": {"Value": machine}},
    }
    stacks.create_stack(StackName=name, TemplateBody=json.dumps(template))
    undo(stacks.delete_stack, StackName=name)
    complete = {"CREATE_COMPLETE"}
    eventually(lambda: stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] in complete)
