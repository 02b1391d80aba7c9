"""One target on its way forward, where somebody else stands in the way: nothing of theirs is touched."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.functions.rollouts import monitoring, preview, stacks, store, targets
from ops.functions.rollouts.aws import NotReady, TargetFailed
from ops.functions.rollouts.recorded import RecordedStack
from ops.rollouts.rules.decisions import RolloutFacts
from ops.rollouts.rules.document import Document
from tests.ops.rollouts.samples import FILE, SHOP, A, B

EVENT = {"run": "shop-1", "target": f"{A}/eu-north-1/shop"}
DOCUMENT = Document("shop-1", FILE, SHOP, {"unit ou-ab12-11111111": [A, B]}, "new", "Ada")
BEFORE = RecordedStack(True, "arn:stack", "t0", "UPDATE_COMPLETE", "old", {"Size": "old"}, {}, [], "arn:role")


class CloudFormation:
    """Whose change set is in that status; notes what is executed."""

    def __init__(self, status: str = "AVAILABLE") -> None:
        self.status = status
        self.executed: list[str] = []

    def execute_change_set(self, **asked: Any) -> None:
        self.executed.append(asked["ChangeSetName"])
        if self.status != "AVAILABLE":
            error = {"Error": {"Code": "InvalidChangeSetStatus", "Message": "no"}}
            raise ClientError(error, "ExecuteChangeSet")  # type: ignore[arg-type]

    def describe_change_set(self, **asked: Any) -> dict[str, str]:
        return {"ExecutionStatus": self.status}


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the controller remembers of the target."""
    item: dict[str, Any] = {"before": "key", "change_set": "arn:change"}
    target = DOCUMENT.targets[EVENT["target"]][1]
    monkeypatch.setattr(targets, "load_target", lambda event: (DOCUMENT, target, dict(item)))
    monkeypatch.setattr(store, "read", lambda key: BEFORE.to_json())
    monkeypatch.setattr(store, "update", lambda run, name, values: item.update(values))
    return item


def stack(monkeypatch: pytest.MonkeyPatch, cfn: CloudFormation, status: str, moment: str) -> None:
    found = {"StackId": "arn:stack", "StackStatus": status, "CreationTime": moment}
    monkeypatch.setattr(stacks, "describe", lambda target, id_="": found)
    monkeypatch.setattr(stacks, "cloudformation", lambda target: cfn)
    monkeypatch.setattr(stacks, "get_template", lambda target, id_: "old")
    monkeypatch.setattr(stacks, "nested_templates", lambda target, id_, inside: ())
    monkeypatch.setattr(stacks, "get_policy", lambda target, id_: "")


@pytest.mark.parametrize(("region", "starts"), [("eu-west-1", False), ("us-east-1", True)])
def test_a_target_starts_only_by_the_clock_of_its_region(
    monkeypatch: pytest.MonkeyPatch, region: str, starts: bool
) -> None:
    closed = '[blockers]\nzone = "local"\nholidays = [2026-12-25]\n'
    document = replace(DOCUMENT, text=f"{SHOP.split('[blockers]')[0]}{closed}")
    event = {"run": "shop-1", "target": f"{A}/{region}/shop"}
    target = document.targets[event["target"]][1]
    stored: list[str] = []
    facts = RolloutFacts(datetime(2026, 12, 25, 2, tzinfo=UTC))  # 24 December in New York
    monkeypatch.setattr(targets, "load_target", lambda event: (document, target, {}))
    monkeypatch.setattr(monitoring, "read_facts", lambda document, only: facts)
    monkeypatch.setattr(store, "append_log", lambda *args, **more: None)
    monkeypatch.setattr(store, "put", lambda run, name, values, new: stored.append(name))
    assert targets.begin(event) == event | {"go": starts}
    assert stored == ([store.TARGET + target.id] if starts else [])


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED", "DELETE_FAILED"])
def test_a_stack_that_is_broken_is_not_touched(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, Any], status: str
) -> None:
    known.clear()
    stack(monkeypatch, CloudFormation(), status, "t0")
    with pytest.raises(TargetFailed, match=f"{status} and was not changed; repair it first"):
        targets.record(EVENT)
    assert not known


