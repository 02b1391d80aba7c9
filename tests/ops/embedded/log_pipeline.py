"""A log pipeline on the embedded cloud, created through its API: Kinesis, processor, Firehose, bucket."""

import gzip
import io
import json
import textwrap
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.ops.embedded.overlay import ACCOUNT, REGION, allow, client, eventually, role, unique

KEEP_ALL = """
    def handler(event, context):
        return {"records": [{**record, "result": "Ok"} for record in event["records"]]}
"""


@dataclass
class LogPipeline:
    """Kinesis → Firehose → S3 in production, with the ARNs that other accounts use."""

    embedded: Any
    processor: str = ""
    prefix: str = "out/!{timestamp:yyyy/MM/dd/HH}/"
    destination: dict[str, Any] = field(default_factory=dict)
    stream_settings: dict[str, Any] = field(
        default_factory=lambda: {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}}
    )
    firehose_statements: Sequence[dict[str, Any]] = (allow("*"),)
    buffer: dict[str, int] = field(default_factory=lambda: {"SizeInMBs": 1, "IntervalInSeconds": 0})
    processor_settings: dict[str, str] = field(default_factory=dict)
    handler: str = "index.handler"
    environment: dict[str, str] = field(
        default_factory=dict
    )  # the processor's, in addition to STREAM and BUCKET

    def __post_init__(self) -> None:
        self.bucket = unique("logs")
        self.name = unique("flow")
        self.s3 = client(self.embedded, "s3")
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.kinesis = client(self.embedded, "kinesis")
        self.kinesis.create_stream(StreamName=self.name, **self.stream_settings)
        self.stream_arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{self.name}"
        self.writer = role(self.embedded, "logs.amazonaws.com", allow("kinesis:PutRecord", self.stream_arn))
        self.reader = role(self.embedded, "firehose.amazonaws.com", *self.firehose_statements)
        self.function = self._create_function() if self.processor else ""
        client(self.embedded, "firehose").create_delivery_stream(**self._delivery_stream())

    def _create_function(self) -> str:
        archive_data = io.BytesIO()
        with zipfile.ZipFile(archive_data, "w") as archive:
            archive.writestr("index.py", textwrap.dedent(self.processor))
        function = client(self.embedded, "lambda").create_function(
            FunctionName=self.name,
            Runtime="python3.13",
            Handler=self.handler,
            Role=role(
                self.embedded,
                "lambda.amazonaws.com",
                allow("kinesis:PutRecords", self.stream_arn),
                allow("s3:PutObject", f"arn:aws:s3:::{self.bucket}/*"),
            ),
            Code={"ZipFile": archive_data.getvalue()},
            Timeout=60,
            Environment={"Variables": {"STREAM": self.name, "BUCKET": self.bucket, **self.environment}},
        )
        return str(function["FunctionArn"])

    def _delivery_stream(self) -> dict[str, Any]:
        parameters = {"LambdaArn": self.function, "NumberOfRetries": "1", **self.processor_settings}
        processing = {
            "Enabled": True,
            "Processors": [
                {
                    "Type": "Lambda",
                    "Parameters": [
                        {"ParameterName": name, "ParameterValue": value} for name, value in parameters.items()
                    ],
                }
            ],
        }
        return {
            "DeliveryStreamName": self.name,
            "DeliveryStreamType": "KinesisStreamAsSource",
            "KinesisStreamSourceConfiguration": {
                "KinesisStreamARN": self.stream_arn,
                "RoleARN": self.reader,
            },
            "ExtendedS3DestinationConfiguration": {
                "BucketARN": f"arn:aws:s3:::{self.bucket}",
                "RoleARN": self.reader,
                "Prefix": self.prefix,
                "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
                "BufferingHints": self.buffer,
                "CompressionFormat": "UNCOMPRESSED",
                **({"ProcessingConfiguration": processing} if self.function else {}),
                **self.destination,
            },
        }

    def subscribe(self, group: str, name: str = "test", pattern: str = "") -> None:
        client(self.embedded, "logs").put_subscription_filter(
            logGroupName=group,
            filterName=name,
            filterPattern=pattern,
            destinationArn=self.stream_arn,
            roleArn=self.writer,
        )

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def body(self, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def documents(self) -> Iterator[dict[str, Any]]:
        """Yield the subscription records in the bucket, as written without a processor."""
        for key in self.keys("out/"):
            text = gzip.decompress(self.body(key)).decode()
            while text:
                document, end = json.JSONDecoder().raw_decode(text)
                yield document
                text = text[end:]

    def messages(self, group: str) -> list[str]:
        return sorted(
            event["message"]
            for document in self.documents()
            if document["messageType"] == "DATA_MESSAGE" and document["logGroup"] == group
            for event in document["logEvents"]
        )

    def errors(self) -> list[dict[str, Any]]:
        lines = [line for key in self.keys("errors/") for line in self.body(key).splitlines()]
        return [json.loads(line) for line in lines]

    def put(self, *records: bytes) -> dict[str, Any]:
        """Put records directly into the stream."""
        entries = [{"Data": record, "PartitionKey": str(number)} for number, record in enumerate(records)]
        response: dict[str, Any] = self.kinesis.put_records(StreamName=self.name, Records=entries)
        return response

    def wait_for_objects(self, prefix: str = "out/", count: int = 1) -> list[str]:
        """Wait until there are so many objects: each partition is delivered on its own."""

        def found() -> list[str] | None:
            keys = self.keys(prefix)
            return keys if len(keys) >= count else None

        return eventually(found)


def make_group(embedded: Any, account: str = ACCOUNT, region: str = REGION) -> str:
    """Create a log group with a stream `s`."""
    logs = client(embedded, "logs", account=account, region=region)
    group = unique("/app/group")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    return group


def write_logs(
    embedded: Any, group: str, *messages: str, account: str = ACCOUNT, region: str = REGION
) -> None:
    logs = client(embedded, "logs", account=account, region=region)
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": message} for message in messages]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)


def allow_logs(pipeline: LogPipeline) -> None:
    """Attach the bucket policy that CloudWatch Logs requires."""
    principal = {"Service": f"logs.{REGION}.amazonaws.com"}
    bucket = f"arn:aws:s3:::{pipeline.bucket}"
    statements = [
        {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource}
        for action, resource in (("s3:GetBucketAcl", bucket), ("s3:PutObject", f"{bucket}/*"))
    ]
    pipeline.s3.put_bucket_policy(
        Bucket=pipeline.bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements})
    )
