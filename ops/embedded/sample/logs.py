"""The sample logs: a day of a shop's functions, web server, network, and audit trail, always the same."""

import json
import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from ops.embedded.accounts import HOME
from ops.embedded.sample import log_lines
from ops.embedded.sample.incident import incident_in
from ops.embedded.sample.log_lines import Lines

DAY_H = 24
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class SampleLog:
    """A log group with one stream, and its approximate number of events per day."""

    account: str  # the account's name
    region: str
    group: str
    stream: str
    lines: Lines
    events_per_day: int
    retention_days: int | None = None


def sample_logs() -> tuple[SampleLog, ...]:
    """Return the log groups: most in production, in two regions, and some in QA and development."""
    home, other = HOME, "us-east-1"
    return (
        SampleLog("production", home, "/aws/lambda/checkout", "2026/$LATEST", log_lines.function, 700),
        SampleLog("production", home, "/aws/lambda/thumbnails", "2026/$LATEST", log_lines.function, 300),
        SampleLog("production", home, "/ecs/shop-web", "web/shop/1", log_lines.application, 900),
        SampleLog("production", home, "/shop/orders", "orders-1", log_lines.structured, 500),
        SampleLog("production", home, "/shop/access", "lb-1", log_lines.access, 1200),
        SampleLog("production", home, "/vpc/flow", "eni-0a1b2c3d-all", log_lines.flow, 900),
        SampleLog("production", home, "/audit/cloudtrail", "management", log_lines.trail, 300),
        SampleLog("production", other, "/aws/lambda/checkout", "2026/$LATEST", log_lines.function, 300),
        SampleLog("production", other, "/shop/access", "lb-1", log_lines.access, 500),
        SampleLog("qa", home, "/ecs/shop-web", "web/shop/1", log_lines.application, 200, 30),
        SampleLog("qa", home, "/shop/access", "lb-1", log_lines.access, 200),
        SampleLog("development", home, "/aws/lambda/thumbnails", "2026/$LATEST", log_lines.function, 100, 7),
        SampleLog("development", other, "/ecs/shop-web", "web/shop/1", log_lines.application, 100),
    )


def events_of(log: SampleLog, end: datetime) -> list[tuple[datetime, str]]:
    """Return the log's events of the day before `end`, in order: more at noon, and those of an incident."""
    chance = random.Random(json.dumps([log.account, log.region, log.group]))
    events: list[tuple[datetime, str]] = []
    begin = end - timedelta(hours=DAY_H)
    while len(events) < log.events_per_day:
        at = begin + timedelta(seconds=chance.triangular(0, DAY_H * 3600, DAY_H * 2400))
        events += list(log.lines(chance, at))
    if (log.account, log.region) == ("production", HOME):
        events += incident_in(log.group, chance, end)
    return sorted(event for event in events if event[0] < end)
