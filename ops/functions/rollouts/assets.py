"""What a stack needs in its account before it is deployed: files, images, and the bootstrap stack of the CDK.

Files are copied from the controller's bucket into the bucket that the asset manifest names, as `cdk deploy`
would. Images are never pushed by the controller: it only checks that they exist.
"""

import os
from collections.abc import Iterable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from ops.functions.rollouts import store, targets
from ops.functions.rollouts.aws import (
    DENIED,
    TargetFailed,
    central_client,
    client_in_role,
    error_code,
    target_client,
)
from ops.rollouts.rules.app.model import AppStack, FileAsset, ImageAsset, Location
from ops.rollouts.rules.app.packaged import packaged_files, packaged_images
from ops.rollouts.rules.decisions import TargetState
from ops.rollouts.rules.document import Document
from ops.rollouts.rules.model import RolloutTarget

Record = dict[str, Any]

PUBLISHED = "assets "  # items of the table: run/"assets <target id>"
NOT_FOUND = ("404", "NoSuchBucket", "NoSuchKey", "NotFound")  # a response to HEAD has only the status
FORBIDDEN = ("403", *DENIED)
DEPLOY_ROLES = "Deploy the roles again: slipway rollouts deploy"


def unpublished(document: Document, number: int) -> tuple[RolloutTarget, ...]:
    """Return the targets of the stage that were not started, and whose needs were not checked yet."""
    targets_ = document.stages[number].targets
    if not any(_needs(document.app_stack(target)) for target in targets_):
        return ()
    done = {item["item"].removeprefix(PUBLISHED) for item in store.list_items(document.run, PUBLISHED)}
    known = {item["item"].removeprefix(store.TARGET) for item in store.list_items(document.run, store.TARGET)}
    return tuple(
        target for target in targets_ if target.id not in done | known and _needs(document.app_stack(target))
    )


def _needs(stack: AppStack | None) -> bool:
    return bool(stack and (stack.files or stack.images or stack.bootstrap_parameter))


def publish(event: Record) -> Record:
    """Check what the target's stack needs, and copy its files. Idempotent: a file that exists stays."""
    document, target, known = targets.load_target(event)
    if known.get("state") == TargetState.FAILED:
        return {}
    stack = document.app_stack(target)
    if stack is None:
        return {}
    if problems := missing_for_app(target, stack):
        raise TargetFailed("; ".join(problems))
    copied = sum(_copy(target, asset) for asset in stack.files)
    new = store.put(event["run"], PUBLISHED + target.id, {"published": store.now().isoformat()}, new=True)
    if new and stack.files:
        why = f"{copied} files copied, {len(stack.files) - copied} existed already"
        store.append_log(event["run"], "published", target=target.id, why=why)
    return {}


def copy_files(target: RolloutTarget, stack: AppStack) -> None:
    """Copy the files of the stack: templates of nested stacks must exist before a change set is created."""
    for asset in stack.files:
        _copy(target, asset)


def missing_for_app(target: RolloutTarget, stack: AppStack) -> list[str]:
    """Return what the stack needs and does not have, one sentence each. Files are not looked for."""
    location = _location(target)
    found = {location.fill(asset.bucket): asset for asset in stack.files}
    return [
        *_bootstrap(target, stack),
        *(problem for bucket, asset in found.items() if (problem := _bucket(target, bucket, asset))),
        *_images(target, stack.images),
    ]


def missing_for_template(target: RolloutTarget, template: str) -> tuple[list[str], list[str]]:
    """Return what a packaged template refers to and does not exist, and what could not be checked."""
    missing, unread = [], []
    for asset in packaged_files(template):
        bucket, key = (_location(target).fill(text) for text in (asset.bucket, asset.key))
        client = target_client("s3", target.account, target.region)
        try:
            region = client.head_bucket(Bucket=bucket).get("BucketRegion", target.region)
            if asset.local and region != target.region:
                missing.append(
                    f"the bucket {bucket} is in {region}, and Lambda reads code only from its own region, "
                    f"{target.region}: package the template for each region, or use a CDK app"
                )
                continue
            client.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error_code(error) in NOT_FOUND:
                missing.append(
                    f"s3://{bucket}/{key} does not exist: upload it, or package the template again"
                )
            elif error_code(error) in FORBIDDEN:
                unread.append(f"not checked, because access is denied: s3://{bucket}/{key}")
            else:
                raise
    return [*missing, *_images(target, packaged_images(template))], unread


