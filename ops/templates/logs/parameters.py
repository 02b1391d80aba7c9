"""What the export's stacks are asked for: the known exporter's names and meanings, and more."""

from dataclasses import dataclass
from typing import Any

from troposphere import Parameter, Template

JOB_TAG = "slipway:job"
JOB = "logs"
FORMATS = ("JSON lines", "Raw", "CloudWatch JSON (GZIP)")


@dataclass(frozen=True)
class ExportParameter:
    """One parameter: its group and label, and what CloudFormation checks."""

    name: str
    group: str
    label: str
    help: str
    default: str | None = ""
    type: str = "String"
    checks: tuple[tuple[str, Any], ...] = ()


def _pattern(regex: str, words: str) -> tuple[tuple[str, Any], ...]:
    return (("AllowedPattern", regex), ("ConstraintDescription", words))


def _number(
    name: str, group: str, label: str, help_: str, default: str, least: int, most: int
) -> ExportParameter:
    return ExportParameter(
        name, group, label, help_, default, "Number", (("MinValue", least), ("MaxValue", most))
    )


_SHARING = (
    ExportParameter(
        "AllowedAccounts",
        "Security",
        "Allowed accounts",
        "Ids of other accounts that may send their logs, separated by commas; empty for none.",
        type="CommaDelimitedList",
        checks=_pattern(r"\s*(0|\d{12})?\s*", "account ids of 12 digits"),
    ),
    ExportParameter(
        "OrganizationId",
        "Security",
        "Organization",
        "Id of an organization whose accounts may all send their logs, e.g. o-a1b2c3d4e5; empty for none.",
        checks=_pattern(r"(o-[a-z0-9]{10,32})?", "the id of an organization"),
    ),
    ExportParameter(
        "KeyArn",
        "Security",
        "KMS key",
        "ARN of a key that encrypts the stream and the objects; empty for keys of AWS.",
        checks=_pattern(r"(arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[a-zA-Z0-9-]+)?", "the ARN of a KMS key"),
    ),
)
_DESTINATION_NAME = ExportParameter(
    "DestinationName",
    "Other",
    "Destination name",
    "Of the log destination; only one in an account and region.",
    "BucketBackupLogDestination",
    checks=_pattern(r"[a-zA-Z0-9]+", "letters and digits"),
)
_GROUPS = (
    ExportParameter(
        "SubscribeBy",
        "CloudWatch Logs",
        "Subscribe by",
        "group makes a filter in every log group; account makes one policy for all, new ones at once.",
        "group",
        checks=(("AllowedValues", ["group", "account"]),),
    ),
    ExportParameter(
        "LogGroupNamePrefix",
        "CloudWatch Logs",
        "Required name prefix",
        "Only log groups whose name begins so are exported; empty for all.",
    ),
    ExportParameter(
        "IncludePatterns",
        "CloudWatch Logs",
        "Include",
        "Only log groups that match one of these are exported, e.g. /aws/lambda/*,/app/*; empty for all.",
    ),
    ExportParameter(
        "ExcludePatterns",
        "CloudWatch Logs",
        "Exclude",
        "Log groups that match one of these are not exported, e.g. /aws/codebuild/*; empty for none.",
    ),
    ExportParameter(
        "SubscribeSchedule",
        "CloudWatch Logs",
        "Look for new log groups",
        "How often all log groups are looked at; new ones are subscribed at once where CloudTrail is on.",
        "rate(1 hour)",
        checks=_pattern(r"(cron|rate)\(.+\)", "a cron(...) or rate(...) expression"),
    ),
)

