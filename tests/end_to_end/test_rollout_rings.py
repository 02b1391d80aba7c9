"""Rollouts in rings: the controller does what the simulator says; one rollout a stack; nested stacks."""

import json
from datetime import UTC, datetime
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import pytest

from ops.aws.cloud import Cloud
from ops.embedded.accounts import ACCOUNTS
from ops.errors import Conflict, InputError
from ops.rollouts import runs
from ops.rollouts.prepare import prepare_run
from ops.rollouts.simulator import ActionKind, simulate
from tests.end_to_end.fleet import ADA, REGIONS, Fleet, Place, set_up, template
from tests.ops.embedded.overlay import eventually, role
from tests.ops.embedded.services.test_functions import zipped

HOME, EAST = REGIONS[0], REGIONS[1]
LAST = [account.id for account in ACCOUNTS]


class Rings(Fleet):
    """Every account, in two regions; the file has stages."""

    @property
    def places(self) -> list[Place]:
        return [(account.id, region) for region in (HOME, EAST) for account in ACCOUNTS]

    def write_stages(self, name: str, body: str, *stages: str) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "stack.json").write_text(body)
        head = f'[what]\nstack = "{self.stack}"\ntemplate = "stack.json"\n[evidence]\nnone = "a test"\n'
        path = self.folder / f"{self.stack}-{name}.toml"
        path.write_text(head + "".join(f"[[stage]]\n{stage}\n" for stage in stages))
        return path


