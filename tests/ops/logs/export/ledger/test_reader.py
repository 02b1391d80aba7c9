"""The report that ledger, backfill, and retention need, read from the embedded cloud."""

import json
from collections.abc import Generator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from ops.aws.cloud import Cloud, Place
from ops.aws.logs import account_policies
from ops.errors import AccessDenied
from ops.logs.export.coverage.subscribed import list_group_exports
from ops.logs.export.ledger import exported
from ops.logs.export.ledger.reader import ExportReport, read_export_report
from ops.logs.lake.layout import Location, Scope, hour_of
from ops.logs.search.cursor import Cursor
from ops.logs.search.estimate import Cost
from ops.logs.search.query import Query
from tests.ops.embedded.log_pipeline import LogPipeline, make_group, write_logs
from tests.ops.embedded.overlay import ACCOUNT, REGION, client, unique

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("account", "region", "log_group")),
        ("hour", pa.timestamp("us")),
        *((name, pa.int64()) for name in ("events", "size")),
    ]
)


class Engine:
    """Returns the given rows for every query."""

    def __init__(self, rows: list[dict[str, Any]], unread: tuple[str, ...] = ()) -> None:
        self.rows = rows
        self.unread = unread

    def estimate(self, scope: Scope) -> Cost:
        raise AssertionError("the ledger reads everything")

    def run(self, query: Query) -> Cursor:
        def read(cursor: Cursor) -> Generator[pa.RecordBatch, None, None]:
            yield pa.RecordBatch.from_pylist(self.rows, SCHEMA)
            cursor.note("looks foreign")
            cursor.note_unread(self.unread, ())

        return Cursor(read)


def export_report(
    cloud: Cloud, pipeline: LogPipeline, groups: dict[str, int], later: float = 0
) -> ExportReport:
    """Return the report for the given event counts by log group, read some hours later."""
    hour = hour_of(datetime.now(UTC))
    rows = [
        {
            "account": ACCOUNT,
            "region": REGION,
            "log_group": name,
            "hour": hour.replace(tzinfo=None),
            "events": events,
            "size": 1,
        }
        for name, events in groups.items()
    ]
    now = datetime.now(UTC) + timedelta(hours=later)
    location = Location(pipeline.bucket, "", ACCOUNT, REGION)
    count = exported.counter(Engine(rows))
    return read_export_report(
        cloud, location, count, hour - timedelta(hours=2), hour + timedelta(hours=1), now
    )


def test_groups_are_exported_by_filters_of_our_name(cloud: Cloud, embedded: Any) -> None:
    pipeline = LogPipeline(embedded)
    ours, others, none = (make_group(embedded) for _ in range(3))
    pipeline.subscribe(ours, f"slipway-{REGION}")
    pipeline.subscribe(others, "somebody-elses")
    found = {
        each.group.name: each.since
        for each in list_group_exports(cloud, Place(cloud.account(ACCOUNT), REGION))
    }
    assert found[ours] is not None
    assert (found[others], found[none]) == (None, None)


@pytest.fixture
def policy(embedded: Any) -> Iterator[tuple[str, str]]:
    """A log group that the account policy covers, and one that it excludes."""
    pipeline = LogPipeline(embedded)
    covered, excluded = (make_group(embedded) for _ in range(2))
    logs = client(embedded, "logs")
    name = f"slipway-{REGION}"
    logs.put_account_policy(
        policyName=name,
        policyType="SUBSCRIPTION_FILTER_POLICY",
        policyDocument=json.dumps({"DestinationArn": pipeline.stream_arn, "RoleArn": pipeline.writer}),
        selectionCriteria=f'LogGroupName NOT IN ["{excluded}"]',
    )
    yield covered, excluded
    logs.delete_account_policy(policyName=name, policyType="SUBSCRIPTION_FILTER_POLICY")


def test_groups_are_exported_by_an_account_policy(cloud: Cloud, policy: tuple[str, str]) -> None:
    found = {
        each.group.name: each.since
        for each in list_group_exports(cloud, Place(cloud.account(ACCOUNT), REGION))
    }
    assert found[policy[0]] is not None and found[policy[1]] is None


def test_report_has_ledger_advice_and_backfill_requests(cloud: Cloud, embedded: Any) -> None:
    pipeline = LogPipeline(embedded)
    group = make_group(embedded)
    write_logs(embedded, group, "before")
    pipeline.subscribe(group, f"slipway-{REGION}")
    write_logs(embedded, group, "one", "two")
    found = export_report(cloud, pipeline, {group: 2})
    (row,) = [row for row in found.ledger.rows if row.at.group == group]
    assert (row.ingested.events, row.exported.events, row.status) == (3, 2, "partial")
    (wanted,) = found.backfill_requests([group])
    assert wanted.start == wanted.group.created < wanted.cut
    (advice,) = [each for each in found.advice() if each.group.name == group]
    assert not advice.proof.proven and advice.bytes_per_day > 0


def test_group_that_is_not_exported_has_advice_but_no_rows(cloud: Cloud, embedded: Any) -> None:
    pipeline = LogPipeline(embedded)
    group = make_group(embedded)
    write_logs(embedded, group, unique("lonely"))
    found = export_report(cloud, pipeline, {})
    assert not [row for row in found.ledger.rows if row.at.group == group]
    (advice,) = [each for each in found.advice() if each.group.name == group]
    assert advice.proof.reason == "not exported" and advice.bytes_per_day > 0


@pytest.mark.parametrize("objects", [0, 1, 3])
def test_objects_that_cannot_be_read_make_the_ledger_unknown(objects: int) -> None:
    engine = Engine([], tuple(f"Cannot read {number}.gz: access denied" for number in range(objects)))
    found = exported.counter(engine)(
        Scope(datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 2, tzinfo=UTC))
    )
    assert len(found.unread) == min(objects, 1)
    assert all("access denied" in reason for reason in found.unread)


def test_an_account_that_cannot_be_read_makes_the_ledger_unknown(
    cloud: Cloud, embedded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(cloud: Cloud, place: Place) -> Any:
        raise AccessDenied("Reading the account policies was denied.")

    monkeypatch.setattr(account_policies, "read_policy", refuse)
    found = export_report(cloud, LogPipeline(embedded), {})
    assert found.ledger.rows == () and not found.ledger.ok
    assert len(found.ledger.unread) == len(cloud.places)
