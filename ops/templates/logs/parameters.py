"""Parameters of the export's stacks; those that CloudWatch2S3 has too keep its names and meanings."""

from ops.templates.parameters import StackParameter, pattern

JOB_TAG = "slipway:job"
JOB = "logs"
FORMATS = ("JSON lines", "Raw", "CloudWatch JSON (GZIP)")


def _number(
    name: str, group: str, label: str, help_: str, default: str, least: int, most: int
) -> StackParameter:
    return StackParameter(
        name, group, label, help_, default, "Number", (("MinValue", least), ("MaxValue", most))
    )


_SHARING = (
    StackParameter(
        "AllowedAccounts",
        "Security",
        "Allowed accounts",
        "IDs of other accounts that can send their logs, separated by commas. Leave empty for none.",
        type="CommaDelimitedList",
        checks=pattern(r"\s*(0|\d{12})?\s*", "12-digit account IDs"),
    ),
    StackParameter(
        "OrganizationId",
        "Security",
        "Organization ID",
        "All accounts of this organization can send logs, for example o-a1b2c3d4e5. Leave empty for none.",
        checks=pattern(r"(o-[a-z0-9]{10,32})?", "an organization ID"),
    ),
    StackParameter(
        "KeyArn",
        "Security",
        "KMS key",
        "ARN of the KMS key that encrypts the stream and the objects. Leave empty for AWS managed keys.",
        checks=pattern(r"(arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[a-zA-Z0-9-]+)?", "a KMS key ARN"),
    ),
)
_DESTINATION_NAME = StackParameter(
    "DestinationName",
    "Destination",
    "Destination name",
    "Name of the log destination. It must be unique in the account and region.",
    "BucketBackupLogDestination",
    checks=pattern(r"[a-zA-Z0-9]+", "letters and digits"),
)
_GROUPS = (
    StackParameter(
        "SubscribeBy",
        "CloudWatch Logs",
        "Subscribe by",
        "group: a subscription filter per log group. account: one account policy, which covers new groups.",
        "group",
        checks=(("AllowedValues", ["group", "account"]),),
    ),
    StackParameter(
        "LogGroupNamePrefix",
        "CloudWatch Logs",
        "Log group name prefix",
        "Export only log groups whose name starts with this prefix. Leave empty for all.",
    ),
    StackParameter(
        "IncludePatterns",
        "CloudWatch Logs",
        "Include patterns",
        "Export only log groups that match a pattern, for example /aws/lambda/*,/app/*. Leave empty for all.",
    ),
    StackParameter(
        "ExcludePatterns",
        "CloudWatch Logs",
        "Exclude patterns",
        "Do not export log groups that match a pattern, for example /aws/codebuild/*. Leave empty for none.",
    ),
    StackParameter(
        "SubscribeSchedule",
        "CloudWatch Logs",
        "Subscription schedule",
        "How often to check all log groups. With a CloudTrail trail, new groups are subscribed immediately.",
        "rate(1 hour)",
        checks=pattern(r"(cron|rate)\(.+\)", "a cron(...) or rate(...) expression"),
    ),
)

_TOPIC = r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[a-zA-Z0-9_-]{1,256}"

