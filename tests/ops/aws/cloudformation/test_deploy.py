"""Deployment of stacks: on the embedded cloud, and with AWS's rarer responses in a stub."""

import json
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops.audit import Actor
from ops.aws.cloud import Cloud
from ops.aws.cloudformation import deploy
from ops.aws.cloudformation.change_sets import Preview, read_preview
from ops.aws.cloudformation.deploy import Upload
from ops.aws.cloudformation.stacks import StackSpec, read_stack
from ops.errors import Conflict, InputError, NotFound, PlanRefused, StackFailed
from ops.operations import Operation
from ops.plan import Plan, Progress, Status, execute, nest
from tests.end_to_end.workbench import Workbench

ACTOR = Actor.local("test")
ACCOUNT, REGION = "333333333333", "us-east-1"


@pytest.fixture
def workbench(cloud: Cloud, data: Path) -> Workbench:
    return Workbench(cloud, data)


def spec(resources: dict[str, Any], name: str = "") -> StackSpec:
    body = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}
    return StackSpec(
        name=name or f"test-{uuid.uuid4().hex[:8]}",
        template_body=json.dumps(body),
        parameters={},
        tags={"team": "a"},
        capabilities=("CAPABILITY_IAM",),
        account=ACCOUNT,
        region=REGION,
    )


def log_group(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7, **properties}}


BROKEN = {
    "Type": "AWS::EC2::SecurityGroupIngress",
    "Properties": {"GroupId": "sg-nowhere", "IpProtocol": "tcp"},
}


def preview(workbench: Workbench, wanted: StackSpec, *uploads: Upload) -> Preview:
    workbench.must(deploy.plan_preview(workbench.cloud, wanted, uploads))
    return read_preview(workbench.cloud, wanted)


def deployed(workbench: Workbench, wanted: StackSpec) -> Preview:
    prepared = preview(workbench, wanted)
    workbench.must(deploy.plan_deploy(workbench.cloud, prepared))
    return prepared


def status(workbench: Workbench, wanted: StackSpec) -> str:
    stack = read_stack(workbench.cloud, ACCOUNT, REGION, wanted.name)
    return stack.status if stack else "none"


