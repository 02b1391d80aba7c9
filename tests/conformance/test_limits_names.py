"""Names, sizes, and tags of the services with few limits besides those of their models."""

from typing import Any

import pytest

from tests.conformance.callers import Account, allow, document, error, unique

ALARM = {
    "MetricName": "Errors",
    "Namespace": "Shop",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


def test_the_names_of_log_groups_do_not_begin_with_aws(account: Account) -> None:
    """A log group's name cannot begin with `aws/`.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
    """
    create = account.client("logs").create_log_group
    assert error(create, logGroupName="aws/lambda/mine")[0] == "InvalidParameterException"


def test_aliases_of_aws_are_reserved(account: Account) -> None:
    """Aliases that begin with `alias/aws/` are those of AWS managed keys.

    https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html
    """
    kms = account.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    assert error(kms.create_alias, AliasName="alias/aws/mine", TargetKeyId=key)[0] == "NotAuthorizedException"


@pytest.mark.parametrize("policy", ["{", '{"Version": "2012-10-17"}'])
def test_a_key_policy_is_a_document(account: Account, policy: str) -> None:
    """A key policy is a JSON document with statements.

    https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html
    """
    assert error(account.client("kms").create_key, Policy=policy)[0] == "MalformedPolicyDocumentException"


@pytest.mark.parametrize("name", ["with space", "with.dot", "x" * 257])
def test_the_names_of_topics_have_a_shape(account: Account, name: str) -> None:
    """A topic's name has at most 256 letters, digits, underscores, and hyphens.

    https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
    """
    refused = ("InvalidParameter", "Invalid parameter: Topic Name")
    assert error(account.client("sns").create_topic, Name=name) == refused


@pytest.mark.parametrize(("protocol", "endpoint"), [("fax", "123"), ("email", "not-an-address")])
def test_a_subscription_has_a_protocol_and_an_endpoint(
    account: Account, protocol: str, endpoint: str
) -> None:
    """A subscription has a protocol of Amazon SNS, and an endpoint of this protocol.

    https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
    """
    sns = account.client("sns")
    topic = sns.create_topic(Name=unique("topic"))["TopicArn"]
    code, _ = error(sns.subscribe, TopicArn=topic, Protocol=protocol, Endpoint=endpoint)
    assert code == "InvalidParameter"


def test_the_subject_of_a_message_has_a_limit(account: Account) -> None:
    """The subject of a message has at most 100 characters.

    https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    """
    sns = account.client("sns")
    topic = sns.create_topic(Name=unique("topic"))["TopicArn"]
    sns.publish(TopicArn=topic, Message="m", Subject="s" * 100)
    code, _ = error(sns.publish, TopicArn=topic, Message="m", Subject="s" * 101)
    assert code == "InvalidParameter"


def test_a_parameter_has_a_limit_and_a_full_name(account: Account) -> None:
    """A standard parameter has at most 4 KB; a name with levels begins with a slash.

    https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
    """
    put = account.client("ssm").put_parameter
    put(Name=f"/{unique('p')}/x", Value="x" * 4096, Type="String")
    assert error(put, Name=unique("p"), Value="x" * 4097, Type="String")[0] == "ValidationException"
    assert error(put, Name=f"{unique('p')}/x", Value="x", Type="String")[0] == "ValidationException"


def test_the_names_of_secrets_have_a_shape(account: Account) -> None:
    """A secret's name has letters, digits, and /_+=.@-.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
    """
    create = account.client("secretsmanager").create_secret
    assert error(create, Name="with space", SecretString="x")[0] == "ValidationException"


@pytest.mark.parametrize(
    "given",
    [{"Period": 45}, {"Period": 3600, "EvaluationPeriods": 169}, {"Period": 60, "EvaluationPeriods": 1441}],
    ids=["period", "seven days", "one day"],
)
def test_an_alarm_looks_back_a_limited_time(account: Account, given: dict[str, Any]) -> None:
    """An alarm's period is a multiple of 60 seconds, and an alarm looks back one day, or seven by the hour.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    """
    put = account.client("cloudwatch").put_metric_alarm
    assert error(put, AlarmName=unique("alarm"), **{**ALARM, **given})[0] == "ValidationError"


def test_the_namespaces_of_aws_are_reserved(account: Account) -> None:
    """Namespaces that begin with `AWS/` are those of AWS services.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
    """
    put = account.client("cloudwatch").put_metric_data
    data = [{"MetricName": "m", "Value": 1.0}]
    assert error(put, Namespace="AWS/Shop", MetricData=data)[0] == "InvalidParameterValue"


TAGGED: list[Any] = [
    pytest.param("kms", "create_key", {}, ("TagKey", "TagValue"), "Tags", "TagException", id="kms"),
    pytest.param(
        "sns",
        "create_topic",
        {"Name": "tagged"},
        ("Key", "Value"),
        "Tags",
        "InvalidParameter",
        id="sns",
    ),
    pytest.param(
        "ecs",
        "create_cluster",
        {"clusterName": "tagged"},
        ("key", "value"),
        "tags",
        "InvalidParameterException",
        id="ecs",
    ),
    pytest.param(
        "cloudwatch",
        "put_metric_alarm",
        {"AlarmName": "tagged", **ALARM},
        ("Key", "Value"),
        "Tags",
        "InvalidParameterValue",
        id="cloudwatch",
    ),
]


@pytest.mark.parametrize(("service", "operation", "given", "names", "member", "code"), TAGGED)
def test_tag_keys_of_aws_are_reserved(
    account: Account,
    service: str,
    operation: str,
    given: dict[str, Any],
    names: tuple[str, str],
    member: str,
    code: str,
) -> None:
    """A tag's key cannot begin with `aws:`, and a resource has a key once.

    https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
    """
    call = getattr(account.client(service), operation)
    key, value = names
    for keys in (["aws:owner"], ["same", "same"]):
        tags = [{key: name, value: "x"} for name in keys]
        assert error(call, **given, **{member: tags})[0] == code


def test_a_key_policy_keeps_control_of_the_key(account: Account) -> None:
    """A key policy must let somebody in the account change it, if the check is not bypassed.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    kms = account.client("kms")
    foreign = {**allow("kms:*"), "Principal": {"AWS": f"arn:aws:iam::{account.other().id}:root"}}
    policy = document(foreign)
    code, message = error(kms.create_key, Policy=policy)
    assert code == "MalformedPolicyDocumentException" and "update the key policy in the future" in message
    kms.create_key(Policy=policy, BypassPolicyLockoutSafetyCheck=True)


def test_a_session_is_no_longer_than_the_role_allows(account: Account) -> None:
    """A session of a role lasts at most as long as the role's maximum session duration.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    """
    role, sts = account.role(f"arn:aws:iam::{account.id}:root"), account.client("sts")
    sts.assume_role(RoleArn=role, RoleSessionName="short", DurationSeconds=3600)
    code, _ = error(sts.assume_role, RoleArn=role, RoleSessionName="long", DurationSeconds=3601)
    assert code == "ValidationError"


def test_a_query_runs_in_a_workgroup_that_exists(account: Account) -> None:
    """A query needs a workgroup that exists.

    https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html
    """
    start = account.client("athena").start_query_execution
    output = {"OutputLocation": "s3://results/"}
    code, message = error(start, QueryString="SELECT 1", WorkGroup="none", ResultConfiguration=output)
    assert (code, message) == ("InvalidRequestException", "WorkGroup none is not found.")
