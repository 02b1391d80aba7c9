"""What the controller is made of: machine, zip, limits, approvals; all without AWS."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.aws.cloud import Place
from ops.aws.cloudformation.stacks import Stack
from ops.errors import Conflict
from ops.functions.rollouts.aws import Denied, Throttled, mapped_errors
from ops.rollouts import controller as controllers
from ops.rollouts import machine, package
from ops.rollouts.controller import Controller, check_version
from ops.rollouts.limits import UNREACHABLE_ATTEMPTS, limit_usage
from ops.rollouts.rules.changes import ResourceChange, required_approvals
from ops.rollouts.rules.document import Document, from_json
from ops.rollouts.rules.gates.model import HOOK_NAMES
from ops.rollouts.rules.rollout import parse
from ops.rollouts.rules.waves import make_stages, make_targets
from ops.settings import Account
from tests.ops.rollouts.samples import FILE, SHOP, A, B


def states_of(definition: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Every state with its name and the states beside it, those of Maps included."""
    for name, state in definition["States"].items():
        yield name, state, definition["States"]
        if "ItemProcessor" in state:
            yield from states_of(state["ItemProcessor"])


STATES = list(states_of(machine.definition()))


@pytest.mark.parametrize("name", [name for name, _, _ in STATES])
def test_every_state_leads_to_one_beside_it(name: str) -> None:
    _, state, beside = next(each for each in STATES if each[0] == name)
    following = [state.get("Next"), state.get("Default")]
    following += [each["Next"] for each in (*state.get("Choices", []), *state.get("Catch", []))]
    assert set(filter(None, following)) <= set(beside)
    assert state["Type"] in ("Choice", "Succeed", "Fail") or ("Next" in state) != ("End" in state)


def test_the_handler_knows_every_action_of_the_machine_and_no_target_fails_unnoticed() -> None:
    tasks = {name: state for name, state, _ in STATES if state["Type"] == "Task"}
    called = {state["Parameters"]["Payload"]["action"] for state in tasks.values()}
    source = Path("ops/functions/rollouts/handler.py").read_text()
    assert all(f'"{action}":' in source for action in called)
    on_a_target = [state for state in tasks.values() if "on.$" in state["Parameters"]["Payload"]]
    last_resort = ("fail", "stuck")
    for state in on_a_target:
        assert state.get("Catch") or state["Parameters"]["Payload"]["action"] in last_resort


def test_what_has_failed_for_good_is_not_tried_again_nor_what_is_denied_but_on_the_way_back() -> None:
    last_resort = ("fail", "stuck")
    for _, state, _ in STATES:
        payload = state.get("Parameters", {}).get("Payload", {})
        if "on.$" not in payload or payload["action"] in last_resort:
            continue
        names = [(name, each["MaxAttempts"]) for each in state["Retry"] for name in each["ErrorEquals"]]
        denied = UNREACHABLE_ATTEMPTS if payload["action"] == "undo" else 0
        assert (dict(names)["Denied"], dict(names)["TargetFailed"]) == (denied, 0)
        assert names[-1][0] == "States.ALL"


@pytest.mark.parametrize(
    ("code", "named"),
    [("AccessDenied", Denied), ("AccessDeniedException", Denied), ("Throttling", Throttled)],
)
def test_an_error_of_aws_gets_the_name_that_the_machine_knows(code: str, named: type[Exception]) -> None:
    with pytest.raises(named, match="AssumeRole"), mapped_errors():
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "AssumeRole")


