"""The plan of the export's stacks: their order, their parameters, and what is rejected."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation.change_sets import Preview
from ops.aws.cloudformation.stacks import Change, Stack, StackSpec
from ops.errors import AccessDenied, InputError, NotFound
from ops.logs.export.deployment import package
from ops.logs.export.deployment.deployed import ExportDeployment
from ops.logs.export.deployment.parameters import CENTRAL_PARAMETERS, central_parameters, check_parameters
from ops.logs.export.deployment.plan import DeploymentRequest, plan_deploy, plan_previews, plan_remove
from ops.logs.export.deployment.stacks import central_body, member_body
from ops.plan import Plan, Step
from ops.settings import Account, Settings
from ops.templates.logs import CENTRAL_DESCRIPTION, MEMBER_DESCRIPTION

ONE, TWO, THREE = (Account(name, str(number) * 12) for number, name in enumerate(("one", "two", "three"), 1))
HOME, AWAY = "eu-west-1", "us-east-1"
CENTER = Place(ONE, HOME)
EVERYWHERE = tuple(Place(account, region) for account in (ONE, TWO, THREE) for region in (HOME, AWAY))
NOTHING = [ExportDeployment(place) for place in EVERYWHERE]


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """Never called: a plan is computed from what was read."""
    monkeypatch.setattr(package, "build", lambda folder: b"a zip")
    return Cloud(Settings(cloud="aws", data=tmp_path, accounts=(ONE, TWO, THREE)))


def stack(description: str, parameters: Mapping[str, str], outputs: Mapping[str, str]) -> Stack:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    return Stack("log-export", "arn", "CREATE_COMPLETE", "", description, outputs, parameters, {}, now, None)


def central(place: Place = CENTER, **parameters: str) -> ExportDeployment:
    defaults = {name: asked.default or "" for name, asked in CENTRAL_PARAMETERS.items()}
    found = stack(
        CENTRAL_DESCRIPTION,
        {**defaults, **parameters},
        {"Stream": "stream", "Bucket": "arn:aws:s3:::the-logs"},
    )
    return ExportDeployment(place, found, json.loads(central_body()))


def member(place: Place, center: Place = CENTER) -> ExportDeployment:
    arn = f"arn:aws:logs:{place.region}:{center.account.id}:destination:BucketBackupLogDestination"
    return ExportDeployment(
        place, stack(MEMBER_DESCRIPTION, {}, {"LogDestination": arn}), json.loads(member_body())
    )


ALL_DEPLOYED = [central(), *(member(place) for place in EVERYWHERE if place != CENTER)]


def waits(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {step.id: step.needs for step in plan.steps}


def stacks(plan: Plan) -> dict[str, Step[object]]:
    """Return the last step of each stack, by place."""
    return {steps[-1].id.removesuffix(": execute"): steps[-1] for steps in plan.parts}


def stacks_wait(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Return for each stack those that the first of its steps waits for."""
    ids = list(stacks(plan))
    return {
        id: tuple(other for other in ids if f"{other}: execute" in steps[0].needs)
        for id, steps in zip(ids, plan.parts, strict=True)
    }


def test_the_central_stack_comes_first_then_destinations_then_all_others(cloud: Cloud) -> None:
    plan = plan_deploy(cloud, NOTHING, DeploymentRequest(CENTER, EVERYWHERE, {}))
    assert stacks_wait(plan) == {
        "one eu-west-1": (),
        "one us-east-1": ("one eu-west-1",),
        "two eu-west-1": ("one eu-west-1",),
        "two us-east-1": ("one us-east-1",),
        "three eu-west-1": ("one eu-west-1",),
        "three us-east-1": ("one us-east-1",),
    }
    assert all(step.does.startswith("Create") for step in stacks(plan).values())
    of_first = [step.id.partition(": ")[2] for step in plan.parts[0]]
    assert of_first == ["bucket", "upload", "leftover", "change-set", "execute"]


def test_a_regions_destination_is_created_even_if_not_selected(cloud: Cloud) -> None:
    plan = plan_deploy(cloud, NOTHING, DeploymentRequest(CENTER, (Place(TWO, AWAY),), {}))
    assert list(stacks(plan)) == ["one eu-west-1", "one us-east-1", "two us-east-1"]
    evidence = stacks(plan)["one us-east-1"].evidence
    assert "creates the destination that the other accounts need in us-east-1" in evidence


