"""Stack operations and Step Functions features that rollouts use: task tokens, Maps, rollback triggers."""

import json
import time
from typing import Any

import pytest

from tests.ops.embedded.overlay import ACCOUNT, allow, client, eventually, role, unique
from tests.ops.embedded.services.test_functions import Functions
from tests.ops.embedded.stepfunctions.test_stepfunctions import Machines

TOKEN = "arn:aws:states:::lambda:invoke.waitForTaskToken"


@pytest.fixture
def machines(embedded: Any) -> Machines:
    return Machines(embedded)


def waiting(function: str, **more: Any) -> dict[str, Any]:
    parameters = {"FunctionName": function, "Payload": {"token.$": "$$.Task.Token"}}
    return {"Type": "Task", "Resource": TOKEN, "Parameters": parameters, "End": True, **more}


def test_a_wait_for_a_token_times_out_as_the_input_says(machines: Machines, embedded: Any) -> None:
    name = Functions(embedded).create("def handler(event, context): return None")
    states = {"Wait": waiting(name, TimeoutSecondsPath="$.seconds")}
    ended = machines.run(states, allow("lambda:InvokeFunction"), data={"seconds": 1})
    assert ended["error"] == "States.Timeout"


def test_a_wait_for_a_token_fails_with_its_function_and_stops_with_its_execution(
    machines: Machines, embedded: Any
) -> None:
    broken = Functions(embedded).create("def handler(event, context): raise KeyError('x')")
    assert machines.run({"Wait": waiting(broken)}, allow("lambda:InvokeFunction"))["error"] == "KeyError"
    quiet = Functions(embedded).create("def handler(event, context): return None")
    machine = machines.create({"Wait": waiting(quiet)}, allow("lambda:InvokeFunction"))
    execution = machines.start(machine)
    machines.client.stop_execution(executionArn=execution)
    assert machines.ended(execution)["status"] == "ABORTED"


def test_a_distributed_map_takes_its_concurrency_from_the_input_and_its_children_have_histories(
    machines: Machines, embedded: Any
) -> None:
    name = Functions(embedded).create("def handler(event, context): return event")
    parameters = {"FunctionName": name, "Payload": {"item.$": "$"}}
    invoke = "arn:aws:states:::lambda:invoke"
    call = {"Type": "Task", "Resource": invoke, "Parameters": parameters, "End": True}
    map_state = {
        "Type": "Map",
        "ItemsPath": "$.items",
        "MaxConcurrencyPath": "$.at_once",
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Call",
            "States": {"Call": call},
        },
        "End": True,
    }
    machine = machines.create({"Each": map_state}, allow("lambda:InvokeFunction"))
    execution = machines.start(machine, {"items": [1, 2, 3], "at_once": 1})
    assert machines.ended(execution)["status"] == "SUCCEEDED"
    (run,) = machines.client.list_map_runs(executionArn=execution)["mapRuns"]
    map_run = machines.client.describe_map_run(mapRunArn=run["mapRunArn"])
    assert (map_run["maxConcurrency"], map_run["itemCounts"]["succeeded"]) == (1, 3)
    children = machines.client.list_executions(mapRunArn=run["mapRunArn"])["executions"]
    kinds = [event["type"] for event in machines.history(children[0]["executionArn"])]
    assert kinds[:3] == ["TaskStateEntered", "TaskScheduled", "TaskStarted"]


def test_the_principal_arn_of_an_assumed_role_is_the_role(embedded: Any) -> None:
    caller = role(embedded, "lambda.amazonaws.com", allow("sts:AssumeRole"))
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    condition = {"ArnEquals": {"aws:PrincipalArn": caller}}
    iam = client(embedded, "iam")
    document = json.dumps({"Version": "2012-10-17", "Statement": {**trust, "Condition": condition}})
    target = iam.create_role(RoleName=unique("target"), AssumeRolePolicyDocument=document)["Role"]["Arn"]
    source = (
        "import boto3\n"
        "def handler(event, context):\n"
        "    sts = boto3.client('sts')\n"
        "    made = sts.assume_role(RoleArn=event['role'], RoleSessionName='test')\n"
        "    return made['AssumedRoleUser']['Arn']\n"
    )
    functions = Functions(embedded)
    name = functions.create(source, role_arn=caller)
    response = client(embedded, "lambda").invoke(FunctionName=name, Payload=json.dumps({"role": target}))
    assert (
        json.loads(response["Payload"].read())
        == target.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + "/test"
    )


