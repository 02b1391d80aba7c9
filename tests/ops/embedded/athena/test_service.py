"""Athena on the embedded cloud: exact rows of projected partitions in every format of the logs."""

import gzip
import io
import json
from collections.abc import Sequence
from typing import Any

import awswrangler as wr
import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.ops.embedded.overlay import ACCOUNT, REGION, allow, client, eventually, role, unique

PROJECTION = {
    "projection.enabled": "true",
    "projection.account.type": "enum",
    "projection.account.values": f"{ACCOUNT},222222222222",
    "projection.date.type": "date",
    "projection.date.format": "yyyy-MM-dd",
    "projection.date.range": "2024-01-01,NOW+1DAYS",
    "projection.hour.type": "integer",
    "projection.hour.range": "0,23",
    "projection.hour.digits": "2",
}
PARTITIONS = [{"Name": name, "Type": "string"} for name in ("account", "date", "hour")]
NASTY = ["plain", "two\nlines", 'tab\t"quotes" \\', "NUL\0", "\N{GRINNING FACE}", "cr\r", "é", " "]
JSON_SERDE = "org.openx.data.jsonserde.JsonSerDe"
PARQUET_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
LAZY_SERDE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
REGEX_SERDE = "org.apache.hadoop.hive.serde2.RegexSerDe"


class Lake:
    """A bucket, a database, and a work group for one test."""

    def __init__(self, embedded: Any) -> None:
        self.s3, self.glue, self.athena = (client(embedded, service) for service in ("s3", "glue", "athena"))
        self.bucket = unique("lake")
        self.database = unique("logs").replace("-", "_")
        self.group = unique("group")
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.glue.create_database(DatabaseInput={"Name": self.database})
        self.athena.create_work_group(
            Name=self.group,
            Configuration={
                "ResultConfiguration": {"OutputLocation": f"s3://{self.bucket}/results/"},
                "BytesScannedCutoffPerQuery": 10_000_000,
            },
        )

    def put(self, key: str, data: bytes) -> int:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=data)
        return len(data)

    def table(
        self,
        serde: str,
        columns: dict[str, str],
        *,
        parameters: dict[str, str] | None = None,
        more: dict[str, str] | None = None,
    ) -> None:
        template = f"s3://{self.bucket}/logs/account=${{account}}/date=${{date}}/hour=${{hour}}/"
        self.glue.create_table(
            DatabaseName=self.database,
            TableInput={
                "Name": "events",
                "Parameters": {**PROJECTION, "storage.location.template": template, **(more or {})},
                "PartitionKeys": PARTITIONS,
                "StorageDescriptor": {
                    "Columns": [{"Name": name, "Type": kind} for name, kind in columns.items()],
                    "Location": f"s3://{self.bucket}/logs/",
                    "SerdeInfo": {"SerializationLibrary": serde, "Parameters": parameters or {}},
                },
            },
        )

    def run(self, sql: str, **more: Any) -> dict[str, Any]:
        started = self.athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": self.database},
            WorkGroup=self.group,
            **more,
        )
        id_ = started["QueryExecutionId"]

        def ended() -> dict[str, Any] | None:
            execution: dict[str, Any] = self.athena.get_query_execution(QueryExecutionId=id_)[
                "QueryExecution"
            ]
            return execution if execution["Status"]["State"] in ("SUCCEEDED", "FAILED", "CANCELLED") else None

        return eventually(ended)

    def rows(self, sql: str) -> list[list[str | None]]:
        execution = self.run(sql)
        assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
        results = self.athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])
        rows = results["ResultSet"]["Rows"][1:]
        return [[datum.get("VarCharValue") for datum in row["Data"]] for row in rows]

    def failure(self, sql: str) -> str:
        status = self.run(sql)["Status"]
        assert status["State"] == "FAILED"
        return str(status["StateChangeReason"])