def test_a_preview_shows_the_changes_and_changes_nothing(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    prepared = preview(workbench, wanted)
    assert prepared.creates and not prepared.destructive_changes
    assert [(c.action, c.logical_id, c.kind) for c in prepared.changes] == [
        ("Add", "Group", "AWS::Logs::LogGroup")
    ]
    assert status(workbench, wanted) == "REVIEW_IN_PROGRESS"
    assert preview(workbench, wanted).changes == prepared.changes  # a second preview creates no second stack
    workbench.perform(deploy.discard_call(workbench.cloud, prepared))
    assert status(workbench, wanted) == "none"


def test_a_temporary_preview_returns_the_changes_and_leaves_nothing(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    plan, look = deploy.plan_temporary_preview(workbench.cloud, wanted)
    found = workbench.carry_out(plan).value(look)
    assert found.creates and [change.line for change in found.changes] == ["Add Group (AWS::Logs::LogGroup)"]
    assert status(workbench, wanted) == "none"
    deployed(workbench, wanted)
    changed = replace(wanted, template_body=spec({"Group": log_group(RetentionInDays=14)}).template_body)
    plan, look = deploy.plan_temporary_preview(workbench.cloud, changed)
    assert [change.action for change in workbench.carry_out(plan).value(look).changes] == ["Modify"]
    assert status(workbench, wanted) == "CREATE_COMPLETE"


def test_the_empty_stack_of_an_interrupted_preview_is_deleted_by_the_next_one(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    preview(workbench, wanted)
    assert status(workbench, wanted) == "REVIEW_IN_PROGRESS"
    workbench.must(deploy.plan_temporary_preview(workbench.cloud, wanted)[0])
    assert status(workbench, wanted) == "none"


def test_a_stack_with_a_change_set_of_somebody_else_is_kept(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    other = replace(wanted, template_body=spec({"Group": log_group(RetentionInDays=14)}).template_body)
    mine, theirs = preview(workbench, wanted), preview(workbench, other)
    workbench.perform(deploy.discard_call(workbench.cloud, mine))
    assert read_preview(workbench.cloud, other).change_set == theirs.change_set
    workbench.perform(deploy.discard_call(workbench.cloud, theirs))
    assert status(workbench, wanted) == "none"


def test_a_rejected_change_set_leaves_no_empty_stack(workbench: Workbench) -> None:
    wanted = spec({"Thing": {"Type": "AWS::No::Such", "Properties": {}}})
    for plan in (
        deploy.plan_preview(workbench.cloud, wanted, ()),
        deploy.plan_temporary_preview(workbench.cloud, wanted)[0],
    ):
        assert workbench.carry_out(plan).error
        assert status(workbench, wanted) == "none"


def test_all_steps_of_a_deployment_are_steps_of_the_larger_plan(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    part = deploy.plan_stack(
        workbench.cloud, wanted, title="Create it", may_remove=lambda change: False, evidence="1 resource"
    )
    plan = Plan("Deploy one", nest(part, "here"), Operation.DEPLOY_EXPORT)
    progress: list[Progress] = []
    assert execute(plan, actor=ACTOR, audit=workbench.audit, report=progress.append).ok
    assert {step.part for step in plan.steps} == {"Create it"}
    assert [p.message for p in progress if p.message.startswith("Add")] == ["Add Group (AWS::Logs::LogGroup)"]
    recorded = [r.step for r in reversed(workbench.audit.read(20)) if r.result == "done"]
    assert recorded[-3:] == ["here: upload", "here: change-set", "here: execute"]
    again = workbench.carry_out(plan)
    assert again.results[-1].status is Status.ALREADY and again.results[-1].reason == "up to date"


def test_a_deployment_that_is_stopped_before_its_execution_changes_nothing(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    part = deploy.plan_stack(workbench.cloud, wanted, title="Create it", may_remove=lambda change: False)
    progress: list[Progress] = []
    outcome = execute(
        Plan("Deploy one", nest(part, "here"), Operation.DEPLOY_EXPORT),
        actor=ACTOR,
        audit=workbench.audit,
        report=progress.append,
        stopped=lambda: any(p.step == "here: change-set" and p.status is Status.DONE for p in progress),
    )
    assert outcome.results[-1].status is Status.NOT_RUN
    assert status(workbench, wanted) == "REVIEW_IN_PROGRESS"


def test_a_removal_that_is_not_allowed_is_refused(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group(), "Old": queue()})
    deployed(workbench, wanted)
    less = replace(spec({"Group": log_group()}), name=wanted.name)
    part = deploy.plan_stack(workbench.cloud, less, title="Update it", may_remove=lambda change: False)
    outcome = workbench.carry_out(Plan("Deploy one", nest(part, "here"), Operation.DEPLOY_EXPORT))
    assert isinstance(outcome.error, Conflict) and "delete or replace Old" in str(outcome.error)


def test_a_deployment_reports_its_events(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    plan = deploy.plan_deploy(workbench.cloud, preview(workbench, wanted))
    messages: list[str] = []
    outcome = execute(
        plan,
        actor=ACTOR,
        audit=workbench.audit,
        report=lambda progress: messages.append(progress.message),
    )
    assert outcome.ok
    assert plan.steps[0].evidence == "1 added"
    assert any("Group CREATE_COMPLETE" in line for line in messages)
    assert status(workbench, wanted) == "CREATE_COMPLETE"


def test_an_empty_change_set_is_up_to_date(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    deployed(workbench, wanted)
    again = preview(workbench, wanted)
    assert again.up_to_date
    assert deploy.plan_deploy(workbench.cloud, again).steps == ()


def queue(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def test_replacements_and_removals_are_destructive(workbench: Workbench) -> None:
    wanted = spec({"Renamed": queue(QueueName="a"), "Old": queue(), "Kept": queue(VisibilityTimeout=30)})
    deployed(workbench, wanted)
    body = {"Renamed": queue(QueueName="b"), "Kept": queue(VisibilityTimeout=60)}
    changed = preview(workbench, replace(spec(body), name=wanted.name))
    assert {change.logical_id for change in changed.destructive_changes} == {"Renamed", "Old"}
    (step,) = deploy.plan_deploy(workbench.cloud, changed).steps
    assert step.destructive
    assert step.evidence == "1 modified, 1 replaced, 1 removed"


def test_a_failed_creation_names_the_first_resource_and_can_be_retried(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group(), "Rule": BROKEN})
    with pytest.raises(StackFailed, match="sg-nowhere") as caught:
        deployed(workbench, wanted)
    assert caught.value.resource == "Rule"
    assert "next deployment" in caught.value.hint
    assert status(workbench, wanted) == "ROLLBACK_COMPLETE"
    deployed(workbench, replace(spec({"Group": log_group()}), name=wanted.name))
    assert status(workbench, wanted) == "CREATE_COMPLETE"


def test_a_failed_update_is_rolled_back(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    deployed(workbench, wanted)
    with pytest.raises(StackFailed, match="Rule") as caught:
        deployed(workbench, replace(spec({"Group": log_group(), "Rule": BROKEN}), name=wanted.name))
    assert "rolled the stack back" in caught.value.hint
    assert status(workbench, wanted) == "UPDATE_ROLLBACK_COMPLETE"


def test_an_invalid_template_creates_no_change_set(workbench: Workbench) -> None:
    wanted = spec({"Thing": {"Type": "AWS::No::Such", "Properties": {}}})
    with pytest.raises(Exception, match="AWS::No::Such"):
        preview(workbench, wanted)


def test_a_deleted_change_set_is_not_executed(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    prepared = preview(workbench, wanted)
    plan = deploy.plan_deploy(workbench.cloud, prepared)
    workbench.perform(deploy.discard_call(workbench.cloud, prepared))
    outcome = workbench.carry_out(plan)
    assert [result.status for result in outcome.results] == [Status.SKIPPED]
    assert "create the preview again" in outcome.results[0].reason


def test_an_executed_plan_is_already_done(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    plan = deploy.plan_deploy(workbench.cloud, preview(workbench, wanted))
    workbench.must(plan)
    assert [result.status for result in workbench.carry_out(plan).results] == [Status.ALREADY]


def test_uploads_are_written_once(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    upload = Upload(f"{wanted.name}/a.sql", b"SELECT 1")
    preview(workbench, wanted, upload)
    s3 = workbench.cloud.client("s3", ACCOUNT, REGION)
    bucket = deploy.staging_bucket(ACCOUNT, REGION)
    preview(workbench, wanted, upload)
    versions = s3.list_object_versions(Bucket=bucket, Prefix=upload.key)["Versions"]
    assert len(versions) == 1
    assert s3.get_object(Bucket=bucket, Key=upload.key)["Body"].read() == b"SELECT 1"
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert all(block.values())
    assert "aws:SecureTransport" in s3.get_bucket_policy(Bucket=bucket)["Policy"]


def test_a_partly_configured_bucket_is_completed(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"half-{uuid.uuid4().hex[:8]}"
    client = workbench.cloud.client("s3", ACCOUNT, REGION)
    client.create_bucket(Bucket=name)
    monkeypatch.setattr(deploy, "staging_bucket", lambda account, region: name)
    preview(workbench, spec({"Group": log_group()}))
    assert all(client.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values())
    assert client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]


def test_a_template_over_the_limit_is_refused(workbench: Workbench) -> None:
    wanted = replace(spec({}), template_body=" " * (deploy.MAX_TEMPLATE_BYTES + 1))
    with pytest.raises(InputError, match="1,048,577 bytes"):
        deploy.plan_preview(workbench.cloud, wanted, ())


def test_a_new_stack_without_a_change_set_has_no_preview(workbench: Workbench) -> None:
    with pytest.raises(NotFound, match="has no change set"):
        read_preview(workbench.cloud, spec({"Group": log_group()}))


def test_a_deletion_needs_the_name_as_confirmation(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    deployed(workbench, wanted)
    plan = delete_plan(workbench, wanted)
    with pytest.raises(PlanRefused, match="not confirmed"):
        execute(plan, actor=ACTOR, audit=workbench.audit, confirmed="something else")
    assert status(workbench, wanted) == "CREATE_COMPLETE"
    workbench.must(plan)
    assert status(workbench, wanted) == "none"
    assert [result.status for result in workbench.carry_out(plan).results] == [Status.ALREADY]


def delete_plan(workbench: Workbench, wanted: StackSpec) -> Plan:
    stack = read_stack(workbench.cloud, ACCOUNT, REGION, wanted.name)
    assert stack
    return deploy.plan_delete(workbench.cloud, stack, ACCOUNT, REGION)


def test_another_stack_of_the_same_name_is_not_deleted(workbench: Workbench) -> None:
    wanted = spec({"Group": log_group()})
    deployed(workbench, wanted)
    plan = delete_plan(workbench, wanted)
    workbench.must(plan)
    deployed(workbench, wanted)
    outcome = workbench.carry_out(plan)
    assert [result.status for result in outcome.results] == [Status.SKIPPED]
    assert status(workbench, wanted) == "CREATE_COMPLETE"


def test_the_error_names_a_bucket_that_is_not_empty(workbench: Workbench) -> None:
    wanted = spec({"Data": {"Type": "AWS::S3::Bucket", "Properties": {}}})
    deployed(workbench, wanted)
    cloudformation = workbench.cloud.client("cloudformation", ACCOUNT, REGION)
    described = cloudformation.describe_stack_resource(StackName=wanted.name, LogicalResourceId="Data")
    bucket = described["StackResourceDetail"]["PhysicalResourceId"]
    workbench.cloud.client("s3", ACCOUNT, REGION).put_object(Bucket=bucket, Key="a", Body=b"kept")
    with pytest.raises(StackFailed, match="not empty") as caught:
        workbench.must(delete_plan(workbench, wanted))
    assert caught.value.resource == "Data"


def test_a_bucket_of_another_account_is_not_used(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"taken-{uuid.uuid4().hex[:8]}"
    workbench.cloud.client("s3", "222222222222", REGION).create_bucket(Bucket=name)
    monkeypatch.setattr(deploy, "staging_bucket", lambda account, region: name)
    with pytest.raises(Conflict):
        preview(workbench, spec({"Group": log_group()}))
