"""The cure: one shared replication bucket and key a region, set up by one plan, named in every region."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import deploy, whole_stacks
from ops.aws.cloudformation import stacks as cloudformation
from ops.aws.cloudformation.stacks import Change, StackSpec
from ops.aws.regions import list_regions
from ops.errors import InputError, NotFound
from ops.operations import Operation
from ops.plan import Plan, ReportProgress, Resource, Step
from ops.settings import Account
from ops.templates.support_stacks import JOB, JOB_TAG, directory, replication

STACK = "slipway-replication"
DIRECTORY = "slipway-replication-directory"
EXPIRE_DAYS = 30
MOST_DAYS = 3650  # as the template has it


@dataclass(frozen=True)
class Shared:
    """The shared bucket and key of one region. `targets`: ids of the accounts that may read; `expire_days`:
    when an artifact goes."""

    account: str
    region: str
    bucket: str
    key_arn: str
    targets: tuple[str, ...]
    expire_days: int


def bucket_name(account: str, region: str) -> str:
    """The name of the shared bucket, as the template makes it."""
    return f"slipway-replication-{account}-{region}"


def read_shared(cloud: Cloud, account: Account, regions: Sequence[str]) -> list[Shared]:
    """What is set up in these regions of the account. Raises the first error."""
    readings = cloud.read(
        lambda place: _read(cloud, place.account, place.region), [Place(account, r) for r in regions]
    )
    for reading in readings:
        if reading.error:
            raise reading.error
    return [reading.value for reading in readings if reading.value]


def _read(cloud: Cloud, account: Account, region: str) -> Shared | None:
    stack = cloudformation.read_stack(cloud, account.id, region, STACK)
    if stack is None or "KeyArn" not in stack.outputs:
        return None
    targets = tuple(filter(None, stack.parameters.get("TargetAccounts", "").split(",")))
    days = int(stack.parameters.get("ExpireDays", EXPIRE_DAYS))
    return Shared(account.id, region, stack.outputs["BucketName"], stack.outputs["KeyArn"], targets, days)


def stack_spec(account: Account, region: str, targets: Sequence[str], expire_days: int) -> StackSpec:
    """The bucket and key of one region."""
    return _spec(
        STACK,
        replication().to_json(),
        {"TargetAccounts": ",".join(targets), "ExpireDays": str(expire_days)},
        account,
        region,
    )


def directory_spec(account: Account, region: str, shared: Sequence[Shared]) -> StackSpec:
    """The parameters that name the buckets and keys of every region."""
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
    """Sets up buckets and keys in the regions, then names those of every region in each.

    `targets` and `expire_days` that are not given stay as they are; a region that is new has the targets of
    all others. Raises InputError for what cannot work.
    """
    enabled = list_regions(cloud, account.id)
    _check(account, regions, enabled, targets or (), expire_days)
    there = {shared.region: shared for shared in read_shared(cloud, account, enabled)}
    everyone = {target for shared in there.values() for target in shared.targets}
    steps: list[Step] = []
    for region in regions:
        before = there.get(region)
        readers = targets if targets is not None else before.targets if before else everyone
        days = expire_days or (before.expire_days if before else EXPIRE_DAYS)
        steps += _stack_steps(cloud, stack_spec(account, region, sorted(readers), days))
    made = tuple(step.id for step in steps if step.id.startswith("deploy"))
    named = sorted({*regions, *there})
    steps += [_directory_step(cloud, account, region, named, made) for region in named]
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
        raise InputError("No region is named.", field="regions", hint="Name each that a pipeline deploys to.")
    if unknown := [region for region in regions if region not in enabled]:
        raise InputError(
            f"{account.name} has no region {unknown[0]!r}, or has not enabled it.",
            field="regions",
            hint=f"Choose from {', '.join(enabled)}.",
        )
    if unknown := [target for target in targets if not (target.isdigit() and len(target) == 12)]:
        raise InputError(f"{unknown[0]!r} is not an account id.", field="targets", hint="Write 12 digits.")
    if expire_days is not None and not 1 <= expire_days <= MOST_DAYS:
        raise InputError(
            f"Artifacts cannot expire after {expire_days} days.",
            field="expire_days",
            hint=f"Choose 1 to {MOST_DAYS}; long enough for a pipeline to be retried.",
        )


def _stack_steps(cloud: Cloud, spec: StackSpec) -> list[Step]:
    """Those of the preview, under names of their own, and one that executes what it has prepared."""
    prepared = deploy.plan_preview(cloud, spec, ())
    steps = [
        replace(
            step,
            id=f"{step.id} {spec.region}",
            does=f"{step.does} ({spec.region})",
            needs=tuple(f"{need} {spec.region}" for need in step.needs),
        )
        for step in prepared.steps
    ]
    execution = Step(
        id=f"deploy {spec.region}",
        does=f"Deploy the shared bucket and key in {spec.region}",
        resource=Resource("AWS::CloudFormation::Stack", spec.name, spec.account, spec.region),
        act=lambda say: whole_stacks.execute_prepared(cloud, spec, say, may_go=_is_parameter),
        parameters=spec.parameters,
        needs=(steps[-1].id,),
        evidence="about $1 a month for the key, and what the artifacts take",
        actions=(*whole_stacks.EXECUTES, *MAKES),
    )
    return [*steps, execution]


MAKES = (
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
    """What names a region that is left out goes; a bucket or a key never does."""
    return change.kind == "AWS::SSM::Parameter"


def _directory_step(
    cloud: Cloud, account: Account, region: str, regions: Sequence[str], needs: tuple[str, ...]
) -> Step:
    """Its template names what the earlier steps have made, so it is written only when it acts."""

    def act(say: ReportProgress) -> None:
        shared = read_shared(cloud, account, regions)
        if len(shared) < len(regions):
            raise NotFound(
                "A shared bucket is missing.", hint="Run the plan again: it makes what is missing."
            )
        spec = directory_spec(account, region, shared)
        whole_stacks.bring_up(cloud, spec, (), say, may_go=_is_parameter)

    return Step(
        id=f"directory {region}",
        does=f"Name every shared bucket and key in parameters of {region}",
        resource=Resource("AWS::CloudFormation::Stack", DIRECTORY, account.id, region),
        act=act,
        parameters={"regions": ",".join(regions)},
        needs=needs,
        actions=(*whole_stacks.BRINGS_UP, "ssm:PutParameter", "ssm:DeleteParameter"),
    )
