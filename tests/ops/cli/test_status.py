"""`slipway status`: the exit status tells whether everything was read."""

import json
from dataclasses import replace
from typing import Any

import pytest

from ops.aws.readings import Reading
from ops.cli import main
from ops.cli import status as command
from ops.cli.context import NOT_READ, Context
from ops.errors import NotAllowed
from tests.ops.status.test_attention import HERE, quiet
from tests.ops.support_stacks import samples

NOTHING = samples.inventory(buckets=(), aliases=(), stacks=())


@pytest.fixture(autouse=True)
def source(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(Context, "cloud", None)
    monkeypatch.setattr(command, "read_status", lambda *_: quiet())
    monkeypatch.setattr(command, "read_inventory", lambda *_: NOTHING)
    return monkeypatch


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json"]) == 0
    found = printed(capsys)
    assert found["complete"] and found["attention"] == []
    assert main(["status"]) == 0
    assert capsys.readouterr().out == "Nothing needs attention.\n"


def test_what_needs_attention_is_printed(
    source: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source.setattr(command, "read_inventory", lambda *_: samples.inventory())
    assert main(["status", "--json"]) == 0
    (note,) = printed(capsys)["attention"]
    assert note["urgency"] == "cost" and note["job"] == "Support stacks" and "orphaned" in note["what"]


def test_what_was_not_read_has_an_exit_status_of_its_own(
    source: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = NotAllowed("Access denied.")
    source.setattr(command, "read_status", lambda *_: replace(quiet(), rollouts=Reading(HERE, error=error)))
    assert main(["status", "--json"]) == NOT_READ
    found = printed(capsys)
    assert not found["complete"] and found["attention"][0]["urgency"] == "unread"


def test_an_inventory_that_fails_hides_nothing_else(
    source: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise NotAllowed("Access denied.")

    source.setattr(command, "read_inventory", fail)
    assert main(["status", "--json"]) == NOT_READ
    (note,) = printed(capsys)["attention"]
    assert note["what"] == "Cannot read pipelines, stacks, and buckets: Access denied."
