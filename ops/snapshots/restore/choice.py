"""What a restore is asked for: the newest snapshot that the target account may use, and sensible defaults."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ops.aws.cloud import Cloud, Place
from ops.aws.rds.changes import Wanted
from ops.errors import InputError, NotFound
from ops.snapshots.pipeline.catalogue import Deployed, Sanitized, find_database, list_sanitized
from ops.snapshots.restore.model import DEFAULT_KEY, LOOK_S, Restore

DEFAULT_CLASS = "db.t4g.medium"  # where the source's is not known: every supported engine has it


@dataclass(frozen=True)
class Asked:
    """What the user chooses; empty values take the default."""

    account: str
    name: str = ""
    subnet_group: str = ""
    security_groups: tuple[str, ...] = ()
    instance_class: str = ""
    key: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def newest_for(cloud: Cloud, pipeline: Deployed, account: str) -> Sanitized:
    """The newest sanitized snapshot that the account may restore. Raises NotFound."""
    for item in list_sanitized(cloud, pipeline):
        if account == pipeline.place.account.id or account in item.shared_with:
            return item
    raise NotFound(
        f"No sanitized snapshot of {pipeline.database} is shared with {account}.",
        hint="Share the pipeline with that account, then refresh the snapshot.",
    )


def restore_of(
    cloud: Cloud,
    pipeline: Deployed,
    asked: Asked,
    *,
    look_s: float = LOOK_S,
    sleep: Callable[[float], None] = time.sleep,
) -> Restore:
    """The restore that is asked for, in the pipeline's region: a snapshot is shared in its own only."""
    account = cloud.account(asked.account)
    name = asked.name or f"{pipeline.database}-sanitized"
    if name == pipeline.database and account == pipeline.place.account:
        raise InputError(
            f"{name} is production itself.", field="name", hint="Choose another name in this account."
        )
    newest = newest_for(cloud, pipeline, account.id)
    source = find_database(cloud, pipeline.place, pipeline.database)
    chosen = asked.instance_class or (source.instance_class if source else "") or DEFAULT_CLASS
    return Restore(
        cloud=cloud,
        place=Place(account, pipeline.place.region),
        source=newest.snapshot,
        name=name,
        wanted=Wanted(asked.subnet_group, asked.security_groups, chosen, asked.tags),
        database=pipeline.database,
        key=asked.key or DEFAULT_KEY,
        look_s=look_s,
        sleep=sleep,
    )
