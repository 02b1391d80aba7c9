"""The sample logs of a new embedded cloud."""

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.aws.cloud import Cloud, Place
from ops.aws.logs.groups import list_groups
from ops.embedded.sample.incident import BAD, LASTS
from ops.embedded.sample.log_lines import HOSTILE
from ops.embedded.sample.logs import events_of, sample_logs
from ops.logs.export.ledger.counting import count_ingested
from ops.logs.lake.layout import HOUR
from tests.ops.embedded.overlay import client

END = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_events_are_reproducible_and_from_the_last_day() -> None:
    for log in sample_logs():
        events = events_of(log, END)
        assert events == events_of(log, END)
        assert events == sorted(events, key=lambda event: event[0])
        assert END - timedelta(days=1) <= events[0][0] and events[-1][0] < END


def test_lines_have_every_format() -> None:
    found = "\n".join(message for log in sample_logs() for _, message in events_of(log, END))
    assert re.search(r"REPORT RequestId: \S+\tDuration: .*\tInit Duration: [\d.]+ ms", found)
    assert "PaymentTimeout" in found and "REJECT OK" in found and '" 502 ' in found
    assert all(text in found for text in HOSTILE)
    trail = next(log for log in sample_logs() if log.group == "/audit/cloudtrail")
    assert all(json.loads(message)["eventID"] for _, message in events_of(trail, END))


def test_the_incident_is_between_two_updates_and_nowhere_else() -> None:
    failures, updates = [], []
    for log in sample_logs():
        for at, message in events_of(log, END):
            if BAD in message or '"GET /checkout HTTP/1.1" 503' in message:
                assert (log.account, log.region) == ("production", "eu-west-1")
                failures.append(at)
            if "UpdateService" in message:
                updates.append((at, json.loads(message)["userIdentity"]["userName"]))
    (begin, deployer), (over, _) = sorted(updates)
    assert deployer == "deploy" and over - begin == LASTS
    assert len(failures) > 200 and begin <= min(failures) and max(failures) < over


def test_groups_have_their_events_and_metrics(cloud: Cloud, embedded: Any) -> None:
    place = Place(cloud.account("production"), "eu-west-1")
    wanted = [log for log in sample_logs() if (log.account, log.region) == ("production", place.region)]
    names = {group.name for group in list_groups(cloud, place)}
    assert {log.group for log in wanted} <= names
    logs = client(embedded, "logs")
    group = "/vpc/flow"
    events = (
        logs.get_paginator("filter_log_events").paginate(logGroupName=group).build_full_result()["events"]
    )
    hours = Counter(
        datetime.fromtimestamp(event["timestamp"] / 1000, UTC).replace(minute=0, second=0, microsecond=0)
        for event in events
    )
    now = datetime.now(UTC)
    counted, silent = count_ingested(
        cloud, [(place.account.id, place.region, group)], now - 30 * HOUR, now + HOUR
    )
    assert not silent
    assert {at.hour: count.events for at, count in counted.items()} == dict(hours)