def hour(number: int, account: str = ACCOUNT) -> str:
    return f"logs/account={account}/date=2024-05-01/hour={number:02d}"


def json_lines(messages: Sequence[str]) -> bytes:
    lines = [json.dumps({"timestamp": at, "message": message}) for at, message in enumerate(messages)]
    return gzip.compress("".join(f"{line}\n" for line in lines).encode())


@pytest.fixture
def lake(embedded: Any) -> Lake:
    return Lake(embedded)


@pytest.fixture
def json_lake(lake: Lake) -> Lake:
    lake.table(JSON_SERDE, {"timestamp": "bigint", "message": "string"})
    lake.put(f"{hour(1)}/a.gz", json_lines(NASTY))
    lake.put(f"{hour(2)}/b.gz", json_lines(["later"]))
    lake.put(f"{hour(1, '222222222222')}/c.gz", json_lines(["elsewhere"]))
    lake.put(f"{hour(1, '999999999999')}/d.gz", json_lines(["not projected"]))
    return lake


def test_json_lines_are_exact(json_lake: Lake) -> None:
    rows = json_lake.rows(
        'SELECT "timestamp", message, account, "date", hour FROM events WHERE hour = \'01\''
    )
    mine = sorted((int(row[0] or 0), row[1]) for row in rows if row[2] == ACCOUNT)
    assert mine == list(enumerate(NASTY))
    assert {tuple(row[2:]) for row in rows} == {
        (ACCOUNT, "2024-05-01", "01"),
        ("222222222222", "2024-05-01", "01"),
    }


def test_partitions_outside_the_projection_are_not_read(json_lake: Lake) -> None:
    assert json_lake.rows("SELECT count(*) FROM events") == [[str(len(NASTY) + 2)]]


def test_only_the_named_partitions_are_scanned(json_lake: Lake) -> None:
    size = len(json_lines(["later"]))
    found = json_lake.run("SELECT * FROM events WHERE account = '" + ACCOUNT + "' AND hour >= '02'")
    assert found["Statistics"]["DataScannedInBytes"] == size


def test_a_query_beyond_the_work_groups_limit_fails(lake: Lake) -> None:
    lake.table(JSON_SERDE, {"message": "string"})
    lake.put(f"{hour(1)}/large", b'{"message": "' + b"x" * 10_000_001 + b'"}\n')
    assert "bytes scanned limit" in lake.failure("SELECT count(*) FROM events")


def test_an_injected_column_needs_a_value(lake: Lake) -> None:
    lake.table(JSON_SERDE, {"message": "string"}, more={"projection.account.type": "injected"})
    lake.put(f"{hour(1)}/a.gz", json_lines(["here"]))
    assert "CONSTRAINT_VIOLATION" in lake.failure("SELECT message FROM events")
    assert lake.rows(f"SELECT message FROM events WHERE account = '{ACCOUNT}'") == [["here"]]


def test_path_column_names_the_object_and_prunes_the_scan(json_lake: Lake) -> None:
    path = f"s3://{json_lake.bucket}/{hour(2)}/b.gz"
    assert json_lake.rows("SELECT \"$path\", message FROM events WHERE hour = '02'") == [[path, "later"]]
    found = json_lake.run(f"SELECT count(*) FROM events WHERE \"$path\" IN ('{path}', 's3://other/one')")
    assert found["Statistics"]["DataScannedInBytes"] == len(json_lines(["later"]))
    assert "$path" not in str(json_lake.run("SELECT * FROM events"))
    assert json_lake.rows('SELECT "$path" FROM events WHERE "$path" = \'s3://other/one\'') == []


def test_replacements_refer_to_groups_as_in_trino(json_lake: Lake) -> None:
    sql = "SELECT regexp_replace(message, '(la)(ter)', '$2-$1') FROM events WHERE hour = '02'"
    assert json_lake.rows(sql) == [["ter-la"]]


