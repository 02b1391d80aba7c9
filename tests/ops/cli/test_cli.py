"""The command line on the embedded cloud: tables, JSON, errors, and exit statuses."""

import json
from pathlib import Path
from typing import Any

import pytest

from ops.cli import main
from ops.cli.context import readable
from ops.embedded.lifecycle import RunningCloud
from ops.snapshots.policy.model import parse_policy
from ops.snapshots.report import SanitizingReport, UnlistedColumn

SHOP = "shop-production"


@pytest.fixture(autouse=True)
def connected(embedded: RunningCloud, data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SLIPWAY_DATA", str(data))
    monkeypatch.setenv("SLIPWAY_EMBEDDED_DELAY", "0.2")
    monkeypatch.chdir(tmp_path)  # no slipway.toml of the project's own


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """Return the parsed output of a command with --json."""
    assert main(["--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_databases_and_pipelines(capsys: pytest.CaptureFixture[str]) -> None:
    found = {row["database"]: row for row in answer(capsys, "snapshots", "databases")}
    assert found[SHOP]["pipeline"] == f"snapshots-{SHOP}"
    assert SHOP in [row["database"] for row in answer(capsys, "snapshots", "pipelines")]
    assert main(["snapshots", "databases"]) == 0
    assert SHOP in capsys.readouterr().out


def test_an_empty_place_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--account", "development", "--region", "us-east-1"]
    assert main(["snapshots", "pipelines", *where]) == 0
    assert "Set one up: slipway snapshots deploy" in capsys.readouterr().out
    assert answer(capsys, "snapshots", "databases", *where) == []


def test_refresh_waits_shows_and_logs(capsys: pytest.CaptureFixture[str]) -> None:
    run = answer(capsys, "snapshots", "refresh", SHOP, "--wait")
    assert run["status"] == "SUCCEEDED"
    shown = answer(capsys, "snapshots", "show", SHOP, run["name"])
    assert {step["status"] for step in shown["steps"]} == {"succeeded", "skipped"}
    lines = answer(capsys, "snapshots", "log", SHOP, run["name"])
    assert any("Sanitized and verified" in line["message"] for line in lines)
    assert run["name"] in [item["run"] for item in answer(capsys, "snapshots", "runs", SHOP)]
    (newest, *_) = answer(capsys, "snapshots", "list", SHOP)
    assert newest["shared_with"] == ["222222222222"]
    (made,) = answer(capsys, "snapshots", "restore", SHOP, "--into", "qa", "--as", "shop-qa")
    assert (made["account"], made["snapshot"]) == ("qa", newest["snapshot"]["id"])
    assert made["password"].startswith("arn:aws:secretsmanager:eu-west-1:222222222222:secret:rds!db-")
    assert main(["snapshots", "restore", SHOP, "--into", "qa", "--as", "shop-qa"]) == 3
    assert "--confirm shop-qa" in capsys.readouterr().err


def test_a_suggested_policy_is_complete(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = SanitizingReport("1", (), (UnlistedColumn("public.customers.nickname", "text", False),))
    monkeypatch.setattr("ops.cli.snapshots.report._report", lambda *_arguments: report)
    assert main(["snapshots", "suggest", SHOP]) == 0
    text = capsys.readouterr().out
    policy = parse_policy(text)
    assert "nickname" in text and policy.engine == "postgres" and len(policy.tables) > 5


def test_columns_of_a_file_are_classified_without_a_cloud(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def no_settings() -> None:
        raise AssertionError("settings are not needed")

    monkeypatch.setattr("ops.cli.context.load", no_settings)
    file = tmp_path / "columns.csv"
    file.write_text("table,column,type\norders,ship_address,text\n")
    assert main(["snapshots", "suggest", "--columns", str(file)]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header == "table,column,class,treatment,confidence,reason"
    assert row.startswith("orders,ship_address,address,fake address,")
    file.write_text("ship_address\n")
    assert main(["snapshots", "suggest", "--columns", str(file)]) != 0
    assert "Cannot read the columns: its header lacks table, column, type." in capsys.readouterr().err
    assert main(["snapshots", "suggest", SHOP, "--columns", str(file)]) != 0
    assert "together" in capsys.readouterr().err


def test_accounts_that_the_embedded_cloud_ignores_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    Path("slipway.toml").write_text('[accounts.mine]\nid = "123456789012"\n')
    assert main(["snapshots", "databases"]) == 0
    assert "[accounts] is ignored" in " ".join(capsys.readouterr().err.split())


def test_a_dry_run_shows_the_plan_and_does_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    before = answer(capsys, "snapshots", "runs", SHOP)
    plan = answer(capsys, "snapshots", "refresh", SHOP, "--dry-run")
    assert plan["steps"][0]["account"] == "111111111111"
    assert answer(capsys, "snapshots", "runs", SHOP) == before


def test_deploying_previews_then_deploys_then_deletes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("[tables.customers]\nemail = 'fake email'")
    deploy = ["snapshots", "deploy", SHOP, "--policy", str(policy), "--share-with", "qa", "--keep", "4"]
    preview = answer(capsys, *deploy, "--dry-run")
    assert {change["action"] for change in preview["changes"]} == {"Modify"}
    assert main(["snapshots", "delete", SHOP]) == 3
    assert "--confirm snapshots-shop-production" in capsys.readouterr().err


WRONG = {
    "no such pipeline": (["refresh", "nope"], 1, "nope has no snapshot pipeline"),
    "no such account": (["databases", "--account", "nobody"], 1, "The account 'nobody' is not configured"),
    "no such run": (["show", SHOP, "nope"], 1, "nope"),
    "no such file": (["deploy", SHOP, "--policy", "/no/file.toml"], 1, "Cannot read /no/file.toml"),
    "nothing shared": (["restore", SHOP, "--into", "development"], 1, "shared with 333333333333"),
    "no tag": (["restore", SHOP, "--into", "qa", "--tag", "x"], 1, "Cannot read 'x': --tag takes"),
    "no such subnet": (
        ["deploy", SHOP, "--policy", "x.toml", "--subnets", "a", "b"],
        1,
        "subnet a does not exist",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_call_says_what_and_what_next(capsys: pytest.CaptureFixture[str], case: str) -> None:
    arguments, status, message = WRONG[case]
    Path("x.toml").write_text("version = 1")
    assert main(["snapshots", *arguments]) == status
    said = capsys.readouterr().err
    assert message in said
    assert "Hint: " in said


def test_an_unknown_command_is_a_wrong_call() -> None:
    assert main(["snapshot"]) == 2


def test_the_embedded_cloud_is_found(capsys: pytest.CaptureFixture[str], embedded: RunningCloud) -> None:
    assert answer(capsys, "embedded", "status")["endpoint"] == embedded.endpoint
    assert answer(capsys, "embedded", "start")["pid"] == embedded.pid


def test_control_characters_of_names_do_not_reach_the_terminal() -> None:
    assert readable("a\x1b[31mb\x07") == "a�[31mb�"
    assert readable(None) == "–"
    assert readable(("a", "b")) == "a, b"


def test_a_viewer_changes_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_LOCAL_ROLE", "viewer")
    assert main(["snapshots", "refresh", SHOP]) == 1
    said = capsys.readouterr().err
    assert "has the role viewer. Nothing was changed." in said
    assert "Hint: Ask an administrator for the role" in said
