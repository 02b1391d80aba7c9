"""A cleanup step does not run if its resource changed after the inventory was read."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ministack.core.responses import request_scope
from ministack.services import cloudformation

from ops.errors import AccessDenied, SlipwayError
from ops.plan import Check, Readiness
from ops.support_stacks.cleanup_steps import CleanUpOptions
from tests.ops.support_stacks.fleet import ALIAS_NAME, PIPELINE_REGION, REGION, STACK, Fleet, check, fleet
from tests.ops.support_stacks.test_inventory import name_in_parameters

__all__ = ["fleet"]
STEPS = ("empty", "delete arn:", "delete pipea", "schedule", "delete alias")


def changed(reason: str) -> Check:
    return Check(Readiness.CHANGED, reason)


@pytest.mark.parametrize("step", STEPS)
def test_an_unchanged_resource_is_ready(fleet: Fleet, step: str) -> None:
    assert check(fleet.plan(), step) == Check(Readiness.READY)


@pytest.mark.parametrize("step", ["empty", "delete arn:", "delete pipea"])
def test_a_new_bucket_policy_is_a_change(fleet: Fleet, step: str) -> None:
    plan = fleet.plan()
    fleet.put_bucket_policy(fleet.other.id)
    assert check(plan, step) == changed("its policy changed after the plan was made")


def test_a_bucket_policy_that_the_stack_deleted_is_no_change(fleet: Fleet) -> None:
    fleet.put_bucket_policy(fleet.tools.id)
    plan = fleet.plan()
    fleet.client("s3").delete_bucket_policy(Bucket=fleet.bucket)
    assert check(plan, "delete pipea").readiness is Readiness.READY


@pytest.mark.parametrize("step", ["empty", "delete arn:", "delete pipea"])
def test_a_bucket_of_another_stack_is_a_change(fleet: Fleet, step: str) -> None:
    plan = fleet.plan(bucket={"stack": ("Other", fleet.stack)})
    assert check(plan, step) == changed("it is now part of another stack")


@pytest.mark.parametrize("step", ["empty", "delete arn:", "delete pipea"])
def test_a_pipeline_that_uses_the_bucket_is_a_change(fleet: Fleet, step: str) -> None:
    plan = fleet.plan()
    fleet.create_pipeline()
    assert check(plan, step) == changed(f"pipeline PipeA ({fleet.tools.id}) now uses it")


def test_a_pipeline_of_an_account_with_write_access_is_a_change(fleet: Fleet) -> None:
    fleet.put_bucket_policy(fleet.other.id)
    plan = fleet.plan()
    fleet.create_pipeline(account="other")
    assert check(plan, "delete pipea") == changed(f"pipeline PipeA ({fleet.other.id}) now uses it")


@pytest.mark.parametrize("step", ["delete arn:", "schedule", "delete alias"])
def test_a_new_key_policy_is_a_change(fleet: Fleet, step: str) -> None:
    plan = fleet.plan()
    policy = json.dumps(fleet.key_policy(fleet.other.id))
    fleet.client("kms").put_key_policy(KeyId=fleet.key_id(), PolicyName="default", Policy=policy)
    assert check(plan, step) == changed("its policy changed after the plan was made")


@pytest.mark.parametrize("step", ["delete arn:", "schedule", "delete alias"])
def test_a_pipeline_that_uses_the_key_is_a_change(fleet: Fleet, step: str) -> None:
    plan = fleet.plan()
    fleet.create_pipeline(bucket="elsewhere", key=ALIAS_NAME)
    assert check(plan, step) == changed(f"pipeline PipeA ({fleet.tools.id}) now uses it")


@pytest.mark.parametrize("step", STEPS)
def test_pipelines_that_cannot_be_read_stop_every_step(fleet: Fleet, step: str) -> None:
    plan = fleet.plan()
    fleet.refuse("codepipeline:ListPipelines", "AccessDeniedException", 400)
    with pytest.raises(AccessDenied):
        check(plan, step)


@pytest.mark.parametrize(
    ("step", "call", "code"),
    [
        ("delete pipea", "s3:HeadBucket", "403"),
        ("delete pipea", "s3:GetBucketPolicy", "AccessDenied"),
        ("delete pipea", "cloudformation:DescribeStackResources", "AccessDenied"),
        ("empty", "s3:ListObjectVersions", "AccessDenied"),
        ("empty", "s3:ListMultipartUploads", "AccessDenied"),
        ("schedule", "kms:DescribeKey", "AccessDeniedException"),
        ("schedule", "kms:GetKeyPolicy", "AccessDeniedException"),
        ("delete alias", "kms:DescribeKey", "AccessDeniedException"),
        ("delete arn:", "cloudformation:ListStackResources", "AccessDenied"),
        ("delete arn:", "cloudformation:DescribeStacks", "AccessDenied"),
    ],
)
def test_what_cannot_be_read_is_not_ready(fleet: Fleet, step: str, call: str, code: str) -> None:
    plan = fleet.plan()
    fleet.refuse(call, code, 403)
    with pytest.raises(SlipwayError):
        check(plan, step)


@pytest.mark.parametrize("step", ["empty", "delete arn:"])
def test_an_operation_of_the_stack_is_a_change(fleet: Fleet, step: str) -> None:
    plan = fleet.plan()
    with request_scope(fleet.tools.id, REGION):
        cloudformation._stacks[STACK]["StackStatus"] = "UPDATE_IN_PROGRESS"
    assert check(plan, step) == changed("an operation is in progress: UPDATE_IN_PROGRESS")


@pytest.mark.parametrize("step", ["empty", "delete arn:"])
def test_a_resource_that_was_added_to_the_stack_is_a_change(fleet: Fleet, step: str) -> None:
    (stack,) = fleet.inventory().stacks
    plan = fleet.plan(stack={"resources": stack.resources[:-1]})
    assert check(plan, step) == changed("its resources changed after the plan was made")


@pytest.mark.parametrize("step", ["empty", "delete arn:"])
def test_termination_protection_is_a_change(fleet: Fleet, step: str) -> None:
    plan = fleet.plan(CleanUpOptions(unprotect=True))
    protect(fleet)
    assert check(plan, step) == changed(
        "termination protection is enabled, and this plan does not disable it"
    )


def test_termination_protection_that_the_plan_disables_is_no_change(fleet: Fleet) -> None:
    protect(fleet)
    plan = fleet.plan(CleanUpOptions(unprotect=True))
    assert check(plan, "unprotect").readiness is Readiness.READY
    assert check(plan, "delete arn:").readiness is Readiness.READY


def protect(fleet: Fleet) -> None:
    fleet.client("cloudformation").update_termination_protection(
        StackName=STACK, EnableTerminationProtection=True
    )


@pytest.mark.parametrize("step", ["archive", "empty"])
def test_an_object_that_was_written_since_is_a_change(fleet: Fleet, step: str) -> None:
    (bucket,) = fleet.inventory().buckets
    contents = bucket.contents
    options = CleanUpOptions(archive=fleet.create_bucket("archive"))
    for known in (None, contents):  # as if the only object had been written after the inventory
        plan = fleet.plan(options, bucket={"contents": known and _before(known)})
        assert check(plan, step) == changed("App/Artifact_S/1 was written after the plan was made")


def _before(contents: Any) -> Any:
    return replace(contents, last_written=contents.last_written - timedelta(seconds=1))


@pytest.mark.parametrize("step", ["archive", "empty"])
def test_an_upload_that_was_started_since_is_a_change(fleet: Fleet, step: str) -> None:
    plan = fleet.plan(CleanUpOptions(archive=fleet.create_bucket("archive")))
    fleet.client("s3").create_multipart_upload(Bucket=fleet.bucket, Key="App/Artifact_S/2")
    assert check(plan, step) == changed("a multipart upload was started after the plan was made")


def test_an_empty_bucket_needs_no_emptying(fleet: Fleet) -> None:
    (version,) = fleet.versions()
    fleet.client("s3").delete_object(Bucket=fleet.bucket, Key=version.key, VersionId=version.id)
    plan = fleet.plan()
    assert check(plan, "empty") == Check(Readiness.DONE, "the bucket is empty")
    assert check(plan, "delete pipea").readiness is Readiness.READY


def test_resources_that_no_longer_exist_are_done(fleet: Fleet) -> None:
    plan = fleet.plan()
    key = fleet.key_id()
    (version,) = fleet.versions()
    fleet.client("s3").delete_object(Bucket=fleet.bucket, Key=version.key, VersionId=version.id)
    fleet.client("s3").delete_bucket(Bucket=fleet.bucket)
    # The stack is still there, and so is its key.
    assert check(plan, "delete pipea") == check(plan, "empty") == Check(Readiness.DONE, "it no longer exists")
    assert check(plan, "delete arn:").readiness is Readiness.READY
    fleet.client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    scheduled = check(plan, "schedule")
    assert scheduled.readiness is Readiness.DONE
    assert f"aws kms cancel-key-deletion --key-id {key}" in scheduled.reason
    fleet.client("kms").delete_alias(AliasName=ALIAS_NAME)
    assert check(plan, "delete alias") == Check(Readiness.DONE, "the alias no longer exists")
    fleet.client("cloudformation").delete_stack(StackName=STACK)
    assert check(plan, "delete arn:") == Check(Readiness.DONE, "it no longer exists")


@pytest.mark.parametrize("step", ["empty", "delete arn:", "delete pipea"])
def test_a_stack_that_names_the_bucket_in_its_parameters_is_a_change(fleet: Fleet, step: str) -> None:
    plan = fleet.plan()
    name_in_parameters(fleet, fleet.bucket)
    stack = f"stack Reports ({fleet.tools.id}, {PIPELINE_REGION})"
    assert check(plan, step) == changed(f"{stack} now names it in its parameters")


def lock(fleet: Fleet, **how: Any) -> None:
    """Enable Object Lock, and lock the only version."""
    s3 = fleet.client("s3")
    s3.put_object_lock_configuration(
        Bucket=fleet.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
    )
    (version,) = fleet.versions()
    where = {"Bucket": fleet.bucket, "Key": version.key, "VersionId": version.id}
    if "until" in how:
        s3.put_object_retention(**where, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": how["until"]})
    if "hold" in how:
        s3.put_object_legal_hold(**where, LegalHold={"Status": how["hold"]})


@pytest.mark.parametrize("step", ["archive", "empty"])
@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"until": datetime(2099, 1, 2, tzinfo=UTC)}, "until 2099-01-02 (compliance)"),
        ({"hold": "ON"}, "by a legal hold"),
    ],
    ids=["retention", "legal hold"],
)
def test_a_locked_version_is_noticed_before_anything_is_deleted(
    fleet: Fleet, step: str, how: dict[str, Any], reason: str
) -> None:
    plan = fleet.plan(CleanUpOptions(archive=fleet.create_bucket("archive")))
    lock(fleet, **how)
    assert check(plan, step) == changed(
        f"S3 would refuse to delete it whole: App/Artifact_S/1 is locked {reason}"
    )
    assert fleet.versions()


def test_a_version_whose_lock_has_expired_can_be_deleted(fleet: Fleet) -> None:
    plan = fleet.plan()
    lock(fleet, hold="OFF")
    assert check(plan, "empty").readiness is Readiness.READY


def test_a_lock_that_cannot_be_read_is_not_absent(fleet: Fleet) -> None:
    plan = fleet.plan()
    fleet.refuse("s3:GetObjectLockConfiguration")
    with pytest.raises(AccessDenied):
        check(plan, "empty")
