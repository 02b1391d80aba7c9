"""What services report about an account's quotas, at AWS's defaults: RDS and Kinesis.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeAccountAttributes.html
https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DescribeLimits.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ministack import app
from ministack.core.responses import json_response
from ministack.services import kinesis, rds

from ops.embedded.context import OverlayContext
from ops.embedded.limits.databases import SNAPSHOTS

SEAMS = (
    "ministack.services.kinesis._cbor_response",
    "ministack.services.kinesis._streams",
    "ministack.services.rds._ACTION_MAP",
    "ministack.services.rds._clusters",
    "ministack.services.rds._db_cluster_snapshots",
    "ministack.services.rds._instances",
    "ministack.services.rds._snapshots",
    "ministack.services.rds._xml",
    "ministack.app.SERVICE_HANDLERS",
)
INSTANCES, CLUSTERS, SHARDS, ON_DEMAND_STREAMS = 40, 40, 200, 50


def install(context: OverlayContext) -> None:
    rds._ACTION_MAP["DescribeAccountAttributes"] = _account_attributes
    handle = app.SERVICE_HANDLERS["kinesis"]

    async def with_limits(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Sequence[str]]
    ) -> Any:
        if headers.get("x-amz-target", "").endswith(".DescribeLimits"):
            as_cbor = "cbor" in headers.get("content-type", "")
            return kinesis._cbor_response(_limits(), 200) if as_cbor else json_response(_limits())
        return await handle(method, path, headers, body, query)

    app.SERVICE_HANDLERS["kinesis"] = with_limits


def _account_attributes(request: Any) -> Any:
    manual = [each.get("SnapshotType", "manual") == "manual" for each in rds._snapshots.values()]
    of_clusters = [
        each.get("SnapshotType", "manual") == "manual" for each in rds._db_cluster_snapshots.values()
    ]
    quotas = {
        "DBInstances": (len(list(rds._instances.values())), INSTANCES),
        "DBClusters": (len(list(rds._clusters.values())), CLUSTERS),
        "ManualSnapshots": (sum(manual), SNAPSHOTS),
        "ManualClusterSnapshots": (sum(of_clusters), SNAPSHOTS),
    }
    inner = "".join(
        f"<AccountQuota><AccountQuotaName>{name}</AccountQuotaName><Used>{used}</Used><Max>{most}</Max>"
        "</AccountQuota>"
        for name, (used, most) in quotas.items()
    )
    return rds._xml(
        200,
        "DescribeAccountAttributesResponse",
        f"<DescribeAccountAttributesResult><AccountQuotas>{inner}</AccountQuotas>"
        "</DescribeAccountAttributesResult>",
    )


def _limits() -> dict[str, int]:
    streams = list(kinesis._streams.values())
    on_demand = [each.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND" for each in streams]
    provisioned = [each for each, without in zip(streams, on_demand, strict=True) if not without]
    return {
        "ShardLimit": SHARDS,
        "OpenShardCount": sum(len(each["shards"]) for each in provisioned),
        "OnDemandStreamCount": sum(on_demand),
        "OnDemandStreamCountLimit": ON_DEMAND_STREAMS,
    }