def test_a_new_stack_lists_the_resources_of_its_change_set(cloud: Cloud) -> None:
    request = DeploymentRequest(CENTER, (CENTER,), {})
    from_template = stacks(plan_deploy(cloud, NOTHING, request))["one eu-west-1"]
    assert re.fullmatch(r"up to \d+ resources \(from the template\)", from_template.evidence)
    assert "Add Writer (AWS::IAM::Role)" in from_template.details
    added = Change("Add", "Stream", "AWS::Kinesis::Stream", "", "", ())
    spec = StackSpec("log-export", "{}", {}, {}, (), "111111111111", HOME)
    previews = {CENTER: Preview(spec, "arn", creates=True, changes=(added,))}
    from_change_set = stacks(plan_deploy(cloud, NOTHING, request, previews))["one eu-west-1"]
    assert (from_change_set.evidence, from_change_set.details) == (
        "1 added",
        ("Add Stream (AWS::Kinesis::Stream)",),
    )


def test_a_replacement_makes_the_deployment_destructive(cloud: Cloud) -> None:
    request = DeploymentRequest(CENTER, (CENTER,), {"Retention": "48"})
    found = central()
    assert found.stack
    spec = StackSpec("log-export", "{}", {}, {}, (), "111111111111", HOME)
    for replacement, destructive in (("True", True), ("False", False)):
        change = Change("Modify", "Table", "AWS::Glue::Table", "t", replacement, ())
        previews = {CENTER: Preview(spec, "arn", creates=False, changes=(change,))}
        assert plan_deploy(cloud, [found], request, previews).destructive is destructive


def test_previews_are_read_where_something_changes(cloud: Cloud) -> None:
    previews = plan_previews(cloud, NOTHING, DeploymentRequest(CENTER, EVERYWHERE, {}))
    assert set(previews.steps) == set(EVERYWHERE)
    destinations = {
        step.resource.account + step.resource.region: step.parameters.get("LogDestination")
        for step in previews.plan.steps
        if step.id.endswith("preview")
    }
    assert destinations["222222222222us-east-1"] == (
        "arn:aws:logs:us-east-1:111111111111:destination:BucketBackupLogDestination"
    )
    assert destinations["111111111111us-east-1"] == ""  # it creates the destination


def test_an_update_lists_the_differences(cloud: Cloud) -> None:
    plan = plan_deploy(cloud, [central()], DeploymentRequest(CENTER, (CENTER,), {"Retention": "48"}))
    (step,) = stacks(plan).values()
    assert step.does == "Update the central stack in one eu-west-1"
    assert "Retention: 24 → 48" in step.evidence
    assert "ProcessorPackage: empty → slipway-staging-111111111111-eu-west-1/logs/processor-" in step.evidence
    assert "BufferIntervalHint" not in step.evidence


def test_an_unread_target_is_reported_and_blocks_no_other(cloud: Cloud) -> None:
    denied = ExportDeployment(Place(TWO, HOME), error=AccessDenied("two may not be read."))
    deployments = [denied if each.place == denied.place else each for each in NOTHING]
    plan = plan_deploy(cloud, deployments, DeploymentRequest(CENTER, EVERYWHERE, {}))
    assert stacks(plan)["two eu-west-1"].evidence.startswith("cannot be read: two may not be read.")
    assert not any("two eu-west-1" in needs for needs in stacks_wait(plan).values())


