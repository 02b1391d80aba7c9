"""An embedded cloud that contains only the sample's CDK pipelines and starts within seconds."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ops import embedded as emulator
from ops.embedded.accounts import ACCOUNTS, DEVELOPMENT, PRODUCTION
from ops.embedded.lifecycle import RunningCloud
from ops.embedded.sample.pipelines import CONSTRUCT, SampleStack, sample_stacks
from tests.end_to_end import assemblies
from tests.end_to_end.assemblies import CdkStack


@contextmanager
def serving(data: Path, record: Path | None = None) -> Iterator[RunningCloud]:
    """Start an embedded cloud in a folder that `pipelines` has made."""
    running = emulator.start(data, sample=False, owner=True, record=record)
    try:
        yield running
    finally:
        emulator.stop(data)


def pipelines(data: Path) -> None:
    """Make the folder of a cloud: used, shared and orphaned stacks, and a bucket that its stack retained."""
    running = emulator.start(data, sample=False, owner=True)
    for account in ACCOUNTS:
        assemblies.make_role(running.endpoint, account.id)
    for stack in sample_stacks(PRODUCTION.id, DEVELOPMENT.id):
        deploy(running, stack)
        if stack.deleted:
            assemblies.undeploy(running.endpoint, as_cdk(stack))
    emulator.stop(data)


def deploy(running: RunningCloud, stack: SampleStack) -> None:
    """Deploy the stack, and put an artifact into its bucket if it has one."""
    assemblies.deploy(running.endpoint, as_cdk(stack))
    if stack.artifacts:
        s3 = assemblies.client(running.endpoint, "s3", stack.account, stack.region)
        folder = stack.name.split("-")[0]
        s3.put_object(Bucket=bucket_of(stack), Key=f"{folder}/Artifact_S/1", Body=b"x")


def bucket_of(stack: SampleStack) -> str:
    return str(stack.template["Resources"][f"{CONSTRUCT}FC3227F2"]["Properties"]["BucketName"])


def as_cdk(stack: SampleStack) -> CdkStack:
    return CdkStack(stack.name, stack.account, stack.region, json.dumps(stack.template))
