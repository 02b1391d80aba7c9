"""The templates of `dist/`, deployed by boto3 alone, as the console does, and deleted again."""

import gzip
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from ops.embedded.lifecycle import RunningCloud
from ops.release.catalog import RELEASED
from tests.conformance.callers import Account, unique
from tests.end_to_end.workbench import PEOPLE, eventually

REGION = "eu-central-1"
ACCOUNT = "555555555555"
TEXTS = {released.name: released.text for released in RELEASED}
KEPT = {  # what holds data is retained
    "sanitized-snapshots": ("AWS::S3::Bucket",),
    "log-export": ("AWS::S3::Bucket", "AWS::S3::BucketPolicy"),
    "log-export-small": ("AWS::S3::Bucket", "AWS::S3::BucketPolicy"),
    "rollouts": ("AWS::DynamoDB::Table", "AWS::S3::Bucket"),
}


@contextmanager
def deployed(account: Account, name: str, **parameters: str) -> Iterator[dict[str, str]]:
    """Deploy the template from a bucket; yield the outputs; delete the stack."""
    s3, stacks = account.client("s3", REGION), account.client("cloudformation", REGION)
    bucket, stack = unique("console"), unique(name)
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=bucket, Key="template.json", Body=TEXTS[name]().encode())
    id_ = stacks.create_stack(
        StackName=stack,
        TemplateURL=f"https://s3.{REGION}.amazonaws.com/{bucket}/template.json",
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )["StackId"]
    stacks.get_waiter("stack_create_complete").wait(StackName=id_, WaiterConfig={"Delay": 1})
    made = stacks.describe_stacks(StackName=id_)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}
    yield {**outputs, "Stack": id_}
    stacks.delete_stack(StackName=id_)
    stacks.get_waiter("stack_delete_complete").wait(StackName=id_, WaiterConfig={"Delay": 1})
    left = [
        resource["ResourceType"]
        for resource in stacks.list_stack_resources(StackName=id_)["StackResourceSummaries"]
        if resource["ResourceStatus"] != "DELETE_COMPLETE"
    ]
    assert sorted(left) == sorted(KEPT.get(name, ()))
    s3.delete_object(Bucket=bucket, Key="template.json")
    s3.delete_bucket(Bucket=bucket)


@pytest.fixture
def account(embedded: RunningCloud) -> Account:
    return Account(embedded.endpoint, ACCOUNT)


def test_replication_buckets_work_without_slipway(account: Account) -> None:
    with deployed(account, "replication-buckets") as outputs:
        assert REGION in outputs["NextSteps"] and outputs["SlipwayVersion"]
        s3, kms = account.client("s3", REGION), account.client("kms", REGION)
        assert s3.get_bucket_encryption(Bucket=outputs["BucketName"])
        assert kms.describe_key(KeyId=outputs["KeyArn"])["KeyMetadata"]["Enabled"]


DATABASE = "standalone"
PASSWORD = "correct-horse-1"  # pragma: allowlist secret


@pytest.fixture
def network(account: Account) -> Iterator[dict[str, str]]:
    """A production database and its subnets, as parameters of the pipeline."""
    rds = account.client("rds", REGION)
    rds.create_db_instance(
        DBInstanceIdentifier=DATABASE,
        Engine="postgres",
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20,
        DBName="app",
        MasterUsername="master",
        MasterUserPassword=PASSWORD,
    )
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=DATABASE, WaiterConfig={"Delay": 1})
    endpoint = rds.describe_db_instances(DBInstanceIdentifier=DATABASE)["DBInstances"][0]["Endpoint"]
    address = {"host": endpoint["Address"], "port": endpoint["Port"], "dbname": "app", "user": "master"}
    with psycopg.connect(**address, password=PASSWORD) as connection:
        connection.execute(PEOPLE)
    first, second, *_ = account.client("ec2", REGION).describe_subnets()["Subnets"]
    yield {
        "SourceDatabase": DATABASE,
        "VpcId": first["VpcId"],
        "SubnetA": first["SubnetId"],
        "SubnetB": second["SubnetId"],
        "AssignPublicIp": "ENABLED",
        "PollSeconds": "1",
    }
    rds.delete_db_instance(DBInstanceIdentifier=DATABASE, SkipFinalSnapshot=True)


def run(account: Account, machine: str) -> str:
    """Start a run, and return its status at the end."""
    states = account.client("stepfunctions", REGION)
    execution = states.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    status: str = eventually(
        lambda: (found := states.describe_execution(executionArn=execution)["status"]) != "RUNNING" and found
    )
    return status