def _bootstrap(target: RolloutTarget, stack: AppStack) -> Iterable[str]:
    """The app's bootstrap stack: AWS CDK Developer Guide, "Bootstrapping"."""
    if not stack.bootstrap_parameter:
        return
    place = f"aws://{target.account}/{target.region}"
    try:
        found = target_client("ssm", target.account, target.region).get_parameter(
            Name=stack.bootstrap_parameter
        )["Parameter"]["Value"]
    except ClientError as error:
        if error_code(error) != "ParameterNotFound":
            raise
        yield (
            f"{place} is not bootstrapped: the parameter {stack.bootstrap_parameter} does not exist. "
            f"Run: cdk bootstrap {place}"
        )
        return
    if not found.isdigit() or int(found) < stack.bootstrap:
        yield (
            f"the bootstrap stack of {place} has version {found}, and {stack.label} needs {stack.bootstrap}. "
            f"Run: cdk bootstrap {place}"
        )


def _bucket(target: RolloutTarget, bucket: str, asset: FileAsset) -> str:
    try:
        _bucket_client(target, asset).head_bucket(Bucket=bucket)
    except ClientError as error:
        if error_code(error) in NOT_FOUND:
            return (
                f"the bucket {bucket}, which the assets are copied to, does not exist. "
                f"Run: cdk bootstrap aws://{target.account}/{asset.region or target.region}"
            )
        if error_code(error) in FORBIDDEN:
            return f"access to the bucket {bucket} is denied. {DEPLOY_ROLES}"
        raise
    return ""


def _images(target: RolloutTarget, images: Sequence[ImageAsset]) -> Iterable[str]:
    for image in images:
        location = _location(target)
        repository, tag = location.fill(image.repository), location.fill(image.tag)
        region = image.region or target.region
        named = {"imageDigest": tag} if tag.startswith("sha256:") else {"imageTag": tag}
        registry = {"registryId": image.account} if image.account else {}
        try:
            target_client("ecr", target.account, region).describe_images(
                repositoryName=repository, imageIds=[named], **registry
            )
        except ClientError as error:
            if error_code(error) in ("ImageNotFoundException", "RepositoryNotFoundException"):
                push = f"npx cdk-assets publish --path {image.manifest}" if image.manifest else "docker push"
                yield (
                    f"the image {repository}{'@' if 'imageDigest' in named else ':'}{tag} does not exist in "
                    f"the registry of {image.account or target.account}, {region}. Push it: {push}"
                )
            elif error_code(error) in DENIED:
                yield f"access to the image {repository} in {region} is denied. {DEPLOY_ROLES}"
            else:
                raise


def _copy(target: RolloutTarget, asset: FileAsset) -> bool:
    """Copy the file into the target's bucket, and return whether it had to be; verify that it is there."""
    location = _location(target)
    bucket, key = location.fill(asset.bucket), location.fill(asset.key)
    client = _bucket_client(target, asset)
    try:
        if _size(client, bucket, key) is not None:
            return False
        source = central_client("s3").get_object(Bucket=os.environ["BUCKET"], Key=asset.staged)
        client.upload_fileobj(source["Body"], bucket, key)
        size = _size(client, bucket, key)
    except ClientError as error:
        if error_code(error) in FORBIDDEN:
            raise TargetFailed(f"access to s3://{bucket}/{key} is denied. {DEPLOY_ROLES}") from error
        raise
    if size != source["ContentLength"]:
        raise TargetFailed(f"s3://{bucket}/{key} is not there after it was copied, or is incomplete")
    return True


def _size(client: Any, bucket: str, key: str) -> int | None:
    try:
        return int(client.head_object(Bucket=bucket, Key=key)["ContentLength"])
    except ClientError as error:
        if error_code(error) in NOT_FOUND:
            return None
        raise


def _bucket_client(target: RolloutTarget, asset: FileAsset) -> Any:
    """Return a client with the role that the manifest names, or else the target role."""
    region = asset.region or target.region
    if asset.role:
        role = _location(target).fill(asset.role)
        try:
            return client_in_role("s3", target.account, region, role, asset.external_id)
        except ClientError as error:
            if error_code(error) not in DENIED:
                raise
    return target_client("s3", target.account, region)


def _location(target: RolloutTarget) -> Location:
    return Location(os.environ["PARTITION"], target.account, target.region)