def test_without_a_package_index_the_processor_is_inline(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(folder: Path) -> bytes:
        raise NotFound("No index.", hint="Deployed without it.")

    monkeypatch.setattr(package, "build", unreachable)
    before = central(ProcessorPackage="bucket/logs/processor-old.zip")
    (step,) = stacks(plan_deploy(cloud, [before], DeploymentRequest(CENTER, (CENTER,), {}))).values()
    assert "ProcessorPackage: bucket/logs/processor-old.zip → empty" in step.evidence
    assert step.evidence.endswith("No index. Deployed without it.")


def test_another_export_is_never_changed(cloud: Cloud) -> None:
    for other in (central(Place(TWO, HOME)), member(Place(TWO, HOME), center=Place(THREE, HOME))):
        with pytest.raises(InputError, match="two eu-west-1 belongs to another export"):
            plan_deploy(cloud, [central(), other], DeploymentRequest(CENTER, (CENTER, other.place), {}))
    with pytest.raises(InputError, match="in two eu-west-1 is a member of another export"):
        plan_deploy(cloud, ALL_DEPLOYED, DeploymentRequest(Place(TWO, HOME), (Place(TWO, HOME),), {}))


@pytest.mark.parametrize(
    "name, value",
    [
        ("Nonsense", "1"),
        ("LogDestination", "arn:aws:logs:eu-west-1:111111111111:destination:x"),  # the plan's to find
        ("LogFormat", "XML"),
        ("ShardCount", "many"),
        ("Retention", "1"),
        ("AllowedAccounts", "222222222222,12"),
        ("BucketName", "just-a-name"),
    ],
)
def test_invalid_parameters_are_rejected(name: str, value: str) -> None:
    with pytest.raises(InputError) as caught:
        check_parameters({name: value})
    assert name in str(caught.value) and caught.value.hint


def test_every_default_is_valid() -> None:
    check_parameters({name: asked.default or "" for name, asked in CENTRAL_PARAMETERS.items()})


def test_sending_accounts_are_allowed_and_none_is_removed() -> None:
    assert central_parameters({}, {"AllowedAccounts": "0"}, ["2"])["AllowedAccounts"] == "2"
    assert central_parameters({"AllowedAccounts": "3"}, {}, ["2"])["AllowedAccounts"] == "2,3"
    assert central_parameters({}, {"OrganizationId": "o-a1b2c3d4e5"}, ["2"])["AllowedAccounts"] == ""


def test_the_destination_cannot_be_renamed() -> None:
    with pytest.raises(InputError, match="Cannot change the name of the destination"):
        central_parameters({"DestinationName": "a"}, {"DestinationName": "b"}, [])


def test_removal_runs_in_reverse_order_and_needs_confirmation(cloud: Cloud) -> None:
    plan = plan_remove(cloud, ALL_DEPLOYED, None, EVERYWHERE)
    found = {id_: set(needs) for id_, needs in waits(plan).items()}
    assert list(found)[-1] == "one eu-west-1"
    assert found.pop("one eu-west-1") == set(found)
    assert found.pop("one us-east-1") == {"two us-east-1", "three us-east-1"}
    assert all(needs == set() for needs in found.values())
    assert plan.confirm == "log-export"
    assert plan.steps[-1].evidence == "unsubscribes its log groups; keeps the-logs and its data"


@pytest.mark.parametrize("gone, left", [(HOME, "one us-east-1"), (AWAY, "two us-east-1")])
def test_a_destination_in_use_is_not_removed(cloud: Cloud, gone: str, left: str) -> None:
    with pytest.raises(InputError, match=f"{left} still sends its logs to it"):
        plan_remove(cloud, ALL_DEPLOYED, None, (Place(ONE, gone),))


def test_an_unread_target_counts_as_a_sender(cloud: Cloud) -> None:
    unread = [
        replace(each, stack=None, error=AccessDenied("No.")) if each.place == Place(TWO, AWAY) else each
        for each in ALL_DEPLOYED
    ]
    with pytest.raises(InputError, match="two us-east-1 cannot be read"):
        plan_remove(cloud, unread, None, EVERYWHERE)
    assert plan_remove(cloud, unread, None, (Place(THREE, AWAY),)).steps


def test_nothing_to_remove_is_an_error(cloud: Cloud) -> None:
    with pytest.raises(NotFound, match="No export"):
        plan_remove(cloud, NOTHING, None, EVERYWHERE)
    with pytest.raises(NotFound, match="No export is deployed in these accounts"):
        plan_remove(cloud, [central(), ExportDeployment(Place(TWO, HOME))], None, (Place(TWO, HOME),))


def test_a_stack_keeps_its_name(cloud: Cloud) -> None:
    found = central()
    assert found.stack
    other = replace(found, stack=replace(found.stack, name="CloudWatch2S3-successor"))
    (step,) = stacks(plan_deploy(cloud, [other], DeploymentRequest(CENTER, (CENTER,), {}))).values()
    assert step.resource.id == "CloudWatch2S3-successor"
