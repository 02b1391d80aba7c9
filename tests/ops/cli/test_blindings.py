"""Each reading of an inventory, lost in each way: what `support-stacks inventory` and `status` still say."""

import json
from typing import Any

import pytest

from ops.cli import main
from ops.cli import status as status_command
from ops.cli import support_stacks as inventory_command
from ops.cli.context import NOT_READ, Context
from ops.errors import AccessDenied, AwsError, ExpiredCredentials, SlipwayError, Throttled, Unreachable
from ops.support_stacks.liveness import UsageState, assess_usage
from tests.ops.status.test_attention import quiet
from tests.ops.support_stacks.samples import NOW, inventory, pipeline
from tests.ops.support_stacks.test_unread import blinded, readings

DENIED = "User: arn:aws:sts::1:assumed-role/x/y is not authorized to perform: {0} on resource: *"
WAYS: dict[str, SlipwayError] = {
    "denied": AccessDenied("no", operation="ListThings", detail=DENIED.format("service:ListThings")),
    "throttled": Throttled("slow"),
    "timed out": Unreachable("no answer"),
    "expired": ExpiredCredentials("expired"),
    "malformed": AwsError("the response cannot be parsed"),
}
WORLDS = {"orphaned": inventory(), "in use": inventory(pipelines=(pipeline(),))}
CELLS = [
    pytest.param(world, reading, way, id=f"{world}-{reading[2][:24]}-{way}", marks=marks)
    for world, whole in WORLDS.items()
    for number, reading in enumerate(readings(whole))
    for turn, way in enumerate(WAYS)
    for marks in [() if (number + (world == "in use")) % len(WAYS) == turn else pytest.mark.thorough]
]


@pytest.mark.parametrize(("world", "reading", "way"), CELLS)
def test_a_lost_reading_weakens_every_verdict_or_none(
    world: str,
    reading: tuple[str, str, str],
    way: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = WORLDS[world]
    less = blinded(whole, reading, WAYS[way])
    monkeypatch.setattr(Context, "cloud", None)
    monkeypatch.setattr(inventory_command, "read_inventory", lambda *_: less)
    monkeypatch.setattr(status_command, "read_inventory", lambda *_: less)
    monkeypatch.setattr(status_command, "read_status", lambda *_: quiet())

    assert main(["support-stacks", "inventory", "--json"]) == NOT_READ
    found = json.loads(capsys.readouterr().out)
    (unread,) = found["unreadable"]
    assert (unread["account"], unread["region"], unread["what"]) == reading
    assert unread["permission"] == ("service:ListThings" if way == "denied" else "")
    assert not found["monthly_is_exact"]
    before = {(v.kind, v.id): v.state for v in assess_usage(whole, NOW).verdicts}
    for verdict in found["verdicts"]:
        assert verdict["state"] in (before[verdict["kind"], verdict["id"]], UsageState.UNKNOWN)

    assert main(["support-stacks", "inventory"]) == NOT_READ
    assert "Cost of orphaned resources: at least $" in capsys.readouterr().out

    assert main(["status", "--json"]) == NOT_READ
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert not told["complete"]
    assert "unread" in {note["urgency"] for note in told["attention"]}
    for note in told["attention"]:
        assert note["urgency"] != "cost" or "At least " in note["what"]
