"""Replaces the stacks of RDS-sanitized-snapshots, and of its CDK construct, by a snapshot pipeline.

Their SQL becomes the custom SQL of a policy, which has no tables yet: the first run fails, reports every
column, and shares nothing. The adopted pipeline runs on until the new one has shared a snapshot with the same
accounts.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ops.aws import ecs, kms, network
from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation.adoption import Adoption, Comparison, KeptSetting
from ops.aws.cloudformation.resources import StackResource, list_resources
from ops.aws.cloudformation.stacks import Stack
from ops.aws.rds import databases as rds
from ops.aws.rds.databases import Snapshot
from ops.aws.stepfunctions import executions as stepfunctions
from ops.aws.stepfunctions.schedules import read_schedule
from ops.errors import InputError, NotFound
from ops.snapshots.pipeline.catalog import DeployedPipeline, find_database, list_sanitized
from ops.snapshots.pipeline.model import COMPATIBLE, NAME_FORMAT, PipelineSettings
from ops.snapshots.pipeline.preflight import REQUIRED_ACTIONS
from ops.snapshots.pipeline.setup import prepare_pipeline

STACK_TOOL, CONSTRUCT_TOOL = "RDS-sanitized-snapshots", "cdk-rds-sanitized-snapshots"
_TAG, _TEMPORARY = "RDS-sanitized-snapshots", "RDS-sanitized-snapshots-temp"  # of the snapshots of both
_PARAMETERS = {"Db", "NewSnapshot", "SanitizeSQL", "ShareAccounts", "SnapshotFormat", "SubnetIds", "KMS"}
_MACHINE, _RULE = "AWS::StepFunctions::StateMachine", "AWS::Events::Rule"
_DIRECTOR = re.compile(r"(.*)Director[0-9A-F]{8}")  # logical ID of the construct's state machine


@dataclass(frozen=True)
class AdoptedPipeline:
    """The settings of an adopted pipeline. `name_format` is in the terms of the new one."""

    database: str
    sql: str
    use_latest: bool
    schedule: str
    accounts: tuple[str, ...]
    name_format: str
    subnets: tuple[str, ...]
    public_ip: bool
    key: str = ""
    database_name: str = ""
    keep: int = 0


def is_adoptable(stack: Stack, resources: Sequence[StackResource]) -> bool:
    """Whether the stack is one of RDS-sanitized-snapshots, or has its CDK construct."""
    return stack.parameters.keys() >= _PARAMETERS or bool(_directors(resources))


def read_adoption(
    cloud: Cloud, place: Place, old: Stack, now: datetime, policy: str = "", poll_seconds: int = 60
) -> Adoption:
    """Return what replaces the stack. `policy` is TOML; by default, it has the SQL of the adopted stack.

    Raises InputError for settings that the new pipeline cannot have, NotFound if the database does not exist.
    """
    resources = list_resources(cloud, place, old.id)
    if directors := _directors(resources):
        adopted = _construct(cloud, place, old, resources, directors)
        tool, shared = CONSTRUCT_TOOL, _others(directors[0], resources)
    else:
        adopted, tool, shared = _from_parameters(old.parameters), STACK_TOOL, ""
    settings = _settings(cloud, place, adopted, policy, poll_seconds)
    prepared = prepare_pipeline(cloud, place, settings, now)
    return Adoption(
        tool,
        place,
        old,
        tuple(_kept(adopted, settings)),
        prepared.spec,
        prepared.uploads,
        shared=shared,
        actions=REQUIRED_ACTIONS,
    )


def _from_parameters(parameters: Mapping[str, str]) -> AdoptedPipeline:
    return AdoptedPipeline(
        database=parameters["Db"],
        sql=parameters["SanitizeSQL"],
        use_latest=parameters["NewSnapshot"].startswith("Use latest"),
        schedule=parameters.get("Schedule", ""),
        accounts=_list(parameters["ShareAccounts"]),
        name_format=new_name_format(parameters["SnapshotFormat"]),
        subnets=_list(parameters["SubnetIds"]),
        public_ip=True,  # its task always has one
        key=parameters["KMS"],
    )


def _construct(
    cloud: Cloud,
    place: Place,
    old: Stack,
    resources: Sequence[StackResource],
    directors: Sequence[StackResource],
) -> AdoptedPipeline:
    if len(directors) > 1:
        raise InputError(
            f"The stack {old.name} has {len(directors)} pipelines, and a stack is adopted as a whole.",
            field="stack",
            hint="Set up each with `slipway snapshots deploy`, then remove its construct from the CDK app.",
        )
    client = cloud.client("stepfunctions", place.account.id, place.region)
    states = dict(_states(stepfunctions.read_machine(client, directors[0].physical_id)))
    start = states["Get Parameters"]["Parameters"]
    database = find_database(cloud, place, start["databaseIdentifier"])
    is_postgres = database is None or "postgres" in database.engine
    task = states["Sanitize Postgres" if is_postgres else "Sanitize MySQL"]["Parameters"]
    vpc = task["NetworkConfiguration"]["AwsvpcConfiguration"]
    commands = ecs.read_commands(cloud, place, task["TaskDefinition"])
    prefix = _prefix(directors[0])
    rules = [item for item in resources if item.kind == _RULE and item.logical_id.startswith(prefix)]
    keys = [
        state["Parameters"]["KmsKeyId"]
        for state in states.values()
        if "KmsKeyId" in state.get("Parameters", {})
    ]
    return AdoptedPipeline(
        database=start["databaseIdentifier"],
        sql=commands["postgres" if is_postgres else "mysql"][-1],
        use_latest="Find Latest Snapshot" in states,
        schedule=read_schedule(cloud, place, rules[0].physical_id) if rules else "",
        accounts=tuple(_parameters(states, "Share Snapshot").get("ValuesToAdd", ())),
        name_format=f"{start['snapshotPrefix']}-{{date}}-{{time}}",
        subnets=tuple(vpc["Subnets"]),
        public_ip=vpc.get("AssignPublicIp") == "ENABLED",
        key=keys[0] if keys else "",
        database_name=_environment(task).get("PGDATABASE" if is_postgres else "MYSQL_DATABASE", ""),
        keep=int(_parameters(states, "Delete Old Snapshots").get("historyLimit", 0)),
    )


def _states(definition: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, state in definition["States"].items():
        yield name, state
        for branch in state.get("Branches", ()):
            yield from _states(branch)


def _parameters(states: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = states.get(name, {}).get("Parameters", {})
    return found


def _environment(task: Mapping[str, Any]) -> dict[str, str]:
    overrides = task.get("Overrides", {}).get("ContainerOverrides", ())
    return {
        item["Name"]: item["Value"] for one in overrides for item in one["Environment"] if "Value" in item
    }


def _directors(resources: Sequence[StackResource]) -> list[StackResource]:
    return [item for item in resources if item.kind == _MACHINE and _DIRECTOR.fullmatch(item.logical_id)]


def _prefix(director: StackResource) -> str:
    match = _DIRECTOR.fullmatch(director.logical_id)
    return match[1] if match else director.logical_id


def _others(director: StackResource, resources: Sequence[StackResource]) -> str:
    """Return why the stack cannot be deleted: resources outside of the construct. Empty if there are none."""
    prefix = _prefix(director)
    others = [
        item.logical_id
        for item in resources
        if not item.logical_id.startswith(prefix) and item.kind != "AWS::CDK::Metadata"
    ]
    return (
        f"{len(others)} of its resources are not the construct's, for example {others[0]}." if others else ""
    )


def new_name_format(python_format: str) -> str:
    """Return a Python format of a snapshot name with the fields of a pipeline, which include the time."""
    name = re.sub(r"\{database_identifier[^}]*\}", "{database}", python_format)
    name = re.sub(r"\{date[^}]*\}", "{date}-{time}", name, count=1)
    return name if re.fullmatch(r"[a-zA-Z{][a-zA-Z0-9{}-]*", name) and "{time}" in name else NAME_FORMAT


def _settings(
    cloud: Cloud, place: Place, adopted: AdoptedPipeline, policy: str, poll_seconds: int
) -> PipelineSettings:
    database = find_database(cloud, place, adopted.database)
    if database is None:
        raise NotFound(
            f"The database {adopted.database} of the adopted stack does not exist in {place.region}.",
            hint="Delete the stack, or choose its account and Region.",
        )
    subnets = {subnet.id: subnet for subnet in network.list_subnets(cloud, place)}
    first, second = _two_subnets([subnets[id_] for id_ in adopted.subnets if id_ in subnets])
    key = kms.read_key(cloud, place, adopted.key) if adopted.key else None
    return PipelineSettings(
        database=adopted.database,
        policy=policy or default_policy(COMPATIBLE.get(database.engine, database.engine), adopted.sql),
        vpc=first.vpc,
        subnets=(first.id, second.id),
        database_name=adopted.database_name,
        share_with=adopted.accounts,
        use_latest_snapshot=adopted.use_latest,
        name_format=adopted.name_format,
        kms_key=key.arn if key else "",
        keep=adopted.keep or PipelineSettings.keep,
        schedule=adopted.schedule,
        assign_public_ip=adopted.public_ip,
        poll_seconds=poll_seconds,
    )


def _two_subnets(subnets: Sequence[network.Subnet]) -> tuple[network.Subnet, network.Subnet]:
    for first in subnets:
        for second in subnets:
            if first.zone != second.zone:
                return first, second
    raise InputError(
        "The adopted stack does not have subnets in two Availability Zones.",
        field="subnets",
        hint="Set up the pipeline with `slipway snapshots deploy --subnets ID ID`.",
    )


def default_policy(engine: str, sql: str) -> str:
    """Return a policy that runs the SQL and has no tables: its first run reports every column and fails."""
    before = json.dumps(sql, ensure_ascii=False)
    return f'version = 1\nengine = "{engine}"\nunlisted = "fail"\nbefore = {before}\n'


def _kept(adopted: AdoptedPipeline, settings: PipelineSettings) -> Iterator[KeptSetting]:
    yield KeptSetting("Database", adopted.database, settings.database)
    yield KeptSetting("SQL", adopted.sql, "before", "custom SQL of the policy, before the treatments")
    yield KeptSetting("Use the latest snapshot", str(adopted.use_latest), str(settings.use_latest_snapshot))
    yield KeptSetting("Schedule", adopted.schedule, settings.schedule)
    yield KeptSetting("Share with", ",".join(adopted.accounts), ",".join(settings.share_with))
    yield KeptSetting("Name format", adopted.name_format, settings.name_format, "with the time of the run")
    yield KeptSetting("KMS key", adopted.key, settings.kms_key)
    yield KeptSetting("Snapshots to keep", str(adopted.keep or "all"), str(settings.keep))
    yield KeptSetting("Subnets", ",".join(adopted.subnets), ",".join(settings.subnets))
    yield KeptSetting("Public IP", str(adopted.public_ip), str(settings.assign_public_ip))


def compare(cloud: Cloud, adoption: Adoption, new: Stack) -> Comparison:
    """Compare the newest snapshots of both pipelines."""
    place, expected = adoption.place, _list(adoption.spec.parameters["ShareWith"])
    older = [item for item in rds.list_snapshots(cloud, place) if _is_final(item)]
    before = max(older, key=_created, default=None)
    made = list_sanitized(cloud, DeployedPipeline(place, new))
    after = made[0] if made else None
    shared_before = rds.shared_with(cloud, place, before) if before else ()
    rows = (
        {"check": "snapshot", "before": before and before.id, "after": after and after.snapshot.id},
        {"check": "created", "before": before and before.created, "after": after and after.snapshot.created},
        {"check": "shared_with", "before": shared_before, "after": after.shared_with if after else ()},
    )
    if after is None:
        return Comparison(rows, ("The new pipeline has no sanitized snapshot yet.",))
    unshared = sorted({*expected, *shared_before} - {*after.shared_with})
    return Comparison(rows, tuple(f"The new snapshot is not shared with {account}." for account in unshared))


def _is_final(snapshot: Snapshot) -> bool:
    return _TAG in snapshot.tags and _TEMPORARY not in snapshot.tags and snapshot.status == "available"


def _created(snapshot: Snapshot) -> float:
    return snapshot.created.timestamp() if snapshot.created else 0.0


def _list(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())
