"""CDK pipelines for a new embedded cloud, deployed through its API and backdated where the sample is old."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudformation, kms, s3

from ops.embedded.sample.pipelines import CONSTRUCT, DAYS_AGO, SampleStack

SEAMS = (
    "ministack.core.responses.request_scope",
    "ministack.services.cloudformation._stacks",
    "ministack.services.kms._keys",
    "ministack.services.s3._buckets",
    "ministack.services.s3._object_versions",
    "ministack.services.s3._persist_object",
)

SIZE = 200_000  # bytes of each artifact

Client = Callable[[str, str, str], Any]  # service, account id, region


def deploy(client: Client, until: Callable[[Callable[[], bool]], None], stack: SampleStack) -> None:
    """Deploy the stack, fill its bucket, and delete the stack again if only its bucket remains."""
    cfn = client("cloudformation", stack.account, stack.region)
    cfn.create_stack(StackName=stack.name, TemplateBody=json.dumps(stack.template))

    def is_status(status: str) -> Callable[[], bool]:
        return lambda: cfn.describe_stacks(StackName=id_)["Stacks"][0]["StackStatus"] == status

    id_ = cfn.describe_stacks(StackName=stack.name)["Stacks"][0]["StackId"]
    until(is_status("CREATE_COMPLETE"))
    for number in range(stack.artifacts):
        body = bytes([number]) * SIZE
        key = f"{stack.name.split('-')[0]}/Artifact_S/{number:07d}"
        client("s3", stack.account, stack.region).put_object(Bucket=_bucket(stack), Key=key, Body=body)
    if stack.old:
        _backdate(stack)
    if stack.deleted:
        cfn.delete_stack(StackName=stack.name)
        until(is_status("DELETE_COMPLETE"))


def _bucket(stack: SampleStack) -> str:
    return str(stack.template["Resources"][f"{CONSTRUCT}FC3227F2"]["Properties"]["BucketName"])


def _backdate(stack: SampleStack) -> None:
    """Change creation times in the emulator's records, because the API cannot."""
    created = datetime.now(UTC) - timedelta(days=DAYS_AGO)
    timestamp = f"{created:%Y-%m-%dT%H:%M:%S}.000Z"
    with request_scope(stack.account, stack.region):
        record = cloudformation._stacks[stack.name]
        record["CreationTime"] = record["LastUpdatedTime"] = timestamp
        for resource in record["_resources"].values():
            name = resource["PhysicalResourceId"]
            if resource["ResourceType"] == "AWS::S3::Bucket":
                s3._buckets[name]["created"] = timestamp
                for key, item in s3._buckets[name]["objects"].items():
                    for version in s3._object_versions.get((name, key), []):
                        version["last_modified"] = timestamp
                    item["last_modified"] = timestamp
                    s3._persist_object(name, key, item)  # the next start reads the time from the file
            elif resource["ResourceType"] == "AWS::KMS::Key":
                kms._keys[name]["CreationDate"] = int(created.timestamp())
