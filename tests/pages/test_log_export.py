"""The page Log export on the embedded cloud, run with Streamlit's AppTest."""

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import streamlit as st

from app.log_export import data as log_export_data
from app.log_export.ledger import _backfill_stops
from app.shared.session import workbench
from ops.audit import Actor, FileAudit
from ops.aws.cloud import Place
from ops.aws.cloudformation.stacks import Stack
from ops.aws.cloudwatch.alarms import Alarm
from ops.aws.readings import Reading
from ops.embedded.lifecycle import RunningCloud
from ops.errors import AccessDenied
from ops.logs.export.coverage.last_events import LastEvents
from ops.logs.export.coverage.reading import Coverage, PlaceCoverage
from ops.logs.export.health import ExportPipeline, PipelineResources, judge_stages
from ops.logs.export.installed import Export, find_exports
from ops.operations import Operation
from ops.plan import Plan, ReportProgress, Resource, Step
from ops.settings import Account
from ops.templates.logs import CENTRAL_DESCRIPTION
from tests.end_to_end.test_log_flow import make_pipeline
from tests.ops.embedded.log_pipeline import LogPipeline, make_group, write_logs
from tests.ops.embedded.overlay import ACCOUNT, REGION, eventually
from tests.ops.logs.export.coverage.test_verdicts import GROUP, OURS, facts, verdict
from tests.pages.test_pages import page, press, texts

NOW = datetime.now(UTC)
PLACE = Place(Account("production", ACCOUNT), REGION)
HOSTILE = "<b>x</b> `y` [z](javascript:1)"


