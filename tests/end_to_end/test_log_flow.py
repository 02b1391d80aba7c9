"""Log events with difficult content through the whole pipeline, read back from S3 without any difference.

The export as our command deploys it to three accounts and two regions, IAM enforced, in every format; then
faults, each with a pipeline of its own. The full measure, in 300 groups:
SLIPWAY_LOG_EVENTS=200000 python -m pytest tests/end_to_end/test_log_flow.py
"""

import gzip
import json
import os
import textwrap
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from ops.cli import main
from ops.templates.functions import function_source
from tests.end_to_end.log_events import (
    Event,
    make_batches,
    make_messages,
    read_cloudwatch,
    read_json,
    read_raw,
)
from tests.ops.embedded.log_pipeline import LogPipeline
from tests.ops.embedded.overlay import allow, client, eventually, unique

EVENTS = int(os.environ.get("SLIPWAY_LOG_EVENTS", "2400"))
GROUPS = min(300, EVENTS // 100)
PLACES = [(account * 12, region) for account in "123" for region in ("eu-west-1", "us-east-1")]
PATIENCE_S = 300
PROCESSOR = function_source("log_processor")
PARTITIONS = (
    "account=!{partitionKeyFromLambda:account}/region=!{partitionKeyFromLambda:region}/"
    "date=!{partitionKeyFromLambda:date}/hour=!{partitionKeyFromLambda:hour}/!{timestamp:'at'yyyyMMddHH'-'}"
)
CONTROL = json.dumps({"messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logEvents": []}).encode()
FIREHOSE = (
    allow(["kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords"]),
    allow("lambda:InvokeFunction"),
    allow("s3:PutObject"),
)
BUFFER = {"SizeInMBs": 64, "IntervalInSeconds": 300}


def make_pipeline(embedded: Any, kind: str, source: str = "", **more: Any) -> LogPipeline:
    """Return a pipeline that writes one format, with least-privilege roles."""
    return LogPipeline(
        embedded,
        source or PROCESSOR,
        prefix=f"{kind}/{PARTITIONS}",
        destination={
            "CompressionFormat": "GZIP",
            "DynamicPartitioningConfiguration": {"Enabled": True, "RetryOptions": {"DurationInSeconds": 300}},
        },
        firehose_statements=FIREHOSE,
        buffer=BUFFER,
        processor_settings={"BufferSizeInMBs": "0.5", "NumberOfRetries": "3"},
        environment={"FORMAT": kind, "PREFIX": ""},
        **more,
    )


def make_destination(embedded: Any, pipeline: LogPipeline, region: str) -> str:
    """Create a destination in the central account that all accounts can subscribe to."""
    logs = client(embedded, "logs", region=region)
    name = unique("destination")
    made = logs.put_destination(destinationName=name, targetArn=pipeline.stream_arn, roleArn=pipeline.writer)[
        "destination"
    ]
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": sorted({account for account, _ in PLACES})},
        "Action": "logs:PutSubscriptionFilter",
        "Resource": made["arn"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    logs.put_destination_policy(destinationName=name, accessPolicy=policy)
    return str(made["arn"])


def writer_of(embedded: Any, account: str, region: str) -> Any:
    """Return a client that repeats throttled calls."""
    return boto3.client(
        "logs",
        region_name=region,
        endpoint_url=embedded.endpoint,
        aws_access_key_id=account,
        aws_secret_access_key="test",
        config=Config(retries={"mode": "standard", "max_attempts": 5}),
    )


@dataclass
class Flow:
    """Log groups in all accounts and regions, and the events put into them, by the expected format."""

    embedded: Any
    stem: str = field(default_factory=lambda: unique("/flow"))
    put: dict[str, Counter[Event]] = field(default_factory=lambda: defaultdict(Counter))
    lock: Any = field(default_factory=threading.Lock)

    def group(self, number: int) -> str:
        return f"{self.stem}/{number}"

    def open(self, number: int) -> None:
        """The group and its stream."""
        account, region = PLACES[number % len(PLACES)]
        logs = client(self.embedded, "logs", account=account, region=region)
        logs.create_log_group(logGroupName=self.group(number))
        logs.create_log_stream(logGroupName=self.group(number), logStreamName=f"stream/[$LATEST]{number}")

    def send(self, number: int, kind: str, count: int, seed: int | None = None) -> None:
        """So many events into the group."""
        account, region = PLACES[number % len(PLACES)]
        logs = writer_of(self.embedded, account, region)
        group, stream = self.group(number), f"stream/[$LATEST]{number}"
        seed = number if seed is None else seed
        for batch in make_batches(list(make_messages(count, seed)), int(time.time() * 1000), seed):
            answer = logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=batch)
            assert "rejectedLogEventsInfo" not in answer
            sent = Counter(
                (account, region, group, stream, each["timestamp"], each["message"]) for each in batch
            )
            with self.lock:
                self.put[kind].update(sent)

    def fill(self, number: int, kind: str, destinations: dict[str, str], count: int) -> None:
        """A group that is subscribed to the destination in its region, and its events."""
        self.open(number)
        account, region = PLACES[number % len(PLACES)]
        client(self.embedded, "logs", account=account, region=region).put_subscription_filter(
            logGroupName=self.group(number),
            filterName=f"slipway-{region}",
            filterPattern="",
            destinationArn=destinations[region],
        )
        self.send(number, kind, count)

    def mine(self, events: Counter[Event]) -> Counter[Event]:
        return Counter({event: n for event, n in events.items() if event[2].startswith(f"{self.stem}/")})


@dataclass
class Exported:
    """The events in a pipeline's bucket; each object is read once."""

    pipeline: Any
    kind: str
    seen: set[str] = field(default_factory=set)
    by_id: dict[str, Event] = field(default_factory=dict)  # doubles of at-least-once delivery fall together
    lines: Counter[Event] = field(default_factory=Counter)  # raw lines have no ids

    def events(self) -> Counter[Event]:
        for key in self.pipeline.keys(f"{self.kind}/"):
            if key in self.seen:
                continue
            self.seen.add(key)
            body = self.pipeline.body(key)
            if self.kind == "raw":
                self.lines.update(read_raw(key, body))
            else:
                self.by_id.update(read_json(body) if self.kind == "json" else read_cloudwatch(body))
        return self.lines + Counter(self.by_id.values())


def assert_arrives(flow: Flow, pipeline: Any, kind: str) -> None:
    """Assert that S3 has exactly the multiset of events that was put."""
    put = flow.put[kind]
    exported = Exported(pipeline, kind)
    eventually(lambda: flow.mine(exported.events()).total() >= put.total(), within_s=PATIENCE_S)
    found = flow.mine(exported.events())
    assert found == put, (list((put - found).items())[:3], list((found - put).items())[:3])
    assert pipeline.errors() == []


# The export, as it is deployed

FORMATS = {"json": "JSON lines", "raw": "Raw", "cloudwatch": "CloudWatch JSON (GZIP)"}


@dataclass
class Deployed:
    """The export that the command has deployed, with the central stack in development."""

    embedded: Any

    def run(self, *arguments: str) -> None:
        assert main(["logs", *arguments, "--central", "development"]) == 0

    def deploy(self, kind: str, **parameters: str) -> None:
        settings = {"LogFormat": FORMATS[kind], **parameters}
        self.run("deploy", "--set", *(f"{name}={value}" for name, value in settings.items()))

    @cached_property
    def bucket(self) -> Any:
        (stack,) = client(self.embedded, "cloudformation", account="3" * 12).describe_stacks(
            StackName="log-export"
        )["Stacks"]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
        return boto3.resource(
            "s3",
            endpoint_url=self.embedded.endpoint,
            aws_access_key_id="3" * 12,
            aws_secret_access_key="test",
        ).Bucket(outputs["Bucket"].rpartition(":")[2])

    def keys(self, prefix: str) -> list[str]:
        return [each.key for each in self.bucket.objects.filter(Prefix=f"logs/{prefix}")]

    def body(self, key: str) -> bytes:
        return bytes(self.bucket.Object(key).get()["Body"].read())

    def errors(self) -> list[str]:
        return self.keys("errors/")

    def stacks(self) -> list[tuple[str, str]]:
        found = []
        for account, region in PLACES:
            cloudformation = client(self.embedded, "cloudformation", account=account, region=region)
            names = [each["StackName"] for each in cloudformation.describe_stacks()["Stacks"]]
            found += [(account, region)] * names.count("log-export")
        return found

    def subscriptions(self, flow: Flow, number: int) -> list[str]:
        account, region = PLACES[number % len(PLACES)]
        logs = client(self.embedded, "logs", account=account, region=region)
        found = logs.describe_subscription_filters(logGroupName=flow.group(number))["subscriptionFilters"]
        return [each["filterName"] for each in found]

    def policies(self) -> list[str]:
        found = []
        for account, region in PLACES:
            logs = client(self.embedded, "logs", account=account, region=region)
            answer = logs.describe_account_policies(policyType="SUBSCRIPTION_FILTER_POLICY")
            found += [each["policyName"] for each in answer["accountPolicies"]]
        return found


def everywhere(work: Callable[[int], object]) -> None:
    """Run for every log group, some in parallel."""
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(GROUPS)))