@pytest.fixture(scope="module", autouse=True)
def controller(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> None:
    set_up(cloud, tmp_path_factory.mktemp("controller"))


@pytest.fixture
def rings(cloud: Cloud, embedded: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Rings:
    return Rings(cloud, embedded, tmp_path, request.node.name.replace("_", "-")[5:40])


def stage(name: str, accounts: list[str], regions: list[str], time: str = "1s", more: str = "") -> str:
    where = f"{{ accounts = {json.dumps(accounts)}, regions = {json.dumps(regions)}{more} }}"
    return f'name = "{name}"\nwhere = {where}\nbake = {{ time = "{time}", wait = "1s" }}'


def test_the_controller_starts_what_the_simulator_starts(rings: Rings) -> None:
    first, *others = LAST
    path = rings.write_stages(
        "a",
        template(1),
        stage("beta", [first], [HOME]),
        stage("one box", others[:1], [HOME], more=', stack = "box-{cell}", cells = ["x"], one_box = 5'),
        stage("production", others, [HOME, EAST]) + '\nwaves = "double"',
    )
    document = prepare_run(path, rings.resolve, ADA, datetime.now(UTC))
    simulated = simulate(document.rollout, document.stages, datetime.now(UTC)).actions
    watched = rings.ended(rings.start(path))
    assert watched.summary.status == "DONE", watched.log
    started = iter(line.target for line in watched.log if line.did == "starts")
    for _, wave in groupby((one for one in simulated if one.did is ActionKind.STARTED), lambda one: one.at):
        expected = {action.target for action in wave}  # the targets of a wave start in any order
        assert set(islice(started, len(expected))) == expected
    assert not list(started)
    assert [line.why for line in watched.log if line.did == "baked"] == [
        action.stage.name for action in simulated if action.did is ActionKind.BAKED
    ]


def test_a_stack_belongs_to_one_rollout(rings: Rings) -> None:
    one = rings.write_stages("one", template(1), stage("all", LAST[:1], [HOME], "5m"))
    run = rings.start(one)
    rings.until(run, "bakes")
    two = rings.write_stages("two", template(2), stage("all", [*LAST[1:2], *LAST[:1]], [HOME]))
    document = prepare_run(two, rings.resolve, ADA, datetime.now(UTC))
    held = f"{run} has the stack {LAST[0]}/{HOME}/{rings.stack}"
    assert [held in preview.error for preview in rings.previews(document)] == [False, True]
    with pytest.raises(Conflict, match=held):
        rings.must(runs.plan_start(rings.cloud, rings.controller, document))
    assert not rings.exists((LAST[1], HOME))
    rings.order(run, "stop", "wrong version")
    assert rings.ended(run).summary.status == "ROLLED_BACK"
    again = rings.ended(rings.start(two))
    assert again.summary.status == "DONE", again.log
    assert rings.body((LAST[0], HOME)) == template(2)


def test_a_stage_starts_when_it_is_approved(rings: Rings) -> None:
    beta, production = (stage(name, [account], [HOME]) for name, account in zip("ab", LAST, strict=False))
    path = rings.write_stages(
        "one", template(1), beta, production + '\napproval = { role = "administrator" }'
    )
    run = rings.start(path)
    rings.until(run, "waits  b needs the approval of an administrator")
    assert rings.watch(run).gate == "b" and not rings.exists((LAST[1], HOME))
    rings.order(run, "approve", "reviewed")
    watched = rings.ended(run)
    assert watched.summary.status == "DONE", watched.log
    assert rings.body((LAST[1], HOME)) == template(1)


HOOK = """
def handler(event, context):
    if event["attempt"] == 1:
        raise ValueError(f"{event['stage']} is <b>broken</b>")
    return {"checked": event["stage"]}
"""


def test_a_failed_hook_holds_the_run_until_it_succeeds_and_another_rolls_back(rings: Rings) -> None:
    home = rings.controller.place
    place = (home.account.id, home.region)
    name = f"slipway-hook-{rings.stack}"[:60]
    rings.client("lambda", place).create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="index.handler",
        Role=role(rings.embedded, "lambda.amazonaws.com"),
        Code={"ZipFile": zipped(HOOK)},
    )
    beta = stage("beta", LAST[:1], [HOME])
    again = f'\nhooks.before = [{{ lambda = "{name}", failure = "pause" }}]'
    never = f'\nhooks.before = [{{ lambda = "{name}" }}]'
    run = rings.start(
        rings.write_stages("one", template(1), beta + again, stage("production", LAST[1:2], [HOME]) + never)
    )
    rings.until(run, "pauses")
    watched = rings.watch(run)
    assert "beta is <b>broken</b>" in watched.paused and not rings.exists((LAST[0], HOME))
    rings.order(run, "resume", "fixed")
    watched = rings.ended(run)
    assert watched.summary.status == "ROLLED_BACK", watched.log
    assert f"hook production/before/1 ({name}) failed" in watched.stopped
    assert [(hook.state, hook.output[:12]) for hook in watched.hooks] == [
        ("succeeded", '{"checked": '),
        ("failed", '{"errorMessa'),
    ]
    assert [line.did for line in watched.log].count("calls") == 3
    assert not rings.exists((LAST[1], HOME))


def test_a_state_machine_is_waited_for_and_a_private_address_is_refused(rings: Rings) -> None:
    home = rings.controller.place
    name = f"slipway-hook-{rings.stack}"[:60]
    rings.client("stepfunctions", (home.account.id, home.region)).create_state_machine(
        name=name,
        roleArn=role(rings.embedded, "states.amazonaws.com"),
        definition=json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}),
    )
    hooks = f'{{ state_machine = "{name}" }}, {{ url = "https://localhost/" }}'
    path = rings.write_stages("a", template(1), stage("all", LAST[:1], [HOME]) + f"\nhooks.after = [{hooks}]")
    watched = rings.ended(rings.start(path))
    assert watched.summary.status == "ROLLED_BACK", watched.log
    assert [str(hook.state) for hook in watched.hooks] == ["succeeded", "failed"], watched.log
    assert json.loads(watched.hooks[0].output)["hook"] == "all/after/1"
    assert "which is not public" in watched.stopped and not rings.exists((LAST[0], HOME))