CENTRAL = (
    StackParameter(
        "BucketName",
        "Storage",
        "Bucket ARN",
        "ARN of an existing bucket. Leave empty to create one.",
        checks=pattern(r"(arn:aws[a-z-]*:s3:::[a-z0-9.-]{3,63})?", "a bucket ARN"),
    ),
    StackParameter(
        "BucketPrefix",
        "Storage",
        "Key prefix",
        "Prefix of all object keys. Can be empty.",
        "logs/",
        checks=pattern(r"([a-zA-Z0-9_./-]*/)?", "a prefix that ends in a slash"),
    ),
    StackParameter(
        "LogFormat",
        "Storage",
        "Export format",
        "JSON lines: all fields. Raw: group:stream, time, message. CloudWatch JSON: records as delivered.",
        FORMATS[0],
        checks=(("AllowedValues", list(FORMATS)),),
    ),
    _number(
        "ColdAfterDays",
        "Storage",
        "Days until colder storage",
        "Days after which objects move to S3 Glacier Instant Retrieval. 0 for never.",
        "90",
        0,
        3650,
    ),
    _number(
        "ExpireAfterDays",
        "Storage",
        "Days until deletion",
        "Days after which objects are deleted. 0 for never.",
        "0",
        0,
        36500,
    ),
    _number(
        "CompactDays",
        "Storage",
        "Days to compact",
        "Compacts the last days to Parquet hourly, with Athena. Not for CloudWatch JSON. 0 for on request.",
        "0",
        0,
        31,
    ),
    _number(
        "ScanLimitGB",
        "Storage",
        "Athena scan limit",
        "GB that a query can scan before Athena cancels it.",
        "1000",
        1,
        1_000_000,
    ),
    *_SHARING,
    *_GROUPS,
    _number(
        "ShardCount",
        "Advanced",
        "Kinesis shard count",
        "1 MB/s or 1,000 records/s per shard. 0 for on-demand mode.",
        "0",
        0,
        500,
    ),
    _number(
        "Retention",
        "Advanced",
        "Kinesis retention period",
        "Hours that the stream keeps records if delivery fails.",
        "24",
        24,
        8760,
    ),
    _number(
        "BufferIntervalHint",
        "Advanced",
        "Delivery buffer interval",
        "Maximum seconds before an object is written.",
        "300",
        0,
        900,
    ),
    _number(
        "BufferSizeHint",
        "Advanced",
        "Delivery buffer size",
        "Maximum MB of an object, before compression.",
        "128",
        64,
        128,
    ),
    _number(
        "ProcessorBufferIntervalHint",
        "Advanced",
        "Processor buffer interval",
        "Maximum seconds before the processor is invoked. Not for CloudWatch JSON.",
        "60",
        0,
        900,
    ),
    StackParameter(
        "ProcessorBufferSizeHint",
        "Advanced",
        "Processor buffer size",
        "MB of compressed records per invocation. What does not fit the response returns to the stream.",
        "0.5",
        "Number",
        (("MinValue", 0.2), ("MaxValue", 3)),
    ),
    StackParameter(
        "ProcessorPackage",
        "Advanced",
        "Processor package",
        "Deployment package with faster libraries as bucket/folder/file. Slipway uploads it. Can be empty.",
        checks=pattern(r"([a-z0-9.-]{3,63}/[^/\s]+/[^/\s]+)?", "bucket/folder/file"),
    ),
    StackParameter(
        "NotifyEmail",
        "Advanced",
        "Notification email",
        "Email address that receives alarm notifications. Leave empty for none.",
        checks=pattern(r"([^@\s]+@[^@\s]+\.[^@\s]+)?", "an email address"),
    ),
    StackParameter(
        "AlertTopics",
        "Advanced",
        "Alert topics",
        "ARNs of SNS topics that alerts can notify, separated by commas, besides the notification email.",
        checks=pattern(f"({_TOPIC}(,{_TOPIC})*)?", "topic ARNs, separated by commas without spaces"),
    ),
    _DESTINATION_NAME,
)

MEMBER = (
    StackParameter(
        "LogDestination",
        "Central stack",
        "Log destination",
        "ARN of the destination in this region. Leave empty in the central account, to create it.",
        checks=pattern(r"(arn:aws[a-z-]*:logs:[a-z0-9-]+:\d{12}:destination:.+)?", "a log destination ARN"),
    ),
    StackParameter(
        "StreamName",
        "Central stack",
        "Central stream",
        "Name of the central stack's Kinesis stream, if this stack creates the destination.",
        checks=pattern(r"[a-zA-Z0-9_.-]{0,128}", "a stream name"),
    ),
    StackParameter(
        "StreamRegion",
        "Central stack",
        "Central region",
        "Region of the central stack's Kinesis stream, if this stack creates the destination.",
        checks=pattern(r"([a-z]{2}(-[a-z]+)+-\d{1,2})?", "a region code"),
    ),
    *_SHARING,
    *_GROUPS,
    _DESTINATION_NAME,
)

_OF_SMALL = (
    *("BucketName", "BucketPrefix", "ColdAfterDays", "ExpireAfterDays", "KeyArn"),
    *(parameter.name for parameter in _GROUPS),
    *("BufferIntervalHint", "BufferSizeHint"),
)
# Of an export of one account and Region without a Kinesis stream.
SMALL = tuple(parameter for parameter in CENTRAL if parameter.name in _OF_SMALL)
