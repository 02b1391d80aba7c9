"""A log export with faults in its processor and stream: every event arrives unaltered, or is kept whole."""

import gzip
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.log_export.exports import FAULTS, MUTANTS, PROCESSOR, faulty_processor
from tests.faults.monitor.events import Events
from tests.faults.monitor.judge import Judge
from tests.faults.monitor.watch import Watch
from tests.ops.embedded.log_pipeline import LogPipeline
from tests.ops.embedded.overlay import REGION, allow, client, eventually, unique

HOUR_MS = 3_600_000
PATIENCE_S = 240
PARTITIONS = (
    "account=!{partitionKeyFromLambda:account}/region=!{partitionKeyFromLambda:region}/"
    "date=!{partitionKeyFromLambda:date}/hour=!{partitionKeyFromLambda:hour}/"
)
FIREHOSE = (
    allow(["kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords"]),
    allow("lambda:InvokeFunction"),
    allow("s3:PutObject"),
)
MESSAGES = ("plain", "plain", " ", "two\nlines", '{"json": true}', "back\\slash \\n", "äöü \U0001f600")


def pipeline_with(embedded: Any, source: str, handler: str, **more: Any) -> LogPipeline:
    """Return an export in JSON lines with the roles that it needs, and no more."""
    partitioning = {"Enabled": True, "RetryOptions": {"DurationInSeconds": 300}}
    return LogPipeline(
        embedded,
        source,
        prefix=f"json/{PARTITIONS}",
        destination={"CompressionFormat": "GZIP", "DynamicPartitioningConfiguration": partitioning},
        firehose_statements=FIREHOSE,
        buffer={"SizeInMBs": 64, "IntervalInSeconds": 300},
        processor_settings={"BufferSizeInMBs": "0.5", "NumberOfRetries": "3"},
        environment={"FORMAT": "json", "PREFIX": ""},
        handler=handler,
        **more,
    )


class Scenario:
    """Log groups, one for each fault, and the judge of what arrives from them."""

    def __init__(self, embedded: Any, pipeline: LogPipeline, record: Path) -> None:
        self.pipeline = pipeline
        self.stem = unique("/faults")
        self.logs = client(embedded, "logs")
        self.events = Events()
        self.watch = Watch(record, start=record.stat().st_size, judge=Judge([self.events]))

    def write(self, fault: str, rounds: int = 3) -> None:
        """Put events of several hours into the fault's group; those of later hours return to the stream."""
        group = f"{self.stem}/{fault}"
        self.logs.create_log_group(logGroupName=group)
        self.logs.create_log_stream(logGroupName=group, logStreamName="s")
        self.pipeline.subscribe(group, f"slipway-{REGION}")
        now = int(time.time() * 1000)
        for number in range(rounds):
            events = [
                {
                    "timestamp": now - hour * HOUR_MS + number,
                    "message": f"{message}{number if number else ''}",
                }
                for hour in (3, 2, 1, 0)
                for message in MESSAGES
            ]
            self.logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)

    def repeat(self, fault: str) -> None:
        """Put the records of the group into the stream again, in reverse order, as a retry could."""
        mine = [data for data in self._records() if f"/{fault}".encode() in gzip.decompress(data)]
        assert mine
        self.pipeline.put(*reversed(mine))

    def _records(self) -> Iterator[bytes]:
        kinesis = self.pipeline.kinesis
        for shard in kinesis.list_shards(StreamName=self.pipeline.name)["Shards"]:
            iterator = kinesis.get_shard_iterator(
                StreamName=self.pipeline.name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while records := (answer := kinesis.get_records(ShardIterator=iterator))["Records"]:
                yield from (record["Data"] for record in records)
                iterator = answer["NextShardIterator"]

    def arrived(self) -> bool:
        self.watch.look()
        return not self.events.missing()

    def violations(self) -> list[str]:
        self.watch.look()
        return [str(violation) for violation in self.watch.judge.close()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faults")


@pytest.fixture(scope="module")
def faulty(embedded: Any, folder: Path) -> LogPipeline:
    return pipeline_with(embedded, faulty_processor(folder), "index.faulty")


def judge(scenario: Scenario, folder: Path, faults: tuple[str, ...], rounds: int = 3) -> None:
    for fault in faults:
        (folder / fault).unlink(missing_ok=True)
        scenario.write(fault, rounds)
        if fault == "malformed":
            scenario.pipeline.put(b"no subscription record", gzip.compress(b'{"messageType": "DATA_MESSAGE"'))
        if fault == "twice":
            scenario.repeat(fault)
        # One fault after another: a call with the records of two groups would meet only the first one's.
        eventually(scenario.arrived, within_s=PATIENCE_S)
    assert scenario.violations() == []
    struck = {fault for fault in faults if (folder / fault).exists()}
    assert struck == set(faults) - {"twice", "malformed"}


def test_a_fault_of_each_kind_loses_no_event(
    embedded: Any, faulty: LogPipeline, record: Path, folder: Path
) -> None:
    judge(Scenario(embedded, faulty, record), folder, FAULTS)


@pytest.mark.thorough
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_alone_loses_no_event(
    embedded: Any, faulty: LogPipeline, record: Path, folder: Path, fault: str
) -> None:
    judge(Scenario(embedded, faulty, record), folder, (fault,), rounds=20)


@pytest.mark.parametrize("name", MUTANTS)
def test_the_monitor_reports_a_processor_that_loses_or_merges_events(
    embedded: Any, record: Path, watch: Watch, name: str
) -> None:
    one_shard = {"ShardCount": 1}  # so that what was written first is processed first
    pipeline = pipeline_with(embedded, MUTANTS[name].source, "index.handler", stream_settings=one_shard)
    watch.ignore(pipeline.bucket)  # deliveries go on after this test
    scenario = Scenario(embedded, pipeline, record)
    scenario.write("first", rounds=1)
    scenario.write("last", rounds=1)

    def last_arrived() -> bool:
        bodies = [gzip.decompress(pipeline.body(key)) for key in pipeline.keys("json/")]
        return any(b"/last" in body for body in bodies)

    eventually(last_arrived, within_s=PATIENCE_S)
    assert any(MUTANTS[name].says in each for each in scenario.violations()), scenario.violations()


def test_the_processor_is_the_one_that_is_deployed() -> None:
    assert PROCESSOR in faulty_processor(Path("/x"))