GLUE, READ, WRITE = "glue:GetTable", "s3:GetObject", "s3:PutObject"
SELECT = "SELECT message FROM events WHERE hour = '02'"


@pytest.mark.parametrize(
    ("sql", "actions", "lacks"),
    [
        (SELECT, [GLUE, READ, WRITE], ""),
        (SELECT, [READ, WRITE], GLUE),
        (SELECT, [GLUE, WRITE], READ),
        (SELECT, [GLUE, READ], WRITE),
        (f"UNLOAD ({SELECT}) TO 's3://BUCKET/unloaded/' WITH (format = 'PARQUET')", [GLUE, READ], WRITE),
    ],
)
def test_a_query_has_the_permissions_of_its_caller(
    embedded: Any, json_lake: Lake, sql: str, actions: list[str], lacks: str
) -> None:
    on_group = allow(
        ["athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults"],
        f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/{json_lake.group}",
    )
    arn = role(embedded, "lambda.amazonaws.com", on_group, *(allow(action) for action in actions))
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    client(embedded, "iam").update_assume_role_policy(
        RoleName=arn.rpartition("/")[2], PolicyDocument=json.dumps({"Statement": [trust]})
    )
    keys = client(embedded, "sts").assume_role(RoleArn=arn, RoleSessionName="asks")["Credentials"]
    json_lake.athena = boto3.client(
        "athena",
        region_name=REGION,
        endpoint_url=embedded.endpoint,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    sql = sql.replace("BUCKET", json_lake.bucket)
    if lacks:
        assert f"perform: {lacks}" in json_lake.failure(sql)
    else:
        assert json_lake.rows(sql) == [["later"]]


def test_parquet_is_exact(lake: Lake) -> None:
    lake.table(PARQUET_SERDE, {"message": "string"})
    data = io.BytesIO()
    pq.write_table(pa.table({"message": NASTY}), data, compression="zstd")
    lake.put(f"{hour(3)}/a.parquet", data.getvalue())
    assert [row[0] for row in lake.rows("SELECT message FROM events")] == NASTY


ESCAPED = ["g:s\t1\ta\\\\b", "g:s\t2\ttwo\\nlines", "g:s\t3\ttab\\there"]


@pytest.mark.parametrize(
    ("serde", "parameters", "messages"),
    [
        (LAZY_SERDE, {"field.delim": "\t"}, ["a\\\\b", "two\\nlines", "tab\\there"]),
        (LAZY_SERDE, {"field.delim": "\t", "escape.delim": "\\"}, ["a\\b", "two\nlines", "tabthere"]),
        (
            REGEX_SERDE,
            {"input.regex": r"([^\t]*)\t(\d+)\t(.*)"},
            ["a\\\\b", "two\\nlines", "tab\\there"],
        ),
    ],
    ids=["as it is", "Hive's escapes", "regular expression"],
)
def test_raw_lines(lake: Lake, serde: str, parameters: dict[str, str], messages: list[str]) -> None:
    columns = {"origin": "string", "at": "bigint", "message": "string"}
    lake.table(serde, columns, parameters=parameters)
    lake.put(f"{hour(1)}/a.gz", gzip.compress("\n".join([*ESCAPED, ""]).encode()))
    assert lake.rows("SELECT origin, at, message FROM events ORDER BY at") == [
        ["g:s", str(number), message] for number, message in enumerate(messages, 1)
    ]


def test_unload_create_as_and_insert_write_the_selected_rows(json_lake: Lake) -> None:
    database, bucket = json_lake.database, json_lake.bucket
    select = f"SELECT message, hour FROM events WHERE account = '{ACCOUNT}'"
    unloaded = json_lake.run(
        f"UNLOAD ({select}) TO 's3://{bucket}/unloaded/' "
        "WITH (format = 'PARQUET', partitioned_by = ARRAY['hour'])"
    )
    assert unloaded["Status"]["State"] == "SUCCEEDED", unloaded["Status"]
    keys = [
        item["Key"] for item in json_lake.s3.list_objects_v2(Bucket=bucket, Prefix="unloaded/")["Contents"]
    ]
    assert sorted(key.split("/")[1] for key in keys) == ["hour=01", "hour=02"]
    assert unloaded["Statistics"]["DataManifestLocation"].endswith("-manifest.csv")
    created = json_lake.run(
        f"CREATE TABLE {database}.copies "
        f"WITH (format = 'PARQUET', external_location = 's3://{bucket}/copies/') AS {select}"
    )
    assert created["Status"]["State"] == "SUCCEEDED", created["Status"]
    added = json_lake.run("INSERT INTO copies SELECT 'added', '09'")
    assert added["Status"]["State"] == "SUCCEEDED", added["Status"]
    found = {row[0] for row in json_lake.rows("SELECT message FROM copies")}
    assert found == {*NASTY, "later", "added"}


def plain(message: Any) -> str:
    return str(message).translate({0: None, 10: None, 13: None})


# awswrangler 3.17 still passes a parameter that pandas 3 has deprecated.
@pytest.mark.filterwarnings("ignore:The copy keyword is deprecated")
def test_wrangler_reads_rows_and_work_group(json_lake: Lake, embedded: Any) -> None:
    session = boto3.Session(aws_access_key_id=ACCOUNT, aws_secret_access_key="test", region_name=REGION)
    for name in ("s3", "athena", "glue", "sts"):
        setattr(wr.config, f"{name}_endpoint_url", embedded.endpoint)
    try:
        for approach in (False, True):
            frame = wr.athena.read_sql_query(
                "SELECT message FROM events WHERE hour = '01' AND account = '" + ACCOUNT + "'",
                database=json_lake.database,
                workgroup=json_lake.group,
                boto3_session=session,
                ctas_approach=approach,
            )
            # A CSV result loses characters that pandas reads as line ends.
            assert sorted(map(plain, frame["message"])) == sorted(map(plain, NASTY))
    finally:
        for name in ("s3", "athena", "glue", "sts"):
            setattr(wr.config, f"{name}_endpoint_url", None)


def test_a_result_is_reused_on_request(json_lake: Lake) -> None:
    reuse = {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 60}}
    first, second = (
        json_lake.run("SELECT count(*) FROM events", ResultReuseConfiguration=reuse) for _ in range(2)
    )
    assert first["Statistics"]["ResultReuseInformation"] == {"ReusedPreviousResult": False}
    assert second["Statistics"]["ResultReuseInformation"] == {"ReusedPreviousResult": True}
    assert second["Statistics"]["DataScannedInBytes"] == 0


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("regexp_like('ERROR 7', '[A-Z]+ \\d')", "true"),
        ("regexp_extract('took 12 ms', '(\\d+) ms', 1)", "12"),
        ('json_extract_scalar(\'{"a": {"b": "c"}}\', \'$.a.b\')', "c"),
        ("date_trunc('hour', from_unixtime(1714557845))", "2024-05-01 10:00:00.000 UTC"),
        ("date_format(from_unixtime(0), '%Y-%m-%d')", "1970-01-01"),
        ("split_part('a:b', ':', 2)", "b"),
        ("coalesce(try_cast('x' AS bigint), 3)", "3"),
        ("approx_percentile(x, 0.5)", "2"),
    ],
)
def test_functions_of_athena(lake: Lake, expression: str, value: str) -> None:
    source = " FROM (VALUES (1), (2), (3)) AS t (x)" if "(x" in expression else ""
    assert lake.rows(f"SELECT {expression}{source}") == [[value]]


def test_unknown_table_and_invalid_sql_are_reported(lake: Lake) -> None:
    assert "TABLE_NOT_FOUND" in lake.failure("SELECT * FROM nowhere")
    assert lake.failure("SELECT FROM WHERE")
