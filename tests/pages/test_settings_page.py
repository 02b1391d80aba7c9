"""The page Settings on the embedded cloud: connection, user, and permissions."""

import json

import pytest

from app.settings import checks
from app.shared.session import workbench
from ops.access import PermissionStatus, read_permissions
from ops.aws import iam
from ops.aws.cloud import Cloud, Place
from ops.doctor import Finding, Result
from ops.errors import AccessDenied
from tests.pages.test_pages import connected, page, press, texts

__all__ = ["connected"]


def test_page_shows_connection_and_user() -> None:
    test = page("settings")
    assert not test.exception
    said = texts(test)
    assert "3 of 3 accounts connected" in said
    assert "· Administrator · local user" in said
    assert "ministack" not in said and "moto" not in said
    accounts = test.dataframe[0].value
    assert set(accounts["Account"]) == {"production", "qa", "development"}
    values = next(frame.value for frame in test.dataframe if "Setting" in frame.value)
    assert dict(zip(values["Setting"], values["Value"], strict=True))["audit_group"] == "/slipway/audit"


def test_missing_permissions_are_shown_with_a_policy(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    denied = {"rds:CopyDBSnapshot", "kms:DescribeKey"}

    def simulate(
        cloud: Cloud, place: Place, principal: str, actions: tuple[str, ...], resource: str, context: object
    ) -> list[iam.Denial]:
        return [iam.Denial(action, False, "implicitDeny") for action in actions if action in denied]

    monkeypatch.setattr(iam, "denials", simulate)
    test = page("settings")
    assert not test.exception
    assert "snapshots: write" in texts(test) and "Missing permissions" in texts(test)
    policies = [json.loads(code.value) for code in test.code]
    added = {action for policy in policies for item in policy["Statement"] for action in item["Action"]}
    assert added == denied
    copy = next(p["Statement"][0] for p in policies if "rds:CopyDBSnapshot" in p["Statement"][0]["Action"])
    assert "arn:aws:rds:*:111111111111:snapshot:*" in copy["Resource"]


def test_permissions_are_unknown_if_simulation_is_denied(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> list[iam.Denial]:
        raise AccessDenied("Simulating is not allowed.", hint="Allow iam:SimulatePrincipalPolicy.")

    monkeypatch.setattr(iam, "denials", refuse)
    test = page("settings")
    assert not test.exception
    assert texts(test).count("Unknown") >= 12
    assert any("iam:SimulatePrincipalPolicy" in code.value for code in test.code)


def test_permissions_are_simulated() -> None:
    bench = workbench()
    found = read_permissions(bench.cloud, bench.cloud.places[0])
    assert found.principal.startswith("arn:aws:iam::111111111111:role/")
    assert {permission.status for permission in found.permissions} == {PermissionStatus.ALLOWED}


def test_checks_run_on_demand_and_show_what_to_add(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        Finding("regions", "eu-west-1", Result.WORKS, "qa", "eu-west-1"),
        Finding(
            "keys",
            "a <key>",
            Result.WOULD_FAIL,
            "qa",
            "eu-west-1",
            "logs",
            "no *access*",
            '{"a": 1}',
            "Add it.",
        ),
    ]
    runs: list[object] = []

    def examine(*arguments: object) -> list[Finding]:
        runs.append(arguments)
        return found

    monkeypatch.setattr(checks, "examine", examine)
    test = page("settings")
    assert not test.exception and not runs
    test = press(test, "Run checks")
    assert not test.exception and len(runs) == 1
    assert "Would fail" in texts(test) and "a \\<key\\>" in texts(test) and "no \\*access\\*" in texts(test)
    assert '{"a": 1}' in [code.value for code in test.code]
    assert test.query_params["checks"] in ("yes", ["yes"])


def test_checks_without_problems_say_that_everything_works(monkeypatch: pytest.MonkeyPatch) -> None:
    works = [Finding("regions", "eu-west-1", Result.WORKS, "qa", "eu-west-1")]
    monkeypatch.setattr(checks, "examine", lambda *_: works)
    test = page("settings", checks="yes")
    assert "Everything that was checked works." in texts(test)
