"""The shared replication buckets: one bucket and key per region, listed in every region."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import deploy
from ops.aws.cloudformation import stacks as cloudformation
from ops.aws.cloudformation.stacks import Change, StackSpec
from ops.aws.regions import list_regions
from ops.errors import InputError, NotFound
from ops.operations import Operation
from ops.plan import Plan, Step, nest
from ops.settings import Account
from ops.templates.support_stacks import JOB, JOB_TAG, directory, replication

STACK = "slipway-replication"
DIRECTORY = "slipway-replication-directory"
EXPIRE_DAYS = 30
MAX_EXPIRE_DAYS = 3650  # as in the template


@dataclass(frozen=True)
class SharedBucket:
    """The shared bucket and key of one region.

    `targets` are the ids of the accounts that may read. Artifacts expire after `expire_days`.
    """

    account: str
    region: str
    bucket: str
    key_arn: str
    targets: tuple[str, ...]
    expire_days: int


def bucket_name(account: str, region: str) -> str:
    """Return the name that the template gives the shared bucket."""
    return f"slipway-replication-{account}-{region}"


def read_shared(cloud: Cloud, account: Account, regions: Sequence[str]) -> list[SharedBucket]:
    """Return the shared buckets of the account in these regions. Raises the first error."""
    readings = cloud.read(
        lambda place: _read(cloud, place.account, place.region), [Place(account, r) for r in regions]
    )
    for reading in readings:
        if reading.error:
            raise reading.error
    return [reading.value for reading in readings if reading.value]


def _read(cloud: Cloud, account: Account, region: str) -> SharedBucket | None:
    stack = cloudformation.read_stack(cloud, account.id, region, STACK)
    if stack is None or "KeyArn" not in stack.outputs:
        return None
    targets = tuple(filter(None, stack.parameters.get("TargetAccounts", "").split(",")))
    days = int(stack.parameters.get("ExpireDays", EXPIRE_DAYS))
    return SharedBucket(
        account.id, region, stack.outputs["BucketName"], stack.outputs["KeyArn"], targets, days
    )


def stack_spec(account: Account, region: str, targets: Sequence[str], expire_days: int) -> StackSpec:
    """Return the stack with the bucket and key of one region."""
    return _spec(
        STACK,
        replication().to_json(),
        {"TargetAccounts": ",".join(targets), "ExpireDays": str(expire_days)},
        account,
        region,
    )


def directory_spec(account: Account, region: str, shared: Sequence[SharedBucket]) -> StackSpec:
    """Return the stack with the parameters that name the buckets and keys of every region."""
    entries = {item.region: (item.bucket, item.key_arn) for item in shared}
    return _spec(DIRECTORY, directory(entries).to_json(), {}, account, region)


def _spec(name: str, body: str, parameters: Mapping[str, str], account: Account, region: str) -> StackSpec:
    return StackSpec(
        name=name,
        template_body=body,
        parameters=parameters,
        tags={JOB_TAG: JOB},
        capabilities=(),
        account=account.id,
        region=region,
    )


def plan_replication(
    cloud: Cloud,
    account: Account,
    regions: Sequence[str],
    targets: Sequence[str] | None = None,
    expire_days: int | None = None,
) -> Plan:
    """Plan to deploy buckets and keys in the regions, and to list those of every region in each.

    Without `targets` or `expire_days`, a region keeps its own; a new region gets the targets of all others.
    Raises InputError for invalid input.
    """
    enabled = list_regions(cloud, account.id)
    _check(account, regions, enabled, targets or (), expire_days)
    existing = {shared.region: shared for shared in read_shared(cloud, account, enabled)}
    all_targets = {target for shared in existing.values() for target in shared.targets}
    steps: list[Step[Any]] = []
    for region in regions:
        current = existing.get(region)
        readers = targets if targets is not None else current.targets if current else all_targets
        days = expire_days or (current.expire_days if current else EXPIRE_DAYS)
        spec = stack_spec(account, region, sorted(readers), days)
        steps += nest(_bucket_plan(cloud, spec), region)
    all_regions = sorted({*regions, *existing})
    needs = tuple(step.id for step in steps)
    for region in all_regions:
        steps += nest(_directory_plan(cloud, account, region, all_regions), f"directory {region}", needs)
    return Plan(
        f"Set up shared replication in {account.name}: {', '.join(regions)}",
        tuple(steps),
        Operation.SHARE_REPLICATION,
    )


def _check(
    account: Account,
    regions: Sequence[str],
    enabled: Sequence[str],
    targets: Sequence[str],
    expire_days: int | None,
) -> None:
    if not regions:
        raise InputError(
            "No region is selected.", field="regions", hint="Select every region that a pipeline deploys to."
        )
    if unknown := [region for region in regions if region not in enabled]:
        raise InputError(
            f"Region {unknown[0]!r} does not exist or is not enabled in {account.name}.",
            field="regions",
            hint=f"Use one of {', '.join(enabled)}.",
        )
    if unknown := [target for target in targets if not (target.isdigit() and len(target) == 12)]:
        raise InputError(f"{unknown[0]!r} is not an account ID.", field="targets", hint="Enter 12 digits.")
    if expire_days is not None and not 1 <= expire_days <= MAX_EXPIRE_DAYS:
        raise InputError(
            f"{expire_days} is not a valid number of days for artifacts to expire.",
            field="expire_days",
            hint=f"Enter 1 to {MAX_EXPIRE_DAYS}, long enough for a pipeline to be retried.",
        )


def _bucket_plan(cloud: Cloud, spec: StackSpec) -> Plan:
    return deploy.plan_stack(
        cloud,
        spec,
        title=f"Deploy the shared bucket and key in {spec.region}",
        may_remove=_is_parameter,
        evidence="costs about $1.00/month for the key, plus storage",
        actions=RESOURCE_ACTIONS,
    )


RESOURCE_ACTIONS = (
    "kms:CreateAlias",
    "kms:CreateKey",
    "kms:EnableKeyRotation",
    "kms:PutKeyPolicy",
    "kms:TagResource",
    "s3:CreateBucket",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketTagging",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
)


def _is_parameter(change: Change) -> bool:
    """Whether the change may be removed: only a parameter of the directory, never a bucket or a key."""
    return change.kind == "AWS::SSM::Parameter"


def _directory_plan(cloud: Cloud, account: Account, region: str, regions: Sequence[str]) -> Plan:
    """Plan the stack with the directory. Its template lists what the earlier stacks create."""

    def resolve() -> StackSpec:
        shared = read_shared(cloud, account, regions)
        if len(shared) < len(regions):
            raise NotFound(
                "A shared bucket no longer exists.", hint="Run the plan again to create the missing buckets."
            )
        return directory_spec(account, region, shared)

    return deploy.plan_stack(
        cloud,
        directory_spec(account, region, ()),
        title=f"List every shared bucket and key in the parameters of {region}",
        may_remove=_is_parameter,
        resolve=resolve,
        evidence=f"the buckets and keys in {', '.join(regions)}",
        actions=("ssm:PutParameter", "ssm:DeleteParameter"),
    )
