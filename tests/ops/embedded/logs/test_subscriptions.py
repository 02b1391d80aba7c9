"""Subscriptions on the embedded cloud: filters, destinations, and account policies."""

import json
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.ops.embedded.log_pipeline import LogPipeline, make_group, write_logs
from tests.ops.embedded.overlay import ACCOUNT, REGION, allow, client, eventually, refused, role, unique

OTHER = "222222222222"


# Subscriptions


def test_events_of_a_subscribed_group_are_delivered_unchanged(embedded: Any) -> None:
    pipeline = LogPipeline(embedded)
    group = make_group(embedded)
    pipeline.subscribe(group)
    sent = ["plain", "two\nlines", 'tab\t"quotes" \\ NUL\0', "\N{GRINNING FACE}", "twice", "twice"]
    write_logs(embedded, group, *sent)
    assert eventually(lambda: pipeline.messages(group)) == sorted(sent)


def test_record_is_as_cloudwatch_builds_it(embedded: Any) -> None:
    pipeline = LogPipeline(embedded)
    group = make_group(embedded)
    pipeline.subscribe(group, "slipway-eu-west-1")
    write_logs(embedded, group, "hello")
    eventually(lambda: pipeline.messages(group))
    messages = [item for item in pipeline.documents() if item["messageType"] == "DATA_MESSAGE"]
    (event,) = messages[0].pop("logEvents")
    assert messages == [
        {
            "messageType": "DATA_MESSAGE",
            "owner": ACCOUNT,
            "logGroup": group,
            "logStream": "s",
            "subscriptionFilters": ["slipway-eu-west-1"],
        }
    ]
    assert re.fullmatch(r"\d{56}", event["id"])
    stored = client(embedded, "logs").filter_log_events(logGroupName=group)["events"]
    assert [(item["eventId"], item["timestamp"]) for item in stored] == [(event["id"], event["timestamp"])]


def test_subscribing_sends_a_control_message(embedded: Any) -> None:
    pipeline = LogPipeline(embedded)
    pipeline.subscribe(make_group(embedded))
    (control,) = eventually(lambda: list(pipeline.documents()))
    assert (control["messageType"], control["owner"]) == ("CONTROL_MESSAGE", "CloudwatchLogs")


def test_batches_stay_below_the_record_size(embedded: Any) -> None:
    pipeline = LogPipeline(embedded)
    group = make_group(embedded)
    pipeline.subscribe(group)
    long = ["x" * 250_000, "y" * 250_000, "z" * 250_000]
    for _ in range(3):
        write_logs(embedded, group, *long)
    messages = eventually(lambda: len(found := pipeline.messages(group)) == 9 and found)
    assert messages == sorted(long * 3)


def test_a_filter_pattern_selects_events(embedded: Any) -> None:
    pipeline = LogPipeline(embedded)
    group = make_group(embedded)
    pipeline.subscribe(group, pattern='ERROR -"health check"')
    write_logs(embedded, group, "ERROR disk", "INFO fine", "ERROR in health check")
    assert eventually(lambda: pipeline.messages(group)) == ["ERROR disk"]


def test_a_third_filter_of_a_group_is_rejected(embedded: Any) -> None:
    pipeline = LogPipeline(embedded)
    group = make_group(embedded)
    for name in ("first", "second", "second"):
        pipeline.subscribe(group, name)
    with pytest.raises(ClientError, match="LimitExceededException"):
        pipeline.subscribe(group, "third")


@pytest.mark.parametrize(
    ("service", "statements"),
    [
        ("logs.amazonaws.com", []),
        ("ec2.amazonaws.com", [allow("kinesis:PutRecord")]),
        ("logs.amazonaws.com", [allow("kinesis:PutRecord", "arn:aws:kinesis:*:*:stream/other")]),
    ],
    ids=["no permission", "wrong trust", "another stream"],
)
def test_the_role_must_allow_logs_to_write(embedded: Any, service: str, statements: list[Any]) -> None:
    pipeline = LogPipeline(embedded)
    pipeline.writer = role(embedded, service, *statements)
    with pytest.raises(ClientError, match="Could not deliver test message"):
        pipeline.subscribe(make_group(embedded))


def test_account_policy_covers_all_groups_but_the_excluded(embedded: Any) -> None:
    pipeline = LogPipeline(embedded)
    logs = client(embedded, "logs", region="us-east-1", account=OTHER)
    destination = make_destination(embedded, pipeline, allowed=OTHER, region="us-east-1")
    covered, excluded = (make_group(embedded, OTHER, "us-east-1") for _ in range(2))
    policy = {
        "policyName": "slipway-us-east-1",
        "policyType": "SUBSCRIPTION_FILTER_POLICY",
        "policyDocument": json.dumps({"DestinationArn": destination, "FilterPattern": ""}),
        "selectionCriteria": f'LogGroupName NOT IN ["{excluded}"]',
    }
    logs.put_account_policy(**policy)
    try:
        for group in (excluded, covered):
            write_logs(embedded, group, "hello", account=OTHER, region="us-east-1")
        assert eventually(lambda: pipeline.messages(covered)) == ["hello"]
        assert pipeline.messages(excluded) == []
        (shown,) = logs.describe_account_policies(policyType="SUBSCRIPTION_FILTER_POLICY")["accountPolicies"]
        assert (shown["policyName"], shown["accountId"]) == ("slipway-us-east-1", OTHER)
        second = refused(logs.put_account_policy, **{**policy, "policyName": "second"})
        assert second["Code"] == "LimitExceededException"
    finally:
        logs.delete_account_policy(policyName="slipway-us-east-1", policyType="SUBSCRIPTION_FILTER_POLICY")


# Destinations


def make_destination(embedded: Any, pipeline: LogPipeline, *, allowed: str = "", region: str = REGION) -> str:
    logs = client(embedded, "logs", region=region)
    name = unique("destination")
    made = logs.put_destination(destinationName=name, targetArn=pipeline.stream_arn, roleArn=pipeline.writer)
    arn = str(made["destination"]["arn"])
    if allowed:
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": allowed},
            "Action": "logs:PutSubscriptionFilter",
            "Resource": arn,
        }
        logs.put_destination_policy(
            destinationName=name,
            accessPolicy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        )
    return arn


def subscribe_to(embedded: Any, destination: str, group: str, account: str) -> None:
    client(embedded, "logs", account=account).put_subscription_filter(
        logGroupName=group, filterName="test", filterPattern="", destinationArn=destination
    )


def test_another_account_writes_through_a_destination(embedded: Any) -> None:
    pipeline = LogPipeline(embedded)
    group = make_group(embedded, OTHER)
    subscribe_to(embedded, make_destination(embedded, pipeline, allowed=OTHER), group, OTHER)
    write_logs(embedded, group, "from afar", account=OTHER)
    assert eventually(lambda: pipeline.messages(group)) == ["from afar"]
    assert {document["owner"] for document in pipeline.documents() if document["logGroup"] == group} == {
        OTHER
    }


def test_an_account_that_the_policy_does_not_allow_is_denied(embedded: Any) -> None:
    destination = make_destination(embedded, LogPipeline(embedded), allowed="333333333333")
    with pytest.raises(ClientError, match="is not authorized to perform: logs:PutSubscriptionFilter"):
        subscribe_to(embedded, destination, make_group(embedded, OTHER), OTHER)
