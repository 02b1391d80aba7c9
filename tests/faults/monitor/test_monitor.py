"""The judge of the invariants, on a few records each: what is right passes, and what is wrong is reported."""

import base64
import gzip
import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.faults.monitor.attribution import Attribution
from tests.faults.monitor.events import Events
from tests.faults.monitor.judge import Invariant, Judge, all_invariants
from tests.faults.monitor.records import Audit, Call, Delivery, Item, Lines, Transition, parse

ACCOUNT, QA, REGION = "111111111111", "222222222222", "eu-west-1"
WORKBENCH, CONTROLLER = "Boto3/1 slipway", "Boto3/1 slipway-rollouts"
OPEN, DONE = Audit("delete b", "started", actor="eve"), Audit("delete b", "done", actor="eve")
STACK = "arn:aws:cloudformation:eu-west-1:111111111111:stack/shop/1"


def call(name: str, **more: Any) -> Call:
    service, _, operation = name.partition(":")
    return Call(service, operation, **{"account": ACCOUNT, "region": REGION, "agent": WORKBENCH, **more})


def rds(operation: str, *, run: str = "", **request: str) -> Call:
    tags = {"Tags.Tag.1.Key": "slipway:run", "Tags.Tag.1.Value": run} if run else {}
    temporary = {"Tags.Tag.2.Key": "slipway:temporary", "Tags.Tag.2.Value": "true"} if run else {}
    return call(f"rds:{operation}", request={**request, **tags, **temporary})


def state(type_: str, run: str = "r", **details: Any) -> Transition:
    key = f"{type_[0].lower()}{type_[1:]}EventDetails"
    return Transition(f"arn:states:execution:m:{run}", {"type": type_, key: details}, ACCOUNT)


def report(*messages: str) -> Lines:
    return Lines(
        "g", "run/sanitize/t1", tuple({"timestamp": 1, "message": text} for text in messages), ACCOUNT
    )


def exported(*rows: dict[str, Any], key: str = "json/account=111111111111/region=eu-west-1/o") -> Delivery:
    return Delivery("b", key, "".join(json.dumps(row) + "\n" for row in rows))


def row(id_: str, message: str = "hello") -> dict[str, Any]:
    place = {"account": ACCOUNT, "region": REGION, "group": "g", "stream": "s"}
    return {**place, "timestamp": 1, "id": id_, "message": message}


def controller(name: str, **more: Any) -> Call:
    return call(f"cloudformation:{name}", agent=CONTROLLER, **more)


def table(state_: str) -> Call:
    key = {"item": {"S": f"target {ACCOUNT}/{REGION}/shop"}}
    request = {"Key": key, "ExpressionAttributeValues": {":s0": {"S": state_}}}
    return call("dynamodb:UpdateItem", agent=CONTROLLER, request=request)


DROP = rds("DeleteDBInstance", DBInstanceIdentifier="tmp")
DROP_FINAL = rds("DeleteDBSnapshot", DBSnapshotIdentifier="fin")
RESTORE = rds(
    "RestoreDBInstanceFromDBSnapshot", run="r", DBInstanceIdentifier="tmp", DBSnapshotIdentifier="src"
)
TASK = state("TaskSucceeded", resourceType="ecs", output=json.dumps({"TaskArn": "arn/t1"}))
GOOD = report('REPORT {"check": "drift", "ok": true}', "REPORT-END 1")
BAD = report('REPORT {"check": "drift", "ok": false}', "REPORT-END 1")
SHORT = report('REPORT {"check": "drift", "ok": true}', "REPORT-END 2")
FINAL = rds("CreateDBSnapshot", run="r", DBSnapshotIdentifier="fin", DBInstanceIdentifier="tmp")
OF_PRODUCTION = rds("CreateDBSnapshot", run="r", DBSnapshotIdentifier="fin", DBInstanceIdentifier="prod")
COPY = rds("CopyDBSnapshot", SourceDBSnapshotIdentifier="arn:aws:rds:fin", TargetDBSnapshotIdentifier="copy")


def share(name: str = "fin", to: str = QA) -> Call:
    return rds("ModifyDBSnapshotAttribute", DBSnapshotIdentifier=name, **{"ValuesToAdd.AttributeValue.1": to})


