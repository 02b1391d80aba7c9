"""Rollouts beside other people's work: updates in between, drift, what has to be approved."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ops.aws.cloud import Cloud
from ops.errors import InputError
from ops.rollouts import controller as controllers
from ops.rollouts import runs
from ops.rollouts.prepare import prepare_run
from ops.rollouts.runs import RunDetails
from tests.end_to_end.fleet import ADA, REGIONS, Place, Small, set_up, template
from tests.ops.embedded.overlay import eventually

OLD, NEW, THEIRS = template(1), template(2), template(3)
QUICK, LONG = 'time = "1s"\nwait = "1s"', 'time = "60s"\nwait = "1s"'


@pytest.fixture(scope="module", autouse=True)
def controller(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> None:
    set_up(cloud, tmp_path_factory.mktemp("controller"))


@pytest.fixture
def fleet(cloud: Cloud, embedded: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Small:
    return Small(cloud, embedded, tmp_path, request.node.name.replace("_", "-")[5:60])


def write(fleet: Small, body: str, bake: str = QUICK) -> Path:
    return fleet.write(body, bake__first=bake, bake__later=bake, alarms="target = []")


def failure(watched: RunDetails) -> str:
    """Why the first target failed."""
    return next(line.why for line in watched.log if line.did == "failed")


def test_an_update_by_somebody_else_is_left_and_named(fleet: Small) -> None:
    fleet.deploy_everywhere(OLD)
    run = fleet.start(write(fleet, NEW, LONG))
    fleet.until(run, "bakes  wave 1")
    first = fleet.places[0]
    cfn = fleet.client("cloudformation", first)
    cfn.update_stack(StackName=fleet.stack, TemplateBody=THEIRS, Parameters=[])
    eventually(lambda: fleet.status(first) == "UPDATE_COMPLETE")
    fleet.order(run, "stop", "wrong version")
    watched = fleet.ended(run)
    assert watched.summary.status == "STUCK" and f"{first[0]}/{first[1]}" in watched.why
    assert "the stack was changed outside this rollout" in watched.targets[0].why
    assert fleet.body(first) == THEIRS


def test_what_loses_data_is_refused_until_it_is_approved(fleet: Small) -> None:
    def table(key: str) -> dict[str, Any]:
        properties = {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
        }
        return {"Type": "AWS::DynamoDB::Table", "Properties": properties}

    fleet.deploy_everywhere(template(1, Data=table("old")))
    path = write(fleet, template(2))
    document = prepare_run(path, fleet.resolve, ADA, datetime.now(UTC))
    found = fleet.previews(document)
    asked = tuple(words for each in found for words in each.to_approve)
    assert [words.split(" ", 1)[1] for words in asked] == ["removes Data (AWS::DynamoDB::Table)"] * 2
    with pytest.raises(InputError, match="Not approved"):
        runs.plan_start(fleet.cloud, fleet.controller, document, found)
    refused = fleet.ended(fleet.start(path))  # past the plan: the controller refuses by itself
    assert refused.summary.status == "ROLLED_BACK" and "not approved" in failure(refused)
    assert all(fleet.parameters(place) == {"Size": "old"} for place in fleet.places)
    # A run is named by its second: within it the same run would be found.
    eventually(lambda: f"{datetime.now(UTC):%Y%m%d-%H%M%S}" not in refused.summary.run)
    assert fleet.ended(fleet.start(path, approved=asked)).summary.status == "DONE"


def test_the_preview_leaves_nothing_behind(fleet: Small) -> None:
    document = prepare_run(write(fleet, NEW), fleet.resolve, ADA, datetime.now(UTC))
    found = fleet.previews(document)
    assert [(each.creates, each.changes) for each in found] == [
        (True, ("adds Setting (AWS::SSM::Parameter)",))
    ] * 2
    eventually(lambda: not any(fleet.exists(place) for place in fleet.places))


def test_what_a_failed_creation_left_is_deleted_first(fleet: Small) -> None:
    first, taken = fleet.places[0], f"/{fleet.stack}/taken"
    fleet.client("ssm", first).put_parameter(Name=taken, Value="x", Type="String")
    broken = {"Type": "AWS::SSM::Parameter", "Properties": {"Name": taken, "Type": "String", "Value": "y"}}
    cfn = fleet.client("cloudformation", first)
    cfn.create_stack(StackName=fleet.stack, TemplateBody=template(1, Taken=broken))
    eventually(lambda: fleet.status(first) == "ROLLBACK_COMPLETE")
    left = fleet.stack_of(first)["StackId"]
    assert fleet.ended(fleet.start(write(fleet, NEW))).summary.status == "DONE"
    assert {fleet.status(place) for place in fleet.places} == {"CREATE_COMPLETE"}
    assert fleet.body(first) == NEW and fleet.stack_of(first)["StackId"] != left


def test_drift_is_refused_until_it_is_approved(fleet: Small) -> None:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 30}}
    fleet.deploy_everywhere(template(1, Work=queue))
    sqs = fleet.client("sqs", fleet.places[0])
    (url,) = [each for each in sqs.list_queues()["QueueUrls"] if fleet.stack in each]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "99"})
    path = write(fleet, template(2, Work=queue))
    watched = fleet.ended(fleet.start(path))
    assert watched.summary.status == "ROLLED_BACK"
    assert "overwrites what was changed by hand: Work" in failure(watched)
    assert fleet.parameters(fleet.places[0]) == {"Size": "old"}


class Elsewhere(Small):
    """An account that the workbench does not know."""

    @property
    def places(self) -> list[Place]:
        return [("444444444444", region) for region in REGIONS[:2]]


def test_an_account_that_only_the_organizations_stack_set_has_reached(
    cloud: Cloud, embedded: Any, tmp_path: Path
) -> None:
    fleet = Elsewhere(cloud, embedded, tmp_path, "elsewhere")
    stack_set = json.loads(controllers.organization_template())["Resources"]["Targets"]["Properties"]
    given = {
        "EngineRoleArn": fleet.controller.function_role,
        "EngineBucket": fleet.controller.bucket,
        "ExecutionPolicyArns": controllers.ADMINISTRATOR_ACCESS,
    }
    cfn = fleet.client("cloudformation", fleet.places[0])
    made = cfn.create_stack(  # as StackSets do in each account of the units
        StackName="StackSet-slipway-rollout-targets-1",
        TemplateBody=stack_set["TemplateBody"],
        Parameters=[
            {"ParameterKey": each["ParameterKey"], "ParameterValue": given[each["ParameterValue"]["Ref"]]}
            for each in stack_set["Parameters"]
        ],
        Capabilities=stack_set["Capabilities"],
    )["StackId"]
    eventually(lambda: cfn.describe_stacks(StackName=made)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE")
    watched = fleet.ended(fleet.start(write(fleet, NEW)))
    assert watched.summary.status == "DONE", watched.log
    assert [fleet.body(place) for place in fleet.places] == [NEW] * 2
