"""Exported logs on the command line: JSON and CSV in a pipe, and marked mistakes."""

import csv
import gzip
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ops.aws.cloud import Cloud
from ops.cli import main
from ops.cli.logs.explore import progress_line
from ops.embedded.lifecycle import RunningCloud
from ops.logs.lake.layout import hour_folder
from ops.logs.search.cursor import Progress
from ops.logs.search.output import FORMULA
from tests.ops.logs import hostile


@pytest.fixture(autouse=True)
def connected(embedded: RunningCloud, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_DATA", str(data))


def said(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main(["logs", *arguments]) == status
    return capsys.readouterr().out


def test_a_search_prints_one_event_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "search", "level:error", "--last", "1d", "--limit", "3").splitlines()
    events = [json.loads(line) for line in lines]
    assert len(events) == 3
    assert {event["level"] for event in events} == {"ERROR"}
    assert [event["ts"] for event in events] == sorted((event["ts"] for event in events), reverse=True)


def test_json_is_one_document_whatever_the_format(capsys: pytest.CaptureFixture[str]) -> None:
    where = ("level:error", "--last", "1d", "--limit", "3")
    lines = said(capsys, "search", *where, "--format", "json").splitlines()
    for form in ((), ("--format", "json"), ("--format", "csv"), ("--format", "table")):
        assert json.loads(said(capsys, "search", *where, *form, "--json")) == [*map(json.loads, lines)]
    assert json.loads(said(capsys, "search", "no-such-word", "--json")) == []
    select = "SELECT sum(bytes) AS n, max(ts)::date AS day FROM (SELECT 1::hugeint AS bytes, ts FROM events)"
    (row,) = json.loads(said(capsys, "sql", select, "--last", "1d", "--json"))
    assert int(row["n"]) > 0 and datetime.fromisoformat(row["day"])
    assert {row["name"] for row in json.loads(said(capsys, "sql", "--json"))} > {"cold_starts"}


def test_a_query_can_start_with_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (("-level:error order",), ("--limit=9", "--", "-level:error")):
        lines = said(capsys, "search", "--last", "1d", *arguments).splitlines()
        levels = {json.loads(line)["level"] for line in lines}
        assert levels and "ERROR" not in levels
    select = "-- title: Events = all\nSELECT count(*) AS n FROM events"
    assert json.loads(said(capsys, "sql", select, "--last=1d", "--region", "eu-west-1", "us-east-1"))["n"]
    for typo in ("-level:error", "--lats=1d 2d"):
        assert said(capsys, "search", typo, status=2) == ""


def test_a_table_has_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    shown = said(capsys, "search", "--last", "1d", "--format", "table", "--full", "--limit", "2000")
    assert len(shown.splitlines()) > 500
    assert not [char for char in shown if not char.isprintable() and char != "\n"]


def test_patterns_are_also_given_under_their_former_name(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("patterns", "templates", "search"):
        rows = [json.loads(line) for line in said(capsys, verb, "order", "--last", "1d").splitlines()]
        assert rows and all(row["pattern"] == row["template"] for row in rows)
    header = said(capsys, "patterns", "order", "--last", "1d", "--format", "table").splitlines()[0]
    assert "pattern" in header and "template" not in header


@pytest.mark.parametrize("engine", ["duckdb", "athena"])
def test_a_saved_query_as_csv_is_the_same_on_both_engines(
    capsys: pytest.CaptureFixture[str], engine: str
) -> None:
    text = said(capsys, "sql", "cold_starts", "--last", "1d", "--engine", engine, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["log_group"] for row in rows} == {"/aws/lambda/checkout", "/aws/lambda/thumbnails"}


def test_an_estimate_names_both_engines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", "logs", "estimate", "--last", "1d"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["engine"] for row in found["engines"]] == ["DuckDB", "Athena"]
    assert found["chosen"] == "duckdb"


def test_a_mistake_is_marked_at_its_position(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "search", "ok levl:error"]) == 1
    assert "ok levl:error\n   ^\nError: There is no field 'levl'" in capsys.readouterr().err


def test_unknown_names_are_reported(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for arguments, words in (
        (["sql", "nope"], "no saved query 'nope'"),
        (["sql", str(tmp_path / "x.sql")], "Cannot read"),
        (["sql", "cold_starts", "--set", "x"], "Cannot read 'x': --set takes NAME=VALUE."),
        (["sql", "cold_starts", "--set", "x=1", "y=2"], "has no parameter 'x'"),
        (["search", "--last", "soon"], "is not a time range"),
    ):
        assert main(["logs", *arguments]) == 1
        assert words in capsys.readouterr().err


def test_logs_in_s3_are_compacted_after_a_dry_run(capsys: pytest.CaptureFixture[str]) -> None:
    everything = ("SELECT account, log_group, count(*) AS n FROM events GROUP BY ALL ORDER BY ALL", "--last")
    now = datetime.now(UTC)
    yesterday = f"{now - timedelta(days=2):%Y-%m-%dT00:00}/{now:%Y-%m-%dT%H:00}"
    before = said(capsys, "sql", *everything, yesterday)
    assert before
    planned = said(capsys, "compact", "--last", yesterday, "--dry-run")
    assert "Compact " in planned
    assert said(capsys, "compact", "--last", yesterday, "--dry-run") == planned
    plan = json.loads(said(capsys, "compact", "--last", yesterday, "--dry-run", "--json"))
    done = json.loads(said(capsys, "compact", "--last", yesterday, "--json"))
    assert [result["step"] for result in done["results"]] == [step["does"] for step in plan["steps"]]
    assert {result["result"] for result in done["results"]} == {"done"}
    assert json.loads(said(capsys, "compact", "--last", yesterday, "--json")) == {"results": []}
    assert "Nothing to compact" in said(capsys, "compact", "--last", yesterday)
    assert said(capsys, "sql", *everything, yesterday) == before


def test_hostile_logs_are_plain_text_on_a_terminal_and_no_formulas_in_csv(
    capsys: pytest.CaptureFixture[str], cloud: Cloud
) -> None:
    hostile.put(cloud.client("s3", "111111111111", "eu-west-1"), "hostile-cli", "111111111111", "eu-west-1")
    where = ("--dataset", "production=s3://hostile-cli/", "--last", "1d")
    select = 'SELECT message AS "=n\x1b[31m", log_group, log_stream, [message] AS many FROM events'
    for command in (["search"], ["search", "--full"], ["patterns"], ["sql", select]):
        shown = said(capsys, *command, *where, "--format", "table")
        assert "<script>window.pwned=" in shown
        assert not [char for char in shown if not char.isprintable() and char != "\n"]
    for command in (["search"], ["patterns"], ["sql", select]):
        text = said(capsys, *command, *where, "--format", "csv")
        cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
        assert "'+1+2" in cells or "'+*+*" in cells
        assert not [cell for cell in cells if cell.startswith(FORMULA)]
    events = [json.loads(line) for line in said(capsys, "search", *where, "--format", "json").splitlines()]
    assert [event["message"] for event in reversed(events)] == list(hostile.MESSAGES)


def test_progress_and_warnings_are_separate_from_the_output(
    capsys: pytest.CaptureFixture[str], cloud: Cloud
) -> None:
    assert progress_line(Progress("Read 3 of 12 objects", 1, 4)) == " 25% Read 3 of 12 objects"
    assert progress_line(Progress("Queued in Athena")) == "Queued in Athena"
    s3 = cloud.client("s3", "111111111111", "eu-west-1")
    s3.create_bucket(Bucket="cut-off", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    hour = datetime.now(UTC) - timedelta(hours=1)
    text = "".join(f"/app:s\t{round(hour.timestamp() * 1000)}\tline {n * 7919}\n" for n in range(5000))
    where = f"raw/account=111111111111/region=eu-west-1/{hour_folder(hour)}"
    s3.put_object(Bucket="cut-off", Key=f"{where}1.gz", Body=gzip.compress(text.encode())[:-2000])
    assert main(["logs", "search", "--last", "1d", "--dataset", "production=s3://cut-off/"]) == 4
    answer = capsys.readouterr()
    assert json.loads(answer.out.splitlines()[0])["log_group"] == "/app"
    assert "truncated or damaged" in answer.err


def test_a_search_that_could_not_read_an_object_has_its_own_status(
    capsys: pytest.CaptureFixture[str], cloud: Cloud
) -> None:
    s3 = cloud.client("s3", cloud.accounts[0].id, "eu-west-1")
    hour = datetime.now(UTC) - timedelta(hours=1)
    folder = f"json/account=1/region=eu-west-1/{hour_folder(hour)}"
    s3.create_bucket(Bucket="foreign-objects", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="foreign-objects", Key=f"{folder}deep.json", Body=b"[" * 200_000)
    for verb in (["search"], ["sql", "SELECT count(*) AS n FROM events"], ["patterns"]):
        assert main(["logs", *verb, "--last", "3h", "--dataset", "s3://foreign-objects", "--json"]) == 4
        errors = capsys.readouterr().err
        assert "deep.json" in errors.replace("\n", "")
        assert f"Partly read hours (UTC): {hour:%Y-%m-%d %H}:00" in errors
