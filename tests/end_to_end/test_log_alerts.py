"""Alerts on the embedded cloud: created, judged by the deployed function on Athena, notified, paused."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from ops.audit import Actor, FileAudit
from ops.aws.cloud import Cloud
from ops.cli import main
from ops.embedded.lifecycle import RunningCloud
from ops.errors import Conflict, InputError, NotFound
from ops.logs.alerts.changes import Alerts
from ops.logs.alerts.model import AlertRule, AlertStatus
from ops.logs.datasets import open_dataset
from ops.logs.lake.layout import HOUR, LogFormat, Partition, folder, hour_folder, hour_of
from ops.plan import AuditedCall, perform
from tests.end_to_end.compacting import Export
from tests.ops.embedded.overlay import ACCOUNT, REGION, allow, client, eventually, unique

T = TypeVar("T")
FIVE = timedelta(minutes=5)
HOSTILE = "it's; DROP TABLE events; --"


class Topic:
    """A topic with a queue that receives its notices."""

    def __init__(self, embedded: RunningCloud) -> None:
        sns, self.sqs = client(embedded, "sns"), client(embedded, "sqs")
        self.arn = sns.create_topic(Name=unique("alerts"))["TopicArn"]
        self.queue = self.sqs.create_queue(QueueName=unique("alerts"))["QueueUrl"]
        queue = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                allow(
                    "sqs:SendMessage",
                    queue["Attributes"]["QueueArn"],
                    Principal={"Service": "sns.amazonaws.com"},
                )
            ],
        }
        self.sqs.set_queue_attributes(QueueUrl=self.queue, Attributes={"Policy": json.dumps(policy)})
        sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=queue["Attributes"]["QueueArn"])

    def notices(self) -> list[tuple[str, str]]:
        """Return the notices since the last call: subject and text."""
        found = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        bodies = [json.loads(message["Body"]) for message in found]
        return [(body["Subject"], body["Message"]) for body in bodies]


@pytest.fixture(scope="module")
def topic(embedded: RunningCloud) -> Topic:
    return Topic(embedded)


@pytest.fixture(scope="module")
def export(embedded: RunningCloud, cloud: Cloud, topic: Topic) -> Iterator[Export]:
    export = Export(embedded, cloud, AlertTopics=topic.arn)
    yield export
    export.close()


@pytest.fixture
def alerts(cloud: Cloud, export: Export) -> Alerts:
    return Alerts(cloud, open_dataset(cloud, str(export.location)))


@pytest.fixture
def make(tmp_path: Path) -> Callable[[AuditedCall[T]], T]:
    audit = FileAudit(tmp_path / "audit.jsonl")

    def make(call: AuditedCall[T]) -> T:
        return perform(call, actor=Actor("ada", "test"), audit=audit)

    return make


def put(export: Export, at: datetime, messages: list[str], group: str = "/app/one") -> None:
    """Put events of that time into the bucket, as the export does."""
    lines = [
        json.dumps(
            {
                "account": ACCOUNT, "region": REGION, "group": group, "stream": "s",
                "timestamp": round(at.timestamp() * 1000), "id": unique("id"), "message": message,
            }
        )
        for message in messages
    ]  # fmt: skip
    place = folder(export.location, LogFormat.JSON, Partition(hour_of(at), ACCOUNT, REGION))
    export.s3.put_object(
        Bucket=export.bucket, Key=f"{place}{unique('object')}.json", Body="\n".join(lines).encode()
    )


def window_of(now: datetime) -> datetime:
    """Return the start of the last complete window of five minutes."""
    seconds = int(now.timestamp() - 1800) // 300 * 300 - 300
    return datetime.fromtimestamp(seconds, UTC)


def invoke(export: Export) -> dict[str, Any]:
    answer = export.lambda_.invoke(FunctionName=export.outputs["Alerts"], Payload=b"{}")
    report: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, report
    return report


def test_an_alert_fires_once_and_is_paused_resumed_and_deleted(
    export: Export, topic: Topic, alerts: Alerts, make: Callable[[AuditedCall[Any]], Any]
) -> None:
    now = datetime.now(UTC)
    start = window_of(now)
    for at in (start, start + FIVE):  # the second one may be complete before the test ends
        put(export, at, ["ERROR cannot reach 1", f"ERROR {HOSTILE}", "INFO fine"])
        put(export, at + FIVE / 2, ["ERROR cannot reach 2"])
    put(export, start - FIVE, ["ERROR too early"] * 5)
    rule = AlertRule("errors", 'level:error (reach OR "DROP TABLE")', FIVE, "over", 2, topic.arn)

    make(alerts.create(rule, now))
    (alert,), errors = alerts.list()
    assert (alert.status, alert.rule, errors) == ("Not started", rule, [])
    with pytest.raises(Conflict):
        make(alerts.create(AlertRule("errors", "other", FIVE, "over", 2, topic.arn), now))

    tested = make(alerts.test("errors"))
    assert tested.status is AlertStatus.FIRING and tested.events == 3
    assert alerts.list()[0] == [alert] and topic.notices() == []

    report = invoke(export)
    assert report["failed"] == {} and report["windows"] >= 1
    (alert,), _ = alerts.list()
    assert alert.last and alert.judged_until >= start + FIVE
    ((subject, message),) = eventually(topic.notices)
    assert subject == "Slipway alert errors: Firing"
    assert "Events: 3\n" in message and f"Window: {start:%Y-%m-%dT%H:%M:%SZ}" in message
    invoke(export)
    assert topic.notices() == []

    make(alerts.pause("errors"))
    assert [alert.status for alert in alerts.list()[0]] == ["Paused"]
    assert invoke(export)["windows"] == 0
    make(alerts.resume("errors"))
    make(alerts.delete("errors"))
    assert alerts.list() == ([], [])
    with pytest.raises(NotFound):
        alerts.pause("errors")


def test_an_account_that_is_added_later_is_counted(
    export: Export, topic: Topic, alerts: Alerts, make: Callable[[AuditedCall[Any]], Any]
) -> None:
    now = datetime.now(UTC)
    make(alerts.create(AlertRule("quiet", "later", FIVE, "under", 1, topic.arn), now))
    other = f"{int(unique('x')[2:], 16):012}"[-12:]
    start = window_of(now)
    body = {
        "account": other,
        "region": "eu-west-2",
        "group": "/g",
        "stream": "s",
        "id": "1",
        "message": "later",
    }
    for at in (start, start + FIVE):
        place = folder(export.location, LogFormat.JSON, Partition(hour_of(at), other, "eu-west-2"))
        line = json.dumps({**body, "timestamp": round(at.timestamp() * 1000)})
        export.s3.put_object(Bucket=export.bucket, Key=f"{place}{unique('object')}.json", Body=line.encode())
    judgement = make(alerts.test("quiet"))
    assert (judgement.status, judgement.events) == (AlertStatus.OK, 1)
    make(alerts.delete("quiet"))


def test_failed_records_make_a_count_at_least(
    export: Export, topic: Topic, alerts: Alerts, make: Callable[[AuditedCall[Any]], Any]
) -> None:
    make(alerts.create(AlertRule("partly", "", FIVE, "over", 10**6, topic.arn), datetime.now(UTC)))
    hours = [hour_of(datetime.now(UTC)) - n * HOUR for n in range(3)]
    keys = [f"{export.location.prefix}errors/processing-failed/{hour_folder(hour)}x" for hour in hours]
    for key in keys:
        export.s3.put_object(Bucket=export.bucket, Key=key, Body=b"{}")
    judgement = make(alerts.test("partly"))
    assert judgement.status is AlertStatus.UNKNOWN and judgement.partly
    for key in keys:
        export.s3.delete_object(Bucket=export.bucket, Key=key)
    assert make(alerts.test("partly")).status is AlertStatus.OK
    make(alerts.delete("partly"))


def test_only_topics_of_the_stack_can_be_notified(alerts: Alerts, topic: Topic) -> None:
    with pytest.raises(InputError, match="does not allow"):
        alerts.create(AlertRule("x", "", FIVE, "over", 1, f"{topic.arn}-other"), datetime.now(UTC))


def test_its_role_cannot_change_sources_and_the_schedule_invokes_it(
    embedded: RunningCloud, export: Export, topic: Topic
) -> None:
    events, iam = client(embedded, "events"), client(embedded, "iam")
    function = export.lambda_.get_function_configuration(FunctionName=export.outputs["Alerts"])
    targets = [
        target["Arn"]
        for rule in events.list_rules(NamePrefix=export.name)["Rules"]
        if rule.get("ScheduleExpression") == "rate(5 minutes)"
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    ]
    assert function["FunctionArn"] in targets
    document = iam.get_role_policy(RoleName=function["Role"].rpartition("/")[2], PolicyName="judge")
    statements = document["PolicyDocument"]["Statement"]
    allowed = {action: statement["Resource"] for statement in statements for action in statement["Action"]}
    where = f"arn:aws:s3:::{export.bucket}/logs/"
    assert allowed["s3:PutObject"] == [f"{where}alerts/*", f"{where}results/*"]
    assert "s3:DeleteObject" not in allowed
    assert allowed["sns:Publish"] in ([topic.arn], topic.arn)


def test_the_commands_create_list_test_and_delete(
    export: Export,
    topic: Topic,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SLIPWAY_DATA", str(data))
    dataset = ("--dataset", str(export.location), "--json")

    def run(*words: str) -> Any:
        assert main(["logs", "alerts", *words, *dataset]) == 0
        return json.loads(capsys.readouterr().out)

    created = run("add", "by-command", "level:error", "--every", "1h", "--under", "3", "--topic", topic.arn)
    assert created == {"alert": "by-command", "done": "create"}
    (row,) = [row for row in run("list") if row["name"] == "by-command"]
    assert (row["status"], row["condition"]) == ("Not started", "fewer than 3 events in 1h")
    assert run("test", "by-command").keys() == {"status", "window", "events", "note"}
    run("pause", "by-command")
    assert "Paused" in {row["status"] for row in run("list")}
    run("resume", "by-command")
    assert run("delete", "by-command")["done"] == "delete"
    assert main(["logs", "alerts", "add", "x", "level:error", *dataset]) != 0, "it has no threshold"
