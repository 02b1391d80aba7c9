"""Parameters of a snapshot pipeline, with the groups and labels that the CloudFormation console shows."""

import json
from collections.abc import Iterable

from troposphere import FindInMap, Ref, Template

from ops.templates.parameters import StackParameter, add_parameters, pattern

JOB_TAG = "slipway:job"
JOB = "snapshots"

# Official images on ECR Public. docs/snapshots.md explains how to mirror them for isolated subnets.
FETCH_IMAGE = "public.ecr.aws/aws-cli/aws-cli:2.31.18"
# Client image and database port by engine, as a policy names it.
ENGINES = {
    "postgres": {"Image": "public.ecr.aws/docker/library/postgres:18.1", "Port": "5432"},
    "mysql": {"Image": "public.ecr.aws/docker/library/mysql:8.4", "Port": "3306"},
    "mariadb": {"Image": "public.ecr.aws/docker/library/mariadb:11.8", "Port": "3306"},
}


_YES_NO = (("AllowedValues", ["true", "false"]),)

PARAMETERS = (
    StackParameter(
        "SourceDatabase",
        "Source",
        "Database",
        "Identifier of the DB instance or Aurora cluster to copy. It is not changed.",
        default=None,
        checks=pattern("[a-zA-Z](-?[a-zA-Z0-9])*", "an RDS identifier"),
    ),
    StackParameter(
        "DatabaseName",
        "Source",
        "Database name",
        "Database on the server that the scripts run in. Default: the initial database of the instance.",
        default="",
        checks=pattern("[a-zA-Z0-9_.-]{0,63}", "a database name"),
    ),
    StackParameter(
        "UseLatestSnapshot",
        "Source",
        "Use the latest snapshot",
        "true uses the newest available snapshot; false takes a new one.",
        default="false",
        checks=_YES_NO,
    ),
    StackParameter(
        "Engine",
        "Source",
        "Engine",
        "Engine of the client that runs the scripts. For Aurora, the compatible engine.",
        default="postgres",
        checks=(("AllowedValues", list(ENGINES)),),
    ),
    StackParameter(
        "SourceKeyArn",
        "Source",
        "KMS key of the database",
        "ARN of the customer managed key that encrypts the database. Default: none.",
        default="",
        checks=pattern(r"(arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[a-zA-Z0-9-]+)?", "the ARN of a KMS key"),
    ),
    StackParameter(
        "Method",
        "Sanitizing",
        "Method",
        "in place changes the copy. rebuild sends sanitized rows to a new database and takes its snapshot.",
        default="in place",
        checks=(("AllowedValues", ["in place", "rebuild"]),),
    ),
    StackParameter(
        "ScriptBucket", "Sanitizing", "Script bucket", "S3 bucket with the SQL scripts.", default=None
    ),
    StackParameter(
        "ScriptPrefix",
        "Sanitizing",
        "Script prefix",
        "S3 prefix of the SQL scripts. They run in order of name.",
        default=None,
        checks=pattern("[a-zA-Z0-9!_.*'()/-]+[^/]", "a prefix without a trailing slash"),
    ),
    StackParameter(
        "FakeSecretArn",
        "Sanitizing",
        "Fake secret",
        "ARN of a Secrets Manager secret, a text of 16 characters or more. Pipelines with the same secret "
        "create the same fakes in every run. Default: a new secret in each run.",
        default="",
        checks=pattern(
            r"(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[a-zA-Z0-9/_+=.@!-]+)?",
            "the ARN of a secret",
        ),
    ),
    StackParameter(
        "SnapshotNameFormat",
        "Result",
        "Name format",
        "Snapshot identifier. Available fields: {database}, {date}, {time}.",
        default="{database}-sanitized-{date}-{time}",
        checks=pattern(r"[a-zA-Z{][a-zA-Z0-9{}-]*", "letters, digits, hyphens, and {fields}"),
    ),
    StackParameter(
        "ShareWith",
        "Result",
        "Share with",
        "IDs of up to 20 accounts that can restore the snapshot, separated by commas. Default: none.",
        type="CommaDelimitedList",
        default="",
        checks=pattern(r"(\s*\d{12}\s*)?", "account IDs of 12 digits"),
    ),
    StackParameter(
        "KmsKeyArn",
        "Result",
        "KMS key",
        "ARN of a customer managed key that encrypts the snapshot. Default: the key of the source.",
        default="",
        checks=pattern(r"(arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[a-zA-Z0-9-]+)?", "the ARN of a KMS key"),
    ),
    StackParameter(
        "KeepSnapshots",
        "Result",
        "Snapshots to keep",
        "Number of sanitized snapshots of this pipeline to keep.",
        type="Number",
        default="3",
        checks=(("MinValue", 1), ("MaxValue", 100)),
    ),
    StackParameter(
        "Schedule",
        "Schedule and notifications",
        "Schedule",
        "Refresh schedule in UTC, for example cron(0 3 ? * MON *). Default: no schedule.",
        default="",
        # Amazon EventBridge User Guide, "Cron expressions reference", "Rate expressions".
        checks=pattern(
            r"(cron\(\S+ \S+ (\? \S+ \S+|\S+ \S+ \?) \S+\)"
            r"|rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\))?",
            "a cron(...) expression of six fields, one of both day fields a ?, or a rate(...)",
        ),
    ),
    StackParameter(
        "NotifyEmail",
        "Schedule and notifications",
        "Notification email",
        "Email address that receives the result of every run. Default: none.",
        default="",
        checks=pattern(r"([^@\s]+@[^@\s]+\.[^@\s]+)?", "an email address"),
    ),
    StackParameter(
        "VpcId",
        "Network",
        "VPC",
        "VPC of the temporary database and the task.",
        default=None,
        type="AWS::EC2::VPC::Id",
    ),
    StackParameter(
        "SubnetA",
        "Network",
        "First subnet",
        "Subnet of the temporary database and the task.",
        default=None,
        type="AWS::EC2::Subnet::Id",
    ),
    StackParameter(
        "SubnetB",
        "Network",
        "Second subnet",
        "Subnet in another Availability Zone: RDS requires two.",
        default=None,
        type="AWS::EC2::Subnet::Id",
    ),
    StackParameter(
        "AssignPublicIp",
        "Network",
        "Assign a public IP to the task",
        "ENABLED for subnets whose only route to the internet is an internet gateway.",
        default="DISABLED",
        checks=(("AllowedValues", ["ENABLED", "DISABLED"]),),
    ),
    StackParameter(
        "InstanceClass",
        "Compute",
        "Instance class",
        "Instance class of the temporary database. Default: that of the source.",
        default="",
        checks=pattern(r"(db\.[a-z0-9.-]+)?", "an instance class such as db.t4g.medium"),
    ),
    StackParameter(
        "FetchImage",
        "Compute",
        "AWS CLI image",
        "Image that copies the scripts from S3.",
        default=FETCH_IMAGE,
    ),
    StackParameter(
        "SanitizeImage",
        "Compute",
        "Database client image",
        "Image with psql, mariadb, or mysql. Default: the official image of the engine.",
        default="",
    ),
    StackParameter(
        "PollSeconds",
        "Compute",
        "Polling interval (s)",
        "Seconds between status checks of the database and its snapshots, at most 300 checks.",
        type="Number",
        default="60",
        checks=(("MinValue", 1), ("MaxValue", 600)),
    ),
)

