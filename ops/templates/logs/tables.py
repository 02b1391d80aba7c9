"""Glue tables of every format with partition projection: Athena reads new hours without a crawler."""

from collections.abc import Mapping
from typing import Any

from troposphere import AWSObject, Join, Ref, glue

from ops.templates.logs.pipeline import BUCKET

FIRST_DATE = "2020-01-01"
TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
TEXT_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
JSON = "org.openx.data.jsonserde.JsonSerDe"
LINES = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
PLACED = ("account", "region", "date", "hour")
EVENT = "struct<id:string,timestamp:bigint,message:string>"


def resources() -> tuple[AWSObject, ...]:
    database = glue.Database(
        "Database",
        CatalogId=Ref("AWS::AccountId"),
        DatabaseInput=glue.DatabaseInput(Description="Exported CloudWatch logs"),
    )
    json_columns = {"group": "string", "stream": "string", "timestamp": "bigint", "id": "string"}
    arrived = {"messagetype": "string", "owner": "string", "loggroup": "string", "logstream": "string"}
    lists = {"subscriptionfilters": "array<string>", "logevents": f"array<{EVENT}>"}
    return (
        database,
        _table("JsonTable", "json", PLACED, {**json_columns, "message": "string"}, JSON, {}),
        _table(
            "RawTable",
            "raw",
            PLACED,
            {"origin": "string", "timestamp": "bigint", "message": "string"},
            LINES,
            {"field.delim": "\t", "serialization.format": "\t"},
        ),
        _table("CloudWatchTable", "cloudwatch", PLACED[2:], {**arrived, **lists}, JSON, {}),
    )


def _table(
    title: str,
    folder: str,
    partitions: tuple[str, ...],
    columns: Mapping[str, str],
    library: str,
    settings: Mapping[str, Any],
) -> glue.Table:
    location = Join("", ["s3://", BUCKET, "/", Ref("BucketPrefix"), folder, "/"])
    template = "/".join(f"{name}=${{{name}}}" for name in partitions)
    projection = {
        "projection.date.type": "date",
        "projection.date.format": "yyyy-MM-dd",
        "projection.date.range": f"{FIRST_DATE},NOW+1DAYS",
        "projection.hour.type": "integer",
        "projection.hour.range": "0,23",
        "projection.hour.digits": "2",
        **{f"projection.{name}.type": "injected" for name in partitions if name in PLACED[:2]},
    }
    return glue.Table(
        title,
        CatalogId=Ref("AWS::AccountId"),
        DatabaseName=Ref("Database"),
        TableInput=glue.TableInput(
            Name=f"logs_{folder}",
            TableType="EXTERNAL_TABLE",
            Parameters={
                "EXTERNAL": "TRUE",
                "classification": "csv" if library == LINES else "json",
                "projection.enabled": "true",
                "storage.location.template": Join("", [location, template, "/"]),
                **projection,
            },
            PartitionKeys=[glue.Column(Name=name, Type="string") for name in partitions],
            StorageDescriptor=glue.StorageDescriptor(
                Location=location,
                InputFormat=TEXT_INPUT,
                OutputFormat=TEXT_OUTPUT,
                Columns=[glue.Column(Name=name, Type=kind) for name, kind in columns.items()],
                SerdeInfo=glue.SerdeInfo(SerializationLibrary=library, Parameters=dict(settings)),
            ),
        ),
    )
