"""What is claimed of a stack after its rollback: equal, or equal but for what is named."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.functions.rollouts import monitoring, outside, rollback, stacks
from ops.functions.rollouts.recorded import RecordedStack, differences, settings_that_differ
from ops.rollouts.rules.changes import required_approvals
from ops.rollouts.rules.model import RolloutTarget

TARGET = RolloutTarget("111111111111", "eu-west-1", "shop", {}, (), None, 0)
ALARM = {"Arn": "arn:aws:cloudwatch:eu-west-1:111111111111:alarm:own", "Type": "AWS::CloudWatch::Alarm"}
SIZE = "{{resolve:ssm:/size}}"
KEY = "{{resolve:ssm-secure:/key}}"
SECRET = "{{resolve:secretsmanager:shop:SecretString:password}}"
TYPED = "Image (the SSM parameter /image)"
BEFORE = RecordedStack(
    True,
    template="{}",
    parameters={"Image": "/image"},
    tags={"team": "shop"},
    resolved={"Image": "ami-1"},
    outside=[SIZE, KEY, SECRET, TYPED],
    values={SIZE: {"version": "3", "value": "l"}, KEY: {"version": "1"}, SECRET: {"version": "v1"}},
    nested={"Data": "{}"},
    triggers=[ALARM],
    notifications=["arn:topic"],
    protected=True,
    policy="{}",
)


class Values:
    """The account's parameters and secret, as they are now."""

    def __init__(self) -> None:
        self.parameters: dict[str, tuple[int, str, str]] = {
            "/size": (3, "String", "l"),
            "/key": (1, "SecureString", "ciphertext"),
        }
        self.secret = "v1"

    def client(self, service: str, account: str, region: str) -> "Values":
        return self

    def get_parameter(self, Name: str) -> dict[str, Any]:  # noqa: N803
        if Name not in self.parameters:
            raise ClientError({"Error": {"Code": "ParameterNotFound", "Message": ""}}, "GetParameter")
        version, kind, value = self.parameters[Name]
        return {"Parameter": {"Version": version, "Type": kind, "Value": value}}

    def describe_secret(self, SecretId: str) -> dict[str, Any]:  # noqa: N803
        assert SecretId == "shop"
        return {"VersionIdsToStages": {"v0": ["AWSPREVIOUS"], self.secret: ["AWSCURRENT"]}}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Values]:
    values = Values()
    monkeypatch.setattr(outside, "target_client", values.client)
    yield values


def claim(now: RecordedStack = BEFORE, before: RecordedStack = BEFORE) -> str:
    return rollback._claim(TARGET, before, now, {})


def test_a_stack_and_values_that_are_as_recorded_are_verified_equal(account: Values) -> None:
    assert claim() == "verified equal to the record"
    account.parameters["/size"] = (5, "String", "l")  # it moved, and moved back
    assert claim() == "verified equal to the record"


@pytest.mark.parametrize(
    ("moved", "named"),
    [
        ({"/size": (4, "String", "xl")}, f"{SIZE}, changed since: version 3 → 4"),
        ({"/key": (2, "SecureString", "other")}, f"{KEY}, changed since: version 1 → 2"),
        ({"/size": None}, f"{SIZE}, not read: ParameterNotFound"),
    ],
    ids=["moved", "secure moved", "gone"],
)
def test_a_value_that_moved_or_cannot_be_read_is_named(
    account: Values, moved: dict[str, Any], named: str
) -> None:
    account.parameters = {k: v for k, v in {**account.parameters, **moved}.items() if v}
    assert claim() == f"equal to the record but for {named}"


def test_a_secret_is_compared_by_the_id_of_its_version(account: Values) -> None:
    account.secret = "v2"
    assert claim() == f"equal to the record but for {SECRET}, changed since: version v1 → v2"


def test_no_value_of_a_secret_or_secure_parameter_is_kept(account: Values) -> None:
    values = outside.read_values(TARGET, (SIZE, KEY, SECRET))
    assert values == BEFORE.values


@pytest.mark.parametrize(
    "name", ["{{resolve:ssm:/${Stage}/size}}", "Password (NoEcho)", "a dynamic reference that is joined"]
)
def test_a_value_that_nobody_can_compare_is_never_claimed(account: Values, name: str) -> None:
    before = replace(BEFORE, outside=[name], values=outside.read_values(TARGET, (name,)))
    assert claim(before, before) == f"equal to the record but for {name}, not comparable"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"template": "{ }"}, "the template"),
        ({"parameters": {"Image": "/other"}}, "the parameter Image"),
        ({"parameters": {"Image": "/image", "New": ""}}, "the parameter New"),
        ({"tags": {}}, "the tags"),
        ({"notifications": []}, "the notification topics"),
        ({"nested": {"Data": "{ }"}}, "the nested stack Data"),
        ({"nested": {"Data": "{}", "Data/More": "{}"}}, "the nested stack Data/More"),
    ],
)
def test_what_an_update_restores_is_compared(change: dict[str, Any], named: str) -> None:
    now = replace(BEFORE, **change)
    assert list(differences(BEFORE, now)) == [named] and not BEFORE.equals(now)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"role": "arn:role"}, "the service role arn:role, which was none"),
        ({"triggers": []}, f"the rollback trigger {ALARM['Arn']}, which is removed"),
        ({"triggers": [ALARM, {"Arn": "a"}]}, "the rollback trigger a, which is new"),
        ({"monitoring_min": 5}, "the monitoring time of the rollback triggers, 5 min"),
        ({"protected": False}, "the termination protection"),
        ({"policy": ""}, "the stack policy"),
    ],
)
def test_settings_that_differ_are_named(account: Values, change: dict[str, Any], named: str) -> None:
    now = replace(BEFORE, **change)
    assert list(settings_that_differ(BEFORE, now)) == [named]
    assert claim(now) == f"equal to the record but for {named}"


def test_a_record_of_an_older_run_is_compared_by_what_it_has() -> None:
    old = RecordedStack(True, template="{}")
    now = replace(
        old, nested={"Data": "{}"}, triggers=[ALARM], notifications=["t"], protected=True, policy="{}"
    )
    assert old.equals(now) and list(settings_that_differ(old, now)) == []


@pytest.mark.parametrize(("state", "kept"), [("OK", [ALARM]), ("INSUFFICIENT_DATA", [ALARM]), ("ALARM", [])])
def test_the_rollback_gives_back_the_triggers_that_do_not_prevent_it(
    monkeypatch: pytest.MonkeyPatch, state: str, kept: list[Any]
) -> None:
    monkeypatch.setattr(monitoring, "describe_alarms", lambda *place: {"own": {"StateValue": state}})
    assert rollback._triggers(TARGET, BEFORE)["RollbackTriggers"] == kept


class Detection:
    """A drift detection that could not check everything."""

    def describe_stack_drift_detection_status(self, **asked: str) -> dict[str, str]:
        return {"DetectionStatus": "DETECTION_FAILED", "DetectionStatusReason": "no rights on Queue"}

    def describe_stack_resource_drifts(self, **asked: Any) -> dict[str, Any]:
        return {"StackResourceDrifts": [{"LogicalResourceId": "Topic"}]}


def test_drift_that_could_not_be_detected_is_unknown_and_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks, "cloudformation", lambda target: Detection())
    _, drift = stacks.detect_drift(TARGET, "arn:stack", "detection")
    assert drift == stacks.Drift(["Topic"], "no rights on Queue")
    assert required_approvals("t", (), drift.drifted, drift.unknown) == (
        "t overwrites what was changed by hand: Topic",
        "t may overwrite what was changed by hand: unknown drift: no rights on Queue",
    )
