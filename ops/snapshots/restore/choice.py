"""Selects the newest snapshot that the target account can restore, and fills in defaults."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ops.aws.cloud import Cloud, Place
from ops.aws.rds.changes import RestoreSettings
from ops.errors import InputError, NotFound
from ops.snapshots.pipeline.catalog import (
    DeployedPipeline,
    SanitizedSnapshot,
    find_database,
    list_sanitized,
)
from ops.snapshots.restore.model import DEFAULT_KEY, POLL_S, Restore

DEFAULT_CLASS = "db.t4g.medium"  # if the class of the source is unknown; available for every supported engine


@dataclass(frozen=True)
class RestoreRequest:
    """The choices of the user. Empty values mean the default."""

    account: str
    name: str = ""
    subnet_group: str = ""
    security_groups: tuple[str, ...] = ()
    instance_class: str = ""
    key: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def newest_snapshot_for(cloud: Cloud, pipeline: DeployedPipeline, account: str) -> SanitizedSnapshot:
    """Return the newest sanitized snapshot that the account can restore. Raises NotFound."""
    for item in list_sanitized(cloud, pipeline):
        if account == pipeline.place.account.id or account in item.shared_with:
            return item
    raise NotFound(
        f"No sanitized snapshot of {pipeline.database} is shared with {account}.",
        hint="Add the account to the pipeline's settings, then refresh the snapshot.",
    )


def restore_from_request(
    cloud: Cloud,
    pipeline: DeployedPipeline,
    request: RestoreRequest,
    *,
    poll_s: float = POLL_S,
    sleep: Callable[[float], None] = time.sleep,
) -> Restore:
    """Return the requested restore. Its region is the pipeline's: snapshots are shared within a region."""
    account = cloud.account(request.account)
    name = request.name or f"{pipeline.database}-sanitized"
    if name == pipeline.database and account == pipeline.place.account:
        raise InputError(
            f"{name} is the name of the production database.",
            field="name",
            hint="Choose another name in this account.",
        )
    newest = newest_snapshot_for(cloud, pipeline, account.id)
    source = find_database(cloud, pipeline.place, pipeline.database)
    chosen = request.instance_class or (source.instance_class if source else "") or DEFAULT_CLASS
    return Restore(
        cloud=cloud,
        place=Place(account, pipeline.place.region),
        source=newest.snapshot,
        name=name,
        settings=RestoreSettings(request.subnet_group, request.security_groups, chosen, request.tags),
        database=pipeline.database,
        key=request.key or DEFAULT_KEY,
        poll_s=poll_s,
        sleep=sleep,
    )
