"""CloudFormation on the embedded cloud: the resource types and attributes that the emulator lacks."""

import json
from typing import Any

from tests.embedded.overlay import ACCOUNT, REGION, client, eventually, unique


def deploy(embedded: Any, resources: dict[str, Any], **outputs: Any) -> tuple[str, dict[str, str]]:
    """The stack's name and its outputs."""
    cloudformation, name = client(embedded, "cloudformation"), unique("stack")
    template = {
        "Description": "About it",
        "Resources": resources,
        "Outputs": {key: {"Value": value} for key, value in outputs.items()},
    }
    made = cloudformation.create_change_set(
        StackName=name,
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.execute_change_set(ChangeSetName=made["Id"])

    def complete() -> dict[str, str] | None:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        assert "FAILED" not in stack["StackStatus"] and "ROLLBACK" not in stack["StackStatus"]
        if stack["StackStatus"] != "CREATE_COMPLETE":
            return None
        return {"Description": stack["Description"]} | {
            output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])
        }

    return name, eventually(complete)


def test_a_stack_made_by_a_change_set_bears_its_description(embedded: Any) -> None:
    _, outputs = deploy(embedded, {"Queue": {"Type": "AWS::SQS::Queue"}})
    assert outputs["Description"] == "About it"


def test_rules_of_security_groups_are_resources(embedded: Any) -> None:
    rule = {"GroupId": {"Ref": "Group"}, "IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432}
    resources = {
        "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "x"}},
        "In": {"Type": "AWS::EC2::SecurityGroupIngress", "Properties": {**rule, "CidrIp": "10.0.0.0/8"}},
        "Out": {"Type": "AWS::EC2::SecurityGroupEgress", "Properties": {**rule, "CidrIp": "10.1.0.0/16"}},
    }
    _, outputs = deploy(embedded, resources, Group={"Fn::GetAtt": ["Group", "GroupId"]})
    (group,) = client(embedded, "ec2").describe_security_groups(GroupIds=[outputs["Group"]])["SecurityGroups"]
    assert [p["IpRanges"][0]["CidrIp"] for p in group["IpPermissions"]] == ["10.0.0.0/8"]
    assert "10.1.0.0/16" in [p["IpRanges"][0]["CidrIp"] for p in group["IpPermissionsEgress"]]


def test_ref_of_a_secret_is_its_arn(embedded: Any) -> None:
    secret = {
        "Type": "AWS::SecretsManager::Secret",
        "Properties": {"GenerateSecretString": {"PasswordLength": 20}},
    }
    name, outputs = deploy(embedded, {"Secret": secret}, Ref={"Ref": "Secret"})
    assert outputs["Ref"].startswith(f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:")
    secrets = client(embedded, "secretsmanager")
    assert secrets.get_secret_value(SecretId=outputs["Ref"])["SecretString"]
    client(embedded, "cloudformation").delete_stack(StackName=name)

    def gone() -> bool:
        return outputs["Ref"] not in [item["ARN"] for item in secrets.list_secrets()["SecretList"]]

    eventually(gone)


def test_a_task_definition_is_in_the_apis_form(embedded: Any) -> None:
    container = {
        "Name": "main",
        "Image": "postgres",
        "MountPoints": [{"SourceVolume": "shared", "ContainerPath": "/shared"}],
        "DependsOn": [],
        "LogConfiguration": {"LogDriver": "awslogs", "Options": {"awslogs-group": "g"}},
    }
    properties = {
        "Family": unique("family"),
        "ContainerDefinitions": [container],
        "Volumes": [{"Name": "shared"}],
    }
    resources = {"Task": {"Type": "AWS::ECS::TaskDefinition", "Properties": properties}}
    _, outputs = deploy(embedded, resources, Task={"Ref": "Task"})
    described = client(embedded, "ecs").describe_task_definition(taskDefinition=outputs["Task"])
    definition = described["taskDefinition"]
    assert definition["volumes"] == [{"name": "shared"}]
    (made,) = definition["containerDefinitions"]
    assert made["mountPoints"] == [{"sourceVolume": "shared", "containerPath": "/shared"}]
    assert made["logConfiguration"]["options"] == {"awslogs-group": "g"}


def test_a_logs_destination_is_a_resource(embedded: Any) -> None:
    name = unique("destination")
    properties = {
        "DestinationName": name,
        "TargetArn": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/x",
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/x",
    }
    resources = {"To": {"Type": "AWS::Logs::Destination", "Properties": properties}}
    _, outputs = deploy(embedded, resources, Arn={"Fn::GetAtt": ["To", "Arn"]})
    found = client(embedded, "logs").describe_destinations(DestinationNamePrefix=name)["destinations"]
    assert [item["arn"] for item in found] == [outputs["Arn"]]
