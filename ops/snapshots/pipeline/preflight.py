"""Checks a pipeline before a run: every check has a verdict and a reason. Read-only.

What the role cannot read, or no API reports, is "unknown", never a guess.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ops.aws import iam, kms, network
from ops.aws.cloud import Cloud, Place
from ops.aws.network import DefaultRoute
from ops.aws.rds import databases as rds
from ops.aws.rds.databases import Database
from ops.errors import InputError, SlipwayError
from ops.snapshots.pipeline.catalog import find_database
from ops.snapshots.pipeline.model import (
    PipelineSettings,
    check_accounts,
    check_engine,
    check_settings,
    snapshot_name,
    unsupported_reason,
)
from ops.snapshots.policy.model import parse_policy

# Manual snapshots per account and region, unless raised: Amazon RDS User Guide, "Quotas in Amazon RDS".
SNAPSHOT_QUOTA = 100
SNAPSHOTS_PER_RUN = 3  # of production, its re-encrypted copy, and the sanitized one

# IAM actions to deploy a pipeline and start a run. CloudFormation uses the permissions of the caller.
REQUIRED_ACTIONS = (
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


class PreflightVerdict(StrEnum):
    PASSED = "passed"
    WILL_FAIL = "will fail"
    UNKNOWN = "unknown"


PASSED, WILL_FAIL, UNKNOWN = PreflightVerdict


@dataclass(frozen=True)
class PreflightResult:
    """The result of one preflight check."""

    subject: str
    verdict: PreflightVerdict
    reason: str


def preflight(
    cloud: Cloud, place: Place, pipeline: PipelineSettings, now: datetime
) -> tuple[PreflightResult, ...]:
    """Run all checks; none depends on the result of another."""
    database = find_database(cloud, place, pipeline.database)
    kind = database.kind if database else rds.INSTANCE
    return (
        _database(pipeline, database),
        _policy(pipeline, database),
        _validated(
            "Snapshot name",
            lambda: snapshot_name(pipeline.name_format, pipeline.database, now, kind),
            "the identifier is valid",
        ),
        _validated("Accounts", lambda: check_accounts(pipeline.share_with), "the account IDs are valid"),
        _validated("Settings", lambda: check_settings(pipeline), "all values are valid"),
        _read("Option groups", lambda: _options(cloud, place, database)),
        _read("KMS key", lambda: _key(cloud, place, pipeline, database)),
        _read("Source KMS key", lambda: _source_key(cloud, place, database)),
        _read("Subnets", lambda: _subnets(cloud, place, pipeline)),
        _read("Image registry access", lambda: _route(cloud, place, pipeline)),
        _read("Permissions", lambda: _permissions(cloud, place)),
        _read("Snapshot quota", lambda: _quota(cloud, place, kind)),
    )


def _validated(subject: str, check: Callable[[], object], reason: str) -> PreflightResult:
    try:
        check()
    except InputError as error:
        return PreflightResult(subject, WILL_FAIL, f"{error} {error.hint}")
    return PreflightResult(subject, PASSED, reason)


def _read(subject: str, check: Callable[[], tuple[PreflightVerdict, str]]) -> PreflightResult:
    """Run a check that reads from AWS. If the read fails, the verdict is unknown."""
    try:
        return PreflightResult(subject, *check())
    except SlipwayError as error:
        return PreflightResult(subject, UNKNOWN, str(error))


def _database(pipeline: PipelineSettings, database: Database | None) -> PreflightResult:
    if database is None:
        return PreflightResult("Database", WILL_FAIL, f"the database {pipeline.database} does not exist")
    if reason := unsupported_reason(database):
        return PreflightResult("Database", WILL_FAIL, reason)
    if database.status != "available":
        return PreflightResult("Database", UNKNOWN, f"the current status is {database.status}")
    size = f", {database.size_gib} GiB" if database.size_gib else ""
    return PreflightResult("Database", PASSED, f"{database.engine} {database.version}{size}")


def _options(cloud: Cloud, place: Place, database: Database | None) -> tuple[PreflightVerdict, str]:
    """Amazon RDS User Guide, "Option group considerations" for restoring, copying, and sharing a snapshot."""
    if database is None:
        return UNKNOWN, "the database does not exist"
    if database.kind == rds.CLUSTER:
        return PASSED, "clusters have no option groups"
    groups = rds.option_groups(cloud, place, database.id)
    for group in groups:
        if group.lasting:
            return WILL_FAIL, (
                f"the option {group.lasting[0]} of the option group {group.name} is persistent or permanent: "
                "a snapshot with it cannot be shared"
            )
    if options := [option for group in groups for option in group.options]:
        return PASSED, f"the copy gets the default option group, without {', '.join(options)}"
    return PASSED, "no persistent or permanent options"


def _policy(pipeline: PipelineSettings, database: Database | None) -> PreflightResult:
    def check() -> None:
        if database:
            check_engine(pipeline.policy, database.engine)
        else:
            parse_policy(pipeline.policy)

    result = _validated("Policy", check, "the policy is valid")
    if result.verdict is PASSED and parse_policy(pipeline.policy).unlisted == "keep":
        return PreflightResult("Policy", UNKNOWN, "unlisted columns are kept unchanged and shared")
    return result


def _key(
    cloud: Cloud, place: Place, pipeline: PipelineSettings, database: Database | None
) -> tuple[PreflightVerdict, str]:
    key = pipeline.kms_key or (database.kms_key if database else "")
    if not key:
        return PASSED, "the database is not encrypted, and no key is specified"
    if kms.is_aws_managed(cloud, place, key):
        if pipeline.share_with:
            return WILL_FAIL, (
                "snapshots encrypted with the account's default key cannot be shared: "
                "specify a customer managed key"
            )
        return PASSED, "the account's default key; the snapshots are not shared"
    if not pipeline.share_with:
        return PASSED, "a customer managed key"
    policy = json.dumps(kms.read_key_policy(cloud, place, key))
    if missing := [account for account in pipeline.share_with if account not in policy]:
        return UNKNOWN, (
            f"the key policy does not name {', '.join(missing)}: these accounts might be unable to copy "
            "the snapshot"
        )
    return PASSED, "the key policy names every account that the snapshots are shared with"


def _source_key(cloud: Cloud, place: Place, database: Database | None) -> tuple[PreflightVerdict, str]:
    """The policy of the handler's role grants access only if the key policy lets IAM policies decide."""
    if database is None:
        return UNKNOWN, "the database does not exist"
    if not database.kms_key:
        return PASSED, "the database is not encrypted"
    key = kms.read_key(cloud, place, database.kms_key)
    if key is None:
        return WILL_FAIL, f"the key {database.kms_key} does not exist"
    if key.state != "Enabled":
        return WILL_FAIL, f"the state of the key {key.id} is {key.state}"
    if kms.is_aws_managed(cloud, place, key.arn):
        return PASSED, "the account's default key"
    policy = json.dumps(kms.read_key_policy(cloud, place, key.arn))
    if f":iam::{place.account.id}:root" not in policy:
        return UNKNOWN, (
            "the key policy does not allow IAM policies to grant access: it must allow the handler's role"
        )
    return PASSED, "a customer managed key that IAM policies can grant access to"