def pipeline(bucket: str, key: str = "") -> Call:
    store: dict[str, Any] = {"location": bucket}
    store |= {"encryptionKey": {"id": key, "type": "KMS"}} if key else {}
    request = {"pipeline": {"name": "p", "artifactStore": store}}
    return call("codepipeline:CreatePipeline", request=request, product=False)


def bucket_call(operation: str, bucket: str) -> Call:
    return call(f"s3:{operation}", path=f"/{bucket}")


LIST = call("codepipeline:ListPipelines")
DELETE = bucket_call("DeleteBucket", "b")
SUBSCRIBE = call("logs:PutSubscriptionFilter", request={"logGroupName": "g"})
SECRET = call(
    "secretsmanager:GetSecretValue", response='{"SecretString": "{\\"password\\": \\"s3cret-s3cret\\"}"}'
)
CHANGES = "<ChangeSetId>c1</ChangeSetId><ResourceChange><Action>{}</Action>"
CHANGES += (
    "<LogicalResourceId>Data</LogicalResourceId><ResourceType>AWS::S3::Bucket</ResourceType></ResourceChange>"
)
EXECUTE = controller("ExecuteChangeSet", request={"StackName": STACK, "ChangeSetName": "c1"})


def described(status: str) -> Call:
    return controller(
        "DescribeStacks", request={"StackName": STACK}, response=f"<StackStatus>{status}</StackStatus>"
    )


def proposed(action: str) -> Call:
    return controller("DescribeChangeSet", response=CHANGES.format(action))


def approved(*lines: str) -> Call:
    return call("s3:PutObject", path="/c/runs/r/document.json", body=json.dumps({"approved": lines}))


def accepted(id_: str, message: str = "hello") -> Lines:
    return Lines("g", "s", ({"timestamp": 1, "message": message, "eventId": id_},), ACCOUNT, REGION)


def failed_whole(*ids: str) -> Delivery:
    data = gzip.compress(json.dumps({"logEvents": [{"id": id_} for id_ in ids]}).encode())
    return Delivery("b", "errors/o", json.dumps({"rawData": base64.b64encode(data).decode()}) + "\n")


def policy(principal: Any) -> Call:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "s3:*"}
    return call("s3:PutBucketPolicy", path="/b", body=json.dumps({"Statement": [statement]}))


@dataclass(frozen=True)
class Case:
    """Records in order, and the words of the violation; empty for none."""

    name: str
    records: tuple[Item, ...]
    invariant: int = 0
    says: str = ""


FINE = (
    Case("shared after the proof", (RESTORE, GOOD, TASK, FINAL, share(), DROP, DROP_FINAL)),
    Case("a copy of what is proven", (RESTORE, GOOD, TASK, FINAL, COPY, share("copy"), DROP, DROP_FINAL)),
    Case("a secret where it belongs", (SECRET, rds("ModifyDBInstance", MasterUserPassword="s3cret-s3cret"))),
    Case("an event arrives", (SUBSCRIBE, OPEN, accepted("1"), exported(row("1")))),
    Case(
        "a malformed record is kept whole", (SUBSCRIBE, accepted("1"), accepted("2"), failed_whole("1", "2"))
    ),
    Case("an unsubscribed group", (accepted("1"),)),
    Case("an unused bucket", (pipeline("other"), LIST, OPEN, DELETE)),
    Case("a test deletes", (pipeline("b"), LIST, call("s3:DeleteBucket", path="/b", product=False))),
    Case("a change in a step", (OPEN, call("sns:CreateTopic"), DONE)),
    Case("a read outside of steps", (OPEN, DONE, call("sns:ListTopics"))),
    Case(
        "a rollback that was read",
        (proposed("Modify"), EXECUTE, described("UPDATE_ROLLBACK_COMPLETE"), table("rolled back")),
    ),
    Case("a rollback of nothing", (table("rolled back"),)),
    Case(
        "an approved removal",
        (approved(f"{ACCOUNT}/{REGION}/shop removes Data (AWS::S3::Bucket)"), proposed("Remove"), EXECUTE),
    ),
    Case("a policy for one account", (OPEN, policy({"AWS": ACCOUNT}))),
    Case("a failure with its cause", (state("ExecutionFailed", error="E", cause="why"),)),
)

