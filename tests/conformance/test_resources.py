"""The resources that an action is checked on."""

from typing import Any

import pytest

from tests.conformance.callers import Account, allow, document, error, unique


def _arn(account: Account, service: str, resource: str) -> str:
    return f"arn:aws:{service}:eu-west-1:{account.id}:{resource}"


def test_a_subscription_is_checked_on_group_and_destination(account: Account) -> None:
    """`logs:PutSubscriptionFilter` must be allowed on the log group and on the destination.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
    """
    logs, kinesis, name = account.client("logs"), account.client("kinesis"), unique("destination")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    role = account.role("logs.amazonaws.com", allowed=(allow("kinesis:PutRecord"),))
    stream = _arn(account, "kinesis", f"stream/{name}")
    logs.put_destination(destinationName=name, targetArn=stream, roleArn=role)
    destination = _arn(account, "logs", f"destination:{name}")
    everyone = {**allow("logs:PutSubscriptionFilter", destination), "Principal": {"AWS": account.id}}
    logs.put_destination_policy(destinationName=name, accessPolicy=document(everyone))
    logs.create_log_group(logGroupName=name)
    subscription = {
        "logGroupName": name,
        "filterName": "all",
        "filterPattern": "",
        "destinationArn": destination,
    }
    groups = allow("logs:PutSubscriptionFilter", _arn(account, "logs", "log-group:*"))
    put = account.caller(groups).client("logs").put_subscription_filter
    code, message = error(put, **subscription)
    assert code == "AccessDeniedException"
    assert destination in message
    only_destination = account.caller(allow("logs:PutSubscriptionFilter", destination))
    assert error(only_destination.client("logs").put_subscription_filter, **subscription)[0] == code
    both = account.caller(groups, allow("logs:PutSubscriptionFilter", destination))
    both.client("logs").put_subscription_filter(**subscription)


RESTORE = ("db", "snapshot", "subgrp", "pg", "og")


@pytest.fixture(scope="module")
def snapshot(account: Account) -> str:
    """The ID of a snapshot of an instance that exists as a record only."""
    rds, name = account.client("rds"), unique("snapshot")
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t4g.micro",
        Engine="oracle-se2",
        AllocatedStorage=20,
        MasterUsername="root0",
        MasterUserPassword="long-enough",
    )
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name, WaiterConfig={"Delay": 1})
    rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=name)
    rds.get_waiter("db_snapshot_available").wait(DBSnapshotIdentifier=name, WaiterConfig={"Delay": 1})
    return name


@pytest.mark.parametrize("missing", RESTORE)
def test_a_restore_is_checked_on_all_it_names(account: Account, snapshot: str, missing: str) -> None:
    """A restore must be allowed on the instance, the snapshot, and each group that it names.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html
    """
    granted = [_arn(account, "rds", f"{kind}:*") for kind in RESTORE if kind != missing]
    rds = account.caller(allow("rds:RestoreDBInstanceFromDBSnapshot", granted)).client("rds")
    code, message = error(
        rds.restore_db_instance_from_db_snapshot,
        DBInstanceIdentifier=unique("restored"),
        DBSnapshotIdentifier=snapshot,
        DBSubnetGroupName="none",
        DBParameterGroupName="none",
        OptionGroupName="none",
    )
    assert code == "AccessDenied"
    assert f" on resource: arn:aws:rds:eu-west-1:{account.id}:{missing}:" in message


def test_a_copy_is_checked_on_both_snapshots(account: Account, snapshot: str) -> None:
    """A copy of a snapshot must be allowed on the source and on the target.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html
    """
    target = unique("copy")
    copy = {"SourceDBSnapshotIdentifier": snapshot, "TargetDBSnapshotIdentifier": target}
    ends = [_arn(account, "rds", f"snapshot:{name}") for name in (snapshot, target)]
    for arn in ends:
        rds = account.caller(allow("rds:CopyDBSnapshot", arn)).client("rds")
        assert error(rds.copy_db_snapshot, **copy)[0] == "AccessDenied"
    account.caller(allow("rds:CopyDBSnapshot", ends)).client("rds").copy_db_snapshot(**copy)


def test_a_task_is_checked_on_its_definition(account: Account) -> None:
    """`ecs:RunTask` is checked on the task definition; a grant on the cluster grants nothing.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
    """
    ecs, family, cluster = account.client("ecs"), unique("task"), unique("cluster")
    ecs.create_cluster(clusterName=cluster)
    container = {"name": "main", "image": "busybox", "essential": True}
    ecs.register_task_definition(family=family, containerDefinitions=[container])
    task = {"cluster": cluster, "taskDefinition": family}
    on_cluster = account.caller(allow("ecs:RunTask", _arn(account, "ecs", "cluster/*"))).client("ecs")
    assert error(on_cluster.run_task, **task)[0] == "AccessDeniedException"
    on_definition = allow("ecs:RunTask", _arn(account, "ecs", f"task-definition/{family}:*"))
    account.caller(on_definition).client("ecs").run_task(**task)


def test_a_rule_of_the_default_bus_has_a_short_name(account: Account) -> None:
    """`PutRule` and `PutTargets` are checked on `rule/NAME`, or on `rule/BUS/NAME` for another bus.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
    """
    bus = unique("bus")
    account.client("events").create_event_bus(Name=bus)
    target = {"Id": "1", "Arn": _arn(account, "sqs", "none")}
    for where, granted, refused in (
        ({}, "rule/mine", "rule/*/mine"),
        ({"EventBusName": bus}, f"rule/{bus}/mine", "rule/mine"),
    ):
        pattern: dict[str, Any] = {"EventPattern": '{"source": ["test"]}', **where}
        other = account.caller(allow("events:*", _arn(account, "events", refused))).client("events")
        assert error(other.put_rule, Name="mine", **pattern)[0] == "AccessDeniedException"
        events = account.caller(allow("events:*", _arn(account, "events", granted))).client("events")
        events.put_rule(Name="mine", **pattern)
        events.put_targets(Rule="mine", Targets=[target], **where)
        assert error(other.put_targets, Rule="mine", Targets=[target], **where)[0] == "AccessDeniedException"


def test_a_new_function_is_checked_on_its_name(account: Account) -> None:
    """`lambda:CreateFunction` is checked on the function's ARN.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
    """
    role, passing = account.role("lambda.amazonaws.com"), allow("iam:PassRole")
    for granted, permitted in (("function:mine-*", True), ("function:other-*", False)):
        caller = account.caller(allow("lambda:CreateFunction", _arn(account, "lambda", granted)), passing)
        function = {
            "FunctionName": unique("mine"),
            "Role": role,
            "Code": {"ImageUri": "none"},
            "PackageType": "Image",
        }
        if permitted:
            caller.client("lambda").create_function(**function)
        else:
            assert error(caller.client("lambda").create_function, **function)[0] == "AccessDeniedException"
