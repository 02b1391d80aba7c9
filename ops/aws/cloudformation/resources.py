"""CloudFormation resources: all stacks of an account and region, and what each stack contains."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from ops.aws.calls import code, message, translated
from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation.stacks import client_of

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True)
class StackSummary:
    """A stack as DescribeStacks returns it. `id` is its ARN.

    `named` are the words in the values of its parameters that can be a bucket's name, also inside an ARN.
    """

    name: str
    id: str
    status: str
    changed: datetime
    named: frozenset[str] = frozenset()


@dataclass(frozen=True)
class StackResource:
    """A resource of a stack. `kind` is its type, such as `AWS::S3::Bucket`."""

    logical_id: str
    kind: str
    physical_id: str


def list_all_stacks(cloud: Cloud, place: Place) -> tuple[StackSummary, ...]:
    """Return every stack of the account and region that is not deleted."""
    client = client_of(cloud, place.account.id, place.region)
    with translated(f"Listing the stacks of {place.account.name} in {place.region}"):
        pages = client.get_paginator("describe_stacks").paginate()
        return tuple(_stack_summary(item) for page in pages for item in page["Stacks"])


def _stack_summary(item: Any) -> StackSummary:
    changed = item.get("DeletionTime") or item.get("LastUpdatedTime") or item["CreationTime"]
    values = [
        parameter.get(value, "")  # of an SSM parameter, the value is the name, and its value is resolved
        for parameter in item.get("Parameters", [])
        for value in ("ParameterValue", "ResolvedValue")
    ]
    named = frozenset(word for value in values for word in BUCKET_NAME.findall(value))
    return StackSummary(item["StackName"], item["StackId"], item["StackStatus"], changed, named)


def list_resources(cloud: Cloud, place: Place, stack: str) -> tuple[StackResource, ...]:
    """Return the resources of the stack, given by name or id."""
    client = client_of(cloud, place.account.id, place.region)
    with translated(f"Listing the resources of {stack}"):
        pages = client.get_paginator("list_stack_resources").paginate(StackName=stack)
        return tuple(
            StackResource(item["LogicalResourceId"], item["ResourceType"], item.get("PhysicalResourceId", ""))
            for page in pages
            for item in page["StackResourceSummaries"]
        )


def find_stack_of(cloud: Cloud, place: Place, physical_id: str) -> tuple[str, str]:
    """Return the name and id of the stack that contains the resource; empty for none."""
    client = client_of(cloud, place.account.id, place.region)
    with translated(f"Finding the stack of {physical_id}"):
        try:
            resources = client.describe_stack_resources(PhysicalResourceId=physical_id)["StackResources"]
        except ClientError as error:
            # CloudFormation returns the same code for invalid input, so the message decides.
            if code(error) == "ValidationError" and "does not exist" in message(error):
                return "", ""
            raise
    return (resources[0]["StackName"], resources[0]["StackId"]) if resources else ("", "")


def is_protected(cloud: Cloud, place: Place, stack: str) -> bool:
    """Whether termination protection is enabled."""
    client = client_of(cloud, place.account.id, place.region)
    with translated(f"Reading the stack {stack}"):
        (description,) = client.describe_stacks(StackName=stack)["Stacks"]
    return bool(description.get("EnableTerminationProtection"))


def disable_termination_protection(cloud: Cloud, place: Place, stack: str) -> None:
    """Disable termination protection."""
    client = client_of(cloud, place.account.id, place.region)
    with translated(f"Disabling the termination protection of {stack}"):
        client.update_termination_protection(StackName=stack, EnableTerminationProtection=False)