def test_every_event_arrives_in_every_format_of_what_the_command_deploys(
    embedded: Any, data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SLIPWAY_DATA", str(data))
    monkeypatch.chdir(tmp_path)
    flow, export = Flow(embedded), Deployed(embedded)
    early = GROUPS // 2  # before the export; the others come to it when it stands
    for number in range(early):
        flow.open(number)
    export.deploy(
        "json", IncludePatterns=f"{flow.stem}/*", BufferIntervalHint="1", ProcessorBufferIntervalHint="0"
    )
    assert sorted(export.stacks()) == sorted(PLACES)
    for number in range(early, GROUPS):
        flow.open(number)
    everywhere(lambda number: eventually(lambda: export.subscriptions(flow, number), within_s=PATIENCE_S))

    everywhere(lambda number: flow.send(number, "json", EVENTS // GROUPS))
    assert_arrives(flow, export, "json")

    export.deploy("raw")
    everywhere(lambda number: flow.send(number, "raw", EVENTS // GROUPS, seed=number + GROUPS))
    assert_arrives(flow, export, "raw")

    export.deploy("cloudwatch", SubscribeBy="account")
    eventually(lambda: len(export.policies()) == len(PLACES), within_s=PATIENCE_S)
    everywhere(lambda number: eventually(lambda: not export.subscriptions(flow, number), within_s=PATIENCE_S))
    everywhere(lambda number: flow.send(number, "cloudwatch", EVENTS // GROUPS, seed=number + 2 * GROUPS))
    assert_arrives(flow, export, "cloudwatch")

    objects = export.keys("")
    export.run("remove", "--confirm", "log-export")
    assert (export.stacks(), export.policies()) == ([], [])
    assert [n for n in range(GROUPS) if export.subscriptions(flow, n)] == []
    assert export.keys("") == objects, "the data stay"


# Faults: at least once, and a double has the id of the first


MINDED = """
    import os, signal

    MARK = "{mark}"

    def faulty(event, context):
        answer = handler(event, context)
        if not os.path.exists(MARK):
            open(MARK, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return answer
"""


def put_some(embedded: Any, pipeline: LogPipeline, count: int = 40) -> Flow:
    """Put events into one log group of production that is subscribed to the pipeline."""
    flow = Flow(embedded)
    flow.fill(0, "json", {"eu-west-1": make_destination(embedded, pipeline, "eu-west-1")}, count)
    return flow


def test_processor_killed_during_a_batch(embedded: Any, tmp_path: Path) -> None:
    mark = tmp_path / "killed"
    source = PROCESSOR + textwrap.dedent(MINDED.format(mark=mark))
    pipeline = make_pipeline(embedded, "json", source=source, handler="index.faulty")
    flow = put_some(embedded, pipeline)
    assert_arrives(flow, pipeline, "json")
    assert mark.exists()


def test_the_stream_throttles_returned_records(embedded: Any) -> None:
    """One busy shard, and records with events of several hours, which return to the stream."""
    pipeline = make_pipeline(embedded, "json", stream_settings={"ShardCount": 1})
    flow = put_some(embedded, pipeline, count=200)
    refused: list[int] = []

    def rush() -> None:
        for _ in range(6):
            refused.append(pipeline.put(*[gzip.compress(CONTROL)] * 500)["FailedRecordCount"])

    with ThreadPoolExecutor(1) as pool:
        rushing = pool.submit(rush)
        assert_arrives(flow, pipeline, "json")
        rushing.result()
    assert sum(refused) > 0


@pytest.mark.thorough
def test_s3_denies_access_temporarily(embedded: Any) -> None:
    pipeline = make_pipeline(embedded, "json")
    deny = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{pipeline.bucket}/*",
        },
    }
    pipeline.s3.put_bucket_policy(Bucket=pipeline.bucket, Policy=json.dumps(deny))
    flow = put_some(embedded, pipeline)
    time.sleep(2)
    assert pipeline.keys() == []
    pipeline.s3.delete_bucket_policy(Bucket=pipeline.bucket)
    assert_arrives(flow, pipeline, "json")


@pytest.mark.thorough
def test_the_stream_is_resharded_during_delivery(embedded: Any) -> None:
    pipeline = make_pipeline(embedded, "json", stream_settings={"ShardCount": 1})
    flow = Flow(embedded)
    destinations = {"eu-west-1": make_destination(embedded, pipeline, "eu-west-1")}
    for step in range(3):
        flow.fill(6 * step, "json", destinations, 30)
        pipeline.kinesis.update_shard_count(
            StreamName=pipeline.name,
            TargetShardCount=2 ** (step + 1),
            ScalingType="UNIFORM_SCALING",
        )
    assert_arrives(flow, pipeline, "json")


@pytest.mark.thorough
def test_the_role_of_the_destination_loses_access_temporarily(embedded: Any) -> None:
    """CloudWatch Logs retries what it could not deliver."""
    pipeline = make_pipeline(embedded, "json")
    destination = {"eu-west-1": make_destination(embedded, pipeline, "eu-west-1")}
    iam, name = client(embedded, "iam"), pipeline.writer.rsplit("/", 1)[-1]
    flow = Flow(embedded)
    flow.fill(0, "json", destination, 10)
    kept = iam.get_role_policy(RoleName=name, PolicyName="test")["PolicyDocument"]
    iam.delete_role_policy(RoleName=name, PolicyName="test")
    group = flow.group(0)
    at, stream, message = int(time.time() * 1000), "stream/[$LATEST]0", "in the meantime"
    client(embedded, "logs").put_log_events(
        logGroupName=group, logStreamName=stream, logEvents=[{"timestamp": at, "message": message}]
    )
    flow.put["json"][(*PLACES[0], group, stream, at, message)] += 1
    time.sleep(1)
    iam.put_role_policy(RoleName=name, PolicyName="test", PolicyDocument=json.dumps(kept))
    assert_arrives(flow, pipeline, "json")
