"""Real CDK pipeline apps, synthesized with aws-cdk-lib and deployed on the embedded cloud."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest

from ops.embedded.accounts import ROLE, WORKBENCH
from tests.end_to_end.workbench import eventually

APP = Path(__file__).parents[1] / "data" / "cdk" / "app.js"
VERSIONS = ("aws-cdk-lib@2", "constructs@10")
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "slipway-tests" / "cdk-2"
INSTALL_S = 180
SYNTH_S = 300


@dataclass(frozen=True)
class CdkStack:
    """A stack of a cloud assembly to deploy."""

    name: str
    account: str
    region: str
    template: str


@cache
def cdk() -> Path:
    """Return the folder with aws-cdk-lib, installed once per machine; skip the test if npm cannot."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("no node and npm on the PATH: apt-get install nodejs npm")
    if not (CACHE / "ready").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(CACHE), *VERSIONS]
        try:
            subprocess.run(install, check=True, capture_output=True, timeout=INSTALL_S)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"npm cannot install aws-cdk-lib: {error}")
        (CACHE / "ready").touch()
    return CACHE


def synthesize(out: Path, *mapping: Path) -> Path:
    """Synthesize every case of the app, or with a mapping only the case that uses it, a folder each."""
    command = ["node", str(APP), str(cdk()), str(out), *map(str, mapping)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SYNTH_S)
    assert done.returncode == 0, done.stderr
    return out


def stacks(assembly: Path) -> Iterator[CdkStack]:
    """Yield the stacks of the pipelines and their support stacks, without those that a pipeline deploys."""
    manifest = json.loads((assembly / "manifest.json").read_text())
    for id, artifact in manifest["artifacts"].items():
        properties = artifact.get("properties", {})
        if artifact["type"] == "aws:cloudformation:stack":
            _, _, account, region = artifact["environment"].split("/")
            template = (assembly / properties["templateFile"]).read_text()
            yield CdkStack(properties.get("stackName", id), account, region, template)
        elif artifact["type"] == "cdk:cloud-assembly" and "-To-" not in properties["directoryName"]:
            yield from stacks(assembly / properties["directoryName"])


def client(endpoint: str, service: str, account: str, region: str) -> Any:
    """Return a client with the root credentials of the account."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=account,
        aws_secret_access_key="test",
    )


def make_role(endpoint: str, account: str, deny: tuple[str, ...] = ()) -> None:
    """Create or update the role that the workbench assumes, which allows everything except `deny`."""
    iam = client(endpoint, "iam", account, "us-east-1")
    trust = {"Effect": "Allow", "Principal": {"AWS": WORKBENCH}, "Action": "sts:AssumeRole"}
    statements = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    if deny:
        statements.append({"Effect": "Deny", "Action": list(deny), "Resource": "*"})  # type: ignore[dict-item]
    document = {"Version": "2012-10-17", "Statement": statements}
    try:
        iam.create_role(
            RoleName=ROLE, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trust})
        )
    except iam.exceptions.EntityAlreadyExistsException:
        pass
    iam.put_role_policy(RoleName=ROLE, PolicyName="may", PolicyDocument=json.dumps(document))


def deploy(endpoint: str, stack: CdkStack) -> None:
    """Deploy the stack as `cdk deploy` does in a bootstrapped account."""
    ssm = client(endpoint, "ssm", stack.account, stack.region)
    ssm.put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="21", Type="String", Overwrite=True)
    stacks = client(endpoint, "cloudformation", stack.account, stack.region)
    stacks.create_stack(
        StackName=stack.name, TemplateBody=stack.template, Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    eventually(lambda: _status(stacks, stack.name) == "CREATE_COMPLETE")


def undeploy(endpoint: str, stack: CdkStack) -> None:
    stacks = client(endpoint, "cloudformation", stack.account, stack.region)
    id = stacks.describe_stacks(StackName=stack.name)["Stacks"][0]["StackId"]
    stacks.delete_stack(StackName=stack.name)
    eventually(lambda: _status(stacks, id) == "DELETE_COMPLETE")


def _status(stacks: Any, name: str) -> str:
    (description,) = stacks.describe_stacks(StackName=name)["Stacks"]
    assert "FAILED" not in description["StackStatus"] and "ROLLBACK" not in description["StackStatus"], (
        description
    )
    return str(description["StackStatus"])
