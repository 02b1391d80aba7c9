"""The controller asks once, and accepts an approval from those whose role allows it, while it waits."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ops.functions.rollouts import aws, monitoring, runs, store
from ops.rollouts.rules.decisions import decide
from ops.rollouts.rules.document import Document
from tests.ops.rollouts.samples import FILE, A

TEXT = f"""[what]\nstack = "api"\ntemplate = "t"\n[evidence]\nnone = "a test"\n[[stage]]\nname = "production"
where = {{ accounts = ["{A}"], regions = ["eu-west-1"] }}
approval = {{ role = "administrator", expires = "2d" }}"""
DOCUMENT = Document("shop-1", FILE, TEXT, {}, "{}", "Ada", divided=True)


@pytest.fixture(autouse=True)
def notices(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """The controller's table with a run in progress; what it notifies of."""
    sent: list[tuple[str, str]] = []
    monkeypatch.setenv("TABLE", "runs")
    monkeypatch.setattr(store, "document", lambda run: DOCUMENT)
    monkeypatch.setattr(runs, "notify", lambda run, what, why: sent.append((what, why)))
    with mock_aws():
        table = boto3.client("dynamodb", region_name="eu-west-1")
        names = ("run", "item")
        table.create_table(
            TableName="runs",
            KeySchema=[
                {"AttributeName": name, "KeyType": kind}
                for name, kind in zip(names, ("HASH", "RANGE"), strict=True)
            ],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            BillingMode="PAY_PER_REQUEST",
        )
        for module in (aws, store, runs):
            monkeypatch.setattr(module, "central_client", lambda service: table)
        store.put("shop-1", "run", {"version": "0", "status": "RUNNING"})
        yield sent


def approve(role: str) -> Any:
    on = {"run": "shop-1", "does": "approve", "why": "seen", "who": "Eve", "role": role}
    return runs.apply_operator_command(on)


def test_a_stage_waits_for_an_approval_of_its_role(notices: list[tuple[str, str]]) -> None:
    assert approve("administrator") == {"error": "the run does not wait for an approval"}
    step = runs.next_step({"run": "shop-1"})
    assert step["do"] == "wait"
    ((what, why),) = notices
    assert what == "Approval requested" and why.startswith(
        "production needs the approval of an administrator"
    )
    assert runs.next_step({"run": "shop-1"})["do"] == "wait" and len(notices) == 1
    assert approve("operator") == {"error": "production requires the approval of an administrator"}
    assert runs.next_step({"run": "shop-1"})["do"] == "wait"
    assert approve("administrator") == {"run": "shop-1"}
    assert approve("administrator") == {"error": "the run does not wait for an approval"}
    facts = monitoring.read_stored_facts(DOCUMENT)
    assert facts.controls.approvals == {"production": "seen (Eve)"}
    assert decide(DOCUMENT.rollout, DOCUMENT.stages, facts).kind == "deploy"
    assert [item["did"] for item in store.list_items("shop-1", store.LOG)] == [
        "asks",
        "waits",
        "ordered: approve",
    ]