WRONG = (
    Case("shared before the task", (RESTORE, FINAL, share()), 1, "before it is proven clean"),
    Case(
        "shared although a check failed",
        (RESTORE, BAD, TASK, FINAL, share()),
        1,
        "fin is shared with 222222222222",
    ),
    Case("shared on half a report", (RESTORE, SHORT, TASK, FINAL, share()), 1, "before it is proven clean"),
    Case("shared although the task failed", (RESTORE, GOOD, FINAL, share()), 1, "before it is proven clean"),
    Case("taken before the proof", (RESTORE, FINAL, GOOD, TASK, share()), 1, "before it is proven clean"),
    Case(
        "taken of production", (RESTORE, GOOD, TASK, OF_PRODUCTION, share()), 1, "before it is proven clean"
    ),
    Case("a copy of the source", (COPY, share("copy")), 1, "copy is shared"),
    Case(
        "on the internet",
        (rds("RestoreDBInstanceFromDBSnapshot", DBInstanceIdentifier="x", PubliclyAccessible="true"),),
        1,
        "x is reachable from the internet",
    ),
    Case("left by a successful run", (RESTORE, state("ExecutionSucceeded")), 2, "r succeeded and left tmp"),
    Case(
        "left by its clean-up",
        (RESTORE, state("ExecutionSucceeded", "clean-up-r-11300305")),
        2,
        "succeeded and left tmp",
    ),
    Case("left in the end", (RESTORE,), 2, "tmp of r is left"),
    Case(
        "a secret in a state",
        (SECRET, state("TaskStateExited", output="s3cret-s3cret")),
        3,
        "history of r (TaskStateExited)",
    ),
    Case("a secret in a log", (SECRET, report("connecting with s3cret-s3cret")), 3, "in a log"),
    Case(
        "a secret in an environment",
        (SECRET, state("TaskParameters", environment="s3cret-s3cret")),
        3,
        "history of r",
    ),
    Case(
        "a secret in an answer",
        (SECRET, call("ecs:DescribeTasks", response="s3cret-s3cret")),
        3,
        "a call of ecs:DescribeTasks",
    ),
    Case(
        "a secret in the audit log",
        (SECRET, Audit("s", "failed", actor="eve", reason="s3cret-s3cret")),
        3,
        "the audit log",
    ),
    Case("a secret in an object", (SECRET, exported(row("1", "s3cret-s3cret"))), 3, "an exported object"),
    Case("a secret before it was known", (report("s3cret-s3cret"), SECRET), 3, "a secret was in a log"),
    Case(
        "an event dropped",
        (SUBSCRIBE, accepted("1"), accepted("2"), exported(row("2"))),
        4,
        "1 of 2 events are lost",
    ),
    Case("an event altered", (SUBSCRIBE, accepted("1"), exported(row("1", "hell"))), 4, "was altered"),
    Case(
        "two events merged",
        (SUBSCRIBE, accepted("1"), accepted("2"), exported(row("1", "hellohello"))),
        4,
        "was altered",
    ),
    Case(
        "another account's prefix",
        (accepted("1"), exported(row("1"), key="json/account=9/region=eu-west-1/o")),
        4,
        "another account's",
    ),
    Case("a bucket that a pipeline uses", (pipeline("b"), LIST, OPEN, DELETE), 5, "which a pipeline uses"),
    Case(
        "an object that a pipeline uses",
        (pipeline("b"), OPEN, bucket_call("DeleteObject", "b/key")),
        5,
        "which a pipeline uses",
    ),
    Case(
        "a key that a pipeline uses",
        (pipeline("b", "arn:key/k1"), OPEN, call("kms:ScheduleKeyDeletion", request={"KeyId": "k1"})),
        5,
        "the key k1 is deleted",
    ),
    Case(
        "a stack that a pipeline uses",
        (
            pipeline("b"),
            call(
                "cloudformation:CreateStack",
                product=False,
                request={"StackName": "s", "TemplateBody": '{"BucketName": "b"}'},
            ),
            OPEN,
            call("cloudformation:DeleteStack", request={"StackName": "s"}),
        ),
        5,
        "the stack s is deleted",
    ),
    Case(
        "a database of somebody",
        (OPEN, rds("DeleteDBInstance", DBInstanceIdentifier="prod")),
        5,
        "prod is deleted",
    ),
    Case("an unaudited call", (OPEN, DONE, call("sns:CreateTopic")), 6, "sns:CreateTopic is in no step"),
    Case("an audit record without a name", (Audit("s", "started"),), 6, "names nobody"),
    Case("a failure without a cause", (state("ExecutionFailed", error="E"),), 7, "does not say why"),
    Case("a rollback claimed early", (proposed("Modify"), EXECUTE, table("rolled back")), 8, "was not read"),
    Case(
        "a rollback claimed while it is in progress",
        (proposed("Modify"), EXECUTE, described("UPDATE_IN_PROGRESS"), table("rolled back")),
        8,
        "was not read",
    ),
    Case(
        "a rollback claimed of what was read before",
        (described("UPDATE_COMPLETE"), proposed("Modify"), EXECUTE, table("rolled back")),
        8,
        "was not read",
    ),
    Case("a change set executed unread", (EXECUTE,), 8, "is executed unread"),
    Case(
        "a bucket deleted unread", (LIST, pipeline("other"), OPEN, DELETE), 8, "the pipelines were not read"
    ),
    Case(
        "tagged before the proof",
        (
            RESTORE,
            FINAL,
            call(
                "rds:AddTagsToResource",
                request={"ResourceName": "arn:fin", "Tags.Tag.1.Key": "slipway:sanitized"},
            ),
        ),
        8,
        "tagged as sanitized",
    ),
    Case(
        "an unapproved removal",
        (approved("another"), proposed("Remove"), EXECUTE),
        9,
        "Data is removed or replaced",
    ),
    Case("a snapshot for everybody", (share(to="all"),), 9, "with everybody"),
    Case("a bucket for everybody", (OPEN, policy("*")), 9, "open to everybody"),
)


