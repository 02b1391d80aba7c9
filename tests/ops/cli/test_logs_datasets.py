"""Logs of AWS services on the command line: found in a bucket, searched together, and with Athena."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.cli import main
from ops.embedded.lifecycle import RunningCloud
from ops.logs.lake.layout import Location
from ops.logs.services.athena_tables import tables_of
from ops.logs.services.table import BY_NAME
from tests.ops.embedded.overlay import REGION, client, unique
from tests.ops.logs.services import samples

RANGE = ("--last", "2026-11-24T10:00Z/2026-11-24T11:00Z")


@pytest.fixture(scope="module")
def bucket(embedded: RunningCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A bucket with logs of a load balancer and of a VPC, and Athena tables for the first."""
    name = unique("service-logs")
    s3, glue, athena = (client(embedded, service) for service in ("s3", "glue", "athena"))
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    for sample in (samples.ALB, samples.FLOW_LOGS):
        s3.put_object(Bucket=name, Key=sample.key, Body=sample.body)
    database = unique("service_logs").replace("-", "_")
    glue.create_database(DatabaseInput={"Name": database})
    output = {"ResultConfiguration": {"OutputLocation": f"s3://{name}-results/"}}
    s3.create_bucket(Bucket=f"{name}-results", CreateBucketConfiguration={"LocationConstraint": REGION})
    athena.create_work_group(Name=database, Configuration=output)
    alb = BY_NAME["alb"]
    (table,) = tables_of(alb, Location(name), alb.layouts[:1])
    glue.create_table(DatabaseName=database, TableInput=table.table_input())
    yield name
    glue.delete_database(Name=database)
    athena.delete_work_group(WorkGroup=database, RecursiveDeleteOption=True)


@pytest.fixture
def tables(embedded: RunningCloud, bucket: str) -> Iterator[str]:
    """A database with a workgroup, and a table of flow logs that are in another bucket."""
    glue, athena = client(embedded, "glue"), client(embedded, "athena")
    database = unique("tables").replace("-", "_")
    glue.create_database(DatabaseInput={"Name": database})
    output = {"ResultConfiguration": {"OutputLocation": f"s3://{bucket}-results/"}}
    athena.create_work_group(Name=database, Configuration=output)
    flow_logs = BY_NAME["vpc-flow-logs"]
    (other,) = tables_of(flow_logs, Location("elsewhere"), flow_logs.layouts[:1], ["version"])
    glue.create_table(DatabaseName=database, TableInput=other.table_input())
    yield database
    glue.delete_database(Name=database)
    athena.delete_work_group(WorkGroup=database, RecursiveDeleteOption=True)


@pytest.fixture(autouse=True)
def connected(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_DATA", str(data))


def said(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main(["logs", *arguments]) == status
    return capsys.readouterr().out


def test_datasets_are_found_and_searched_together(capsys: pytest.CaptureFixture[str], bucket: str) -> None:
    address = f"s3://{bucket}"
    found = json.loads(said(capsys, "datasets", address, "--json"))
    assert [(one["type"], one["dataset"]) for one in found] == [
        ("alb", f"alb:{address}/"),
        ("vpc-flow-logs", f"vpc-flow-logs:{address}/"),
    ]
    together = ",".join(one["dataset"] for one in found)
    for dataset in (address, together):
        lines = said(
            capsys, "search", "status:>=500 OR action:REJECT", *RANGE, "--dataset", dataset
        ).splitlines()
        groups = [json.loads(line)["log_group"] for line in lines]
        assert groups == ["vpc-flow-logs", "alb/app/shop/50dc6c495c0c9188"]
    (line,) = said(capsys, "search", "status:>=500", *RANGE, "--dataset", f"alb:{address}").splitlines()
    assert json.loads(json.loads(line)["message"])["client_ip"] == "2001:db8::7"


def test_athena_answers_as_this_machine_does(capsys: pytest.CaptureFixture[str], bucket: str) -> None:
    sql = "SELECT json_field(message, '$.status') AS status, count(*) AS n FROM events GROUP BY 1 ORDER BY 1"
    where = (sql, *RANGE, "--dataset", f"alb:s3://{bucket}", "--format", "json")
    answers = [said(capsys, "sql", *where, "--engine", engine) for engine in ("duckdb", "athena")]
    assert [json.loads(line)["status"] for line in answers[0].splitlines()] == ["200", "503"]
    assert answers[0] == answers[1]


def test_the_statements_of_athena_tables_are_printed(capsys: pytest.CaptureFixture[str], bucket: str) -> None:
    printed = said(capsys, "datasets", f"s3://{bucket}", "--ddl")
    assert printed.count("CREATE EXTERNAL TABLE") == 2
    assert f"s3://{bucket}/AWSLogs/${{account}}/vpcflowlogs/${{region}}/${{day}}/" in printed


def test_missing_athena_tables_are_created_and_searched(
    embedded: RunningCloud, capsys: pytest.CaptureFixture[str], bucket: str, tables: str
) -> None:
    glue = client(embedded, "glue")

    def names() -> list[str]:
        return sorted(one["Name"] for one in glue.get_tables(DatabaseName=tables)["TableList"])

    create = ("create-tables", f"s3://{bucket}", "--database", tables)
    planned = said(capsys, *create, "--dry-run")
    assert "Create the table slipway_alb" in planned and names() == ["slipway_vpc_flow_logs"]
    said(capsys, *create)
    # The name is that of a table for another bucket.
    assert names() == ["slipway_alb", "slipway_vpc_flow_logs", "slipway_vpc_flow_logs_2"]
    assert "All tables exist." in said(capsys, *create)
    flows = ("search", "action:REJECT", *RANGE, "--dataset", f"vpc-flow-logs:s3://{bucket}")
    answers = [said(capsys, *flows, "--engine", engine) for engine in ("duckdb", "athena")]
    assert answers[0] and answers[0].count("\n") == answers[1].count("\n")


def test_tables_are_not_created_where_no_query_could_read_them(
    capsys: pytest.CaptureFixture[str], bucket: str
) -> None:
    said(capsys, "create-tables", f"s3://{bucket}", "--database", "nowhere", status=1)


def test_a_trail_without_digests_is_not_called_valid(capsys: pytest.CaptureFixture[str], bucket: str) -> None:
    assert "No digests in the range" in said(capsys, "validate-trail", f"s3://{bucket}", status=4)


def test_a_type_that_does_not_exist_is_suggested(capsys: pytest.CaptureFixture[str]) -> None:
    main(["logs", "search", "--dataset", "albs:s3://bucket"])
    assert "Did you mean alb?" in capsys.readouterr().err
