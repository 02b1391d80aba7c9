"""CloudFormation on the embedded cloud: the resource types and attributes that the emulator lacks."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.ops.embedded.overlay import ACCOUNT, REGION, allow, client, eventually, role, unique


def deploy(
    embedded: Any, resources: dict[str, Any], *, name: str = "", region: str = REGION, **outputs: Any
) -> tuple[str, dict[str, str]]:
    """Deploy a stack; return its name and its outputs."""
    cloudformation, name = client(embedded, "cloudformation", region=region), name or unique("stack")
    template = {
        "Description": "About it",
        "Resources": resources,
        "Outputs": {key: {"Value": value} for key, value in outputs.items()},
    }
    change_set = cloudformation.create_change_set(
        StackName=name,
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.execute_change_set(ChangeSetName=change_set["Id"])

    def complete() -> dict[str, str] | None:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        assert "FAILED" not in stack["StackStatus"] and "ROLLBACK" not in stack["StackStatus"]
        if stack["StackStatus"] != "CREATE_COMPLETE":
            return None
        return {"Description": stack["Description"]} | {
            output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])
        }

    return name, eventually(complete)


def test_a_stack_from_a_change_set_has_its_description(embedded: Any) -> None:
    _, outputs = deploy(embedded, {"Queue": {"Type": "AWS::SQS::Queue"}})
    assert outputs["Description"] == "About it"


def test_the_same_stack_in_two_regions_has_two_roles(embedded: Any) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": [trust]}}}
    name, home = deploy(embedded, {"Role": role}, Role={"Ref": "Role"})
    _, away = deploy(embedded, {"Role": role}, name=name, region="us-east-1", Role={"Ref": "Role"})
    client(embedded, "cloudformation").delete_stack(StackName=name)
    iam = client(embedded, "iam")
    eventually(lambda: home["Role"] not in {existing["RoleName"] for existing in iam.list_roles()["Roles"]})
    assert iam.get_role(RoleName=away["Role"])["Role"]["RoleName"] == away["Role"]


def test_a_change_set_detects_a_condition_next_to_a_reference(embedded: Any) -> None:
    cloudformation, name = client(embedded, "cloudformation"), unique("stack")
    value = {"Fn::Join": [" ", [{"Fn::GetAtt": ["Queue", "Arn"]}, {"Fn::If": ["IsLoud", "loud", "quiet"]}]]}
    template = {
        "Parameters": {"Volume": {"Type": "String"}},
        "Conditions": {"IsLoud": {"Fn::Equals": [{"Ref": "Volume"}, "11"]}},
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue"},
            "Note": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}},
        },
    }

    def prepared(kind: str, volume: str) -> Any:
        change_set = cloudformation.create_change_set(
            StackName=name,
            ChangeSetName=f"volume-{volume}",
            ChangeSetType=kind,
            TemplateBody=json.dumps(template),
            Parameters=[{"ParameterKey": "Volume", "ParameterValue": volume}],
        )
        return cloudformation.describe_change_set(ChangeSetName=change_set["Id"])

    cloudformation.execute_change_set(ChangeSetName=prepared("CREATE", "1")["ChangeSetId"])
    eventually(
        lambda: (
            cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
        )
    )
    changes = prepared("UPDATE", "11")["Changes"]
    assert [change["ResourceChange"]["LogicalResourceId"] for change in changes] == ["Note"]
    assert prepared("UPDATE", "10")["Status"] == "FAILED", "10 is as quiet as 1"


def test_security_group_rules_are_resources(embedded: Any) -> None:
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


def test_ref_returns_a_secrets_arn(embedded: Any) -> None:
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


def test_a_task_definition_has_the_apis_keys(embedded: Any) -> None:
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


def destination(embedded: Any, *statements: dict[str, Any]) -> dict[str, Any]:
    """Return a destination for a new stream, whose role has these permissions."""
    stream = unique("stream")
    client(embedded, "kinesis").create_stream(StreamName=stream, ShardCount=1)
    properties = {
        "DestinationName": unique("destination"),
        "TargetArn": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{stream}",
        "RoleArn": role(embedded, "logs.amazonaws.com", *statements),
    }
    return {"To": {"Type": "AWS::Logs::Destination", "Properties": properties}}


def test_a_logs_destination_is_a_resource(embedded: Any) -> None:
    resources = destination(embedded, allow("kinesis:PutRecord"))
    name = resources["To"]["Properties"]["DestinationName"]
    _, outputs = deploy(embedded, resources, Arn={"Fn::GetAtt": ["To", "Arn"]})
    found = client(embedded, "logs").describe_destinations(DestinationNamePrefix=name)["destinations"]
    assert [item["arn"] for item in found] == [outputs["Arn"]]


def test_a_logs_destination_fails_without_write_permission(embedded: Any) -> None:
    with pytest.raises(AssertionError, match=r"ROLLBACK|FAILED"):
        deploy(embedded, destination(embedded))


def test_a_physical_id_finds_the_stack(embedded: Any) -> None:
    bucket = unique("bucket")
    properties = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": bucket}}
    name, _ = deploy(embedded, {"Bucket": properties})
    stacks = client(embedded, "cloudformation")
    (found,) = stacks.describe_stack_resources(PhysicalResourceId=bucket)["StackResources"]
    assert (found["StackName"], found["LogicalResourceId"]) == (name, "Bucket")
    with pytest.raises(ClientError, match="Stack for nobody does not exist"):
        stacks.describe_stack_resources(PhysicalResourceId="nobody")


def test_a_bucket_with_objects_blocks_deletion_unless_it_is_retained(embedded: Any) -> None:
    kept, held = unique("kept"), unique("held")
    resources = {
        "Kept": {
            "Type": "AWS::S3::Bucket",
            "Properties": {"BucketName": kept},
            "DeletionPolicy": "Retain",
        },
        "Held": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": held}},
    }
    name, _ = deploy(embedded, resources)
    stacks, s3 = client(embedded, "cloudformation"), client(embedded, "s3")
    for bucket in (kept, held):
        s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    stack = stacks.describe_stacks(StackName=name)["Stacks"][0]["StackId"]

    def status() -> str:
        stacks.delete_stack(StackName=stack)
        return str(stacks.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])

    eventually(lambda: status() == "DELETE_FAILED")
    s3.delete_object(Bucket=held, Key="a")
    eventually(lambda: status() == "DELETE_COMPLETE")
    assert s3.get_object(Bucket=kept, Key="a")["Body"].read() == b"a"
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=kept)["TagSet"]}
    assert tags["aws:cloudformation:stack-id"] == stack
    assert tags["aws:cloudformation:logical-id"] == "Kept"
