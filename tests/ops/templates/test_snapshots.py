"""The template of the snapshot pipeline: golden file, least privilege, and parameters."""

import json
from pathlib import Path
from typing import Any

import pytest

from ops.snapshots.pipeline.model import template_body
from ops.templates.snapshots import PARAMETERS

GOLDEN = Path("tests/data/templates/snapshots.json")
TEMPLATE = json.loads(template_body())


def roles() -> dict[str, Any]:
    return {n: r["Properties"] for n, r in TEMPLATE["Resources"].items() if r["Type"] == "AWS::IAM::Role"}


def statements() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for name, role in roles().items():
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                found.append((name, statement.get("Fn::If", [None, statement])[1]))
    return found


def test_matches_the_golden_file() -> None:
    assert json.loads(GOLDEN.read_text()) == TEMPLATE, "run `make golden` and look at the difference"


def test_every_parameter_has_a_group_a_label_and_help() -> None:
    interface = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(interface["ParameterLabels"]) == sorted(TEMPLATE["Parameters"])
    assert all(asked.help and asked.label for asked in PARAMETERS)


def test_resource_star_only_for_actions_without_resource_types() -> None:
    """Service Authorization Reference: these actions have no resource types."""
    unscoped = {a for _, s in statements() if s["Resource"] == "*" for a in s["Action"]}
    assert {a for a in unscoped if not a.startswith(("logs:", "xray:"))} == {
        "ecr:GetAuthorizationToken",
        "rds:DescribeEvents",
        "states:SendTaskFailure",
        "states:SendTaskSuccess",
    }
    assert not {"logs:CreateLogStream", "logs:PutLogEvents"} & unscoped
    assert not any("*" in action for _, s in statements() for action in s["Action"])


@pytest.mark.parametrize("action", ["rds:DeleteDBInstance", "rds:ModifyDBInstance"])
def test_only_instances_with_the_prefix_of_the_stack_can_be_changed(action: str) -> None:
    [statement] = [s for _, s in statements() if action in s["Action"]]
    instances = [r for r in statement["Resource"] if ":db:" in json.dumps(r)]
    assert [json.dumps(r).split(":db:")[1][:10] for r in instances] == ["${Prefix}*"]


@pytest.mark.parametrize("action", ["rds:DeleteDBSnapshot", "rds:ModifyDBSnapshotAttribute"])
def test_only_snapshots_with_the_tag_of_the_pipeline_can_be_changed(action: str) -> None:
    found = [s for _, s in statements() if action in s["Action"]]
    assert found
    for statement in found:
        assert statement["Condition"]["StringEquals"] == {
            "aws:ResourceTag/slipway:pipeline": {"Ref": "AWS::StackName"}
        }


def test_the_password_is_generated_and_reaches_the_task_as_a_secret() -> None:
    resources = TEMPLATE["Resources"]
    assert "GenerateSecretString" in resources["Password"]["Properties"]
    fetch, sanitize = resources["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    password, kept = sanitize["Secrets"]
    assert password["Name"] == "DB_PASSWORD"
    secret = {"Name": "SALT", "ValueFrom": {"Ref": "FakeSecretArn"}}
    assert kept == {"Fn::If": ["HasFakeSecret", secret, {"Ref": "AWS::NoValue"}]}
    assert "Secrets" not in fetch
    assert "assword" not in json.dumps([fetch["Environment"], sanitize["Environment"]])


def test_the_task_reaches_the_database_and_https_only() -> None:
    resources = TEMPLATE["Resources"]
    own = resources["TaskSecurityGroup"]["Properties"]["SecurityGroupEgress"]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in own] == [(443, 443)]
    database = resources["TaskToDatabase"]["Properties"]
    assert database["DestinationSecurityGroupId"] == {"Fn::GetAtt": ["DatabaseSecurityGroup", "GroupId"]}
    assert resources["DatabaseFromTask"]["Properties"]["SourceSecurityGroupId"] == {
        "Fn::GetAtt": ["TaskSecurityGroup", "GroupId"]
    }


def test_the_copy_gets_the_port_that_the_security_groups_allow() -> None:
    resources = TEMPLATE["Resources"]
    port = resources["Handler"]["Properties"]["Environment"]["Variables"]["DATABASE_PORT"]
    assert port == resources["TaskToDatabase"]["Properties"]["ToPort"]
    assert port == resources["DatabaseFromTask"]["Properties"]["FromPort"]


def test_the_key_of_the_source_is_used_through_rds_only() -> None:
    policy = TEMPLATE["Resources"]["HandlerRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    conditional = [statement["Fn::If"] for statement in policy["Statement"] if "Fn::If" in statement]
    (use,) = [statement for condition, statement, _ in conditional if condition == "HasSourceKey"]
    assert {"kms:CreateGrant", "kms:Decrypt"} <= set(use["Action"])
    assert use["Resource"] == {"Ref": "SourceKeyArn"}
    assert "rds." in json.dumps(use["Condition"]["StringEquals"]["kms:ViaService"])


def test_failures_are_published_by_the_handler() -> None:
    """A topic policy or a key policy with a condition for EventBridge cannot stop a notification."""
    resources = TEMPLATE["Resources"].values()
    assert not [part for part in resources if part["Type"] == "AWS::SNS::TopicPolicy"]
    rules = [part["Properties"]["Targets"] for part in resources if part["Type"] == "AWS::Events::Rule"]
    targets = [target["Arn"] for rule in rules for target in rule]
    assert targets and {"Ref": "Topic"} not in targets


def test_images_can_be_in_the_registry_of_another_account() -> None:
    policies = TEMPLATE["Resources"]["ExecutionRole"]["Properties"]["Policies"]
    statements = policies[0]["PolicyDocument"]["Statement"]
    (pull,) = [one for one in statements if "ecr:BatchGetImage" in one.get("Action", ())]
    assert pull["Resource"] == {"Fn::Sub": "arn:${AWS::Partition}:ecr:*:*:repository/*"}


def test_every_log_group_has_a_retention() -> None:
    groups = [r for r in TEMPLATE["Resources"].values() if r["Type"] == "AWS::Logs::LogGroup"]
    assert groups
    assert all(group["Properties"]["RetentionInDays"] for group in groups)
