"""Names and texts with markup, scripts, and formulas in every service of the embedded cloud."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

from ops.audit import Actor, AuditLog
from ops.operations import Operation
from ops.plan import Plan, Resource, Step, execute
from ops.snapshots.pipeline.catalog import PIPELINE_TAG, REPORT_TAG, RUN_TAG, SANITIZED_TAG, TEMPORARY_TAG
from ops.snapshots.script_files import POLICY_FILE
from tests.browser.made_pipeline import Client, Undo, make_database, make_machine, make_stack
from tests.ops.embedded.overlay import ACCOUNT, REGION, client
from tests.ops.logs import hostile

MARKUP = (
    "<img src=x onerror=window.pwned=1><b>bold-mark</b> **strong-mark** [link-mark](http://evil.example/) "
    "![i](http://evil.example/i.png) :material/skull: :red[red-mark] :smile: $\\frac{1}{2}$ `c` </script>"
)
FORMULA = f"=cmd|'/C calc'!A0 {MARKUP}"
ESCAPES = f"\x1b[31m\u202e{MARKUP}"  # for JSON responses: XML does not allow these characters
DATABASE, STACK, BUCKET = "hostile-db", "hostile-snapshots", "hostile-names"
DATASET = f"s3://{BUCKET}/"
RUN = "welcome-<b>bold-mark</b>"
OTHER = "us-east-1"


@contextmanager
def hostile_cloud(embedded: Any, audit: AuditLog) -> Iterator[None]:
    """Create all of it, and delete it afterwards, except the audit records, which are permanent."""
    with ExitStack() as undo:
        for make in (_logs, _database, _pipeline_stack, _support, _rollout):
            make(lambda service, region=REGION: client(embedded, service, region=region), undo.callback)
        _change(audit)
        yield


def _logs(client: Client, undo: Undo) -> None:
    """Create a dataset of hostile lines with an object under its error prefix."""
    s3 = client("s3")
    hostile.put(s3, BUCKET, ACCOUNT, REGION)
    undo(_empty_and_delete, s3)
    body = json.dumps({"errorCode": FORMULA, "errorMessage": MARKUP, "rawData": "eA=="})
    s3.put_object(Bucket=BUCKET, Key=f"errors/{FORMULA}", Body=body.encode())


def _empty_and_delete(s3: Any) -> None:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for found in page.get("Contents", []):
            s3.delete_object(Bucket=BUCKET, Key=found["Key"])
    s3.delete_bucket(Bucket=BUCKET)


def _database(client: Client, undo: Undo) -> None:
    """Create a database with a sanitized snapshot, its report, and a leftover; RDS validates their names."""
    rds, s3 = client("rds"), client("s3")
    make_database(client, undo, DATABASE, {MARKUP: MARKUP})
    column = {"column": MARKUP, "type": MARKUP}
    checks = [
        {"check": "drift", "ok": True, "policy": MARKUP, "unlisted": [column], "missing": []},
        {
            "check": "scan",
            "ok": True,
            "table": MARKUP,
            "column": FORMULA,
            "kind": MARKUP,
            "rows": 9,
            "bad": 1,
        },
    ]
    s3.put_object(Bucket=BUCKET, Key="proof.json", Body=json.dumps({"checks": checks}).encode())
    tags = {PIPELINE_TAG: STACK, RUN_TAG: MARKUP}
    kinds = {"hostile-left": {TEMPORARY_TAG: "yes"}, "hostile-clean": {SANITIZED_TAG: "yes"}}
    for name, more in kinds.items():
        all_tags = {**tags, **more, REPORT_TAG: f"s3://{BUCKET}/proof.json"}
        rds.create_db_snapshot(
            DBSnapshotIdentifier=name,
            DBInstanceIdentifier=DATABASE,
            Tags=[{"Key": key, "Value": value} for key, value in all_tags.items()],
        )
        undo(rds.delete_db_snapshot, DBSnapshotIdentifier=name)


def _pipeline_stack(client: Client, undo: Undo) -> None:
    """Create stacks that look like pipelines, one with a state machine that failed with hostile texts."""
    state = MARKUP[:80]
    fails = {"Type": "Fail", "Error": FORMULA, "Cause": ESCAPES}
    states = {state: {"Type": "Pass", "Next": "Fail"}, "Fail": fails}
    machine = make_machine(client, undo, "hostile", {"StartAt": state, "States": states})
    client("stepfunctions").start_execution(stateMachineArn=machine, name="hostile")
    client("s3").put_object(Bucket=BUCKET, Key=f"scripts/{POLICY_FILE}", Body=MARKUP.encode())
    names = ("DatabaseName", "InstanceClass", "KmsKeyArn", "NotifyEmail", "Schedule", "ShareWith", "VpcId")
    parameters = {
        **dict.fromkeys((*names, "SnapshotNameFormat", "SubnetA", "SubnetB"), MARKUP),
        "ScriptBucket": BUCKET,
        "ScriptPrefix": "scripts",
    }
    make_stack(client, undo, STACK, machine, {**parameters, "SourceDatabase": DATABASE})
    make_stack(client, undo, f"{STACK}-2", machine, {**parameters, "SourceDatabase": FORMULA})


def _support(client: Client, undo: Undo) -> None:
    """Create a pipeline whose artifact store has a hostile key; its name is validated by AWS."""
    pipelines = client("codepipeline", OTHER)
    store = {"type": "S3", "location": BUCKET, "encryptionKey": {"type": "KMS", "id": MARKUP[:100]}}
    action = {
        "name": "Build",
        "actionTypeId": {"category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1"},
    }
    stage = {"name": "Source", "actions": [action]}
    pipelines.create_pipeline(
        pipeline={
            "name": "hostile",
            "roleArn": f"arn:aws:iam::{ACCOUNT}:role/x",
            "artifactStores": {OTHER: store, REGION: {**store, "location": "storefront-support-hostile"}},
            "stages": [stage, {**stage, "name": "Deploy"}],
        }
    )
    undo(pipelines.delete_pipeline, name="hostile")


def _rollout(client: Client, undo: Undo) -> None:
    """Copy the sample's run as one that needs attention, with hostile texts and alarm names."""
    dynamodb, s3 = client("dynamodb"), client("s3")
    (table,) = (name for name in dynamodb.list_tables()["TableNames"] if name.startswith("slipway-rollouts"))
    (bucket,) = (
        each["Name"] for each in s3.list_buckets()["Buckets"] if each["Name"].startswith("slipway-rollouts")
    )
    items = dynamodb.scan(TableName=table)["Items"]
    listed = (item["item"]["S"] for item in items if item["run"]["S"] == "#runs")
    sample = next(run for run in listed if run.startswith("welcome"))  # among those of other tests
    words = {
        "status": "STUCK",
        "why": ESCAPES,
        "by": MARKUP,
        "stopped": MARKUP,
        "who": MARKUP,
        "did": FORMULA,
    }
    for item in items:
        is_listed = item["run"]["S"] == "#runs" and item["item"]["S"] == sample
        if not is_listed and item["run"]["S"] != sample:
            continue
        copied = {**item, **{name: {"S": text} for name, text in words.items() if name in item}}
        copied |= {"item": {"S": RUN}, "name": {"S": MARKUP}} if is_listed else {"run": {"S": RUN}}
        if item["item"]["S"] == "run":
            copied |= {name: {"S": words[name]} for name in ("why", "stopped")}
            copied["ended"] = {"S": datetime.now(UTC).isoformat()}
        dynamodb.put_item(TableName=table, Item=copied)
        undo(dynamodb.delete_item, TableName=table, Key={key: copied[key] for key in ("run", "item")})
    failed = {"did": "cannot roll back", "target": MARKUP, "why": f"alarm {MARKUP}", "who": MARKUP}
    key = {"run": RUN, "item": f"log {datetime.now(UTC).replace(tzinfo=None).isoformat()} 0"}
    dynamodb.put_item(TableName=table, Item={name: {"S": text} for name, text in {**key, **failed}.items()})
    undo(dynamodb.delete_item, TableName=table, Key={name: {"S": text} for name, text in key.items()})
    found = s3.get_object(Bucket=bucket, Key=f"runs/{sample}/document.json")["Body"].read()
    document = json.loads(found)
    alarms = f"[alarms]\ntarget = [{json.dumps(MARKUP)}]\n"
    document |= {"run": RUN, "text": document["text"].replace("[alarms]\n", alarms), "by": MARKUP}
    s3.put_object(Bucket=bucket, Key=f"runs/{RUN}/document.json", Body=json.dumps(document).encode())
    undo(s3.delete_object, Bucket=bucket, Key=f"runs/{RUN}/document.json")


def _change(audit: AuditLog) -> None:
    """Record a change by an actor with a hostile name, to a resource with one."""
    step = Step(FORMULA, FORMULA, Resource(MARKUP, ESCAPES, ACCOUNT, REGION), lambda say: say(MARKUP), {})
    plan = Plan(MARKUP, (step,), Operation.COMPACT_LOGS)
    assert execute(plan, actor=Actor(FORMULA, "page", origin=MARKUP), audit=audit).ok