def test_the_zip_holds_all_that_the_handler_needs_and_nothing_that_talks_to_the_workbench(
    tmp_path: Path,
) -> None:
    path = tmp_path / "handler.zip"
    path.write_bytes(package.build())
    code = (
        f"import sys; sys.path.insert(0, {str(path)!r})\n"
        "import ops.functions.rollouts.handler as handler, ops.rollouts.rules.decisions as rules\n"
        "from zoneinfo import ZoneInfo, reset_tzpath; reset_tzpath([]); ZoneInfo('Europe/Berlin')\n"
        "assert rules.__file__.startswith(sys.path[0]), rules.__file__\n"
        "assert not [name for name in sys.modules if name.startswith(('ops.aws', 'ops.cli'))]\n"
        "print(sorted(handler.ACTIONS))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert "'undo'" in done.stdout, done.stderr


def test_the_same_sources_are_the_same_zip() -> None:
    first = package.build()
    assert first == package.build() and package.key(first).endswith(".zip")


def test_targets_of_forty_accounts_stay_within_the_limits(capsys: pytest.CaptureFixture[str]) -> None:
    accounts = json.dumps([f"{number:012}" for number in range(1, 41)])
    regions = json.dumps([f"eu-west-{number}" for number in range(1, 7)])
    rollout = parse(
        f"""[what]\nstack = "{"s" * 128}"\ntemplate = "t"\n[[where]]\naccounts = {accounts}
regions = {regions}\n[order]\nfirst = "eu-west-1"\n[evidence]\nnone = "a test\"""",
        FILE,
    )
    stages = make_stages(rollout, make_targets(rollout, lambda kind, name: ()))
    assert sum(len(stage.targets) for stage in stages) == 240
    found = limit_usage(stages, "r" * 66)
    with capsys.disabled():
        for usage in found:
            print(
                f"\n240 targets: {usage.name}: {usage.used:,} of {usage.limit:,}, margin {usage.margin:.0%}",
                end="",
            )
    assert all(usage.margin > 0.2 for usage in found)


def test_a_document_comes_back_from_its_json() -> None:
    accounts = {"unit ou-ab12-11111111": [A, B]}
    made = Document("shop-1", FILE, SHOP, accounts, "{}", "Ada", ["x"])
    again = from_json(made.to_json())
    assert again == made and again.stages == made.stages
    assert len(again.targets) == 7


APPROVALS = {
    "a table that is replaced": (ResourceChange("Modify", "T", "AWS::DynamoDB::Table", "True"), "replaces T"),
    "a bucket that may be": (
        ResourceChange("Modify", "B", "AWS::S3::Bucket", "Conditional"),
        "may replace B",
    ),
    "a database that goes": (ResourceChange("Remove", "D", "AWS::RDS::DBInstance"), "removes D"),
    "a function that is replaced": (ResourceChange("Modify", "F", "AWS::Lambda::Function", "True"), ""),
    "a table that is changed": (ResourceChange("Modify", "T", "AWS::DynamoDB::Table", "False"), ""),
    "a table that is new": (ResourceChange("Add", "T", "AWS::DynamoDB::Table"), ""),
}


@pytest.mark.parametrize("name", APPROVALS)
def test_what_loses_state_has_to_be_approved(name: str) -> None:
    change, words = APPROVALS[name]
    asked = required_approvals("1/r/s", [change], [])
    assert asked == ((f"1/r/s {words} ({change.resource_type})",) if words else ())


def test_what_was_changed_by_hand_has_to_be_approved() -> None:
    assert required_approvals("1/r/s", [], ["B", "A"]) == tuple(
        f"1/r/s overwrites what was changed by hand: {name}" for name in "AB"
    )


def test_every_name_of_a_state_is_unique_in_the_whole_machine() -> None:
    names = [name for name, _, _ in STATES]
    assert sorted(names) == sorted(set(names))


def test_an_older_controller_is_reported_before_anything_is_uploaded() -> None:
    def deployed(**outputs: str) -> Controller:
        now = datetime(2026, 11, 30, tzinfo=UTC)
        stack = Stack("slipway-rollouts", "arn", "CREATE_COMPLETE", "", "", outputs, {}, {}, now, None)
        return Controller(Place(Account("home", A), "eu-west-1"), stack)

    template = json.loads(controllers.controller_template())
    check_version(deployed(Version=template["Outputs"]["Version"]["Value"]))
    with pytest.raises(Conflict, match="is of version 1") as caught:
        check_version(deployed())
    assert "Deploy the controller again: slipway rollouts deploy" in (caught.value.hint or "")


def test_the_controller_calls_nothing_but_hooks() -> None:
    template = json.loads(controllers.controller_template())
    (policy,) = template["Resources"]["HandlerRole"]["Properties"]["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    (call,) = [one for one in statements if "lambda:InvokeFunction" in one["Action"]]
    assert call["Resource"]["Fn::Sub"].endswith(f":function:{HOOK_NAMES}*")
    starts = [one["Resource"]["Fn::Sub"] for one in statements if "states:StartExecution" in one["Action"]]
    assert [arn.partition(":stateMachine:")[2] for arn in starts] == ["${AWS::StackName}", f"{HOOK_NAMES}*"]
