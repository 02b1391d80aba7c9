"""A snapshot pipeline as it is asked for, what is wrong with it, and the stack that makes it."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ops.aws.cloud import Place
from ops.aws.cloudformation.deploy import Upload
from ops.aws.cloudformation.stacks import StackSpec
from ops.aws.rds.databases import CLUSTER, INSTANCE, Database
from ops.errors import InputError
from ops.snapshots.compiler import compile_policy
from ops.snapshots.pipeline import machine
from ops.snapshots.policy.model import parse
from ops.templates import snapshots as stack
from ops.templates.functions import function_source
from ops.templates.snapshots.parameters import PARAMETERS

STACK_PREFIX = "snapshots-"
NAME_FORMAT = "{database}-sanitized-{date}-{time}"
NAME_FIELDS = ("database", "date", "time")
ENGINES = {INSTANCE: ("postgres", "mysql", "mariadb"), CLUSTER: ("aurora-postgresql", "aurora-mysql")}
# What a policy names for an engine, where it is another: Aurora is compatible with it.
COMPATIBLE = {"aurora-postgresql": "postgres", "aurora-mysql": "mysql"}
LONGEST_NAME = {INSTANCE: 255, CLUSTER: 63}  # of a snapshot: Amazon RDS API Reference, Create…Snapshot
POLICY_FILE = "policy.toml"
MAXIMUM_SHARES = 20  # accounts a snapshot: Amazon RDS User Guide, "Sharing a DB snapshot"


@dataclass(frozen=True)
class Pipeline:
    """What a pipeline is asked to do; the names are the template's parameters' in snake case.

    `policy` is TOML: see `ops.snapshots.policy.model`.
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
    keep: int = 3
    schedule: str = ""
    notify_email: str = ""
    assign_public_ip: bool = False
    instance_class: str = ""
    poll_seconds: int = 60

    @property
    def stack_name(self) -> str:
        return STACK_PREFIX + self.database

    @property
    def script_prefix(self) -> str:
        """Where the scripts lie in the bucket: named by their content, so a run's scripts never change."""
        content = json.dumps([[upload.key, upload.body.decode()] for upload in _objects(self.policy)])
        return f"snapshots/{self.database}/{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def check(pipeline: Pipeline, database: Database | None, *, default_key: bool, now: datetime) -> None:
    """Raises InputError for the first thing that cannot work. `default_key`: of the database's encryption."""
    _check_database(pipeline, database, default_key=default_key)
    if database:
        check_engine(pipeline.policy, database.engine)
    check_accounts(pipeline.share_with)
    snapshot_name(pipeline.name_format, pipeline.database, now, database.kind if database else INSTANCE)
    check_settings(pipeline)
    if len(set(pipeline.subnets)) != 2:
        raise InputError(
            "The two subnets are the same.", field="subnets", hint="Choose two in different zones."
        )


def _check_database(pipeline: Pipeline, database: Database | None, *, default_key: bool) -> None:
    if database is None:
        raise InputError(
            f"There is no database {pipeline.database!r} in this account and region.",
            field="database",
            hint="Choose one of the databases that are listed.",
        )
    if reason := refusal(database):
        raise InputError(reason, field="database", hint=f"Supported: {', '.join(supported())}.")
    if default_key and pipeline.share_with and not pipeline.kms_key:
        raise InputError(
            f"{database.id} is encrypted with the account's default key; its snapshots cannot be shared.",
            field="kms_key",
            hint="Give a customer managed key that the other accounts may use, or share with none.",
        )


def check_engine(policy: str, engine: str) -> None:
    """Raises InputError for a policy that is wrong, or is written for another engine."""
    wanted = COMPATIBLE.get(engine, engine)
    if (named := parse(policy).engine) != wanted:
        raise InputError(
            f"The policy is for {named}, and the database runs {engine}.",
            field="policy",
            hint=f'Write engine = "{wanted}".',
        )


def check_settings(pipeline: Pipeline) -> None:
    """Raises InputError for the first setting that the template's own patterns refuse."""
    given = _settings(pipeline)
    for asked in PARAMETERS:
        checks, value = dict(asked.checks), given.get(asked.name, "")
        pattern = checks.get("AllowedPattern")
        if asked.type == "String" and asked.name in given and pattern and not re.fullmatch(pattern, value):
            raise InputError(
                f"{asked.label}: {value!r} is not {checks['ConstraintDescription']}.",
                field=asked.name,
                hint=asked.help,
            )


def supported() -> list[str]:
    """The engines that a pipeline can sanitize."""
    return [engine for engines in ENGINES.values() for engine in engines]


def refusal(database: Database) -> str:
    """Why no pipeline can be made for the database; empty where one can."""
    if database.cluster:
        return f"{database.id} is a member of the cluster {database.cluster}: a pipeline copies that."
    if database.engine in ENGINES[database.kind]:
        return ""
    if database.kind == CLUSTER and database.engine in ENGINES[INSTANCE]:
        # Amazon RDS User Guide, "Limitations of Multi-AZ DB clusters".
        return (
            f"{database.id} is a Multi-AZ DB cluster of {database.engine}, whose snapshots cannot be shared."
        )
    return f"{database.id} runs {database.engine}, which a pipeline cannot sanitize."