@pytest.mark.thorough
def test_sanitized_snapshots_work_without_slipway(account: Account, network: dict[str, str]) -> None:
    rds, stacks = account.client("rds", REGION), account.client("cloudformation", REGION)
    with deployed(account, "sanitized-snapshots", **network, ShareWith="111111111111") as outputs:
        assert run(account, outputs["StateMachineArn"]) == "FAILED"  # without tables in the policy
        logs = account.client("logs", REGION).filter_log_events(logGroupName=outputs["LogGroup"])["events"]
        assert any("people.email" in event["message"] for event in logs)
        policy = {"tables": {"people": {"id": "keep", "email": "fake email"}}}
        stacks.update_stack(
            StackName=outputs["Stack"],
            UsePreviousTemplate=True,
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in {
                    **network,
                    "Policy": json.dumps(policy),
                    "ShareWith": "111111111111",
                }.items()
            ],
        )
        stacks.get_waiter("stack_update_complete").wait(StackName=outputs["Stack"], WaiterConfig={"Delay": 1})
        assert run(account, outputs["StateMachineArn"]) == "SUCCEEDED"
        (snapshot,) = rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
        name = snapshot["DBSnapshotIdentifier"]
        (shared,) = rds.describe_db_snapshot_attributes(DBSnapshotIdentifier=name)[
            "DBSnapshotAttributesResult"
        ]["DBSnapshotAttributes"]
        assert name.startswith(f"{DATABASE}-sanitized-") and shared["AttributeValues"] == ["111111111111"]
    # As the guide says: the snapshots, and the bucket with the reports, remain. The scripts are gone.
    rds.delete_db_snapshot(DBSnapshotIdentifier=name)
    s3 = account.client("s3", REGION)
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=outputs["ScriptBucket"])["Contents"]]
    assert len(keys) == 1 and keys[0].startswith(f"snapshots/{DATABASE}/reports/")
    s3.delete_object(Bucket=outputs["ScriptBucket"], Key=keys[0])
    s3.delete_bucket(Bucket=outputs["ScriptBucket"])


@pytest.mark.thorough
def test_rollouts_work_without_slipway(account: Account) -> None:
    with deployed(account, "rollouts", TargetAccounts=ACCOUNT) as outputs:
        assert outputs["HandlerRoleArn"] in outputs["NextSteps"]
        answer = account.client("lambda", REGION).invoke(
            FunctionName=outputs["HandlerArn"], Payload=json.dumps({"action": "watch"})
        )
        payload = answer["Payload"].read().decode()
        assert "FunctionError" not in answer, payload


@pytest.mark.thorough
def test_the_log_export_and_a_member_work_without_slipway(account: Account) -> None:
    with deployed(account, "log-export") as central:
        assert central["Bucket"].startswith("arn:aws:s3:::")
        stream = {"StreamName": central["Stream"], "StreamRegion": REGION}
        with deployed(account, "log-export-member", **stream) as member:
            destinations = account.client("logs", REGION).describe_destinations()["destinations"]
            assert member["LogDestination"] in [each["arn"] for each in destinations]


@pytest.mark.thorough
def test_a_small_export_works_without_slipway(account: Account) -> None:
    logs, group = account.client("logs", REGION), unique("/small/app")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="one")
    selection = {"LogGroupNamePrefix": "/small/", "BufferIntervalHint": "0"}
    with deployed(account, "log-export-small", **selection) as outputs:
        assert eventually(
            lambda: logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
        )
        event = {"timestamp": int(time.time() * 1000), "message": "a log line"}
        logs.put_log_events(logGroupName=group, logStreamName="one", logEvents=[event])
        bucket, s3 = outputs["Bucket"].rpartition(":")[2], account.client("s3", REGION)

        def line() -> bool:
            """Whether the line is in the bucket, at a key that the explorer reads."""
            for item in s3.list_objects_v2(Bucket=bucket, Prefix="logs/cloudwatch/date=").get("Contents", []):
                body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
                if b"a log line" in gzip.decompress(body):
                    return True
            return False

        assert eventually(line)
    assert logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"] == []
    for item in s3.list_objects_v2(Bucket=bucket)["Contents"]:
        s3.delete_object(Bucket=bucket, Key=item["Key"])
    s3.delete_bucket(Bucket=bucket)
    logs.delete_log_group(logGroupName=group)


@pytest.mark.thorough
def test_the_roles_of_targets_work_without_slipway(account: Account) -> None:
    parameters = {
        "EngineBucket": "a-bucket",
        "EngineRoleArn": account.role("lambda.amazonaws.com"),
        "ExecutionPolicyArns": "arn:aws:iam::aws:policy/ReadOnlyAccess",
    }
    with deployed(account, "rollouts-target", **parameters) as outputs:
        assert ACCOUNT in outputs["NextSteps"]


@pytest.mark.thorough
def test_the_roles_of_slipway_work_without_slipway(account: Account) -> None:
    with deployed(account, "slipway-roles", WorkbenchArn=f"arn:aws:iam::{ACCOUNT}:root") as outputs:
        assert outputs["RoleArn"] in outputs["NextSteps"]
