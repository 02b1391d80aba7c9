"""moto, and the templates as far as its CloudFormation can deploy them.

moto's API Gateway needs a validator of OpenAPI, which moto loads with its CloudFormation. No template has an
API, so an empty module takes its place if it is not installed.
"""

import importlib.util
import io
import json
import sys
import zipfile
from collections.abc import Collection
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3

TEMPLATES = Path(__file__).parents[1] / "data/templates"
ACCOUNT, REGION = "123456789012", "eu-west-1"
PLACEHOLDER = f"arn:aws:sns:{REGION}:{ACCOUNT}:left-out"
BUCKET = "code"
VALIDATOR = "openapi_spec_validator"


def make_importable() -> None:
    """Make `moto.cloudformation` importable."""
    if VALIDATOR in sys.modules or importlib.util.find_spec(VALIDATOR):
        return
    names = (VALIDATOR, f"{VALIDATOR}.validation", f"{VALIDATOR}.validation.exceptions")
    modules = {name: ModuleType(name) for name in names}
    vars(modules[VALIDATOR])["validate"] = None
    vars(modules[names[-1]])["OpenAPIValidationError"] = Exception
    sys.modules.update(modules)


def supported() -> frozenset[str]:
    """Return the resource types that moto's CloudFormation has."""
    from moto.cloudformation.parsing import NULL_MODELS, get_model_map

    return frozenset({*get_model_map(), *NULL_MODELS})


def read_template(name: str) -> dict[str, Any]:
    template: dict[str, Any] = json.loads((TEMPLATES / f"{name}.json").read_text())
    return template


def without(template: dict[str, Any], types: Collection[str]) -> dict[str, Any]:
    """Return the template without resources of these types; a placeholder replaces each reference to one.

    Items of lists that exist only under a condition are left out too.
    """
    resources = template["Resources"]
    left_out = {name for name, resource in resources.items() if resource["Type"] in types}
    kept = {name: resource for name, resource in resources.items() if name not in left_out}
    reduced = {**template, "Resources": kept}
    replaced: dict[str, Any] = _replaced(reduced, left_out)
    return replaced


def _replaced(value: Any, left_out: Collection[str]) -> Any:
    if isinstance(value, list):
        return [_replaced(item, left_out) for item in value if not _can_be_nothing(item)]
    if isinstance(value, dict):
        if any(value == {"Ref": name} or value.get("Fn::GetAtt", [""])[0] == name for name in left_out):
            return PLACEHOLDER
        entries = {key: _replaced(item, left_out) for key, item in value.items()}
        if "DependsOn" in entries:
            needs = entries["DependsOn"]
            names = [needs] if isinstance(needs, str) else needs
            entries["DependsOn"] = [
                name for name in names if not isinstance(name, str) or name not in left_out
            ]
        return entries
    if isinstance(value, str):
        for name in left_out:
            for part in (f"${{{name}}}", f"${{{name}.Arn}}"):
                value = value.replace(part, PLACEHOLDER)
    return value


def _can_be_nothing(item: Any) -> bool:
    """Whether an item of a list exists only under a condition: moto makes it null where it does not."""
    return isinstance(item, dict) and {"Ref": "AWS::NoValue"} in item.get("Fn::If", [])


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


def put_code() -> None:
    """Create the bucket with the code that the controller's stack names."""
    s3, archive = client("s3"), io.BytesIO()
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("index.py", "def handler(event, context): pass")
    s3.put_object(Bucket=BUCKET, Key="code.zip", Body=archive.getvalue())


def parameters(name: str) -> dict[str, str]:
    """Return a value for each parameter of the template that has no default."""
    vpc = client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    first, second, *_ = (subnet["SubnetId"] for subnet in client("ec2").describe_subnets()["Subnets"])
    role, policy = f"arn:aws:iam::{ACCOUNT}:role/engine", "arn:aws:iam::aws:policy/AdministratorAccess"
    target = {"EngineBucket": BUCKET, "EngineRoleArn": role, "ExecutionPolicyArns": policy}
    given = {
        "rollouts-controller": {"CodeBucket": BUCKET, "CodeKey": "code.zip", "TargetAccounts": ACCOUNT},
        "rollouts-organization": {**target, "Units": "ou-1234-12345678"},
        "rollouts-target": target,
        "setup-roles": {"WorkbenchArn": f"arn:aws:iam::{ACCOUNT}:root"},
        "snapshots": {
            "ScriptBucket": BUCKET,
            "ScriptPrefix": "scripts/x",
            "SourceDatabase": "shop",
            "SubnetA": first,
            "SubnetB": second,
            "VpcId": vpc,
        },
    }
    given["sanitized-snapshots"] = {
        name: value for name, value in given["snapshots"].items() if not name.startswith("Script")
    }
    if name == "setup-app":
        certificate = client("acm").request_certificate(DomainName="slipway.example.com")["CertificateArn"]
        return {
            "BalancerSubnets": f"{first},{second}",
            "TaskSubnets": f"{first},{second}",
            "Vpc": vpc,
            "CertificateArn": certificate,
            "DomainName": "slipway.example.com",
            "Image": f"registry.example.com/slipway@sha256:{'0' * 64}",
            "SettingsParameterArn": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/settings",
            "SignInSecretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:sign-in-abcdef",
        }
    return given.get(name, {})


def deploy(name: str, template: dict[str, Any]) -> dict[str, str]:
    """Deploy the template; return the status of each resource."""
    stacks = client("cloudformation")
    stacks.create_stack(
        StackName=name,
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in parameters(name).items()
        ],
    )
    (stack,) = stacks.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    pages = stacks.get_paginator("list_stack_resources").paginate(StackName=name)
    found = [item for page in pages for item in page["StackResourceSummaries"]]
    # moto lists some resources a second time, without their logical ID.
    return {item["LogicalResourceId"]: item["ResourceStatus"] for item in found if item["LogicalResourceId"]}
