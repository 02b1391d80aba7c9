"""A CDK app with a Lambda asset goes to accounts and Regions that are bootstrapped, and back."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ops.aws.cloud import Cloud
from ops.embedded.accounts import ACCOUNTS
from ops.errors import InputError
from ops.rollouts import runs
from ops.rollouts.prepare import prepare_run
from ops.rollouts.rules.decisions import TargetState
from tests.end_to_end.fleet import ADA, Fleet, Place, Small, set_up
from tests.ops.rollouts.cdk_app import BOOTSTRAP, QUALIFIER, Synthesized, write_assembly

HANDLER = "def handler(event, context):\n    return {version}\n"
SIZE = {"Size": {"Type": "String", "Default": "none"}}


@pytest.fixture(scope="module", autouse=True)
def controller(cloud: Cloud, embedded: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("controller")
    set_up(cloud, folder)
    bootstrap(Fleet(cloud, embedded, folder, "bootstrap"))


def app(fleet: Fleet, version: int) -> None:
    """Write a version of the app: a function that reads a setting of the stack that it depends on."""
    code = str(version) * 64
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    role = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}}
    bucket = f"cdk-{QUALIFIER}-assets-${{AWS::AccountId}}-${{AWS::Region}}"
    function = {
        "Handler": "index.handler",
        "Runtime": "python3.12",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"S3Bucket": {"Fn::Sub": bucket}, "S3Key": f"{code}.zip"},
    }
    setting = {"Type": "String", "Value": {"Fn::Sub": f"version {version} ${{Size}}"}}
    write_assembly(
        fleet.folder / "cdk.out",
        Synthesized(
            "Function",
            after=("Data",),
            stack_name=f"{fleet.stack}-function",
            resources={
                "Role": {"Type": "AWS::IAM::Role", "Properties": role},
                "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
            },
            folders={code: {"index.py": HANDLER.format(version=version)}},
        ),
        Synthesized(
            "Data",
            stack_name=f"{fleet.stack}-data",
            parameters=SIZE,
            resources={"Setting": {"Type": "AWS::SSM::Parameter", "Properties": setting}},
        ),
    )


def bootstrap(fleet: Fleet) -> None:
    """As `cdk bootstrap` does; only the first place has the role that publishes files."""
    for account, region in fleet.places:
        s3, where = fleet.client("s3", (account, region)), {"LocationConstraint": region}
        with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(
                Bucket=f"cdk-{QUALIFIER}-assets-{account}-{region}",
                **({} if region == "us-east-1" else {"CreateBucketConfiguration": where}),
            )
        fleet.client("ssm", (account, region)).put_parameter(
            Name=BOOTSTRAP, Value="21", Type="String", Overwrite=True
        )
    account, region = fleet.places[0]
    bucket = f"arn:aws:s3:::cdk-{QUALIFIER}-assets-{account}-{region}"
    name = f"cdk-{QUALIFIER}-file-publishing-role-{account}-{region}"
    own = {"AWS": f"arn:aws:iam::{account}:root"}
    trust = {"Effect": "Allow", "Principal": own, "Action": "sts:AssumeRole"}
    use = {"Effect": "Allow", "Action": ["s3:*"], "Resource": [bucket, f"{bucket}/*"]}
    iam = fleet.client("iam", (account, region))
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trust))
    iam.put_role_policy(RoleName=name, PolicyName="publish", PolicyDocument=_policy(use))


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def write(fleet: Fleet, size: str, last: str) -> Path:
    """Write the rollout file: a stage for each region, of which the last bakes for that time."""
    accounts, regions = (list(dict.fromkeys(each)) for each in zip(*fleet.places, strict=True))
    lines = ['[what]\nassembly = "cdk.out"\ncapabilities = ["CAPABILITY_IAM"]']
    lines.append(f'parameters = {{ Size = "{size}" }}\n[evidence]\nnone = "a test"')
    for region in regions:
        bake = last if region == regions[-1] else "1s"
        where = f"where = {{ accounts = {json.dumps(accounts)}, regions = {json.dumps([region])} }}"
        lines.append(f'[[stage]]\nname = "{region}"\n{where}\nbake = {{ time = "{bake}", wait = "1s" }}')
    path = fleet.folder / f"{fleet.stack}.toml"
    path.write_text("\n".join(lines))
    return path


def stands(fleet: Fleet, place: Place) -> Any:
    """Everything of both stacks, and the code that runs."""
    found = []
    for name in ("data", "function"):
        own = Fleet(fleet.cloud, fleet.embedded, fleet.folder, f"{fleet.stack}-{name}")
        found.append(own.everything(place))
    resources = fleet.client("cloudformation", place).describe_stack_resources(
        StackName=f"{fleet.stack}-function"
    )["StackResources"]
    (name,) = (each["PhysicalResourceId"] for each in resources if "Lambda" in each["ResourceType"])
    function = fleet.client("lambda", place).get_function_configuration(FunctionName=name)
    return found, function["CodeSha256"]


def goes_forward_and_back(fleet: Fleet) -> None:
    app(fleet, 1)
    first = fleet.ended(fleet.start(write(fleet, "old", "1s"), version="v1"))
    assert first.summary.status == "DONE", first.log
    assert (first.summary.version, first.document.version) == ("v1", "v1")
    before = {place: stands(fleet, place) for place in fleet.places}
    app(fleet, 2)
    run = fleet.start(write(fleet, "new", "60s"), version="v2")
    fleet.until(run, f"bakes  {fleet.watch(run).document.stages[-1].name}")
    assert stands(fleet, fleet.places[0]) != before[fleet.places[0]]
    fleet.order(run, "stop", "a test")
    second = fleet.ended(run)
    assert second.summary.status == "ROLLED_BACK", second.log
    assert {each.state for each in second.targets} == {TargetState.ROLLED_BACK}
    assert {each.why for each in second.targets} == {"verified equal to the record"}
    assert [place for place in fleet.places if stands(fleet, place) != before[place]] == []
    order = [line.target for line in second.log if line.did == "starts" and line.target.startswith("1")]
    assert [name.rpartition("-")[2] for name in order[:2]] == ["data", "function"]
    published = [line for line in second.log if line.did == "published"]
    assert len(published) == len(fleet.places)


def test_an_app_goes_forward_and_back(cloud: Cloud, embedded: Any, tmp_path: Path) -> None:
    goes_forward_and_back(Small(cloud, embedded, tmp_path, "cdk-small"))


@pytest.mark.thorough
def test_an_app_goes_forward_and_back_everywhere(cloud: Cloud, embedded: Any, tmp_path: Path) -> None:
    goes_forward_and_back(Fleet(cloud, embedded, tmp_path, "cdk-fleet"))


class Elsewhere(Fleet):
    """A Region that nobody has bootstrapped."""

    @property
    def places(self) -> list[Place]:
        return [(ACCOUNTS[0].id, "eu-west-2")]


def test_a_place_that_is_not_bootstrapped_is_refused_at_plan(
    cloud: Cloud, embedded: Any, tmp_path: Path
) -> None:
    fleet = Elsewhere(cloud, embedded, tmp_path, "cdk-nowhere")
    app(fleet, 1)
    document = prepare_run(write(fleet, "new", "1s"), fleet.resolve, ADA, datetime.now(UTC))
    data, function = fleet.previews(document)
    assert "not bootstrapped: the parameter" in data.error
    assert f"Run: cdk bootstrap aws://{ACCOUNTS[0].id}/eu-west-2" in data.error
    assert "which the assets are copied to, does not exist" in function.error
    with pytest.raises(InputError, match="Cannot deploy"):
        runs.plan_start(cloud, fleet.controller, document, (data, function))