CENTRAL = (
    ExportParameter(
        "BucketName",
        "Storage",
        "Bucket ARN",
        "ARN of the bucket to write to; empty makes one.",
        checks=_pattern(r"(arn:aws[a-z-]*:s3:::[a-z0-9.-]{3,63})?", "the ARN of a bucket"),
    ),
    ExportParameter(
        "BucketPrefix",
        "Storage",
        "Key prefix",
        "What all keys begin with; may be empty.",
        "logs/",
        checks=_pattern(r"([a-zA-Z0-9_./-]*/)?", "a prefix that ends in a slash"),
    ),
    ExportParameter(
        "LogFormat",
        "Storage",
        "Export format",
        "JSON lines has every field; Raw is group:stream, time and message; the last is untouched.",
        FORMATS[0],
        checks=(("AllowedValues", list(FORMATS)),),
    ),
    _number(
        "ColdAfterDays",
        "Storage",
        "Colder storage after days",
        "Glacier Instant Retrieval; 0 for never.",
        "90",
        0,
        3650,
    ),
    _number("ExpireAfterDays", "Storage", "Delete after days", "0 keeps the logs for ever.", "0", 0, 36500),
    _number(
        "CompactDays",
        "Storage",
        "Make Parquet of the last days",
        "Every hour, with Athena; not for CloudWatch JSON. 0 for never: the command does it then.",
        "0",
        0,
        31,
    ),
    _number(
        "ScanLimitGB",
        "Storage",
        "Athena reads at most",
        "GB that one query may scan; it is stopped there.",
        "1000",
        1,
        1_000_000,
    ),
    *_SHARING,
    *_GROUPS,
    _number(
        "ShardCount",
        "Tweaks",
        "Kinesis shards",
        "1 MB/s or 1,000 records/s each; 0 for on demand.",
        "0",
        0,
        500,
    ),
    _number(
        "Retention",
        "Tweaks",
        "Kinesis retention",
        "Hours that records wait when delivery fails.",
        "24",
        24,
        8760,
    ),
    _number(
        "BufferIntervalHint",
        "Tweaks",
        "Delivery buffer timeout",
        "Seconds at most until an object is written.",
        "300",
        0,
        900,
    ),
    _number(
        "BufferSizeHint",
        "Tweaks",
        "Delivery buffer size",
        "MB at most in an object, before compression.",
        "128",
        64,
        128,
    ),
    _number(
        "ProcessorBufferIntervalHint",
        "Tweaks",
        "Processor buffer timeout",
        "Seconds; not for CloudWatch JSON.",
        "60",
        0,
        900,
    ),
    ExportParameter(
        "ProcessorBufferSizeHint",
        "Tweaks",
        "Processor buffer size",
        "MB of compressed records in a call; what does not fit its reply takes another turn.",
        "0.5",
        "Number",
        (("MinValue", 0.2), ("MaxValue", 3)),
    ),
    ExportParameter(
        "ProcessorPackage",
        "Tweaks",
        "Processor package",
        "bucket/folder/file of a zip with faster libraries, which Slipway uploads; may be empty.",
        checks=_pattern(r"([a-z0-9.-]{3,63}/[^/\s]+/[^/\s]+)?", "bucket/folder/file"),
    ),
    ExportParameter(
        "NotifyEmail",
        "Tweaks",
        "Tell of alarms",
        "E-mail address that is told when the export lags or fails; empty for none.",
        checks=_pattern(r"([^@\s]+@[^@\s]+\.[^@\s]+)?", "an e-mail address"),
    ),
    _DESTINATION_NAME,
)

MEMBER = (
    ExportParameter(
        "LogDestination",
        "Target",
        "Log destination",
        "ARN of the central destination in this region; empty makes one, in the central account only.",
        checks=_pattern(
            r"(arn:aws[a-z-]*:logs:[a-z0-9-]+:\d{12}:destination:.+)?", "the ARN of a destination"
        ),
    ),
    ExportParameter(
        "StreamName",
        "Target",
        "Central stream",
        "Name of the central stack's stream, for a destination that is made here.",
        checks=_pattern(r"[a-zA-Z0-9_.-]{0,128}", "the name of a stream"),
    ),
    ExportParameter(
        "StreamRegion",
        "Target",
        "Central region",
        "Region of the central stack's stream, for a destination that is made here.",
        checks=_pattern(r"([a-z]{2}(-[a-z]+)+-\d{1,2})?", "a region"),
    ),
    *_SHARING,
    *_GROUPS,
    _DESTINATION_NAME,
)


def add(stack: Template, stack_parameters: tuple[ExportParameter, ...]) -> None:
    """Adds the parameters with the console's groups and labels."""
    for parameter in stack_parameters:
        fields = {"Type": parameter.type, "Description": parameter.help, **dict(parameter.checks)}
        if parameter.default is not None:
            fields["Default"] = parameter.default
        stack.add_parameter(Parameter(parameter.name, **fields))
        stack.add_parameter_to_group(stack.parameters[parameter.name], parameter.group)
        stack.set_parameter_label(stack.parameters[parameter.name], parameter.label)