_SCRIPTS = ("ScriptBucket", "ScriptPrefix")  # parameters that a stack which compiles the policy does without
POLICY_PARTS = ("Policy", "PolicyPart2", "PolicyPart3", "PolicyPart4")
# Without tables, the first run fails, reports every column, and shares nothing.
DEFAULT_POLICY = json.dumps({"version": 1, "unlisted": "fail", "tables": {}})


def _policy_part(name: str) -> StackParameter:
    if name == "Policy":
        words = (
            "Policy, as JSON on one line or as TOML. Default: the first run fails and reports every column."
        )
        return StackParameter(name, "Sanitizing", "Policy", words, default=DEFAULT_POLICY)
    number = name.removeprefix("PolicyPart")
    words = "Continues the previous parameter, for a policy of more than 4,096 bytes. Default: none."
    return StackParameter(name, "Sanitizing", f"Policy, part {number}", words, default="")


# Parameters of a pipeline with the policy as a parameter.
WITH_POLICY = (
    *map(_policy_part, POLICY_PARTS),
    *(parameter for parameter in PARAMETERS if parameter.name not in _SCRIPTS),
)


def engine_setting(name: str) -> FindInMap:
    """Return a value from the engine mapping: Image or Port."""
    return FindInMap("Engines", Ref("Engine"), name)


def add(stack: Template, stack_parameters: Iterable[StackParameter]) -> None:
    """Add parameters, and the mapping from engines to their client images and ports."""
    for name, values in ENGINES.items():
        stack.add_mapping("Engines", {name: values})
    add_parameters(stack, stack_parameters)