def check_accounts(accounts: tuple[str, ...]) -> None:
    """Raises InputError for what RDS would not share with."""
    for account in accounts:
        if not re.fullmatch(r"\d{12}", account):
            raise InputError(
                f"{account!r} is not an account id.", field="share_with", hint="An account id has 12 digits."
            )
    if len(accounts) > MAXIMUM_SHARES:
        raise InputError(
            f"{len(accounts)} accounts are too many to share with.",
            field="share_with",
            hint=f"RDS shares a snapshot with {MAXIMUM_SHARES} accounts at most.",
        )


def snapshot_name(name_format: str, database: str, moment: datetime, kind: str = INSTANCE) -> str:
    """The snapshot's id that the format gives at that moment. Raises InputError when it is not a valid one.

    The rule: Amazon RDS API Reference, CreateDBSnapshot. The handler applies the same when a run starts.
    """
    fields = {"database": database, "date": f"{moment:%Y%m%d}", "time": f"{moment:%H%M%S}"}
    name = re.sub(r"\{(\w+)\}", lambda found: fields.get(found[1], found[0]), name_format).lower()
    if len(name) > LONGEST_NAME[kind] or not re.fullmatch(r"[a-z](-?[a-z0-9])*", name):
        raise InputError(
            f"The name format gives {name!r}, which is not a snapshot id.",
            field="name_format",
            hint=f"A letter first, then letters, digits and single hyphens, {LONGEST_NAME[kind]} at most; "
            + "it may hold {database}, {date} and {time}.",
        )
    if "{time}" not in name_format:
        raise InputError(
            "The name format gives the same name to two runs of a day.",
            field="name_format",
            hint="Put {date} and {time} into it.",
        )
    return name


def template_body() -> str:
    """The template as it is deployed."""
    return str(stack.template(machine.text(), function_source("snapshots")).to_json(indent=1))


def stack_spec(pipeline: Pipeline, place: Place, bucket: str) -> StackSpec:
    """The stack that makes the pipeline; its scripts lie in `bucket`."""
    return StackSpec(
        name=pipeline.stack_name,
        template_body=template_body(),
        parameters=_parameters(pipeline, bucket),
        tags={stack.JOB_TAG: stack.JOB},
        capabilities=("CAPABILITY_IAM",),
        account=place.account.id,
        region=place.region,
    )


def uploads(pipeline: Pipeline) -> tuple[Upload, ...]:
    """The policy and the scripts that it compiles to, as objects of the bucket."""
    prefix = pipeline.script_prefix
    return tuple(Upload(f"{prefix}/{item.key}", item.body) for item in _objects(pipeline.policy))


def _objects(policy: str) -> tuple[Upload, ...]:
    scripts = compile_policy(parse(policy))
    return (
        Upload(POLICY_FILE, policy.encode()),
        *(
            Upload(f"{number:02d}-{script.name}.sql", script.text.encode())
            for number, script in enumerate(scripts, 1)
        ),
    )


def from_parameters(parameters: Mapping[str, str], policy: str) -> Pipeline:
    """The pipeline as it was asked for, from its stack's parameters."""
    return Pipeline(
        database=parameters["SourceDatabase"],
        policy=policy,
        vpc=parameters["VpcId"],
        subnets=(parameters["SubnetA"], parameters["SubnetB"]),
        database_name=parameters["DatabaseName"],
        share_with=tuple(filter(None, parameters["ShareWith"].split(","))),
        use_latest_snapshot=parameters["UseLatestSnapshot"] == "true",
        name_format=parameters["SnapshotNameFormat"],
        kms_key=parameters["KmsKeyArn"],
        keep=int(parameters["KeepSnapshots"]),
        schedule=parameters["Schedule"],
        notify_email=parameters["NotifyEmail"],
        assign_public_ip=parameters["AssignPublicIp"] == "ENABLED",
        instance_class=parameters["InstanceClass"],
        poll_seconds=int(parameters["PollSeconds"]),
    )


def _parameters(pipeline: Pipeline, bucket: str) -> Mapping[str, str]:
    return {
        **_settings(pipeline),
        "Engine": parse(pipeline.policy).engine,
        "ScriptBucket": bucket,
        "ScriptPrefix": pipeline.script_prefix,
    }


def _settings(pipeline: Pipeline) -> dict[str, str]:
    """The parameters but for those that the policy decides."""
    return {
        "SourceDatabase": pipeline.database,
        "DatabaseName": pipeline.database_name,
        "UseLatestSnapshot": str(pipeline.use_latest_snapshot).lower(),
        "SnapshotNameFormat": pipeline.name_format,
        "ShareWith": ",".join(pipeline.share_with),
        "KmsKeyArn": pipeline.kms_key,
        "KeepSnapshots": str(pipeline.keep),
        "Schedule": pipeline.schedule,
        "NotifyEmail": pipeline.notify_email,
        "VpcId": pipeline.vpc,
        "SubnetA": pipeline.subnets[0],
        "SubnetB": pipeline.subnets[1],
        "AssignPublicIp": "ENABLED" if pipeline.assign_public_ip else "DISABLED",
        "InstanceClass": pipeline.instance_class,
        "PollSeconds": str(pipeline.poll_seconds),
    }