@pytest.fixture(autouse=True)
def connected(embedded: RunningCloud, data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SLIPWAY_DATA", str(data))
    monkeypatch.setenv("SLIPWAY_EMBEDDED_DELAY", "0.2")
    yield
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def pipeline(embedded: Any, monkeypatch: pytest.MonkeyPatch) -> LogPipeline:
    """A pipeline created with API calls, so that its bucket is only known from the settings."""
    made = make_pipeline(embedded, "json")
    monkeypatch.setenv("SLIPWAY_LOGS", f"production=s3://{made.bucket}")
    group = make_group(embedded)
    write_logs(embedded, group, "before the subscription")
    made.subscribe(group, f"slipway-{REGION}")
    write_logs(embedded, group, "one", "two")
    eventually(lambda: made.keys("json/"))
    return made


def central(**outputs: str) -> Export:
    found = {"Bucket": "arn:aws:s3:::central-logs", "LogDestination": "arn:destination", **outputs}
    stack = Stack("exp", "id", "CREATE_COMPLETE", "", CENTRAL_DESCRIPTION, found, {}, {}, NOW, None)
    return Export(PLACE, stack, True)


def exports_are(monkeypatch: pytest.MonkeyPatch, *found: Export, unread: tuple[Any, ...] = ()) -> None:
    monkeypatch.setattr(
        log_export_data, "find_exports", lambda _, place: found if place.region == REGION else ()
    )
    if unread:

        def refused(cloud: Any, place: Place) -> tuple[Export, ...]:
            if place.account.name == "qa":
                raise AccessDenied("Listing the stacks of qa: access denied.", hint="Allow it.")
            return find_exports(cloud, place)

        monkeypatch.setattr(log_export_data, "find_exports", refused)


def test_empty_state_without_an_export(monkeypatch: pytest.MonkeyPatch) -> None:
    exports_are(monkeypatch)
    test = page("log_export")
    assert not test.exception
    assert "No log export is deployed" in texts(test)
    assert "Nothing changes until you confirm it" in texts(press(test, "Deploy log export"))
    assert "Nothing changes until you confirm it" in texts(page("log_export", view="Deployment"))


def test_an_unread_account_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    exports_are(monkeypatch, unread=("qa",))
    test = page("log_export")
    assert not test.exception
    assert "access denied" in texts(test) and "qa, " in texts(test)


def test_a_failing_stage_and_its_alarm_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    exports_are(monkeypatch, central())
    parts = PipelineResources("stream", "delivery", "processor", ())
    now = datetime.now(UTC)
    stages = judge_stages(central(), parts, {}, 3, now)
    alarm = Alarm("a", "ALARM", f"Objects come late {HOSTILE}", "", now - timedelta(minutes=7, seconds=2))
    found = ExportPipeline(central(), now, stages, (alarm,), ("Metrics: denied",))
    monkeypatch.setattr(log_export_data, "read_pipeline", lambda *_: found)
    test = page("log_export")
    assert not test.exception
    shown = texts(test).replace("\\", "")
    assert "The export is failing." in shown and "3 objects of failed records" in shown
    assert "(for 7 min" in shown and "Metrics: denied" in shown
    assert "<b>x</b>" not in texts(test), "hostile text is escaped"


def test_coverage_shows_reasons_and_subscribes(monkeypatch: pytest.MonkeyPatch) -> None:
    exports_are(monkeypatch, central())
    exported = verdict(facts(), [OURS], replace(GROUP, name="/app/b"))
    groups = (exported, verdict(facts()))
    unread = Reading[PlaceCoverage](PLACE, error=AccessDenied("Listing: access denied."))
    found = Coverage(NOW, (PlaceCoverage(PLACE, (), groups),), (unread,))
    monkeypatch.setattr(log_export_data, "read_coverage", lambda *_, **__: found)
    monkeypatch.setattr(log_export_data, "last_events", lambda *_: LastEvents(NOW))
    test = page("log_export", view="Coverage")
    assert not test.exception
    assert "1 of 2 included log groups is not exported" in texts(test)
    assert "Cannot read" in texts(test)
    table = test.dataframe[0].value
    assert list(table["State"]) == ["Not subscribed", "Subscribed"], "gaps first"
    assert "- **/app/a**: " in texts(test).replace("\\", "")
    assert "ot processed by the subscriber yet" in texts(test)
    assert list(table["Seen"]) == ["–", "Not read"], "configured is not seen"
    test = press(test, "Subscribe 1 log group")
    assert not test.exception
    assert "- **Subscribe /app/a**" in texts(test).replace("\\", "")


def test_coverage_of_the_sample_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    test = page("log_export", view="Coverage")
    eventually(lambda: not log_export_data.coverage_scan(None).running, within_s=60)  # type: ignore[arg-type]
    test = test.run()
    assert not test.exception
    assert "log groups read" in texts(test) or "included log group" in texts(test)
    assert {"/ecs/shop-web", "/shop/orders"} <= set(test.dataframe[0].value["Log group"])


def test_ledger_backfill_and_retention_are_shown(pipeline: LogPipeline, monkeypatch: Any) -> None:
    exports_are(monkeypatch)
    ledger = page("log_export", view="Ledger")
    assert not ledger.exception
    assert {metric.label for metric in ledger.metric} == {"Ingested", "Exported", "Failed", "Missing"}
    assert "No failed records" in texts(page("log_export", view="Failed"))
    retention = page("log_export", view="Retention")
    assert "no retention" in texts(retention)
    assert {"Savings at 7 d", "Export"} <= set(retention.dataframe[0].value.columns)
    test = page("log_export", view="Backfill")
    assert "than their subscription" in texts(test) or "than its subscription" in texts(test)
    test = press(press(test, "Backfill"), "Backfill log groups")
    assert not test.exception
    assert re.search(r"Backfill \d+ log groups?\*\* · \d+ of \d+ log group", texts(test)), (
        "shown after a reload"
    )
    eventually(lambda: "Succeeded." in [each.value for each in test.run().success], within_s=60)
    assert set(test.run().dataframe[0].value["Progress"]) == {1.0}


def test_a_bucket_that_does_not_exist_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    exports_are(monkeypatch)
    monkeypatch.setenv("SLIPWAY_LOGS", "production=s3://no-such-bucket-anywhere")
    test = page("log_export", view="Ledger")
    assert not test.exception
    assert test.error or "exported yet" in texts(test)


def test_a_backfill_is_stopped_within_a_group(
    pipeline: LogPipeline, monkeypatch: Any, tmp_path: Path
) -> None:
    exports_are(monkeypatch)
    bench, stopped = workbench(), threading.Event()

    def fetch(say: ReportProgress) -> None:
        eventually(lambda: _backfill_stops(bench), within_s=60)
        stopped.set()

    group = Resource("AWS::Logs::LogGroup", "/app/large", ACCOUNT, REGION)
    plan = Plan("Backfill 1 log group", (Step("s", "Fetch", group, fetch, {}),), Operation.BACKFILL_LOGS)
    bench.plan_runs.start(plan, actor=Actor("tester", "page"), audit=FileAudit(tmp_path / "audit.jsonl"))
    test = page("log_export", view="Backfill")
    assert "0 of 1 log group" in texts(test)
    assert test.button(key="backfill").disabled
    press(test, "Stop")
    assert stopped.wait(60)
