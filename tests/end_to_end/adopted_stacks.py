"""Stacks shaped like those of other tools: the same parameters, outputs, logical IDs, and S3 layout."""

import json
from typing import Any

REGION_ACCOUNT = "${AWS::Region}:${AWS::AccountId}"
SUBSCRIBER = """
import boto3, cfnresponse
logs = boto3.client("logs")

def handler(event, context):
    names = [group["logGroupName"] for page in logs.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix="${LogGroupNamePrefix}") for group in page["logGroups"]]
    for name in names:
        if event["RequestType"] == "Delete":
            logs.delete_subscription_filter(logGroupName=name, filterName="Backup")
        else:
            logs.put_subscription_filter(
                logGroupName=name, filterName="Backup", filterPattern="", destinationArn="${Destination}")
    cfnresponse.send(event, context, cfnresponse.SUCCESS, {}, "subscriptions")
"""


def _parameters(**defaults: str) -> dict[str, Any]:
    return {name: {"Type": "String", "Default": default} for name, default in defaults.items()}


def _sub(text: str, **names: Any) -> dict[str, Any]:
    return {"Fn::Sub": [text, names]}


def _role(service: str, *statements: dict[str, Any]) -> dict[str, Any]:
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [{"PolicyName": "it", "PolicyDocument": document}],
        },
    }


def _allow(*actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


def _subscriber(destination: Any) -> dict[str, Any]:
    return {
        "SubscriberRole": _role(
            "lambda.amazonaws.com",
            _allow(
                "logs:DescribeLogGroups", "logs:PutSubscriptionFilter", "logs:DeleteSubscriptionFilter",
                "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents",
            ),
        ),
        "LogSubscriberFunction": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": "python3.12",
                "Handler": "index.handler",
                "Timeout": 60,
                "Role": {"Fn::GetAtt": ["SubscriberRole", "Arn"]},
                "Code": {"ZipFile": _sub(SUBSCRIBER, Destination=destination)},
            },
        },
        "Subscriber": {
            "Type": "Custom::Subscriber",
            "Properties": {"ServiceToken": {"Fn::GetAtt": ["LogSubscriberFunction", "Arn"]}},
        },
    }  # fmt: skip


def central() -> str:
    """Return a central stack that exports the log groups of a prefix as CloudWatch JSON."""
    bucket, stream = ({"Fn::GetAtt": [name, "Arn"]} for name in ("LogBucket", "LogStream"))
    destination = {"Fn::GetAtt": ["LogDestination", "Arn"]}
    template = {
        "Description": "Exports logs to a bucket (by CloudSnorkel)",
        "Parameters": _parameters(
            AllowedAccounts="0", BucketName="", BucketPrefix="logs/", BufferIntervalHint="0",
            BufferSizeHint="50", DestinationName="Backup", KeyArn="", LogFormat="CloudWatch JSON (GZIP)",
            LogGroupNamePrefix="", ProcessorBufferIntervalHint="0", ProcessorBufferSizeHint="1",
            Retention="24", ShardCount="1", SubscribeSchedule="rate(1 hour)",
        ),
        "Resources": {
            "LogBucket": {"Type": "AWS::S3::Bucket"},
            "LogStream": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}},
            "DeliveryRole": _role(
                "firehose.amazonaws.com",
                _allow("s3:PutObject", "kinesis:DescribeStream"),
                _allow("kinesis:GetShardIterator", "kinesis:GetRecords"),
            ),
            "DeliveryStream": {
                "Type": "AWS::KinesisFirehose::DeliveryStream",
                "Properties": {
                    "DeliveryStreamType": "KinesisStreamAsSource",
                    "ExtendedS3DestinationConfiguration": {
                        "BucketARN": bucket,
                        "BufferingHints": {"IntervalInSeconds": 0, "SizeInMBs": 50},
                        "CompressionFormat": "UNCOMPRESSED",
                        "Prefix": {"Ref": "BucketPrefix"},
                        "RoleARN": {"Fn::GetAtt": ["DeliveryRole", "Arn"]},
                    },
                    "KinesisStreamSourceConfiguration": {
                        "KinesisStreamARN": stream,
                        "RoleARN": {"Fn::GetAtt": ["DeliveryRole", "Arn"]},
                    },
                },
            },
            "KinesisRole": _role("logs.amazonaws.com", _allow("kinesis:PutRecord", "kinesis:PutRecords")),
            "LogDestination": {
                "Type": "AWS::Logs::Destination",
                "Properties": {
                    "DestinationName": {"Ref": "DestinationName"},
                    "TargetArn": stream,
                    "RoleArn": {"Fn::GetAtt": ["KinesisRole", "Arn"]},
                    "DestinationPolicy": {
                        "Fn::Sub": json.dumps(
                            {
                                "Version": "2012-10-17",
                                "Statement": [
                                    {
                                        "Effect": "Allow",
                                        "Principal": "*",
                                        "Action": "logs:PutSubscriptionFilter",
                                        "Resource": "*",
                                    }
                                ],
                            }
                        )
                    },
                },
            },
            **_subscriber(destination),
        },
        "Outputs": {"Bucket": {"Value": bucket}, "LogDestination": {"Value": destination}},
    }  # fmt: skip
    return json.dumps(template)


