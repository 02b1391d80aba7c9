"""The settings of a snapshot pipeline, their validation, and the stack that deploys them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ops.aws.cloud import Place
from ops.aws.cloudformation.deploy import Upload
from ops.aws.cloudformation.stacks import StackSpec
from ops.aws.rds.databases import CLUSTER, INSTANCE, Database
from ops.errors import InputError
from ops.snapshots.compiler import IN_PLACE, METHODS, REBUILD, compile_policy
from ops.snapshots.pipeline import machine
from ops.snapshots.policy.model import parse_policy
from ops.snapshots.script_files import script_files, script_prefix
from ops.templates import snapshots as stack
from ops.templates.functions import function_source
from ops.templates.snapshots.parameters import PARAMETERS

STACK_PREFIX = "snapshots-"
NAME_FORMAT = "{database}-sanitized-{date}-{time}"
NAME_FIELDS = ("database", "date", "time")
ENGINES = {INSTANCE: ("postgres", "mysql", "mariadb"), CLUSTER: ("aurora-postgresql", "aurora-mysql")}
# The engine of a policy for each Aurora engine, which is compatible with it.
COMPATIBLE = {"aurora-postgresql": "postgres", "aurora-mysql": "mysql"}
LONGEST_NAME = {INSTANCE: 255, CLUSTER: 63}  # of a snapshot: Amazon RDS API Reference, Create…Snapshot
MAXIMUM_SHARES = 20  # accounts per snapshot: Amazon RDS User Guide, "Sharing a DB snapshot"


@dataclass(frozen=True)
class PipelineSettings:
    """The settings of a pipeline, named as the parameters of the template, in snake case.

    `policy` is TOML: see `ops.snapshots.policy.model`. `source_key` is filled in from the database.
    """

    database: str
    policy: str
    vpc: str
    subnets: tuple[str, str]
    database_name: str = ""
    share_with: tuple[str, ...] = ()
    use_latest_snapshot: bool = False
    name_format: str = NAME_FORMAT
    kms_key: str = ""
    fake_secret: str = ""
    source_key: str = ""
    keep: int = 3
    schedule: str = ""
    notify_email: str = ""
    assign_public_ip: bool = False
    instance_class: str = ""
    poll_seconds: int = 60
    method: str = IN_PLACE

    @property
    def stack_name(self) -> str:
        return STACK_PREFIX + self.database

    @property
    def script_prefix(self) -> str:
        """The S3 prefix of the scripts."""
        return script_prefix(self.database, script_files(self.policy, self.method))


def check_pipeline(
    pipeline: PipelineSettings, database: Database | None, *, default_key: bool, now: datetime
) -> None:
    """Validate the settings. Raises InputError for the first problem.

    `default_key`: the database is encrypted with the account's default key.
    """
    _check_database(pipeline, database, default_key=default_key)
    if database:
        check_engine(pipeline.policy, database.engine)
        _check_method(pipeline, database)
    check_accounts(pipeline.share_with)
    snapshot_name(pipeline.name_format, pipeline.database, now, database.kind if database else INSTANCE)
    check_settings(pipeline)
    if len(set(pipeline.subnets)) != 2:
        raise InputError(
            "Both subnets are the same.",
            field="subnets",
            hint="Choose two subnets in different Availability Zones.",
        )


def _check_database(pipeline: PipelineSettings, database: Database | None, *, default_key: bool) -> None:
    if database is None:
        raise InputError(
            f"The database {pipeline.database!r} does not exist in this account and region.",
            field="database",
            hint="Choose a database from the list.",
        )
    if reason := unsupported_reason(database):
        raise InputError(reason, field="database", hint=f"Supported: {', '.join(supported_engines())}.")
    if default_key and pipeline.share_with and not pipeline.kms_key:
        raise InputError(
            f"{database.id} is encrypted with the account's default key, so its snapshots cannot be shared.",
            field="kms_key",
            hint="Specify a customer managed key that the other accounts can use, or share with no account.",
        )


def check_engine(policy: str, engine: str) -> None:
    """Raises InputError for a policy that is not valid, or that is for another database engine."""
    expected = COMPATIBLE.get(engine, engine)
    if (named := parse_policy(policy).engine) != expected:
        raise InputError(
            f"The policy is for {named}, but the database engine is {engine}.",
            field="policy",
            hint=f'Set engine = "{expected}" in the policy.',
        )


def _check_method(pipeline: PipelineSettings, database: Database) -> None:
    """Raises InputError for a method that does not exist, or that cannot be used with database and policy."""
    if pipeline.method not in METHODS:
        raise InputError(
            f"The method is {pipeline.method!r}.",
            field="method",
            hint=f"Choose one of: {', '.join(METHODS)}.",
        )
    if pipeline.method == REBUILD and database.kind == CLUSTER:
        raise InputError(
            f"{database.id} is a cluster, which cannot be rebuilt yet.",
            field="method",
            hint='Choose the method "in place".',
        )
    compile_policy(parse_policy(pipeline.policy), pipeline.method)


def check_settings(pipeline: PipelineSettings) -> None:
    """Raises InputError for the first setting that does not match the pattern of its template parameter."""
    given = _settings(pipeline)
    for parameter in PARAMETERS:
        checks, value = dict(parameter.checks), given.get(parameter.name, "")
        pattern = checks.get("AllowedPattern")
        if (
            parameter.type == "String"
            and parameter.name in given
            and pattern
            and not re.fullmatch(pattern, value)
        ):
            raise InputError(
                f"{parameter.label}: {value!r} is not {checks['ConstraintDescription']}.",
                field=parameter.name,
                hint=parameter.help,
            )


def supported_engines() -> list[str]:
    """Return the database engines that a pipeline supports."""
    return [engine for engines in ENGINES.values() for engine in engines]


def unsupported_reason(database: Database) -> str:
    """Return why a pipeline cannot copy the database; empty if it can."""
    if database.cluster:
        return (
            f"{database.id} is an instance of the cluster {database.cluster}: "
            "set up the pipeline for the cluster."
        )
    if database.engine in ENGINES[database.kind]:
        return ""
    if database.kind == CLUSTER and database.engine in ENGINES[INSTANCE]:
        # Amazon RDS User Guide, "Limitations of Multi-AZ DB clusters".
        return f"{database.id} is a Multi-AZ DB cluster of {database.engine}: its snapshots cannot be shared."
    return f"{database.id} runs {database.engine}, which pipelines do not support."


def check_accounts(accounts: tuple[str, ...]) -> None:
    """Raises InputError for accounts that RDS does not share a snapshot with."""
    for account in accounts:
        if not re.fullmatch(r"\d{12}", account):
            raise InputError(
                f"{account!r} is not an account ID.", field="share_with", hint="An account ID has 12 digits."
            )
    if len(accounts) > MAXIMUM_SHARES:
        raise InputError(
            f"The snapshot is shared with too many accounts: {len(accounts)}.",
            field="share_with",
            hint=f"RDS allows at most {MAXIMUM_SHARES} accounts per snapshot.",
        )


def snapshot_name(name_format: str, database: str, moment: datetime, kind: str = INSTANCE) -> str:
    """Return the snapshot identifier that a name format produces. Raises InputError if it is not valid.

    The rule: Amazon RDS API Reference, CreateDBSnapshot. The handler checks it again when a run starts.
    """
    fields = {"database": database, "date": f"{moment:%Y%m%d}", "time": f"{moment:%H%M%S}"}
    name = re.sub(r"\{(\w+)\}", lambda match: fields.get(match[1], match[0]), name_format).lower()
    if len(name) > LONGEST_NAME[kind] or not re.fullmatch(r"[a-z](-?[a-z0-9])*", name):
        raise InputError(
            f"The name format produces {name!r}, which is not a valid snapshot identifier.",
            field="name_format",
            hint=f"Start with a letter; use letters, digits, and single hyphens, at most "
            f"{LONGEST_NAME[kind]} characters. " + "Available fields: {database}, {date}, {time}.",
        )
    if "{time}" not in name_format:
        raise InputError(
            "The name format produces the same name for two runs on one day.",
            field="name_format",
            hint="Add {date} and {time}.",
        )
    return name


def template_body() -> str:
    """Return the CloudFormation template of a pipeline."""
    return str(stack.template(machine.text(), function_source("snapshots")).to_json(indent=1))


def stack_spec(pipeline: PipelineSettings, place: Place, bucket: str) -> StackSpec:
    """Return the stack of a pipeline whose scripts are in `bucket`."""
    return StackSpec(
        name=pipeline.stack_name,
        template_body=template_body(),
        parameters=_parameters(pipeline, bucket),
        tags={stack.JOB_TAG: stack.JOB},
        capabilities=("CAPABILITY_IAM",),
        account=place.account.id,
        region=place.region,
    )


def uploads(pipeline: PipelineSettings) -> tuple[Upload, ...]:
    """Return the policy and its compiled scripts, as objects to upload."""
    prefix = pipeline.script_prefix
    return tuple(
        Upload(f"{prefix}/{file.name}", file.content)
        for file in script_files(pipeline.policy, pipeline.method)
    )


def from_parameters(parameters: Mapping[str, str], policy: str) -> PipelineSettings:
    """Return the settings of a deployed pipeline, from the parameters of its stack."""
    return PipelineSettings(
        database=parameters["SourceDatabase"],
        policy=policy,
        vpc=parameters["VpcId"],
        subnets=(parameters["SubnetA"], parameters["SubnetB"]),
        database_name=parameters["DatabaseName"],
        share_with=tuple(filter(None, parameters["ShareWith"].split(","))),
        use_latest_snapshot=parameters["UseLatestSnapshot"] == "true",
        name_format=parameters["SnapshotNameFormat"],
        kms_key=parameters["KmsKeyArn"],
        fake_secret=parameters.get("FakeSecretArn", ""),
        source_key=parameters.get("SourceKeyArn", ""),  # stacks of earlier versions have none
        keep=int(parameters["KeepSnapshots"]),
        schedule=parameters["Schedule"],
        notify_email=parameters["NotifyEmail"],
        assign_public_ip=parameters["AssignPublicIp"] == "ENABLED",
        instance_class=parameters["InstanceClass"],
        poll_seconds=int(parameters["PollSeconds"]),
        method=parameters.get("Method", IN_PLACE),  # stacks of earlier versions have no method
    )


def _parameters(pipeline: PipelineSettings, bucket: str) -> Mapping[str, str]:
    return {
        **_settings(pipeline),
        "Engine": parse_policy(pipeline.policy).engine,
        "ScriptBucket": bucket,
        "ScriptPrefix": pipeline.script_prefix,
    }


def _settings(pipeline: PipelineSettings) -> dict[str, str]:
    """Return the parameters that do not depend on the policy."""
    return {
        "SourceDatabase": pipeline.database,
        "DatabaseName": pipeline.database_name,
        "UseLatestSnapshot": str(pipeline.use_latest_snapshot).lower(),
        "SnapshotNameFormat": pipeline.name_format,
        "ShareWith": ",".join(pipeline.share_with),
        "KmsKeyArn": pipeline.kms_key,
        "FakeSecretArn": pipeline.fake_secret,
        "SourceKeyArn": pipeline.source_key,
        "KeepSnapshots": str(pipeline.keep),
        "Schedule": pipeline.schedule,
        "NotifyEmail": pipeline.notify_email,
        "VpcId": pipeline.vpc,
        "SubnetA": pipeline.subnets[0],
        "SubnetB": pipeline.subnets[1],
        "AssignPublicIp": "ENABLED" if pipeline.assign_public_ip else "DISABLED",
        "InstanceClass": pipeline.instance_class,
        "PollSeconds": str(pipeline.poll_seconds),
        "Method": pipeline.method,
    }