def test_a_stack_that_somebody_changes_is_awaited(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, Any]
) -> None:
    known.clear()
    stack(monkeypatch, CloudFormation(), "UPDATE_IN_PROGRESS", "t0")
    with pytest.raises(NotReady, match="another operation on shop is in progress"):
        targets.record(EVENT)


def test_what_was_changed_since_it_was_recorded_is_not_executed(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, Any]
) -> None:
    cfn = CloudFormation()
    stack(monkeypatch, cfn, "UPDATE_COMPLETE", "t1")
    with pytest.raises(TargetFailed, match="changed outside this rollout after it was recorded"):
        targets.execute(EVENT)
    assert not cfn.executed and "executed" not in known


def test_a_change_set_that_another_change_has_made_obsolete_fails_the_target(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, Any]
) -> None:
    stack(monkeypatch, CloudFormation("OBSOLETE"), "UPDATE_COMPLETE", "t0")
    with pytest.raises(TargetFailed, match="OBSOLETE: the stack was changed outside this rollout"):
        targets.execute(EVENT)


def test_execution_may_be_asked_for_twice(monkeypatch: pytest.MonkeyPatch, known: dict[str, Any]) -> None:
    cfn = CloudFormation()
    stack(monkeypatch, cfn, "UPDATE_COMPLETE", "t0")
    targets.execute(EVENT)
    cfn.status = "EXECUTE_IN_PROGRESS"
    stack(monkeypatch, cfn, "UPDATE_IN_PROGRESS", "t1")
    targets.execute(EVENT)  # the stack has moved because of the first
    assert cfn.executed == ["arn:change"] * 2


@pytest.mark.parametrize(
    ("role", "own", "attached"),
    [("", "", ""), ("deploys", "", f"arn:aws:iam::{A}:role/deploys"), ("deploys", "arn:own", "")],
    ids=["none", "opted in", "the stack's own stays"],
)
def test_a_stack_gets_only_the_service_role_that_the_file_names(
    monkeypatch: pytest.MonkeyPatch, role: str, own: str, attached: str
) -> None:
    monkeypatch.setenv("PARTITION", "aws")
    text = SHOP.replace("[what]", f'[what]\nrole = "{role}"') if role else SHOP
    document = Document("shop-1", FILE, text, {"unit ou-ab12-11111111": [A, B]}, "new", "Ada")
    before = RecordedStack(True, role=own)
    given = targets.service_role(document, document.targets[EVENT["target"]][1], before)
    assert given == ({"RoleARN": attached} if attached else {})
    (warning, *_) = [*preview._role_warnings(document, before), ""]
    words = {"": "", "deploys": "attaches the service role deploys; a rollback cannot remove it"}
    assert warning.startswith("" if own else words[role] or "without a service role, an operation")


def test_the_stacks_own_triggers_are_kept_beside_the_alarms_of_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = DOCUMENT.targets[EVENT["target"]][1]
    alarms = {name: {"AlarmArn": f"arn:alarm:{name}"} for name in target.alarms}
    monkeypatch.setattr(monitoring, "describe_alarms", lambda *place: alarms)
    own = [{"Arn": f"arn:alarm:own{number}", "Type": "AWS::CloudWatch::Alarm"} for number in range(5)]
    before = RecordedStack(True, triggers=own)
    found = [trigger["Arn"] for trigger in targets._triggers(target, before)]
    assert found == ["arn:alarm:shop-health", *(f"arn:alarm:own{number}" for number in range(4))]


def test_a_no_echo_parameter_that_a_rollback_could_not_restore_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = replace(DOCUMENT.targets[EVENT["target"]][1], parameters={"Size": "l"}, alarms=())
    before = RecordedStack(True, parameters={"Size": "s", "Password": stacks.MASKED_VALUE})
    declared: dict[str, Any] = {"Size": {}}
    monkeypatch.setattr(stacks, "declared_parameters", lambda target, template: declared)
    with pytest.raises(TargetFailed, match="drops the NoEcho parameter Password"):
        targets.change_set_arguments(DOCUMENT, target, before)
    declared["Password"] = {"NoEcho": True}
    kept = targets.change_set_arguments(DOCUMENT, target, before)["Parameters"]
    assert kept[-1] == {"ParameterKey": "Password", "UsePreviousValue": True}
