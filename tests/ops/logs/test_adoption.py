"""What the log export keeps of CloudWatch2S3, and how both are compared."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation.stacks import Stack
from ops.errors import InputError
from ops.logs import adoption
from ops.logs.export.error_records import GroupHour
from ops.logs.export.ledger.counting import CountExported, ExportedEvents
from ops.logs.export.ledger.model import EventCount
from ops.logs.lake.layout import UNKNOWN, Scope
from ops.settings import Account, Settings

PLACE = Place(Account("production", "111111111111", "", ("eu-west-1",)), "eu-west-1")
CLOUD = Cloud(Settings(cloud="aws", accounts=(PLACE.account,)))
NOW = datetime(2026, 5, 2, 12, tzinfo=UTC)
SCOPE = Scope(NOW - timedelta(hours=20), NOW)
OLD = {
    "AllowedAccounts": "0",
    "BucketName": "",
    "BucketPrefix": "logs/",
    "BufferIntervalHint": "300",
    "BufferSizeHint": "50",
    "DestinationName": "Backup",
    "KeyArn": "",
    "LogFormat": "Raw",
    "LogGroupNamePrefix": "/app/",
    "ProcessorBufferSizeHint": "1",
    "ShardCount": "2",
    "SubscribeSchedule": "rate(2 hours)",
}


def stack(**changed: str) -> Stack:
    outputs = {"Bucket": "arn:aws:s3:::old-logs"}
    return Stack(
        "old",
        "id",
        "CREATE_COMPLETE",
        "",
        "Logs (by CloudSnorkel)",
        outputs,
        {**OLD, **changed},
        {},
        NOW,
        None,
    )


@pytest.fixture(autouse=True)
def resources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adoption, "list_resources", lambda *stack: [])


def test_settings_are_kept_beside_the_bucket() -> None:
    assert adoption.is_adoptable(stack())
    adopted = adoption.read_adoption(CLOUD, PLACE, stack())
    values = adopted.spec.parameters
    same = ("LogFormat", "LogGroupNamePrefix", "SubscribeSchedule", "ShardCount", "BufferIntervalHint")
    assert {name: values[name] for name in same} == {name: OLD[name] for name in same}
    assert values["BucketName"] == "arn:aws:s3:::old-logs" and values["BucketPrefix"] == "logs/slipway/"
    assert values["DestinationName"] != OLD["DestinationName"]
    assert values["AllowedAccounts"] == ""
    assert (values["BufferSizeHint"], values["ProcessorBufferSizeHint"]) == ("64", "1")
    assert {item.setting for item in adopted.kept} >= {"BucketName", *same}
    assert adopted.retained == ()  # the stack has not created the bucket


def test_a_key_without_an_arn_is_refused() -> None:
    with pytest.raises(InputError, match="KeyArn of old"):
        adoption.read_adoption(CLOUD, PLACE, stack(KeyArn="1234abcd"))


def counted(*unread: str, **events: int) -> CountExported:
    def count(scope: Scope) -> ExportedEvents:
        hours = [GroupHour(UNKNOWN, UNKNOWN, group, NOW) for group in events]
        return ExportedEvents(
            [(hour, EventCount(events[hour.group])) for hour in hours for _ in range(2)], unread
        )

    return count


@pytest.mark.parametrize(
    ("before", "after", "missing"),
    [
        (counted(a=1, b=2), counted(a=1, b=3, c=4), ()),
        (counted(a=2), counted(a=1), ("2 events of a are missing in the new export.",)),
        (counted(a=2), counted(), ("4 events of a are missing in the new export.",)),
        (counted(a=1), counted("an object was not read", a=1), ("an object was not read",)),
    ],
)
def test_every_event_must_be_in_the_new_export(
    before: CountExported, after: CountExported, missing: tuple[str, ...]
) -> None:
    comparison = adoption.compare_counts(before, after, SCOPE)
    assert comparison.missing == missing and comparison.equal == (not missing)


def test_nothing_was_compared_if_there_are_no_events() -> None:
    assert not adoption.compare_counts(counted(), counted(), SCOPE).equal


@pytest.mark.parametrize(("hours", "compared"), [(1, None), (24, 22.5)])
def test_the_comparison_begins_when_all_groups_are_subscribed(hours: int, compared: float | None) -> None:
    new: Any = Stack("new", "id", "", "", "", {}, {}, {}, NOW - timedelta(hours=hours), None)
    scope = adoption.comparison_scope(new, NOW)
    assert (scope and (scope.end - scope.start) / timedelta(hours=1)) == compared
