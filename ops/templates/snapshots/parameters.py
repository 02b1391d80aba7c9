"""Parameters of a snapshot pipeline, with the groups and labels that the CloudFormation console shows."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from troposphere import FindInMap, Parameter, Ref, Template

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


@dataclass(frozen=True)
class PipelineParameter:
    """A template parameter: group, label, description, and constraints."""

    name: str
    group: str
    label: str
    help: str
    type: str = "String"
    default: str | None = None
    checks: tuple[tuple[str, Any], ...] = ()


def _pattern(regex: str, description: str) -> tuple[tuple[str, Any], ...]:
    return (("AllowedPattern", regex), ("ConstraintDescription", description))


_YES_NO = (("AllowedValues", ["true", "false"]),)

PARAMETERS = (
    PipelineParameter(
        "SourceDatabase",
        "Source",
        "Database",
        "Identifier of the DB instance or Aurora cluster to copy. It is not changed.",
        checks=_pattern("[a-zA-Z](-?[a-zA-Z0-9])*", "an RDS identifier"),
    ),
    PipelineParameter(
        "DatabaseName",
        "Source",
        "Database name",
        "Database on the server that the scripts run in. Default: the initial database of the instance.",
        default="",
        checks=_pattern("[a-zA-Z0-9_.-]{0,63}", "a database name"),
    ),
    PipelineParameter(
        "UseLatestSnapshot",
        "Source",
        "Use the latest snapshot",
        "true uses the newest available snapshot; false takes a new one.",
        default="false",
        checks=_YES_NO,
    ),
    PipelineParameter(
        "Engine",
        "Source",
        "Engine",
        "Engine of the client that runs the scripts. For Aurora, the compatible engine.",
        default="postgres",
        checks=(("AllowedValues", list(ENGINES)),),
    ),
    PipelineParameter(
        "SourceKeyArn",
        "Source",
        "KMS key of the database",
        "ARN of the customer managed key that encrypts the database. Default: none.",
        default="",
        checks=_pattern(r"(arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[a-zA-Z0-9-]+)?", "the ARN of a KMS key"),
    ),
    PipelineParameter(
        "Method",
        "Sanitizing",
        "Method",
        "in place changes the copy. rebuild sends sanitized rows to a new database and takes its snapshot.",
        default="in place",
        checks=(("AllowedValues", ["in place", "rebuild"]),),
    ),
    PipelineParameter("ScriptBucket", "Sanitizing", "Script bucket", "S3 bucket with the SQL scripts."),
    PipelineParameter(
        "ScriptPrefix",
        "Sanitizing",
        "Script prefix",
        "S3 prefix of the SQL scripts. They run in order of name.",
        checks=_pattern("[a-zA-Z0-9!_.*'()/-]+[^/]", "a prefix without a trailing slash"),
    ),
    PipelineParameter(
        "FakeSecretArn",
        "Sanitizing",
        "Fake secret",
        "ARN of a Secrets Manager secret, a text of 16 characters or more. Pipelines with the same secret "
        "create the same fakes in every run. Default: a new secret in each run.",
        default="",
        checks=_pattern(
            r"(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[a-zA-Z0-9/_+=.@!-]+)?",
            "the ARN of a secret",
        ),
    ),
    PipelineParameter(
        "SnapshotNameFormat",
        "Result",
        "Name format",
        "Snapshot identifier. Available fields: {database}, {date}, {time}.",
        default="{database}-sanitized-{date}-{time}",
        checks=_pattern(r"[a-zA-Z{][a-zA-Z0-9{}-]*", "letters, digits, hyphens, and {fields}"),
    ),
    PipelineParameter(
        "ShareWith",
        "Result",
        "Share with",
        "IDs of up to 20 accounts that can restore the snapshot, separated by commas. Default: none.",
        type="CommaDelimitedList",
        default="",
        checks=_pattern(r"(\s*\d{12}\s*)?", "account IDs of 12 digits"),
    ),
    PipelineParameter(
        "KmsKeyArn",
        "Result",
        "KMS key",
        "ARN of a customer managed key that encrypts the snapshot. Default: the key of the source.",
        default="",
        checks=_pattern(r"(arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[a-zA-Z0-9-]+)?", "the ARN of a KMS key"),
    ),
    PipelineParameter(
        "KeepSnapshots",
        "Result",
        "Snapshots to keep",
        "Number of sanitized snapshots of this pipeline to keep.",
        type="Number",
        default="3",
        checks=(("MinValue", 1), ("MaxValue", 100)),
    ),
    PipelineParameter(
        "Schedule",
        "Schedule and notifications",
        "Schedule",
        "Refresh schedule in UTC, for example cron(0 3 ? * MON *). Default: no schedule.",
        default="",
        # Amazon EventBridge User Guide, "Cron expressions reference", "Rate expressions".
        checks=_pattern(
            r"(cron\(\S+ \S+ (\? \S+ \S+|\S+ \S+ \?) \S+\)"
            r"|rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\))?",
            "a cron(...) expression of six fields, one of both day fields a ?, or a rate(...)",
        ),
    ),
    PipelineParameter(
        "NotifyEmail",
        "Schedule and notifications",
        "Notification email",
        "Email address that receives the result of every run. Default: none.",
        default="",
        checks=_pattern(r"([^@\s]+@[^@\s]+\.[^@\s]+)?", "an email address"),
    ),
    PipelineParameter(
        "VpcId", "Network", "VPC", "VPC of the temporary database and the task.", type="AWS::EC2::VPC::Id"
    ),
    PipelineParameter(
        "SubnetA",
        "Network",
        "First subnet",
        "Subnet of the temporary database and the task.",
        type="AWS::EC2::Subnet::Id",
    ),
    PipelineParameter(
        "SubnetB",
        "Network",
        "Second subnet",
        "Subnet in another Availability Zone: RDS requires two.",
        type="AWS::EC2::Subnet::Id",
    ),
    PipelineParameter(
        "AssignPublicIp",
        "Network",
        "Assign a public IP to the task",
        "ENABLED for subnets whose only route to the internet is an internet gateway.",
        default="DISABLED",
        checks=(("AllowedValues", ["ENABLED", "DISABLED"]),),
    ),
    PipelineParameter(
        "InstanceClass",
        "Compute",
        "Instance class",
        "Instance class of the temporary database. Default: that of the source.",
        default="",
        checks=_pattern(r"(db\.[a-z0-9.-]+)?", "an instance class such as db.t4g.medium"),
    ),
    PipelineParameter(
        "FetchImage",
        "Compute",
        "AWS CLI image",
        "Image that copies the scripts from S3.",
        default=FETCH_IMAGE,
    ),
    PipelineParameter(
        "SanitizeImage",
        "Compute",
        "Database client image",
        "Image with psql, mariadb, or mysql. Default: the official image of the engine.",
        default="",
    ),
    PipelineParameter(
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


def _policy_part(name: str) -> PipelineParameter:
    if name == "Policy":
        words = (
            "Policy, as JSON on one line or as TOML. Default: the first run fails and reports every column."
        )
        return PipelineParameter(name, "Sanitizing", "Policy", words, default=DEFAULT_POLICY)
    number = name.removeprefix("PolicyPart")
    words = "Continues the previous parameter, for a policy of more than 4,096 bytes. Default: none."
    return PipelineParameter(name, "Sanitizing", f"Policy, part {number}", words, default="")


# Parameters of a pipeline with the policy as a parameter.
WITH_POLICY = (
    *map(_policy_part, POLICY_PARTS),
    *(parameter for parameter in PARAMETERS if parameter.name not in _SCRIPTS),
)


def engine_setting(name: str) -> FindInMap:
    """Return a value from the engine mapping: Image or Port."""
    return FindInMap("Engines", Ref("Engine"), name)


def add(stack: Template, parameters: Iterable[PipelineParameter]) -> None:
    """Add parameters and the metadata of their groups and labels."""
    for name, values in ENGINES.items():
        stack.add_mapping("Engines", {name: values})
    for parameter in parameters:
        fields = {"Type": parameter.type, "Description": parameter.help, **dict(parameter.checks)}
        if parameter.default is not None:
            fields["Default"] = parameter.default
        stack.add_parameter(Parameter(parameter.name, **fields))
        stack.add_parameter_to_group(stack.parameters[parameter.name], parameter.group)
        stack.set_parameter_label(stack.parameters[parameter.name], parameter.label)