def table(key: str) -> str:
    properties = {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
    }
    return json.dumps({"Resources": {"Orders": {"Type": "AWS::DynamoDB::Table", "Properties": properties}}})


def test_a_nested_stack_whose_changes_cannot_be_read_needs_approval(rings: Rings) -> None:
    place = (LAST[0], HOME)
    s3 = rings.client("s3", place)
    bucket = f"{rings.stack}-templates"[:63].strip("-")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": HOME})

    def parent(key: str) -> str:
        s3.put_object(Bucket=bucket, Key=key, Body=table(key).encode())
        url = f"https://s3.{HOME}.amazonaws.com/{bucket}/{key}"
        nested = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url}}
        return json.dumps({"Resources": {"Storage": nested}})

    def deploy(name: str, body: str) -> Path:
        return rings.write_stages(name, body, stage("all", LAST[:1], [HOME]))

    made = rings.ended(rings.start(deploy("one", parent("old"))))
    assert made.summary.status == "DONE", [line.why for line in made.log]
    path = deploy("two", parent("new"))
    document = prepare_run(path, rings.resolve, ADA, datetime.now(UTC))
    previews = rings.previews(document)
    (line,) = previews[0].to_approve
    assert "Storage (AWS::CloudFormation::Stack): a nested stack, whose changes were not read" in line
    with pytest.raises(InputError, match="Not approved"):
        runs.plan_start(rings.cloud, rings.controller, document, previews)
    refused = rings.ended(rings.start(path))
    assert refused.summary.status == "ROLLED_BACK" and "not approved" in str(refused.log)


def test_an_ssm_parameter_goes_back_with_its_key_and_what_is_outside_is_named(rings: Rings) -> None:
    place = (LAST[0], HOME)
    ssm, cfn = rings.client("ssm", place), rings.client("cloudformation", place)
    for name in ("version", "other", "size"):
        ssm.put_parameter(Name=f"/{rings.stack}/{name}", Value=f"{name} 21", Type="String")

    def body(number: int) -> str:
        key = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": f"/{rings.stack}/version"}
        value = {"Fn::Sub": f"{number} ${{Version}} {{{{resolve:ssm:/{rings.stack}/size}}}}"}
        properties = {"Type": "String", "Value": value}
        resources = {"Setting": {"Type": "AWS::SSM::Parameter", "Properties": properties}}
        return json.dumps({"Parameters": {"Version": key}, "Resources": resources})

    cfn.create_stack(StackName=rings.stack, TemplateBody=body(1))
    eventually(lambda: rings.status(place) == "CREATE_COMPLETE")
    before = rings.everything(place)
    assert before[1] == {"Version": f"/{rings.stack}/version"}
    path = rings.write_stages("a", body(2), stage("all", LAST[:1], [HOME], "5m"))
    path.write_text(
        path.read_text().replace("[evidence]", f'parameters.Version = "/{rings.stack}/other"\n[evidence]')
    )
    outside = (
        f"{{{{resolve:ssm:/{rings.stack}/size}}}}",
        f"Version (the SSM parameter /{rings.stack}/version)",
    )
    document = prepare_run(path, rings.resolve, ADA, datetime.now(UTC))
    (preview,) = rings.previews(document)
    assert [f"a rollback does not restore the value of {name}" for name in outside] == list(
        preview.warnings[:2]
    )
    run = rings.start(path)
    rings.until(run, "bakes")
    assert rings.parameters(place) == {"Version": f"/{rings.stack}/other"}
    ssm.put_parameter(Name=f"/{rings.stack}/version", Value="22", Type="String", Overwrite=True)
    rings.order(run, "stop", "wrong version")
    watched = rings.ended(run)
    assert watched.summary.status == "ROLLED_BACK", [line.why for line in watched.log]
    assert rings.everything(place) == before
    # The dynamic reference was read again, and is as it was.
    assert watched.targets[0].why == f"equal to the record but for {outside[1]}, changed since"
