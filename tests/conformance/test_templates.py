"""CloudFormation: templates and properties that are refused before a resource changes."""

import json
from typing import Any

import pytest

from tests.conformance.callers import Account, error, unique
from tests.conformance.test_stacks import create, reasons, settled, template

TOPIC: dict[str, Any] = {"Type": "AWS::SNS::Topic"}


def topic(**properties: Any) -> dict[str, Any]:
    return {**TOPIC, "Properties": properties}


def body(**resources: Any) -> str:
    return json.dumps({"Resources": resources})


CIRCULAR = body(
    One=topic(DisplayName={"Ref": "Two"}),
    Two={**TOPIC, "DependsOn": "Three"},
    Three={**TOPIC, "DependsOn": "One"},
)
WRONG: list[Any] = [
    pytest.param(CIRCULAR, "Circular dependency between resources: [One, Three, Two]", id="circular"),
    pytest.param(body(), "At least one Resources member must be defined", id="empty"),
    pytest.param(
        json.dumps({"Surplus": {}, "Resources": {"It": TOPIC}}), "properties [Surplus]", id="section"
    ),
    pytest.param(
        json.dumps({"AWSTemplateFormatVersion": "2020-01-01", "Resources": {"It": TOPIC}}),
        "AWSTemplateFormatVersion",
        id="version",
    ),
    pytest.param(body(It={**TOPIC, "Tags": []}), "Invalid template resource property 'Tags'", id="attribute"),
    pytest.param(body(It={"Properties": {}}), "must contain a Type member", id="type"),
    pytest.param(
        json.dumps({"Resources": {"With-Hyphen": TOPIC}}), "With-Hyphen is non alphanumeric", id="name"
    ),
    pytest.param(
        body(It=topic(DisplayName={"Ref": "None"})), "dependencies [None] in the Resources", id="ref"
    ),
    pytest.param(body(It=topic(DisplayName={"Fn::Sub": "${None}"})), "dependencies [None]", id="sub"),
    pytest.param(body(It={**TOPIC, "DependsOn": ["None"]}), "dependencies [None]", id="depends on"),
    pytest.param(body(It={**TOPIC, "Condition": "None"}), "condition dependency None", id="condition"),
    pytest.param(
        body(It=topic(DisplayName={"Fn::If": ["None", "a", "b"]})), "dependency None in Fn::If", id="if"
    ),
    pytest.param(
        body(It=topic(DisplayName={"Fn::Upper": "a"})), "unsupported function: Fn::Upper", id="function"
    ),
    pytest.param(
        body(It=TOPIC, Other=topic(DisplayName={"Fn::GetAtt": ["It", "Surplus"]})),
        "resource It does not support attribute type Surplus",
        id="attribute read",
    ),
    pytest.param(
        body(It={**TOPIC, "DeletionPolicy": "Keep"}), "Unrecognized DeletionPolicy Keep", id="policy"
    ),
    pytest.param(
        json.dumps({"Parameters": {"A": {"Type": "Text", "Default": "x"}}, "Resources": {"It": TOPIC}}),
        "Unrecognized parameter type: Text",
        id="parameter type",
    ),
    pytest.param(
        json.dumps({"Resources": {"It": TOPIC}, "Outputs": {"O": {"Value": {"Ref": "None"}}}}),
        "dependencies [None] in the Outputs",
        id="output",
    ),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_a_template_is_consistent(account: Account, text: str, expected: str) -> None:
    """A template has known sections, attributes, and functions, refers to what exists, and has no cycles.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/template-anatomy.html
    """
    client = account.client("cloudformation")
    refused = error(client.create_stack, StackName=unique("stack"), TemplateBody=text)
    assert refused[0] == "ValidationError" and expected in refused[1]
    change_set = {"StackName": unique("stack"), "ChangeSetName": "it", "ChangeSetType": "CREATE"}
    assert error(client.create_change_set, TemplateBody=text, **change_set) == refused
    assert error(client.validate_template, TemplateBody=text) == refused


def test_a_parameter_is_in_the_template(account: Account) -> None:
    """A parameter that the template does not have cannot be given.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
    """
    given = [{"ParameterKey": "Surplus", "ParameterValue": "x"}]
    create_stack = account.client("cloudformation").create_stack
    code, message = error(create_stack, StackName=unique("stack"), TemplateBody=template(), Parameters=given)
    assert (code, message) == ("ValidationError", "Parameters: [Surplus] do not exist in the template")


PROPERTIES: list[Any] = [
    pytest.param(
        "SNS::Topic", {"Surplus": "x"}, "#: extraneous key [Surplus] is not permitted", id="unknown"
    ),
    pytest.param(
        "S3::Bucket",
        {"VersioningConfiguration": {"Status": "Enabled", "Surplus": 1}},
        "#/VersioningConfiguration: extraneous key [Surplus] is not permitted",
        id="nested",
    ),
    pytest.param("SNS::Topic", {"TopicArn": "x"}, "extraneous key [TopicArn]", id="read-only"),
    pytest.param("Lambda::Function", {"Role": "r"}, "#: required key [Code] not found", id="required"),
    pytest.param(
        "SQS::Queue",
        {"DelaySeconds": "soon"},
        "#/DelaySeconds: expected type: Integer, found: String",
        id="type",
    ),
    pytest.param("Logs::LogGroup", {"RetentionInDays": 8}, "8 is not a valid enum value", id="enum"),
    pytest.param("Kinesis::Stream", {"RetentionPeriodHours": 9000}, "less or equal to 8760", id="range"),
    pytest.param("S3::Bucket", {"BucketName": "Upper_Case"}, "does not match pattern", id="pattern"),
    pytest.param("Kinesis::Stream", {"Name": "n" * 129}, "expected maxLength: 128, actual: 129", id="length"),
]


@pytest.mark.parametrize(("type_", "properties", "expected"), PROPERTIES)
def test_properties_match_the_schema_of_their_type(
    account: Account, type_: str, properties: dict[str, Any], expected: str
) -> None:
    """Properties are validated against the schema of their type before a stack or a change set is deployed.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
    """
    client, text = account.client("cloudformation"), template(f"AWS::{type_}", **properties)
    id_, status = create(account, text)
    assert status == "ROLLBACK_COMPLETE"
    events = client.describe_events(StackName=id_)["OperationEvents"]
    assert expected in " ".join(event.get("ValidationStatusReason", "") for event in events)
    change_set = client.create_change_set(
        StackName=unique("stack"), ChangeSetName="it", ChangeSetType="CREATE", TemplateBody=text
    )["Id"]
    described = client.describe_change_set(ChangeSetName=change_set)
    assert (described["Status"], described["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert "AWS::EarlyValidation::PropertyValidation" in described["StatusReason"]
    events = client.describe_events(ChangeSetName=change_set)["OperationEvents"]
    assert expected in " ".join(event["ValidationStatusReason"] for event in events)


def test_a_value_of_the_deployment_is_validated_as_well(account: Account) -> None:
    """A property whose value is known at the deployment only fails its resource if it is invalid.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-type-schema.html
    """
    text = body(
        It=topic(TopicName="mine"),
        Group={"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": {"Ref": "It"}}},
    )
    id_, status = create(account, text)
    assert status == "ROLLBACK_COMPLETE"
    assert "Properties validation failed for resource Group with message:\n#/RetentionInDays" in reasons(
        account, id_
    )


def test_texts_may_hold_numbers_and_booleans(account: Account) -> None:
    """CloudFormation converts texts to numbers and booleans, and the other way round.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
    """
    queue = {"VisibilityTimeout": "7", "FifoQueue": "true", "Tags": [{"Key": "a", "Value": 1}]}
    assert create(account, template("AWS::SQS::Queue", QueueName="q.fifo", **queue))[1] == "CREATE_COMPLETE"


def test_environment_variables_become_texts(account: Account) -> None:
    """The value of an environment variable in a template may be a number or a boolean.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    name = unique("function")
    function = {
        "FunctionName": name,
        "Role": account.role("lambda.amazonaws.com"),
        "Handler": "index.handler",
        "Runtime": "python3.13",
        "Code": {"ZipFile": "import os\ndef handler(event, context):\n    return os.environ['PORT']"},
        "Environment": {"Variables": {"PORT": 5432, "ON": True}},
    }
    assert create(account, template("AWS::Lambda::Function", **function))[1] == "CREATE_COMPLETE"
    functions = account.client("lambda")
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    assert variables == {"PORT": "5432", "ON": "true"}
    assert functions.invoke(FunctionName=name)["Payload"].read() == b'"5432"'


FARGATE = {
    "RequiresCompatibilities": ["FARGATE"],
    "NetworkMode": "awsvpc",
    "Cpu": "256",
    "Memory": "4096",
    "ContainerDefinitions": [{"Name": "main", "Image": "busybox"}],
}
LIMITED: list[Any] = [
    pytest.param("ECS::TaskDefinition", FARGATE, "No Fargate configuration exists", id="fargate"),
    pytest.param(
        "Events::Rule", {"ScheduleExpression": "rate(1 days)"}, "ScheduleExpression is not valid", id="rule"
    ),
    pytest.param("SNS::Topic", {"TopicName": "with space"}, "Invalid parameter: Topic Name", id="topic"),
    pytest.param(
        "Lambda::Function",
        {"Environment": {"Variables": {"AWS_REGION": "x"}}},
        "Reserved keys used in this request: AWS_REGION",
        id="reserved",
    ),
    pytest.param(
        "Lambda::Function",
        {"Code": {"S3Bucket": "none-of-that-name", "S3Key": "k"}},
        "NoSuchBucket",
        id="code",
    ),
    pytest.param(
        "StepFunctions::StateMachine",
        {"DefinitionString": '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}'},
        "Missing 'Next' target: B",
        id="machine",
    ),
]


@pytest.mark.parametrize(("type_", "properties", "expected"), LIMITED)
def test_the_limits_of_a_service_hold_in_stacks(
    account: Account, type_: str, properties: dict[str, Any], expected: str
) -> None:
    """A resource that its service refuses fails, and the stack is rolled back.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html
    """
    more: dict[str, Any] = {}
    if type_ == "Lambda::Function":
        more = {
            "Runtime": "python3.12",
            "Handler": "index.handler",
            "Role": account.role("lambda.amazonaws.com"),
            "Code": {"ZipFile": "def handler(event, context): pass"},
        }
    if type_ == "StepFunctions::StateMachine":
        more = {"RoleArn": account.role("states.amazonaws.com")}
    id_, status = create(account, template(f"AWS::{type_}", **{**more, **properties}))
    assert status == "ROLLBACK_COMPLETE"
    assert expected in reasons(account, id_)


@pytest.mark.parametrize(
    ("type_", "before", "after", "replaced"),
    [
        ("Logs::LogGroup", {"RetentionInDays": 7}, {"RetentionInDays": 14}, "False"),
        ("Kinesis::Stream", {"ShardCount": 1}, {"ShardCount": 2}, "False"),
        ("Logs::LogGroup", {"LogGroupName": "before"}, {"LogGroupName": "after"}, "True"),
        ("SNS::Topic", {"TopicName": "before"}, {"TopicName": "after"}, "True"),
        ("Kinesis::Stream", {"Name": "one", "ShardCount": 1}, {"Name": "two", "ShardCount": 1}, "True"),
    ],
    ids=["retention", "shards", "group", "topic", "stream"],
)
def test_a_change_set_shows_what_is_replaced(
    account: Account, type_: str, before: dict[str, Any], after: dict[str, Any], replaced: str
) -> None:
    """A change set says whether a change replaces a resource, as its type's schema has it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
    """
    client = account.client("cloudformation")
    id_, _ = create(account, template(f"AWS::{type_}", **before))
    change_set = client.create_change_set(
        StackName=id_, ChangeSetName="it", TemplateBody=template(f"AWS::{type_}", **after)
    )["Id"]
    (change,) = client.describe_change_set(ChangeSetName=change_set)["Changes"]
    assert change["ResourceChange"]["Replacement"] == replaced


def exporting(name: str, value: str = "x") -> str:
    return json.dumps(
        {"Resources": {"It": TOPIC}, "Outputs": {"O": {"Value": value, "Export": {"Name": name}}}}
    )


@pytest.mark.parametrize("change", ["updated", "deleted"])
def test_an_export_in_use_stays(account: Account, change: str) -> None:
    """An export that another stack imports can be neither changed nor removed.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html
    """
    name = unique("export")
    id_, _ = create(account, exporting(name))
    user, _ = create(account, template(DisplayName={"Fn::ImportValue": name}), user_name := unique("user"))
    client = account.client("cloudformation")
    other = exporting(name, "y") if change == "updated" else template(DisplayName="y")
    client.update_stack(StackName=id_, TemplateBody=other)
    assert settled(account, id_) == "UPDATE_ROLLBACK_COMPLETE"
    assert f"Export {name} cannot be {change} as it is in use by {user_name}" in reasons(account, id_)
    client.delete_stack(StackName=user)
    settled(account, user)
    client.update_stack(StackName=id_, TemplateBody=other)
    assert settled(account, id_) == "UPDATE_COMPLETE"


def test_an_export_has_a_name_of_its_own(account: Account) -> None:
    """The names of exports are unique in an account and a Region.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html
    """
    name = unique("export")
    create(account, exporting(name), first := unique("first"))
    id_, status = create(account, exporting(name))
    assert status == "ROLLBACK_COMPLETE"
    assert f"Export with name {name} is already exported by stack {first}" in reasons(account, id_)


def test_a_stack_that_was_rolled_back_lists_its_resources(account: Account) -> None:
    """A stack in ROLLBACK_COMPLETE lists the resources that it made, which are deleted.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackResources.html
    """
    text = body(First=TOPIC, Second={**topic(TopicName="with space"), "DependsOn": "First"})
    id_, status = create(account, text)
    assert status == "ROLLBACK_COMPLETE"
    listed = account.client("cloudformation").list_stack_resources(StackName=id_)["StackResourceSummaries"]
    found = {item["LogicalResourceId"]: item["ResourceStatus"] for item in listed}
    assert found == {"First": "DELETE_COMPLETE", "Second": "DELETE_COMPLETE"}


def test_a_parameter_of_parameter_store_shows_its_name(account: Account) -> None:
    """A parameter of an SSM type has the parameter's name as its value, and `ResolvedValue` beside it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Parameter.html
    """
    name = f"/{unique('limits')}/size"
    account.client("ssm").put_parameter(Name=name, Value="large", Type="String")
    definition = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": name}
    text = json.dumps(
        {"Parameters": {"Size": definition}, "Resources": {"It": topic(DisplayName={"Ref": "Size"})}}
    )
    id_, _ = create(account, text)
    (stack,) = account.client("cloudformation").describe_stacks(StackName=id_)["Stacks"]
    assert stack["Parameters"] == [{"ParameterKey": "Size", "ParameterValue": name, "ResolvedValue": "large"}]


def test_a_generated_secret_excludes_what_the_template_excludes(account: Account) -> None:
    """A secret that a template generates leaves out the kinds of characters that it excludes.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-secretsmanager-secret-generatesecretstring.html
    """
    generate = {
        "PasswordLength": 200,
        "ExcludePunctuation": True,
        "ExcludeUppercase": "true",
        "ExcludeCharacters": "abc",
        "SecretStringTemplate": '{"username": "owner"}',
        "GenerateStringKey": "password",
    }
    id_, _ = create(account, template("AWS::SecretsManager::Secret", GenerateSecretString=generate))
    (resource,) = account.client("cloudformation").list_stack_resources(StackName=id_)[
        "StackResourceSummaries"
    ]
    secret = account.client("secretsmanager").get_secret_value(SecretId=resource["PhysicalResourceId"])
    value = json.loads(secret["SecretString"])
    assert value["username"] == "owner" and len(value["password"]) == 200
    assert set(value["password"]) <= set("defghijklmnopqrstuvwxyz0123456789")


def test_a_change_of_a_stream_keeps_the_destination_in_front_of_it(account: Account) -> None:
    """A resource that refers to a changed one is replaced only if the changed one is, and its property is.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
    """

    def text(hours: int) -> str:
        stream = {
            "Type": "AWS::Kinesis::Stream",
            "Properties": {"ShardCount": 1, "RetentionPeriodHours": hours},
        }
        role = account.role("logs.amazonaws.com")
        target = {"DestinationName": "front", "RoleArn": role, "TargetArn": {"Fn::GetAtt": ["Stream", "Arn"]}}
        destination = {"Type": "AWS::Logs::Destination", "Properties": target}
        return body(Stream=stream, Destination=destination)

    client = account.client("cloudformation")
    id_, _ = create(account, text(24))
    change_set = client.create_change_set(StackName=id_, ChangeSetName="it", TemplateBody=text(48))["Id"]
    changes = client.describe_change_set(ChangeSetName=change_set)["Changes"]
    replaced = {
        change["ResourceChange"]["LogicalResourceId"]: change["ResourceChange"]["Replacement"]
        for change in changes
    }
    assert replaced == {"Stream": "False", "Destination": "False"}
