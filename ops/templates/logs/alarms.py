"""Alarms of the export: throttled, behind, failing to deliver or to process."""

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
    """A metric of one resource, and from when on it means trouble."""

    title: str
    description: str
    namespace: str
    metric: str
    dimension: str
    of: Any
    statistic: str
    above: float
    condition: str = ""


METRIC_ALARMS = (
    MetricAlarm("Throttled", "The stream takes no more: raise the shard count", "AWS/Kinesis",
          "WriteProvisionedThroughputExceeded", "StreamName", Ref("LogStream"), "Sum", 0),
    MetricAlarm("Behind", "Records wait over an hour; past the retention they are lost", "AWS/Kinesis",
          "GetRecords.IteratorAgeMilliseconds", "StreamName", Ref("LogStream"), "Maximum", BEHIND_MS),
    MetricAlarm("Stale", "Objects come to S3 more than an hour late: see the delivery's log", "AWS/Firehose",
          "DeliveryToS3.DataFreshness", "DeliveryStreamName", DELIVERY, "Maximum", STALE_S),
    MetricAlarm("TooManyPartitions", "More partitions at once than Firehose's quota: raise it", "AWS/Firehose",
          "PartitionCountExceeded", "DeliveryStreamName", Ref("DeliveryStream"), "Maximum", 0, "IsProcessed"),
    MetricAlarm("ProcessorFails", "The processor fails: see its log, then replay the errors", "AWS/Lambda",
          "Errors", "FunctionName", Ref("Processor"), "Sum", 0, "IsProcessed"),
    MetricAlarm("SubscriberFails", "Log groups may not be subscribed: see the subscriber's log", "AWS/Lambda",
          "Errors", "FunctionName", Ref("Subscriber"), "Sum", 0),
    MetricAlarm("CompactorFails", "Hours stay as they were delivered: see the compactor's log", "AWS/Lambda",
          "Errors", "FunctionName", Ref("Compactor"), "Sum", 0, "IsProcessed"),
)  # fmt: skip


def resources() -> tuple[AWSObject, ...]:
    return (
        *(_alarm(watch) for watch in METRIC_ALARMS),
        _delivery_fails(),
        sns.Topic(
            "Topic",
            Condition="HasEmail",
            DisplayName=Sub("Slipway ${AWS::StackName}"),
            Metadata=accepted(
                CKV_AWS_26="CloudWatch cannot publish under the default key; notices hold names only"
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


def _alarm(watch: MetricAlarm) -> cloudwatch.Alarm:
    options = {"Condition": watch.condition} if watch.condition else {}
    return cloudwatch.Alarm(
        watch.title,
        AlarmDescription=watch.description,
        Namespace=watch.namespace,
        MetricName=watch.metric,
        Dimensions=[cloudwatch.MetricDimension(Name=watch.dimension, Value=watch.of)],
        Statistic=watch.statistic,
        Threshold=watch.above,
        ComparisonOperator="GreaterThanThreshold",
        **_common(),
        **options,
    )


def _delivery_fails() -> cloudwatch.Alarm:
    """Success is reported as a share of one: less than that is a failure."""
    return cloudwatch.Alarm(
        "DeliveryFails",
        AlarmDescription="Firehose cannot write to S3: the delivery's log says why",
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