class Stacks:
    """One stack with a parameter, and an alarm."""

    def __init__(self, embedded: Any) -> None:
        self.cfn, self.cloudwatch = client(embedded, "cloudformation"), client(embedded, "cloudwatch")
        self.name = unique("stack")
        self.cloudwatch.put_metric_alarm(
            AlarmName=self.name,
            Namespace="Test",
            MetricName=self.name,
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )
        self.alarm = self.cloudwatch.describe_alarms(AlarmNames=[self.name])["MetricAlarms"][0]["AlarmArn"]
        self.state("OK")

    def state(self, value: str) -> None:
        self.cloudwatch.set_alarm_state(AlarmName=self.name, StateValue=value, StateReason="test")

    def deploy(self, value: str, trigger: str, **more: Any) -> dict[str, Any]:
        properties = {"Type": "String", "Value": value}
        resource = {"Type": "AWS::SSM::Parameter", "Properties": properties}
        stacks = self.cfn.describe_stacks()["Stacks"]
        kind = "UPDATE" if any(existing["StackName"] == self.name for existing in stacks) else "CREATE"
        change_set = self.cfn.create_change_set(
            StackName=self.name,
            ChangeSetName=unique("set"),
            ChangeSetType=kind,
            TemplateBody=json.dumps({"Resources": {"P": resource}}),
            RollbackConfiguration={"RollbackTriggers": [{"Arn": trigger, "Type": "AWS::CloudWatch::Alarm"}]},
            **more,
        )
        self.cfn.execute_change_set(ChangeSetName=change_set["Id"])

        def poll() -> dict[str, Any] | None:
            (stack,) = self.cfn.describe_stacks(StackName=self.name)["Stacks"]
            return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack

        time.sleep(0.2)
        return eventually(poll)

    def value(self) -> str:
        return json.dumps(self.cfn.get_template(StackName=self.name)["TemplateBody"])


def test_an_alarm_in_the_rollback_triggers_rolls_back_the_update(embedded: Any) -> None:
    stacks = Stacks(embedded)
    assert stacks.deploy("one", stacks.alarm)["StackStatus"] == "CREATE_COMPLETE"
    stacks.state("ALARM")
    assert stacks.deploy("two", stacks.alarm)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "one" in stacks.value() and "two" not in stacks.value()
    events = stacks.cfn.describe_stack_events(StackName=stacks.name)["StackEvents"]
    assert any("Rollback trigger" in event.get("ResourceStatusReason", "") for event in events)


def test_a_missing_rollback_trigger_rolls_back_a_new_stack(embedded: Any) -> None:
    stacks = Stacks(embedded)
    assert stacks.deploy("one", f"{stacks.alarm}-gone")["StackStatus"] == "ROLLBACK_COMPLETE"


def test_a_stack_keeps_the_role_of_its_deployment(embedded: Any) -> None:
    stacks = Stacks(embedded)
    arn = role(embedded, "cloudformation.amazonaws.com")
    assert stacks.deploy("one", stacks.alarm, RoleARN=arn)["RoleARN"] == arn
    assert stacks.deploy("two", stacks.alarm)["RoleARN"] == arn


def test_an_ssm_parameter_is_described_by_its_key_and_its_value(embedded: Any) -> None:
    name, key = unique("ssm"), f"/{unique('key')}"
    client(embedded, "ssm").put_parameter(Name=key, Value="21 & more", Type="String")
    cfn = client(embedded, "cloudformation")
    body = {
        "Parameters": {
            "Version": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": key},
            "Size": {"Type": "String", "Default": "21 & more"},
        },
        "Resources": {"Wait": {"Type": "AWS::CloudFormation::WaitConditionHandle"}},
    }
    cfn.create_stack(StackName=name, TemplateBody=json.dumps(body))
    parameters = {
        each["ParameterKey"]: each for each in cfn.describe_stacks(StackName=name)["Stacks"][0]["Parameters"]
    }
    assert (parameters["Version"]["ParameterValue"], parameters["Version"]["ResolvedValue"]) == (
        key,
        "21 & more",
    )
    assert parameters["Size"] == {"ParameterKey": "Size", "ParameterValue": "21 & more"}
