"""Alarms of the export: throttling, delays, failed deliveries, failing functions, and stopped canaries."""

from dataclasses import dataclass
from typing import Any

from troposphere import AWSObject, If, NoValue, Ref, Sub, cloudwatch, sns

from ops.templates.logs.pipeline import DELIVERY
from ops.templates.logs.subscriber import CANARY_METRIC, CANARY_NAMESPACE
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
    period_s: int = PERIOD_S
    missing: str = "notBreaching"
    after: str = ""  # the resource that gives the metric its first value


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
        "CanaryStops",
        "Canaries of an account and Region no longer arrive in the bucket. See the tab Coverage.",
        CANARY_NAMESPACE,
        CANARY_METRIC,
        "StackName",
        Ref("AWS::StackName"),
        "Maximum",
        0,
        "IsProcessed",
        period_s=3600,  # twice the schedule
        missing="breaching",
        after="Subscriptions",
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
    options: dict[str, Any] = {"Condition": alarm.condition} if alarm.condition else {}
    if alarm.after:
        options["DependsOn"] = [alarm.after]
    return cloudwatch.Alarm(
        alarm.title,
        AlarmDescription=alarm.description,
        Namespace=alarm.namespace,
        MetricName=alarm.metric,
        Dimensions=[cloudwatch.MetricDimension(Name=alarm.dimension, Value=alarm.dimension_value)],
        Statistic=alarm.statistic,
        Threshold=alarm.threshold,
        ComparisonOperator="GreaterThanThreshold",
        **_common(alarm.period_s, alarm.missing),
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


def _common(period_s: int = PERIOD_S, missing: str = "notBreaching") -> dict[str, Any]:
    return {
        "Period": period_s,
        "EvaluationPeriods": 1,
        "TreatMissingData": missing,
        "AlarmActions": If("HasEmail", [Ref("Topic")], NoValue),
    }