def additional_account() -> str:
    """Return the stack of another account that sends its log groups to a destination."""
    template = {
        "Description": "Exports logs to the bucket of another account (by CloudSnorkel)",
        "Parameters": _parameters(
            LogDestination="", LogGroupNamePrefix="", SubscribeSchedule="rate(2 hours)"
        ),
        "Resources": _subscriber({"Ref": "LogDestination"}),
    }
    return json.dumps(template)


def snapshots_stack() -> str:
    """Return the stack of a snapshot pipeline, whose state machine does nothing."""
    definition = {"StartAt": "Success", "States": {"Success": {"Type": "Succeed"}}}
    template = {
        "Parameters": _parameters(
            Db="", NewSnapshot="Use latest existing snapshot", Schedule="rate(7 days)", SanitizeSQL="",
            ShareAccounts="", SnapshotFormat="{database_identifier:.42}-sanitized-{date:%Y-%m-%d}", KMS="",
            VpcId="", SubnetIds="",
        ),
        "Resources": {
            "MachineRole": _role("states.amazonaws.com", _allow("lambda:InvokeFunction")),
            "SnapshotSanitizeAndCopy": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {
                    "DefinitionString": json.dumps(definition),
                    "RoleArn": {"Fn::GetAtt": ["MachineRole", "Arn"]},
                },
            },
        },
    }  # fmt: skip
    return json.dumps(template)


def construct_stack(database: str, subnets: list[str], share_with: str, *, more: dict[str, Any]) -> str:
    """Return a CDK stack with the construct `Snapshotter`, and `more` resources of the app."""
    network = {"NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": subnets}}}
    variable = {"Name": "PGDATABASE", "Value": "app"}
    overrides = {"Overrides": {"ContainerOverrides": [{"Name": "postgres", "Environment": [variable]}]}}
    task = {"TaskDefinition": "${Task}", **network, **overrides}
    inner = {
        "Find Latest Snapshot": {"Type": "Pass", "Next": "Sanitize Postgres"},
        "Sanitize Postgres": {"Type": "Pass", "Parameters": task, "Next": "Share Snapshot"},
        "Share Snapshot": {
            "Type": "Pass",
            "Parameters": {"ValuesToAdd": [share_with]},
            "Next": "Delete Old Snapshots",
        },
        "Delete Old Snapshots": {"Type": "Pass", "Parameters": {"historyLimit": 5}, "End": True},
    }
    parameters = {"databaseIdentifier": database, "isCluster": False, "snapshotPrefix": "qa"}
    states = {
        "Get Parameters": {"Type": "Pass", "Parameters": parameters, "Next": "Error Catcher"},
        "Error Catcher": {
            "Type": "Parallel",
            "Branches": [{"StartAt": "Find Latest Snapshot", "States": inner}],
            "End": True,
        },
    }
    definition = json.dumps({"StartAt": "Get Parameters", "States": states})
    template = {
        "Resources": {
            "SnapshotterDirectorRole0123ABCD": _role("states.amazonaws.com", _allow("ecs:RunTask")),
            "SnapshotterPostreSQLTask0123ABCD": {
                "Type": "AWS::ECS::TaskDefinition",
                "Properties": {
                    "Family": "snapshotter-postgres",
                    "ContainerDefinitions": [
                        {
                            "Name": "postgres",
                            "Image": "public.ecr.aws/lts/postgres:latest",
                            "Command": ["psql", "-c", "DELETE FROM people WHERE id = 1"],
                        }
                    ],
                },
            },
            "SnapshotterDirector0123ABCD": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {
                    "DefinitionString": _sub(definition, Task={"Ref": "SnapshotterPostreSQLTask0123ABCD"}),
                    "RoleArn": {"Fn::GetAtt": ["SnapshotterDirectorRole0123ABCD", "Arn"]},
                },
            },
            "SnapshotterSchedule0123ABCD": {
                "Type": "AWS::Events::Rule",
                "Properties": {"ScheduleExpression": "rate(3 days)", "State": "ENABLED"},
            },
            **more,
        }
    }
    return json.dumps(template)
