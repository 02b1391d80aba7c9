"""Templates of the log export's stacks. Pure: function sources in, templates out.

parameters   the stacks' parameters, with groups and labels
pipeline     stream, delivery stream, processor, bucket
destination  the log destination, and the accounts that may subscribe to it
subscriber   the function that subscribes the log groups of its account and region
tables       Glue tables with partition projection, and the Athena work group
compactor    the function that compacts past hours to Parquet
alerts       the function that judges alerts on exported logs
alarms       alarms for delays, throttling, and failures
"""

from collections.abc import Mapping

from troposphere import And, Condition, Equals, GetAtt, If, Join, Not, Or, Output, Ref, Template

from ops.templates.logs import alarms, alerts, compactor, destination, pipeline, subscriber, tables
from ops.templates.logs.parameters import CENTRAL, JOB, JOB_TAG, MEMBER, SMALL
from ops.templates.logs.subscriber import CanaryCheck
from ops.templates.parameters import StackParameter, add_parameters
from ops.templates.policies import arn, limit_roles

__all__ = [
    "CENTRAL",
    "CENTRAL_DESCRIPTION",
    "JOB",
    "JOB_TAG",
    "MEMBER",
    "MEMBER_DESCRIPTION",
    "central",
    "member",
    "small",
]

# Only destinations in the central account can write to its stream.
STREAM = arn("kinesis:${StreamRegion}:${AWS::AccountId}:stream/${StreamName}")
# The stacks are recognized by these descriptions, however they were deployed.
CENTRAL_DESCRIPTION = "Slipway: exports CloudWatch logs of many accounts to one S3 bucket."
SMALL_DESCRIPTION = "Slipway: exports CloudWatch logs of one account and Region, without a Kinesis stream."
MEMBER_DESCRIPTION = "Slipway: sends the CloudWatch logs of this account and region to the log export."


def central(
    processor: str, subscribing: str, compacting: str, alerting: str, relation: Mapping[str, str]
) -> Template:
    """Return the template of the central stack, which has the bucket.

    The strings are the functions' sources. `relation` holds the compactor's SQL by environment variable.
    """
    stack = _begin(CENTRAL_DESCRIPTION, CENTRAL)
    conditions = {
        "IsRaw": Equals(Ref("LogFormat"), "Raw"),
        "IsProcessed": Not(Equals(Ref("LogFormat"), "CloudWatch JSON (GZIP)")),
        "IsAsItComes": Equals(Ref("LogFormat"), "CloudWatch JSON (GZIP)"),
        "MakesBucket": Equals(Ref("BucketName"), ""),
        "HasKey": Not(Equals(Ref("KeyArn"), "")),
        "HasShards": Not(Equals(Ref("ShardCount"), "0")),
        "HasPackage": Not(Equals(Ref("ProcessorPackage"), "")),
        "Cools": Not(Equals(Ref("ColdAfterDays"), "0")),
        "Expires": Not(Equals(Ref("ExpireAfterDays"), "0")),
        "Compacts": And(Condition("IsProcessed"), Not(Equals(Ref("CompactDays"), "0"))),
        "HasEmail": Not(Equals(Ref("NotifyEmail"), "")),
        "HasAlertTopics": Not(Equals(Ref("AlertTopics"), "")),
    }
    for name, condition in conditions.items():
        stack.add_condition(name, condition)
    _sharing(stack)
    destination_arn = GetAtt("LogDestination", "Arn")
    parts = (
        *pipeline.resources(processor),
        *destination.resources(GetAtt("LogStream", "Arn")),
        *subscriber.resources(
            subscribing,
            destination_arn,
            after=("DeliveryReads",),
            check=CanaryCheck(If("IsProcessed", pipeline.BUCKET, ""), pipeline.BUCKET_ARN),
        ),
        *tables.resources(),
        *compactor.resources(compacting, relation),
        *alerts.resources(alerting),
        *alarms.resources(),
    )
    for part in parts:
        stack.add_resource(part)
    limit_roles(stack)
    _output(stack, "LogDestination", destination_arn, "Destination for other accounts in this region")
    _subscription_role(stack)
    _output(stack, "Stream", Ref("LogStream"), "Kinesis stream that destinations in other regions write to")
    _output(stack, "Bucket", pipeline.BUCKET_ARN, "Bucket that logs are exported to")
    _output(stack, "Database", Ref("Database"), "Glue database of the log tables")
    _output(stack, "Compactor", Ref("Compactor"), "Function that compacts to Parquet", "IsProcessed")
    _output(stack, "Alerts", Ref("Alerts"), "Function that judges alerts")
    _output(stack, "AlertTopic", Ref("Topic"), "SNS topic of the notification email", "HasEmail")
    _output(stack, "DeliveryStream", pipeline.DELIVERY, "Firehose delivery stream")
    return stack


