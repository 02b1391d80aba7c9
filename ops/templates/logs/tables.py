"""Glue tables with partition projection for every format, and the Athena work group that queries them.

Athena reads new hours without a crawler. The work group has the name of the database, by which the log
explorer finds it.
"""

from collections.abc import Mapping
from typing import Any

from troposphere import AWSObject, If, Join, Ref, athena, glue

from ops.templates.logs.pipeline import BUCKET, BUCKET_ARN, RESULTS
from ops.templates.policies import allow, arn

FIRST_DATE = "2020-01-01"
TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
TEXT_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
JSON = "org.openx.data.jsonserde.JsonSerDe"
LINES = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
PARQUET_INPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
PARQUET_OUTPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
PLACED = ("account", "region", "date", "hour")
HERE = "${AWS::Region}:${AWS::AccountId}"
TEXTS = ("account", "region", "log_group", "log_stream", "message", "id", "template", "level")
EVENT = "struct<id:string,timestamp:bigint,message:string>"


# Skip a truncated line, as the other readers do, instead of failing the query.
LENIENT = {"ignore.malformed.json": "true"}


def resources() -> tuple[AWSObject, ...]:
    database = glue.Database(
        "Database",
        CatalogId=Ref("AWS::AccountId"),
        DatabaseInput=glue.DatabaseInput(Description="Exported CloudWatch logs"),
    )
    json_columns = {"group": "string", "stream": "string", "timestamp": "bigint", "id": "string"}
    envelope = {"messagetype": "string", "owner": "string", "loggroup": "string", "logstream": "string"}
    lists = {"subscriptionfilters": "array<string>", "logevents": f"array<{EVENT}>"}
    return (
        database,
        _table("JsonTable", "json", PLACED, {**json_columns, "message": "string"}, JSON, LENIENT),
        _table(
            "RawTable",
            "raw",
            PLACED,
            {"origin": "string", "timestamp": "bigint", "message": "string"},
            LINES,
            {"field.delim": "\t", "serialization.format": "\t"},
        ),
        _table("CloudWatchTable", "cloudwatch", PLACED[2:], {**envelope, **lists}, JSON, {}),
        # Objects partitioned by arrival hold many accounts, so the partition columns have their own names.
        _table(
            "CompactedTable",
            "compacted",
            ("in_account", "in_region", *PLACED[2:]),
            {**dict.fromkeys(TEXTS, "string"), "ts": "timestamp"},
            PARQUET,
            {},
        ),
        _work_group(),
    )


def below(*folders: str) -> list[Any]:
    """Return the ARNs of the objects in folders of the bucket."""
    return [Join("", [BUCKET_ARN, "/", Ref("BucketPrefix"), folder, "*"]) for folder in folders]


def query_statements(read: tuple[str, ...], written: tuple[str, ...]) -> tuple[Any, ...]:
    """Allow what Athena does with the permissions of the caller of a query, on folders of the bucket.

    Athena reads the database `default` for every query.
    https://docs.aws.amazon.com/athena/latest/ug/s3-permissions.html
    https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html
    """
    queries = ["StartQueryExecution", "StopQueryExecution", "GetQueryExecution", "GetQueryResults"]
    catalog = [
        arn(f"glue:{HERE}:{name}") for name in ("catalog", "database/${Database}", "table/${Database}/*")
    ]
    return (
        allow([f"athena:{name}" for name in queries], arn(f"athena:{HERE}:workgroup/${{WorkGroup}}")),
        allow(["glue:GetDatabase", "glue:GetTable", "glue:GetPartition", "glue:GetPartitions"], catalog),
        allow(["glue:GetDatabase"], arn(f"glue:{HERE}:database/default")),
        allow(["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"], BUCKET_ARN),
        allow(["s3:GetObject"], below(*read, *written)),
        allow(["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"], below(*written)),
    )


def _work_group() -> athena.WorkGroup:
    by_key = {"EncryptionOption": "SSE_KMS", "KmsKey": Ref("KeyArn")}
    encryption = athena.EncryptionConfiguration
    return athena.WorkGroup(
        "WorkGroup",
        Name=Ref("Database"),
        Description="Queries of exported CloudWatch logs",
        RecursiveDeleteOption=True,
        WorkGroupConfiguration=athena.WorkGroupConfiguration(
            EnforceWorkGroupConfiguration=True,
            PublishCloudWatchMetricsEnabled=True,
            BytesScannedCutoffPerQuery=Join("", [Ref("ScanLimitGB"), "000000000"]),
            ResultConfiguration=athena.ResultConfiguration(
                OutputLocation=Join("", ["s3://", BUCKET, "/", Ref("BucketPrefix"), RESULTS]),
                EncryptionConfiguration=If(
                    "HasKey", encryption(**by_key), encryption(EncryptionOption="SSE_S3")
                ),
            ),
        ),
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
    template = "/".join(f"{name.removeprefix('in_')}=${{{name}}}" for name in partitions)
    form = {LINES: "csv", JSON: "json", PARQUET: "parquet"}[library]
    projection = {
        "projection.date.type": "date",
        "projection.date.format": "yyyy-MM-dd",
        "projection.date.range": f"{FIRST_DATE},NOW+1DAYS",
        "projection.hour.type": "integer",
        "projection.hour.range": "0,23",
        "projection.hour.digits": "2",
        **{f"projection.{name}.type": "injected" for name in partitions if name not in PLACED[2:]},
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
                "classification": form,
                "projection.enabled": "true",
                "storage.location.template": Join("", [location, template, "/"]),
                **projection,
            },
            PartitionKeys=[glue.Column(Name=name, Type="string") for name in partitions],
            StorageDescriptor=glue.StorageDescriptor(
                Location=location,
                InputFormat=PARQUET_INPUT if library == PARQUET else TEXT_INPUT,
                OutputFormat=PARQUET_OUTPUT if library == PARQUET else TEXT_OUTPUT,
                Columns=[glue.Column(Name=name, Type=kind) for name, kind in columns.items()],
                SerdeInfo=glue.SerdeInfo(SerializationLibrary=library, Parameters=dict(settings)),
            ),
        ),
    )
