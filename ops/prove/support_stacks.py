"""Support stacks: the inventory of the sandbox accounts, and the shared replication buckets and keys."""

from ops.aws import kms
from ops.aws.s3.buckets import bucket_exists
from ops.aws.s3.staging import client_of
from ops.errors import Conflict
from ops.plan import ReportProgress
from ops.prove.costs import KEY
from ops.prove.proof import Job, ProofStep
from ops.prove.session import ProofSession
from ops.support_stacks.inventory import read_inventory
from ops.support_stacks.replication import DIRECTORY, STACK, plan_replication, read_shared


def support_stacks() -> Job:
    return Job(
        "Support stacks",
        (
            ProofStep("support stacks: inventory", "Read the inventory of all Regions", 2, _inventory),
            ProofStep("support stacks: replication", "Deploy shared buckets and keys", 5, _deploy),
            ProofStep("support stacks: effects", "Check the shared buckets and keys", 1, _check),
        ),
    )


def _inventory(session: ProofSession, say: ReportProgress) -> str:
    inventory = read_inventory(session.cloud, session.clock())
    if inventory.gaps:
        gap = inventory.gaps[0]
        raise Conflict(
            f"{len(inventory.gaps)} parts were not read, the first is {gap.subject} in {gap.account} "
            f"{gap.region}.",
            detail=str(gap.error),
        )
    regions = sum(len(names) for names in inventory.regions.values())
    return f"{regions} accounts and Regions read completely, {len(inventory.stacks)} support stacks"


def _deploy(session: ProofSession, say: ReportProgress) -> str:
    account, regions = session.home.account, session.cloud.settings.regions
    for region in regions:
        place = session.cloud.place(account.id, region)
        session.own_stack(STACK, place, KEY)
        session.own_stack(DIRECTORY, place)
    session.must(plan_replication(session.cloud, account, regions, session.others), say)
    return f"{STACK} and {DIRECTORY} in {', '.join(regions)}"


def _check(session: ProofSession, say: ReportProgress) -> str:
    cloud, account, regions = session.cloud, session.home.account, session.cloud.settings.regions
    shared = read_shared(cloud, account, regions)
    if [item.region for item in shared] != [*regions]:
        raise Conflict(f"Shared buckets exist in {', '.join(item.region for item in shared) or 'no Region'}.")
    for item in shared:
        place = cloud.place(account.id, item.region)
        if not bucket_exists(client_of(cloud, account.id, item.region), item.bucket, account.id):
            raise Conflict(f"The bucket {item.bucket} does not exist.")
        key = kms.read_key(cloud, place, item.key_arn)
        if key is None or key.state != "Enabled":
            raise Conflict(f"The key {item.key_arn} is {key.state if key else 'deleted'}.")
        if set(item.targets) != set(session.others):
            raise Conflict(f"{item.bucket} is readable by {', '.join(item.targets) or 'no account'}.")
    return f"{len(shared)} buckets, each with an enabled key"
