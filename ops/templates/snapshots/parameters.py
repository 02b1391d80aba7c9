"""What a snapshot pipeline is asked for: names, groups and labels as the console and our form show them."""

from dataclasses import dataclass
from typing import Any

from troposphere import FindInMap, Parameter, Ref, Template

JOB_TAG = "slipway:job"
JOB = "snapshots"

# Official images on ECR Public; docs/snapshots.md says how to mirror them for subnets without a route out.
FETCH_IMAGE = "public.ecr.aws/aws-cli/aws-cli:2.31.18"
# By engine, as a policy names it: the client's image and the port of the database.
ENGINES = {
    "postgres": {"Image": "public.ecr.aws/docker/library/postgres:18.1", "Port": 5432},
    "mysql": {"Image": "public.ecr.aws/docker/library/mysql:8.4", "Port": 3306},
    "mariadb": {"Image": "public.ecr.aws/docker/library/mariadb:11.8", "Port": 3306},
}


@dataclass(frozen=True)
class Asked:
    """One parameter: its group and label, and what CloudFormation checks."""

    name: str
    group: str
    label: str
    help: str
    type: str = "String"
    default: str | None = None
    checks: tuple[tuple[str, Any], ...] = ()


def _pattern(regex: str, words: str) -> tuple[tuple[str, Any], ...]:
    return (("AllowedPattern", regex), ("ConstraintDescription", words))


_YES_NO = (("AllowedValues", ["true", "false"]),)

PARAMETERS = (
    Asked(
        "SourceDatabase",
        "Source",
        "Database",
        "Identifier of the RDS instance or Aurora cluster to copy. It is only read.",
        checks=_pattern("[a-zA-Z](-?[a-zA-Z0-9])*", "an identifier of RDS"),
    ),
    Asked(
        "DatabaseName",
        "Source",
        "Database name",
        "Database inside the instance that the scripts run in; empty for the instance's own.",
        default="",
        checks=_pattern("[a-zA-Z0-9_.-]{0,63}", "a database name"),
    ),
    Asked(
        "UseLatestSnapshot",
        "Source",
        "Use the latest snapshot",
        "true starts from the newest finished snapshot; false takes a new one.",
        default="false",
        checks=_YES_NO,
    ),
    Asked(
        "Engine",
        "Source",
        "Engine",
        "Which client runs the scripts: of Aurora the one that it is compatible with.",
        default="postgres",
        checks=(("AllowedValues", list(ENGINES)),),
    ),
    Asked("ScriptBucket", "Sanitizing", "Script bucket", "Bucket that holds the SQL scripts."),
    Asked(
        "ScriptPrefix",
        "Sanitizing",
        "Script prefix",
        "Every .sql object directly under it runs, in order of name, each in one transaction.",
        checks=_pattern("[a-zA-Z0-9!_.*'()/-]+[^/]", "a prefix without a slash at its end"),
    ),
    Asked(
        "SnapshotNameFormat",
        "Result",
        "Name format",
        "Name of the snapshot; may hold {database}, {date} and {time}.",
        default="{database}-sanitized-{date}-{time}",
        checks=_pattern(r"[a-zA-Z{][a-zA-Z0-9{}-]*", "letters, digits, hyphens and {fields}"),
    ),
    Asked(
        "ShareWith",
        "Result",
        "Share with",
        "Ids of at most 20 accounts that may restore the snapshot, separated by commas; may be empty.",
        type="CommaDelimitedList",
        default="",
        checks=_pattern(r"(\s*\d{12}\s*)?", "account ids of 12 digits"),
    ),
    Asked(
        "KmsKeyArn",
        "Result",
        "KMS key",
        "ARN of a customer managed key to encrypt the snapshot with; empty keeps the source's.",
        default="",
        checks=_pattern(r"(arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[a-zA-Z0-9-]+)?", "the ARN of a KMS key"),
    ),
    Asked(
        "KeepSnapshots",
        "Result",
        "Keep",
        "How many sanitized snapshots of this pipeline are kept.",
        type="Number",
        default="3",
        checks=(("MinValue", 1), ("MaxValue", 100)),
    ),
    Asked(
        "Schedule",
        "Schedule and notices",
        "Schedule",
        "When to refresh, e.g. cron(0 3 ? * MON *) in UTC; empty for by hand only.",
        default="",
        # Amazon EventBridge User Guide, "Cron expressions reference", "Rate expressions".
        checks=_pattern(
            r"(cron\(\S+ \S+ (\? \S+ \S+|\S+ \S+ \?) \S+\)"
            r"|rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\))?",
            "a cron(...) of six fields, one of its two days a ?, or a rate(...)",
        ),
    ),
    Asked(
        "NotifyEmail",
        "Schedule and notices",
        "Tell of runs",
        "E-mail address that is told how runs end; empty for none.",
        default="",
        checks=_pattern(r"([^@\s]+@[^@\s]+\.[^@\s]+)?", "an e-mail address"),
    ),
    Asked(
        "VpcId", "Network", "VPC", "Where the temporary database and the task run.", type="AWS::EC2::VPC::Id"
    ),
    Asked(
        "SubnetA",
        "Network",
        "First subnet",
        "For the temporary database and the task.",
        type="AWS::EC2::Subnet::Id",
    ),
    Asked(
        "SubnetB",
        "Network",
        "Second subnet",
        "In another availability zone: RDS wants two.",
        type="AWS::EC2::Subnet::Id",
    ),
    Asked(
        "AssignPublicIp",
        "Network",
        "Public address",
        "ENABLED for subnets whose only way out is an internet gateway.",
        default="DISABLED",
        checks=(("AllowedValues", ["ENABLED", "DISABLED"]),),
    ),
    Asked(
        "InstanceClass",
        "Machines",
        "Instance class",
        "Of the temporary database; empty for the source's.",
        default="",
        checks=_pattern(r"(db\.[a-z0-9.-]+)?", "an instance class such as db.t4g.medium"),
    ),
    Asked("FetchImage", "Machines", "AWS CLI image", "Copies the scripts from S3.", default=FETCH_IMAGE),
    Asked(
        "SanitizeImage",
        "Machines",
        "Database client image",
        "Has psql, mariadb or mysql; empty for the engine's official image.",
        default="",
    ),
    Asked(
        "PollSeconds",
        "Machines",
        "Seconds between looks",
        "How often the database and its snapshots are looked at while they change; 300 looks at most.",
        type="Number",
        default="60",
        checks=(("MinValue", 1), ("MaxValue", 600)),
    ),
)


def engine(what: str) -> FindInMap:
    """What the template knows of the engine: Image or Port."""
    return FindInMap("Engines", Ref("Engine"), what)


def add(stack: Template) -> None:
    """Adds the parameters with the console's groups and labels."""
    for name, known in ENGINES.items():
        stack.add_mapping("Engines", {name: known})
    for asked in PARAMETERS:
        fields = {"Type": asked.type, "Description": asked.help, **dict(asked.checks)}
        if asked.default is not None:
            fields["Default"] = asked.default
        stack.add_parameter(Parameter(asked.name, **fields))
        stack.add_parameter_to_group(stack.parameters[asked.name], asked.group)
        stack.set_parameter_label(stack.parameters[asked.name], asked.label)
