"""On which resource an RDS call is authorized: the emulator knows instances and clusters only.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon RDS".
"""

from typing import Any

from ministack.core import iam_actions

from ops.embedded.context import Context
from ops.embedded.rds.common import parameter

SEAMS = ("ministack.core.iam_actions.extract_resource_arn",)

# Parameter that names the resource: the first that the request has, and the resource's kind in its ARN.
_DATABASES = (("DBInstanceIdentifier", "db"), ("DBClusterIdentifier", "cluster"))
_SNAPSHOTS = (("DBSnapshotIdentifier", "snapshot"), ("DBClusterSnapshotIdentifier", "cluster-snapshot"))
_NAMED = {
    "RestoreDBInstanceFromDBSnapshot": _DATABASES,
    "CopyDBSnapshot": (("TargetDBSnapshotIdentifier", "snapshot"),),
    "CopyDBClusterSnapshot": (("TargetDBClusterSnapshotIdentifier", "cluster-snapshot"),),
    "DescribeOptionGroups": (("OptionGroupName", "og"),),
}
_ANY = (*_SNAPSHOTS, *_DATABASES, ("DBSubnetGroupName", "subgrp"))
# Without a name these read every resource of their kind.
_LISTED = {
    "DescribeDBInstances": "db",
    "DescribeDBClusters": "cluster",
    "DescribeDBSnapshots": "snapshot",
    "DescribeDBClusterSnapshots": "cluster-snapshot",
    "DescribeDBSubnetGroups": "subgrp",
    "DescribeOptionGroups": "og",
}


def install(context: Context) -> None:
    emulated = iam_actions.extract_resource_arn

    def extract(service: str, *arguments: Any) -> str:
        found = str(emulated(service, *arguments))
        if service != "rds":
            return found
        return _resource(arguments[4], region=arguments[5], account=arguments[6]) or found

    iam_actions.extract_resource_arn = extract


def _resource(request: dict[str, Any], *, region: str, account: str) -> str:
    if tagged := parameter(request, "ResourceName"):
        return tagged
    action = parameter(request, "Action")
    for name, kind in _NAMED.get(action, _ANY):
        if value := parameter(request, name):
            return value if value.startswith("arn:") else f"arn:aws:rds:{region}:{account}:{kind}:{value}"
    return f"arn:aws:rds:{region}:{account}:{_LISTED[action]}:*" if action in _LISTED else ""
