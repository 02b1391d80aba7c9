"""Reads the result of an Athena query as Arrow batches."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import csv

from ops.aws.athena.queries import AthenaTarget, FinishedQuery
from ops.aws.calls import translated
from ops.aws.cloud import Cloud

BLOCK_BYTES = 4 << 20
TYPES = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "real": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("ms"),
}


def read(
    cloud: Cloud, target: AthenaTarget, finished: FinishedQuery
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Return schema and batches of the result; empty strings and NULL are distinguished."""
    with translated("Reading the Athena query result"):
        athena = cloud.client("athena", target.account, target.region)
        response = athena.get_query_results(QueryExecutionId=finished.id, MaxResults=1)
        schema = _schema(response["ResultSet"]["ResultSetMetadata"]["ColumnInfo"])
        output = urlsplit(finished.output)
        s3 = cloud.client("s3", target.account, target.region)
        body = s3.get_object(Bucket=output.netloc, Key=output.path.lstrip("/"))["Body"]
    return schema, _batches(body, schema)


def _batches(body: Any, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    reader = csv.open_csv(
        pa.PythonFile(body, mode="r"),
        read_options=csv.ReadOptions(block_size=BLOCK_BYTES, column_names=schema.names, skip_rows=1),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["true"],
            false_values=["false"],
        ),
    )
    yield from reader


def _schema(columns: Sequence[dict[str, Any]]) -> pa.Schema:
    return pa.schema([(column["Name"], _type(column)) for column in columns])


def _type(column: dict[str, Any]) -> pa.DataType:
    if column["Type"] == "decimal":
        return pa.decimal128(column.get("Precision") or 38, column.get("Scale") or 0)
    return TYPES.get(column["Type"], pa.string())