def member(subscribing: str) -> Template:
    """Return the template of another account or region; in the central account it creates a destination."""
    stack = _begin(MEMBER_DESCRIPTION, MEMBER)
    stack.add_condition("MakesDestination", Equals(Ref("LogDestination"), ""))
    stack.add_condition("HasKey", Not(Equals(Ref("KeyArn"), "")))
    _sharing(stack)
    for part in destination.resources(STREAM, condition="MakesDestination"):
        stack.add_resource(part)
    for part in subscriber.resources(subscribing, destination.GIVEN_OR_CREATED):
        stack.add_resource(part)
    limit_roles(stack)
    _output(stack, "LogDestination", destination.GIVEN_OR_CREATED, "Destination of this region's log groups")
    _subscription_role(stack)
    return stack


def small(subscribing: str) -> Template:
    """Return the template of an export of one account and Region that needs no Kinesis stream.

    Objects have the format CloudWatch JSON, which needs no processor.
    """
    stack = _begin(SMALL_DESCRIPTION, SMALL)
    conditions = {
        "MakesBucket": Equals(Ref("BucketName"), ""),
        "HasKey": Not(Equals(Ref("KeyArn"), "")),
        "Cools": Not(Equals(Ref("ColdAfterDays"), "0")),
        "Expires": Not(Equals(Ref("ExpireAfterDays"), "0")),
    }
    for name, condition in conditions.items():
        stack.add_condition(name, condition)
    stream, sender = GetAtt("DeliveryStream", "Arn"), GetAtt("Sender", "Arn")
    for part in (
        *pipeline.direct_resources(),
        *subscriber.resources(subscribing, stream, after=("DeliveryReads",), sender=sender),
    ):
        stack.add_resource(part)
    limit_roles(stack)
    _output(stack, "Bucket", pipeline.BUCKET_ARN, "Bucket that logs are exported to")
    _output(stack, "DeliveryStream", Ref("DeliveryStream"), "Firehose delivery stream")
    return stack


def _begin(description: str, stack_parameters: tuple[StackParameter, ...]) -> Template:
    stack = Template(Description=description)
    stack.set_version("2010-09-09")
    add_parameters(stack, stack_parameters)
    return stack


def _sharing(stack: Template) -> None:
    accounts = Join(",", Ref("AllowedAccounts"))
    # CloudWatch2S3 writes 0 for no accounts.
    stack.add_condition("Nobody", Or(Equals(accounts, ""), Equals(accounts, "0")))
    stack.add_condition("HasOrganization", Not(Equals(Ref("OrganizationId"), "")))
    stack.add_condition("HasAccounts", Not(Condition("Nobody")))


def _subscription_role(stack: Template) -> None:
    value = GetAtt("SubscriptionRole", "Arn")
    _output(stack, "SubscriptionRole", value, "Role of the subscription filters", "HasOrganization")


def _output(stack: Template, name: str, value: object, description: str, condition: str = "") -> None:
    options = {"Condition": condition} if condition else {}
    stack.add_output(Output(name, Value=value, Description=description, **options))
