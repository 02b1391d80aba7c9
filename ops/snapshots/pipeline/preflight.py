"""What can be checked of a pipeline before anything is created: each with a verdict and its reason.

Only reads. What a role may not read, or no API tells, is "cannot tell": never a guess.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ops.aws import iam, kms, network
from ops.aws.cloud import Cloud, Place
from ops.aws.rds import databases as rds
from ops.aws.rds.databases import Database
from ops.errors import InputError, SlipwayError
from ops.snapshots.pipeline.catalogue import find_database
from ops.snapshots.pipeline.model import (
    Pipeline,
    check_accounts,
    check_engine,
    check_settings,
    refusal,
    snapshot_name,
)
from ops.snapshots.policy.model import parse

# Manual snapshots an account may have in a region, unless it was raised: RDS User Guide, "Quotas".
SNAPSHOT_QUOTA = 100
SNAPSHOTS_A_RUN = 3  # of production, its copy under another key, the sanitized one

# What deploying a pipeline and starting a run needs of us: CloudFormation acts in our name.
NEEDED = (
    "cloudformation:CreateChangeSet",
    "cloudformation:DescribeChangeSet",
    "cloudformation:ExecuteChangeSet",
    "ec2:AuthorizeSecurityGroupEgress",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateSecurityGroup",
    "ecs:CreateCluster",
    "ecs:RegisterTaskDefinition",
    "events:PutRule",
    "events:PutTargets",
    "iam:CreateRole",
    "iam:PassRole",
    "iam:PutRolePolicy",
    "lambda:AddPermission",
    "lambda:CreateFunction",
    "logs:CreateLogGroup",
    "logs:PutRetentionPolicy",
    "rds:CreateDBSubnetGroup",
    "s3:PutObject",
    "secretsmanager:CreateSecret",
    "sns:CreateTopic",
    "states:CreateStateMachine",
    "states:StartExecution",
)


class Verdict(StrEnum):
    FINE = "fine"
    FAILS = "will fail"
    UNKNOWN = "cannot tell"


@dataclass(frozen=True)
class Finding:
    subject: str
    verdict: Verdict
    reason: str


def preflight(cloud: Cloud, place: Place, pipeline: Pipeline, now: datetime) -> tuple[Finding, ...]:
    """Every check, whatever the others say."""
    database = find_database(cloud, place, pipeline.database)
    kind = database.kind if database else rds.INSTANCE
    return (
        _database(pipeline, database),
        _policy(pipeline, database),
        _asked(
            "Name", lambda: snapshot_name(pipeline.name_format, pipeline.database, now, kind), "it is valid"
        ),
        _asked("Accounts", lambda: check_accounts(pipeline.share_with), "they are account ids"),
        _asked("Settings", lambda: check_settings(pipeline), "each is of its form"),
        _told("Options", lambda: _options(cloud, place, database)),
        _told("Key", lambda: _key(cloud, place, pipeline, database)),
        _told("Subnets", lambda: _subnets(cloud, place, pipeline)),
        _told("Route to images", lambda: _route(cloud, place, pipeline)),
        _told("Permissions", lambda: _permissions(cloud, place)),
        _told("Snapshot quota", lambda: _quota(cloud, place, kind)),
    )


def _asked(subject: str, check: Callable[[], object], fine: str) -> Finding:
    try:
        check()
    except InputError as error:
        return Finding(subject, Verdict.FAILS, f"{error} {error.hint}")
    return Finding(subject, Verdict.FINE, fine)


def _told(subject: str, look: Callable[[], tuple[Verdict, str]]) -> Finding:
    """What AWS does not let us read is no verdict."""
    try:
        return Finding(subject, *look())
    except SlipwayError as error:
        return Finding(subject, Verdict.UNKNOWN, str(error))


def _database(pipeline: Pipeline, database: Database | None) -> Finding:
    if database is None:
        return Finding("Database", Verdict.FAILS, f"there is no database {pipeline.database} here")
    if reason := refusal(database):
        return Finding("Database", Verdict.FAILS, reason)
    if database.status != "available":
        return Finding("Database", Verdict.UNKNOWN, f"it is {database.status} now")
    size = f", {database.size_gib} GiB" if database.size_gib else ""
    return Finding("Database", Verdict.FINE, f"{database.engine} {database.version}{size}")


def _options(cloud: Cloud, place: Place, database: Database | None) -> tuple[Verdict, str]:
    """Amazon RDS User Guide, "Option group considerations" of restoring, copying and sharing a snapshot."""
    if database is None:
        return Verdict.UNKNOWN, "there is no database to look at"
    if database.kind == rds.CLUSTER:
        return Verdict.FINE, "a cluster has none"
    groups = rds.option_groups(cloud, place, database.id)
    for group in groups:
        if group.lasting:
            return Verdict.FAILS, (
                f"{group.lasting[0]} of the option group {group.name} stays with every copy: a snapshot with "
                "it cannot be shared"
            )
    if options := [option for group in groups for option in group.options]:
        return Verdict.FINE, f"a restored copy has the engine's default group, without {', '.join(options)}"
    return Verdict.FINE, "no option that a copy would keep or lose"


def _policy(pipeline: Pipeline, database: Database | None) -> Finding:
    def check() -> None:
        if database:
            check_engine(pipeline.policy, database.engine)
        else:
            parse(pipeline.policy)

    found = _asked("Policy", check, "it can be compiled")
    if found.verdict is Verdict.FINE and parse(pipeline.policy).unlisted == "keep":
        return Finding("Policy", Verdict.UNKNOWN, "what it does not name is kept as it is, and shared")
    return found


def _key(cloud: Cloud, place: Place, pipeline: Pipeline, database: Database | None) -> tuple[Verdict, str]:
    key = pipeline.kms_key or (database.kms_key if database else "")
    if not key:
        return Verdict.FINE, "the database is not encrypted, and no key is asked for"
    if kms.is_aws_managed(cloud, place, key):
        if pipeline.share_with:
            return Verdict.FAILS, "snapshots under the account's default key cannot be shared; give a key"
        return Verdict.FINE, "the account's default key; nothing is shared"
    if not pipeline.share_with:
        return Verdict.FINE, "a customer managed key"
    policy = json.dumps(kms.read_key_policy(cloud, place, key))
    if missing := [account for account in pipeline.share_with if account not in policy]:
        return (
            Verdict.UNKNOWN,
            f"its policy does not name {', '.join(missing)}: they may not copy the snapshot",
        )
    return Verdict.FINE, "its policy names every account that the snapshot is shared with"


def _subnets(cloud: Cloud, place: Place, pipeline: Pipeline) -> tuple[Verdict, str]:
    there = {subnet.id: subnet for subnet in network.list_subnets(cloud, place)}
    if missing := [id_ for id_ in pipeline.subnets if id_ not in there]:
        return Verdict.FAILS, f"there is no subnet {missing[0]}"
    found = [there[id_] for id_ in pipeline.subnets]
    if len({subnet.vpc for subnet in found}) > 1:
        return Verdict.FAILS, "they are in different VPCs"
    if len({subnet.zone for subnet in found}) < 2:
        return Verdict.FAILS, f"both are in {found[0].zone}; RDS wants two zones"
    return Verdict.FINE, f"in {found[0].zone} and {found[1].zone}"


def _route(cloud: Cloud, place: Place, pipeline: Pipeline) -> tuple[Verdict, str]:
    ways = network.ways_out(cloud, place, pipeline.vpc, pipeline.subnets)
    if "nat" in ways:
        return Verdict.FINE, "through a NAT gateway"
    if "internet" in ways and pipeline.assign_public_ip:
        return Verdict.FINE, "through an internet gateway, with a public address"
    if "internet" in ways:
        return Verdict.FAILS, "only through an internet gateway, and the task has no public address"
    return Verdict.UNKNOWN, "no default route: the images must come over VPC endpoints, from ECR of your own"


def _permissions(cloud: Cloud, place: Place) -> tuple[Verdict, str]:
    principal = iam.current_principal(cloud, place)
    if principal.endswith(":root"):
        return Verdict.FINE, "the account's root user"
    who = principal.rpartition("/")[2]
    if denied := iam.denied_actions(cloud, place, principal, NEEDED):
        more = f" and {len(denied) - 3} more" if len(denied) > 3 else ""
        return Verdict.FAILS, f"{who} lacks {', '.join(denied[:3])}{more}"
    return Verdict.FINE, f"{who} may do all {len(NEEDED)} that deploying and starting needs, by simulation"


def _quota(cloud: Cloud, place: Place, kind: str) -> tuple[Verdict, str]:
    """Snapshots of instances and of clusters are counted apart."""
    used = sum(snapshot.kind == kind for snapshot in rds.list_snapshots(cloud, place))
    said = f"{used} of {SNAPSHOT_QUOTA} manual snapshots by default"
    fits = used + SNAPSHOTS_A_RUN <= SNAPSHOT_QUOTA
    return (
        (Verdict.FINE, said) if fits else (Verdict.UNKNOWN, f"{said}: unless the quota was raised, too many")
    )
