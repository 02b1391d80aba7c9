"""Alarms of the export: throttling, delays, failed deliveries, and failing functions."""

from dataclasses import dataclass
from typing import Any

from troposphere import AWSObject, If, NoValue, Ref, Sub, cloudwatch, sns

from ops.templates.logs.pipeline import DELIVERY
from ops.templates.policies import accepted, document

PERIOD_S = 300
BEHIND_MS = 3_600_000
STALE_S = 3600


@dataclass(frozen=True)
class MetricAlarm:
    """An alarm on a metric of one resource, and its threshold."""

    title: str
    description: str
    namespace: str
    metric: str
    dimension: str
    dimension_value: Any
    statistic: str
    threshold: float
    condition: str = ""


METRIC_ALARMS = (
    MetricAlarm(
        "Throttled",
        "The Kinesis stream is throttled. Increase the shard count.",
        "AWS/Kinesis",
        "WriteProvisionedThroughputExceeded",
        "StreamName",
        Ref("LogStream"),
        "Sum",
        0,
    ),
    MetricAlarm(
        "Behind",
        "Records have been in the stream for more than an hour. After the retention period they are lost.",
        "AWS/Kinesis",
        "GetRecords.IteratorAgeMilliseconds",
        "StreamName",
        Ref("LogStream"),
        "Maximum",
        BEHIND_MS,
    ),
    MetricAlarm(
        "Stale",
        "Objects are written to S3 more than an hour late. Check the delivery stream's log group.",
        "AWS/Firehose",
        "DeliveryToS3.DataFreshness",
        "DeliveryStreamName",
        DELIVERY,
        "Maximum",
        STALE_S,
    ),
    MetricAlarm(
        "TooManyPartitions",
        "Firehose exceeded its quota of active partitions. Request a higher quota.",
        "AWS/Firehose",
        "PartitionCountExceeded",
        "DeliveryStreamName",
        Ref("DeliveryStream"),
        "Maximum",
        0,
        "IsProcessed",
    ),
    MetricAlarm(
        "ProcessorFails",
        "The processor function fails. Check its log group, then replay the failed records.",
        "AWS/Lambda",
        "Errors",
        "FunctionName",
        Ref("Processor"),
        "Sum",
        0,
        "IsProcessed",
    ),
    MetricAlarm(
        "SubscriberFails",
        "The subscriber function fails: log groups may not be subscribed. Check its log group.",
        "AWS/Lambda",
        "Errors",
        "FunctionName",
        Ref("Subscriber"),
        "Sum",
        0,
    ),
    MetricAlarm(
        "CompactorFails",
        "The compactor function fails: hours are not compacted to Parquet. Check its log group.",
        "AWS/Lambda",
        "Errors",
        "FunctionName",
        Ref("Compactor"),
        "Sum",
        0,
        "IsProcessed",
    ),
    MetricAlarm(
        "AlertsFail",
        "The function of the alerts fails: alerts are not judged, or not sent. Check its log group.",
        "AWS/Lambda",
        "Errors",
        "FunctionName",
        Ref("Alerts"),
        "Sum",
        0,
    ),
)


def resources() -> tuple[AWSObject, ...]:
    return (
        *(_alarm(alarm) for alarm in METRIC_ALARMS),
        _delivery_fails(),
        sns.Topic(
            "Topic",
            Condition="HasEmail",
            DisplayName=Sub("Slipway ${AWS::StackName}"),
            Metadata=accepted(
                CKV_AWS_26="CloudWatch cannot publish to topics with the default key; they hold names only"
            ),
        ),
        sns.TopicPolicy(
            "TopicPolicy",
            Condition="HasEmail",
            Topics=[Ref("Topic")],
            PolicyDocument=document(
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "cloudwatch.amazonaws.com"},
                    "Action": "sns:Publish",
                    "Resource": Ref("Topic"),
                    "Condition": {"StringEquals": {"aws:SourceAccount": Ref("AWS::AccountId")}},
                }
            ),
        ),
        sns.SubscriptionResource(
            "Subscription",
            Condition="HasEmail",
            TopicArn=Ref("Topic"),
            Protocol="email",
            Endpoint=Ref("NotifyEmail"),
        ),
    )


def _alarm(alarm: MetricAlarm) -> cloudwatch.Alarm:
    options = {"Condition": alarm.condition} if alarm.condition else {}
    return cloudwatch.Alarm(
        alarm.title,
        AlarmDescription=alarm.description,
        Namespace=alarm.namespace,
        MetricName=alarm.metric,
        Dimensions=[cloudwatch.MetricDimension(Name=alarm.dimension, Value=alarm.dimension_value)],
        Statistic=alarm.statistic,
        Threshold=alarm.threshold,
        ComparisonOperator="GreaterThanThreshold",
        **_common(),
        **options,
    )


def _delivery_fails() -> cloudwatch.Alarm:
    """DeliveryToS3.Success is 1 if all deliveries succeeded: anything less is a failure."""
    return cloudwatch.Alarm(
        "DeliveryFails",
        AlarmDescription="Firehose cannot write to S3. Check the delivery stream's log group.",
        Namespace="AWS/Firehose",
        MetricName="DeliveryToS3.Success",
        Dimensions=[cloudwatch.MetricDimension(Name="DeliveryStreamName", Value=DELIVERY)],
        Statistic="Minimum",
        Threshold=1,
        ComparisonOperator="LessThanThreshold",
        **_common(),
    )


def _common() -> dict[str, Any]:
    return {
        "Period": PERIOD_S,
        "EvaluationPeriods": 1,
        "TreatMissingData": "notBreaching",
        "AlarmActions": If("HasEmail", [Ref("Topic")], NoValue),
    }
