"""The saved queries over datasets of AWS services."""

from typing import Any

from ops.logs.search.query import Value, sql_query
from ops.logs.search.saved.queries import FOLDER, find_query, load_queries
from ops.logs.services.table import BY_NAME
from tests.ops.logs.sample_lake import DAY
from tests.ops.logs.services import samples
from tests.ops.logs.services.samples import Sample
from tests.ops.logs.services.test_types import Bucket, bucket

__all__ = ["bucket"]


def answer(bucket: Bucket, name: str, *chosen: Sample, **parameters: Value) -> list[dict[str, Any]]:
    for sample in chosen:
        bucket.put(sample.key, sample.body)
    types = dict.fromkeys(sample.type for sample in chosen)
    first, *others = [bucket.engine(BY_NAME[type_]) for type_ in types]
    engine = bucket.engine(BY_NAME[chosen[0].type], others) if others else first
    query = find_query(load_queries([FOLDER])[0], name)
    values = query.bound(parameters)
    rows: list[dict[str, Any]] = engine.run(sql_query(DAY, query.sql, values)).table().to_pylist()
    return rows


def test_server_errors_of_every_access_log(bucket: Bucket) -> None:
    chosen = (
        samples.ALB, samples.CLB, samples.CLOUDFRONT, samples.CLOUDFRONT_V2, samples.S3_ACCESS, samples.WAF,
    )  # fmt: skip
    rows = answer(bucket, "access_5xx", *chosen, minutes=60)
    assert {row["log_group"]: (row["requests"], row["errors"]) for row in rows} == {
        "alb/app/shop/50dc6c495c0c9188": (2, 1),
        "clb/old-lb": (1, 0),
        "cloudfront/EMLARXS9EXAMPLE": (2, 1),
        "s3-access/DOC-EXAMPLE": (1, 0),
        "waf/shop": (1, 0),
    }


def test_latencies_of_access_logs(bucket: Bucket) -> None:
    (row,) = answer(bucket, "latency_percentiles", samples.ALB, field="$.duration")
    assert (row["requests"], row["p50"]) == (1, 0.026)


def test_who_did_what(bucket: Bucket) -> None:
    (row,) = answer(bucket, "cloudtrail_who", samples.CLOUDTRAIL)
    assert (row["who"], row["service"], row["call"], row["calls"], row["failed"]) == (
        "arn:aws:iam::111111111111:user/Ada", "ec2.amazonaws.com", "StopInstances", 1, 1,
    )  # fmt: skip


def test_rejected_flows_of_every_version(bucket: Bucket) -> None:
    flows = (samples.FLOW_LOGS, samples.FLOW_LOGS_V5, samples.FLOW_LOGS_PARQUET)
    rows = answer(bucket, "rejected_flows", *flows)
    names = ("source", "destination", "port", "interface", "flows")
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("10.0.0.5", "192.0.2.7", 443, "eni-0a", 2),
        ("192.0.2.89", "192.0.2.21", 3389, "eni-1235b8ca123456789", 1),
    ]


def test_top_talkers(bucket: Bucket) -> None:
    rows = answer(bucket, "top_talkers", samples.FLOW_LOGS, samples.FLOW_LOGS_PARQUET)
    assert [(row["source"], row["bytes"]) for row in rows] == [
        ("10.0.0.5", 5_000_000_000),
        ("192.0.2.139", 4249),
        ("192.0.2.89", 180),
    ]