def _subnets(cloud: Cloud, place: Place, pipeline: PipelineSettings) -> tuple[PreflightVerdict, str]:
    by_id = {subnet.id: subnet for subnet in network.list_subnets(cloud, place)}
    if missing := [id_ for id_ in pipeline.subnets if id_ not in by_id]:
        return WILL_FAIL, f"the subnet {missing[0]} does not exist"
    subnets = [by_id[id_] for id_ in pipeline.subnets]
    if len({subnet.vpc for subnet in subnets}) > 1:
        return WILL_FAIL, "the subnets are in different VPCs"
    zones = [subnet.zone for subnet in subnets]
    if len(set(zones)) < 2:
        return WILL_FAIL, f"both subnets are in {zones[0]}: RDS requires two Availability Zones"
    return PASSED, f"in {zones[0]} and {zones[1]}"


def _route(cloud: Cloud, place: Place, pipeline: PipelineSettings) -> tuple[PreflightVerdict, str]:
    """Fargate can place the task in either subnet, so the route of each is checked."""
    routes = network.default_routes(cloud, place, pipeline.vpc, pipeline.subnets)
    for subnet, route in routes.items():
        if route is DefaultRoute.INTERNET and not pipeline.assign_public_ip:
            return WILL_FAIL, (
                f"the only route of the subnet {subnet} is an internet gateway, and the task has no public IP"
            )
    for subnet, route in routes.items():
        if route is DefaultRoute.NONE:
            return UNKNOWN, (
                f"the subnet {subnet} has no default route: use images in private ECR, through VPC endpoints"
            )
        if route is DefaultRoute.OTHER:
            return (
                UNKNOWN,
                f"the default route of the subnet {subnet} is neither a NAT nor an internet gateway",
            )
    if set(routes.values()) == {DefaultRoute.NAT}:
        return PASSED, "through a NAT gateway"
    return PASSED, "through an internet gateway, with a public IP"


def _permissions(cloud: Cloud, place: Place) -> tuple[PreflightVerdict, str]:
    principal = iam.current_principal(cloud, place)
    if principal.endswith(":root"):
        return PASSED, "root user of the account"
    name = principal.rpartition("/")[2]
    if denied := iam.denied_actions(cloud, place, principal, REQUIRED_ACTIONS):
        more = f" and {len(denied) - 3} more" if len(denied) > 3 else ""
        return WILL_FAIL, f"{name} is not allowed to perform {', '.join(denied[:3])}{more}"
    return PASSED, f"IAM policy simulation: {name} is allowed all {len(REQUIRED_ACTIONS)} required actions"


def _quota(cloud: Cloud, place: Place, kind: str) -> tuple[PreflightVerdict, str]:
    """RDS counts snapshots of instances and of clusters separately."""
    used = sum(snapshot.kind == kind for snapshot in rds.list_snapshots(cloud, place))
    usage = f"{used} of {SNAPSHOT_QUOTA} manual snapshots (default quota)"
    if used + SNAPSHOTS_PER_RUN <= SNAPSHOT_QUOTA:
        return PASSED, usage
    return UNKNOWN, f"{usage}: too many, unless the quota was raised"
