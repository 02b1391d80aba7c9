"""Condition keys: which values a request has for them."""

import json
from typing import Any

import pytest

from tests.conformance.callers import Account, Caller, allow, document, error, unique

POLICY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


@pytest.fixture(scope="module")
def organization(account: Account) -> tuple[str, Account, Account]:
    """An organization's ID, its management account, and a member."""
    management = account.other("444444444444")
    organizations = management.client("organizations")
    id_ = organizations.describe_organization()["Organization"]["Id"]
    status = organizations.create_account(Email="member@example.com", AccountName="member")
    return id_, management, account.other(status["CreateAccountStatus"]["AccountId"])


def test_accounts_have_an_organization(account: Account, organization: Any) -> None:
    """`aws:PrincipalOrgID` is the organization of the caller's account, whether it manages it or is a member.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    id_, management, member = organization
    trust = document(
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": "*",
            "Condition": {"StringEquals": {"aws:PrincipalOrgID": id_}},
        }
    )
    iam = account.client("iam")
    role = iam.create_role(RoleName=unique("role"), AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    for principal in (management, member):
        caller = principal.caller(allow("sts:AssumeRole"))
        caller.client("sts").assume_role(RoleArn=role, RoleSessionName="test")
    stranger = account.other().caller(allow("sts:AssumeRole"))
    code, _ = error(stranger.client("sts").assume_role, RoleArn=role, RoleSessionName="test")
    assert code == "AccessDenied"


def test_an_organization_subscribes_with_a_role(account: Account, organization: Any) -> None:
    """Accounts of an organization that a destination's policy names subscribe with a role, and only with one.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CreateSubscriptionFilter-CrossAccount.html
    """
    id_, _, member = organization
    arn = _destination(account, {"StringEquals": {"aws:PrincipalOrgID": id_}})
    for subscriber, allowed in ((member, True), (account.other(), False)):
        group = unique("group")
        logs, role = subscriber.client("logs"), subscriber.role("logs.amazonaws.com")
        logs.create_log_group(logGroupName=group)
        subscription = {
            "logGroupName": group,
            "filterName": "all",
            "filterPattern": "",
            "destinationArn": arn,
        }
        assert error(logs.put_subscription_filter, **subscription)[0] == "AccessDeniedException"
        if allowed:
            logs.put_subscription_filter(**subscription, roleArn=role)
        else:
            code, _ = error(logs.put_subscription_filter, **subscription, roleArn=role)
            assert code == "AccessDeniedException"


def _destination(account: Account, condition: dict[str, Any]) -> str:
    """Create a destination that anyone may subscribe to under the condition; return its ARN."""
    logs, name = account.client("logs"), unique("destination")
    stream = account.client("kinesis")
    stream.create_stream(StreamName=name, ShardCount=1)
    target = f"arn:aws:kinesis:eu-west-1:{account.id}:stream/{name}"
    role = account.role("logs.amazonaws.com", allowed=(allow("kinesis:PutRecord"),))
    put = logs.put_destination(destinationName=name, targetArn=target, roleArn=role)
    arn = str(put["destination"]["arn"])
    statement = {**allow("logs:PutSubscriptionFilter", arn), "Principal": "*", "Condition": condition}
    logs.put_destination_policy(destinationName=name, accessPolicy=document(statement))
    return arn


def test_firehose_sends_an_external_id(account: Account) -> None:
    """Firehose assumes roles with the account ID as `sts:ExternalId`.

    https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html
    """
    firehose = account.client("firehose")
    for external_id, trusted in ((account.id, True), (account.other().id, False)):
        role = account.role("firehose.amazonaws.com", StringEquals={"sts:ExternalId": external_id})
        request = {
            "DeliveryStreamName": unique("delivery"),
            "ExtendedS3DestinationConfiguration": {"RoleARN": role, "BucketARN": "arn:aws:s3:::conformance"},
        }
        if trusted:
            firehose.create_delivery_stream(**request)
        else:
            assert error(firehose.create_delivery_stream, **request)[0] == "InvalidArgumentException"


def test_other_services_send_no_external_id(account: Account) -> None:
    """A service that sends no external ID cannot assume a role that requires one.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
    """
    role = account.role("states.amazonaws.com", StringEquals={"sts:ExternalId": account.id})
    definition = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
    create = account.client("stepfunctions").create_state_machine
    code, _ = error(create, name=unique("machine"), definition=definition, roleArn=role)
    assert code == "AccessDeniedException"


@pytest.mark.parametrize("key", ["rds:req-tag/purpose", "aws:RequestTag/purpose"])
def test_rds_knows_the_tags_of_a_request(account: Account, key: str) -> None:
    """RDS has `rds:req-tag/KEY` and `aws:RequestTag/KEY` for each tag in a request.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/security_iam_service-with-iam.html
    """
    rds = account.caller(allow("rds:*", "*", StringEquals={key: "test"})).client("rds")
    group = {"DBParameterGroupFamily": "postgres16", "Description": "d"}
    tagged = {"Tags": [{"Key": "purpose", "Value": "test"}]}
    rds.create_db_parameter_group(DBParameterGroupName=unique("group"), **group, **tagged)
    for tags in ({}, {"Tags": [{"Key": "purpose", "Value": "other"}]}):
        name = unique("group")
        code, _ = error(rds.create_db_parameter_group, DBParameterGroupName=name, **group, **tags)
        assert code == "AccessDenied"


def test_the_boundary_of_a_new_role_is_a_condition(account: Account) -> None:
    """`iam:PermissionsBoundary` is the boundary that a request sets.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
    """
    iam = account.caller(allow("iam:*", "*", StringEquals={"iam:PermissionsBoundary": POLICY})).client("iam")
    trust = document(
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    )
    iam.create_role(RoleName=unique("r"), AssumeRolePolicyDocument=trust, PermissionsBoundary=POLICY)
    code, _ = error(iam.create_role, RoleName=unique("r"), AssumeRolePolicyDocument=trust)
    assert code == "AccessDenied"
    other = {"PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"}
    assert error(iam.create_role, RoleName=unique("r"), AssumeRolePolicyDocument=trust, **other)[0] == code


def test_the_boundary_of_an_existing_role_is_a_condition(account: Account) -> None:
    """`iam:PermissionsBoundary` is the boundary that the role has when its policies are changed.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
    """
    iam = account.caller(allow("iam:*", "*", StringEquals={"iam:PermissionsBoundary": POLICY})).client("iam")
    name = account.role("lambda.amazonaws.com").rpartition("/")[2]
    change = {"RoleName": name, "PolicyName": "p", "PolicyDocument": document(allow("s3:GetObject"))}
    assert error(iam.put_role_policy, **change)[0] == "AccessDenied"
    account.client("iam").put_role_permissions_boundary(RoleName=name, PermissionsBoundary=POLICY)
    iam.put_role_policy(**change)


def test_the_attached_policy_is_a_condition(account: Account) -> None:
    """`iam:PolicyARN` is the managed policy that a request attaches or detaches.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
    """
    iam = account.caller(allow("iam:*", "*", ArnEquals={"iam:PolicyARN": POLICY})).client("iam")
    name = account.role("lambda.amazonaws.com").rpartition("/")[2]
    iam.attach_role_policy(RoleName=name, PolicyArn=POLICY)
    administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
    assert error(iam.attach_role_policy, RoleName=name, PolicyArn=administrator)[0] == "AccessDenied"


def test_the_cluster_is_a_condition(account: Account) -> None:
    """`ecs:cluster` is the ARN of the cluster in which a task runs.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
    """
    ecs, family = account.client("ecs"), unique("task")
    container = {"name": "main", "image": "busybox", "essential": True}
    ecs.register_task_definition(family=family, containerDefinitions=[container])
    one, two = unique("one"), unique("two")
    for cluster in (one, two):
        ecs.create_cluster(clusterName=cluster)
    arn = f"arn:aws:ecs:eu-west-1:{account.id}:cluster/{one}"
    caller = account.caller(allow("ecs:*", "*", ArnEquals={"ecs:cluster": arn})).client("ecs")
    task = caller.run_task(cluster=one, taskDefinition=family)["tasks"][0]["taskArn"]
    caller.describe_tasks(cluster=arn, tasks=[task])
    assert error(caller.run_task, cluster=two, taskDefinition=family)[0] == "AccessDeniedException"
    assert (
        error(caller.run_task, taskDefinition=family)[0] == "AccessDeniedException"
    )  # the cluster "default"


def test_the_account_of_the_caller_is_a_condition(account: Account) -> None:
    """`kms:CallerAccount` is the account of the caller.

    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
    """
    for id_, permitted in ((account.id, True), (account.other().id, False)):
        owner = {**allow("kms:*"), "Principal": {"AWS": f"arn:aws:iam::{account.id}:root"}}
        anyone = {**allow("kms:Encrypt"), "Principal": {"AWS": "*"}}
        key = account.client("kms").create_key(
            Policy=document({**anyone, "Condition": {"StringEquals": {"kms:CallerAccount": id_}}}, owner)
        )["KeyMetadata"]["Arn"]
        kms = account.caller().client("kms")
        if permitted:
            kms.encrypt(KeyId=key, Plaintext=b"text")
        else:
            assert error(kms.encrypt, KeyId=key, Plaintext=b"text")[0] == "AccessDeniedException"


def _tagged_topic(account: Account, tag: str) -> tuple[str, str, dict[str, Any]]:
    sns = account.client("sns")
    arn = sns.create_topic(Name=unique("topic"), Tags=[{"Key": "team", "Value": tag}])["TopicArn"]
    return "sns", "get_topic_attributes", {"TopicArn": arn}


def _tagged_machine(account: Account, tag: str) -> tuple[str, str, dict[str, Any]]:
    created = account.client("stepfunctions").create_state_machine(
        name=unique("machine"),
        definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
        roleArn=account.role("states.amazonaws.com"),
        tags=[{"key": "team", "value": tag}],
    )
    return "stepfunctions", "describe_state_machine", {"stateMachineArn": created["stateMachineArn"]}


def _tagged_secret(account: Account, tag: str) -> tuple[str, str, dict[str, Any]]:
    created = account.client("secretsmanager").create_secret(
        Name=unique("secret"), SecretString="text", Tags=[{"Key": "team", "Value": tag}]
    )
    return "secretsmanager", "get_secret_value", {"SecretId": created["ARN"]}


def _tagged_database(account: Account, tag: str) -> tuple[str, str, dict[str, Any]]:
    name = unique("db")
    account.client("rds").create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t4g.micro",
        Engine="oracle-se2",  # a record only: no server starts
        AllocatedStorage=20,
        MasterUsername="root0",
        MasterUserPassword="long-enough",
        Tags=[{"Key": "team", "Value": tag}],
    )
    return "rds", "describe_db_instances", {"DBInstanceIdentifier": name}


def _tagged_key(account: Account, tag: str) -> tuple[str, str, dict[str, Any]]:
    created = account.client("kms").create_key(Tags=[{"TagKey": "team", "TagValue": tag}])
    return "kms", "describe_key", {"KeyId": created["KeyMetadata"]["Arn"]}


TAGGED = [_tagged_topic, _tagged_machine, _tagged_secret, _tagged_database, _tagged_key]


@pytest.mark.parametrize("create", TAGGED, ids=lambda create: create.__name__.removeprefix("_tagged_"))
def test_the_tags_of_a_resource_are_conditions(account: Account, create: Any) -> None:
    """`aws:ResourceTag/KEY` is the value of a tag that the resource has.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_tags.html
    """
    caller: Caller = account.caller(allow("*", "*", StringEquals={"aws:ResourceTag/team": "payments"}))
    service, call, arguments = create(account, "payments")
    getattr(caller.client(service), call)(**arguments)
    _, _, others = create(account, "billing")
    code, _ = error(getattr(caller.client(service), call), **others)
    assert code in ("AccessDenied", "AccessDeniedException", "AuthorizationError")


def test_a_listing_has_a_prefix(account: Account) -> None:
    """`s3:prefix` is the prefix of a listing; without one, the key is absent.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html
    """
    bucket = unique("bucket")
    region = {"LocationConstraint": "eu-west-1"}
    account.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=region)
    s3 = account.caller(allow("s3:ListBucket", "*", StringLike={"s3:prefix": "mine/*"})).client("s3")
    s3.list_objects_v2(Bucket=bucket, Prefix="mine/2026")
    assert error(s3.list_objects_v2, Bucket=bucket, Prefix="other/")[0] == "AccessDenied"
    assert error(s3.list_objects_v2, Bucket=bucket)[0] == "AccessDenied"


def test_an_unknown_key_does_not_match(account: Account) -> None:
    """A condition on a key that the request does not have is false, except if it is negated or `IfExists`.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    for operator, matches in (
        ("StringEquals", False),
        ("StringLike", False),
        ("ArnLike", False),
        ("StringNotEquals", True),
        ("StringEqualsIfExists", True),
    ):
        caller = account.caller(allow("sns:ListTopics", "*", **{operator: {"sns:NoSuchKey": "*"}}))
        if matches:
            caller.client("sns").list_topics()
        else:
            assert error(caller.client("sns").list_topics)[0] == "AuthorizationError"
