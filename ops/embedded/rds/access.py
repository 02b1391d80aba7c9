"""The resource on which RDS calls are authorized: the emulator handles instances and clusters only.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon RDS".
"""

from typing import Any

from ministack.core import iam_actions

from ops.embedded.context import OverlayContext
from ops.embedded.rds.common import parameter

SEAMS = ("ministack.core.iam_actions.extract_resource_arn",)

# (Parameter with the resource's name, resource type in the ARN); the first parameter in the request counts.
_DATABASES = (("DBInstanceIdentifier", "db"), ("DBClusterIdentifier", "cluster"))
_SNAPSHOTS = (("DBSnapshotIdentifier", "snapshot"), ("DBClusterSnapshotIdentifier", "cluster-snapshot"))
_NAMED = {
    "RestoreDBInstanceFromDBSnapshot": _DATABASES,
    "CopyDBSnapshot": (("TargetDBSnapshotIdentifier", "snapshot"),),
    "CopyDBClusterSnapshot": (("TargetDBClusterSnapshotIdentifier", "cluster-snapshot"),),
    "DescribeOptionGroups": (("OptionGroupName", "og"),),
}
_ANY = (*_SNAPSHOTS, *_DATABASES, ("DBSubnetGroupName", "subgrp"))
# Without a name, these actions read every resource of their type.
_LISTED = {
    "DescribeDBInstances": "db",
    "DescribeDBClusters": "cluster",
    "DescribeDBSnapshots": "snapshot",
    "DescribeDBClusterSnapshots": "cluster-snapshot",
    "DescribeDBSubnetGroups": "subgrp",
    "DescribeOptionGroups": "og",
}


def install(context: OverlayContext) -> None:
    emulated = iam_actions.extract_resource_arn

    def extract(service: str, *arguments: Any) -> str:
        emulated_arn = str(emulated(service, *arguments))
        if service != "rds":
            return emulated_arn
        return _resource(arguments[4], region=arguments[5], account=arguments[6]) or emulated_arn

    iam_actions.extract_resource_arn = extract


def _resource(request: dict[str, Any], *, region: str, account: str) -> str:
    if tagged := parameter(request, "ResourceName"):
        return tagged
    action = parameter(request, "Action")
    for name, kind in _NAMED.get(action, _ANY):
        if value := parameter(request, name):
            return value if value.startswith("arn:") else f"arn:aws:rds:{region}:{account}:{kind}:{value}"
    return f"arn:aws:rds:{region}:{account}:{_LISTED[action]}:*" if action in _LISTED else ""
