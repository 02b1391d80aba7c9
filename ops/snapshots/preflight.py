"""What can be checked of a pipeline before anything is created: each with a verdict and its reason.

Only reads. What a role may not read, or no API tells, is "cannot tell": never a guess.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ops.aws import kms, network, rds
from ops.aws.cloud import Cloud, Place
from ops.aws.rds import Database
from ops.errors import InputError, SlipwayError
from ops.snapshots.catalogue import find_database
from ops.snapshots.pipeline import ENGINES, Pipeline, check_accounts, snapshot_name
from ops.snapshots.policy import parse

# Manual snapshots an account may have in a region, unless it was raised: RDS User Guide, "Quotas".
SNAPSHOT_QUOTA = 100
SNAPSHOTS_A_RUN = 3  # of production, its copy under another key, the sanitized one


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
    return (
        _database(pipeline, database),
        _asked("Policy", lambda: parse(pipeline.policy), "it can be compiled"),
        _asked("Name", lambda: snapshot_name(pipeline.name_format, pipeline.database, now), "it is valid"),
        _asked("Accounts", lambda: check_accounts(pipeline.share_with), "they are account ids"),
        _told("Key", lambda: _key(cloud, place, pipeline, database)),
        _told("Subnets", lambda: _subnets(cloud, place, pipeline)),
        _told("Route to images", lambda: _route(cloud, place, pipeline)),
        _told("Snapshot quota", lambda: _quota(cloud, place)),
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
    if database.engine not in ENGINES:
        return Finding("Database", Verdict.FAILS, f"{database.engine} cannot be sanitized")
    if database.cluster:
        return Finding("Database", Verdict.FAILS, f"it is a member of the cluster {database.cluster}")
    if database.status != "available":
        return Finding("Database", Verdict.UNKNOWN, f"it is {database.status} now")
    return Finding("Database", Verdict.FINE, f"{database.engine} {database.version}, {database.size_gib} GiB")


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
    policy = json.dumps(kms.key_policy(cloud, place, key))
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


def _quota(cloud: Cloud, place: Place) -> tuple[Verdict, str]:
    used = len(rds.list_snapshots(cloud, place))
    said = f"{used} manual snapshots of {SNAPSHOT_QUOTA} by default"
    fits = used + SNAPSHOTS_A_RUN <= SNAPSHOT_QUOTA
    return (
        (Verdict.FINE, said) if fits else (Verdict.UNKNOWN, f"{said}: unless the quota was raised, too many")
    )