def judged(records: tuple[Item, ...]) -> Judge:
    judge = Judge()
    for record in records:
        judge.take(record)
    judge.close()
    return judge


@pytest.mark.parametrize("case", FINE, ids=lambda case: case.name)
def test_right_behavior_is_not_reported(case: Case) -> None:
    assert [str(each) for each in judged(case.records).violations] == []


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.name)
def test_a_broken_invariant_is_reported(case: Case) -> None:
    found = judged(case.records).violations
    assert any(each.invariant == case.invariant and case.says in str(each) for each in found), found


def test_a_violation_is_reported_when_it_happens() -> None:
    judge = Judge()
    assert [judge.take(record) for record in (RESTORE, FINAL)] == [[], []]
    (violation,) = judge.take(share())
    assert violation.record == share()


def test_every_invariant_has_a_rule_and_a_case() -> None:
    numbers = [each.number for each in all_invariants()]
    assert numbers == [*range(1, 10)]
    assert {case.invariant for case in WRONG} == {*numbers}


def test_an_event_that_is_written_twice_is_reported_where_the_stream_delivers_once() -> None:
    twice = (accepted("1"), exported(row("1")), exported(row("1")))
    for at_least_once, expected in ((True, 0), (False, 1)):
        invariants: list[Invariant] = [Events(at_least_once=at_least_once)]
        judge = Judge(invariants)
        for record in twice:
            judge.take(record)
        assert len(judge.violations) == expected


def test_changes_before_the_first_audit_record_count_where_only_plans_act() -> None:
    assert [*Attribution(always=True).take(call("sns:CreateTopic"))]
    assert not [*Attribution().take(call("sns:CreateTopic"))]


def test_a_recorded_line_is_parsed() -> None:
    line = {"kind": "call", "account": ACCOUNT, "region": REGION, "service": "s3", "operation": "GetObject"}
    rest = {"agent": "Boto3", "path": "/b", "request": {}, "body": "", "status": 404, "response": "NoSuchKey"}
    found = parse({**line, **rest, "caller": "arn:aws:iam::1:root"})
    assert isinstance(found, Call) and found.gone and not found.product
    by_role = parse({**line, **rest, "caller": "arn:aws:sts::1:assumed-role/handler/x"})
    assert isinstance(by_role, Call) and by_role.product
