"""Whether a recorded resource exists, and its deletion. A kind that is not known here counts as existing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ops.aws import dynamodb, kms
from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation.operations import delete_stack
from ops.aws.cloudformation.resources import StackResource
from ops.aws.cloudformation.stacks import client_of as stacks_of
from ops.aws.cloudformation.stacks import read_stack
from ops.aws.logs import groups
from ops.aws.rds import changes as rds
from ops.aws.rds.databases import INSTANCE
from ops.aws.s3 import buckets, emptying
from ops.aws.s3.staging import client_of
from ops.errors import SlipwayError
from ops.plan import ReportProgress
from ops.prove.session import BUCKET, STACK
from ops.prove.state import Owned

DATABASE, SNAPSHOT = "AWS::RDS::DBInstance", "AWS::RDS::DBSnapshot"
GROUP, TABLE, KEY = "AWS::Logs::LogGroup", "AWS::DynamoDB::Table", "AWS::KMS::Key"
LEAST_DAYS = 7  # before KMS deletes a key, the minimum: KMS API Reference, ScheduleKeyDeletion


@dataclass(frozen=True)
class Kind:
    """What is done with resources of a kind."""

    exists: Callable[[Cloud, Place, str], bool]
    delete: Callable[[Cloud, Place, str, ReportProgress], Any]


def kept_by_stack(resource: StackResource) -> list[tuple[str, str]]:
    """Return kind and ID of what can be left when the stack of this resource is deleted.

    Lambda and ECS create log groups that belong to no stack.
    """
    if resource.kind in (BUCKET, TABLE, KEY, GROUP):
        return [(resource.kind, resource.physical_id)] if resource.physical_id else []
    if resource.kind == "AWS::Lambda::Function":
        return [(GROUP, f"/aws/lambda/{resource.physical_id}")]
    if resource.kind == "AWS::ECS::Cluster":
        cluster = resource.physical_id.rpartition("/")[2]
        return [(GROUP, f"/aws/ecs/containerinsights/{cluster}/performance")]
    return []


def exists(cloud: Cloud, resource: Owned) -> bool:
    """Whether the resource exists. A key that is scheduled for deletion does not."""
    place = cloud.place(resource.account, resource.region)
    return KINDS[resource.kind].exists(cloud, place, resource.id) if resource.kind in KINDS else True


def delete(cloud: Cloud, resource: Owned, say: ReportProgress) -> None:
    """Delete the resource with its contents, if it exists. Raises SlipwayError for an unknown kind."""
    place = cloud.place(resource.account, resource.region)
    if resource.kind not in KINDS:
        raise SlipwayError(f"Cannot delete {resource.kind} {resource.id}.", hint="Delete it in the console.")
    KINDS[resource.kind].delete(cloud, place, resource.id, say)


def empty_bucket(cloud: Cloud, place: Place, name: str, say: ReportProgress) -> None:
    """Delete every version in the bucket, if it exists."""
    client, owner = client_of(cloud, place.account.id, place.region), place.account.id
    if buckets.bucket_exists(client, name, owner):
        for versions in buckets.iterate_versions(client, name):
            emptying.delete_versions(client, name, owner, versions, say)
        emptying.abort_uploads(client, name, owner, buckets.list_uploads(client, name))


def _bucket_exists(cloud: Cloud, place: Place, name: str) -> bool:
    return buckets.bucket_exists(client_of(cloud, place.account.id, place.region), name, place.account.id)


def _delete_bucket(cloud: Cloud, place: Place, name: str, say: ReportProgress) -> None:
    empty_bucket(cloud, place, name, say)
    emptying.delete_bucket(client_of(cloud, place.account.id, place.region), name, place.account.id)


def _stack_exists(cloud: Cloud, place: Place, name: str) -> bool:
    return read_stack(cloud, place.account.id, place.region, name) is not None


def _delete_stack(cloud: Cloud, place: Place, name: str, say: ReportProgress) -> None:
    if stack := read_stack(cloud, place.account.id, place.region, name):
        delete_stack(stacks_of(cloud, place.account.id, place.region), stack, say)


def _key_exists(cloud: Cloud, place: Place, key: str) -> bool:
    found = kms.read_key(cloud, place, key)
    return found is not None and not found.pending_deletion


def _delete_key(cloud: Cloud, place: Place, key: str, say: ReportProgress) -> None:
    say(f"KMS deletes it on {kms.schedule_deletion(cloud, place, key, LEAST_DAYS):%Y-%m-%d}")


KINDS = {
    STACK: Kind(_stack_exists, _delete_stack),
    BUCKET: Kind(_bucket_exists, _delete_bucket),
    KEY: Kind(_key_exists, _delete_key),
    TABLE: Kind(
        dynamodb.table_exists, lambda cloud, place, name, say: dynamodb.delete_table(cloud, place, name)
    ),
    GROUP: Kind(
        lambda cloud, place, name: any(g.name == name for g in groups.list_groups(cloud, place, name)),
        lambda cloud, place, name, say: groups.delete_group(cloud, place, name),
    ),
    DATABASE: Kind(
        lambda cloud, place, name: rds.find_database(cloud, place, INSTANCE, name) is not None,
        lambda cloud, place, name, say: rds.delete_database(cloud, place, INSTANCE, name),
    ),
    SNAPSHOT: Kind(
        lambda cloud, place, name: rds.find_snapshot(cloud, place, INSTANCE, name) is not None,
        lambda cloud, place, name, say: rds.delete_snapshot(cloud, place, INSTANCE, name),
    ),
}
